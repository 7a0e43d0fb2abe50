//! Checking everything that is in the tables against everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::map::B256Set;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::nodes::{RlpNode, TrieNode};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, TrieAccount, root};
use jovay_state::StateTrie;
use jovay_types::{Account, EMPTY_CODE_HASH, L1Position};

use crate::chain::Chain;
use crate::diff::DiffMerge;
use crate::kv::{Row, Table};
use crate::l1;
use crate::nodes::TableNodes;
use crate::tables::{self, Epoch};
use crate::{ChainError, seal};

/// What was checked and found good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks from the genesis to the head.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Accounts of the head's state.
    pub accounts: u64,
    /// Their slots.
    pub slots: u64,
    /// Trie nodes.
    pub nodes: u64,
    /// Blocks whose history leads back to the oldest state.
    pub history_blocks: u64,
}

impl Chain {
    /// Moves everything into the tables and recomputes: every block's hash, parent and roots, the
    /// indexes, the state root from the flat state, every trie node, and the history back to the
    /// oldest state.
    ///
    /// # Errors
    /// [`ChainError::Corrupt`] with the first difference, or the disk failed.
    pub fn verify(&self) -> Result<Verified, ChainError> {
        self.flush()?;
        let epoch = self.shared.states.epoch();
        let mut done = Verified::default();
        blocks(&epoch, &mut done)?;
        let root = epoch.known_header(epoch.position.flushed)?.1.state_root;
        let codes = codes(&epoch)?;
        flat_state(&epoch, root, &codes, &mut done)?;
        trie(&epoch, root, &mut done)?;
        history(&epoch, root, &codes, &mut done)?;
        Ok(done)
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(
    place: impl Fn() -> String,
    what: &str,
    found: T,
    expected: T,
) -> Result<(), ChainError> {
    if found == expected {
        return Ok(());
    }
    Err(ChainError::corrupt(place(), format!("{what} is {found:?}, should be {expected:?}")))
}

fn count(epoch: &Epoch, table: Table) -> Result<u64, ChainError> {
    epoch.snapshot.all(table).try_fold(0, |count, row| row.map(|_| count + 1))
}

fn blocks(epoch: &Epoch, done: &mut Verified) -> Result<(), ChainError> {
    let mut parent = None;
    let (mut l1_position, mut l1_blocks) = (L1Position::default(), 0);
    for number in epoch.position.genesis_number..=epoch.position.flushed {
        let place = || format!("block {number}");
        let block = epoch.block(number)?.ok_or_else(|| tables::missing(Table::Headers, number))?;
        let receipts =
            epoch.receipts(number)?.ok_or_else(|| tables::missing(Table::Receipts, number))?;
        let header = &block.header;
        equal(place, "number", header.number, number)?;
        equal(place, "hash", block.hash, header.hash_slow())?;
        match parent {
            Some(parent) => equal(place, "parent hash", header.parent_hash, parent)?,
            None => equal(place, "genesis hash", block.hash, epoch.position.genesis_hash)?,
        }
        parent = Some(block.hash);
        let transactions_root = seal::transactions_root(&block.transactions);
        equal(place, "transactions root", transactions_root, header.transactions_root)?;
        let (receipts_root, bloom) = seal::receipts_root(&receipts);
        equal(place, "receipts root", receipts_root, header.receipts_root)?;
        equal(place, "receipt count", receipts.len(), block.transactions.len())?;
        equal(place, "logs bloom", bloom, header.logs_bloom)?;
        equal(place, "uncles hash", seal::ommers_hash(&block.ommers), header.ommers_hash)?;
        let withdrawals_root = block.withdrawals.as_deref().map(seal::withdrawals_root);
        equal(place, "withdrawals root", withdrawals_root, header.withdrawals_root)?;
        equal(place, "number by hash", epoch.number(&block.hash)?, Some(number))?;
        let bloom_row = epoch.snapshot.get(Table::Blooms, &tables::bloom_key(0, number))?;
        let wanted = (!bloom.is_zero()).then(|| bloom.to_vec());
        equal(place, "bloom index", bloom_row, wanted)?;
        let reached = l1::after(l1_position, &block);
        let row = epoch.snapshot.get(Table::L1Positions, &l1::key(number))?;
        equal(place, "L1 position", row, reached.as_ref().map(alloy_rlp::encode))?;
        l1_blocks += u64::from(reached.is_some());
        l1_position = reached.unwrap_or(l1_position);
        for (index, tx) in block.transactions.iter().enumerate() {
            equal(place, "transaction index", epoch.location(&tx.hash())?, Some((number, index)))?;
        }
        done.blocks += 1;
        done.transactions += block.transactions.len() as u64;
    }
    let place = || "the tables".to_owned();
    for table in [Table::Headers, Table::Bodies, Table::Receipts, Table::Numbers] {
        equal(place, table.name(), count(epoch, table)?, done.blocks)?;
    }
    equal(place, "rows of L1 positions", count(epoch, Table::L1Positions)?, l1_blocks)?;
    Ok(())
}

/// The hashes of all codes, which must be true.
fn codes(epoch: &Epoch) -> Result<B256Set, ChainError> {
    let mut codes = B256Set::default();
    for row in epoch.snapshot.all(Table::Codes) {
        let (key, code) = row?;
        let place = || format!("table codes key {}", alloy_primitives::hex::encode(&key));
        equal(place, "hash", keccak256(&code).to_vec(), key.clone())?;
        codes.insert(B256::from_slice(&key));
    }
    codes.insert(EMPTY_CODE_HASH);
    Ok(codes)
}

/// Rebuilds the state root from accounts and slots.
fn flat_state(
    epoch: &Epoch,
    root: B256,
    codes: &B256Set,
    done: &mut Verified,
) -> Result<(), ChainError> {
    let mut slots = epoch.snapshot.all(Table::Slots).peekable();
    let mut leaves = BTreeMap::new();
    for row in epoch.snapshot.all(Table::Accounts) {
        let (key, row) = row?;
        let damaged = |error| tables::damaged(Table::Accounts, &key, &error);
        let account: Account = alloy_rlp::decode_exact(&row).map_err(damaged)?;
        if !codes.contains(&account.code_hash) {
            return Err(tables::damaged(Table::Accounts, &key, &"its code is not there"));
        }
        let storage = take_slots(&mut slots, &key)?;
        done.slots += storage.len() as u64;
        done.accounts += 1;
        let leaf = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: root::storage_root_unhashed(storage),
            code_hash: account.code_hash,
        };
        leaves.insert(keccak256(Address::from_slice(&key)), alloy_rlp::encode(leaf));
    }
    if let Some(row) = slots.next() {
        return Err(tables::damaged(Table::Slots, &row?.0, &"its account is not there"));
    }
    let mut builder = HashBuilder::default();
    for (key, leaf) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), leaf);
    }
    equal(|| "flat state".into(), "root", builder.root(), root)
}

/// The slots of one account from the front of all slots.
fn take_slots<'a>(
    slots: &mut std::iter::Peekable<impl Iterator<Item = Result<Row, ChainError>> + 'a>,
    address: &[u8],
) -> Result<Vec<(B256, U256)>, ChainError> {
    let mut taken = Vec::new();
    while let Some(row) = slots.next_if(|row| match row {
        Ok((key, _)) => key.starts_with(address),
        Err(_) => true,
    }) {
        let (key, row) = row?;
        let damaged = |error| tables::damaged(Table::Slots, &key, &error);
        taken.push((B256::from_slice(&key[20..]), tables::decode_slot(&row).map_err(damaged)?));
    }
    Ok(taken)
}

/// A subtrie to look at: its trie, its place and the reference to it.
type Subtrie = (Option<B256>, Nibbles, RlpNode);

/// Follows every reference from the root; there may be no nodes beside those.
fn trie(epoch: &Epoch, root: B256, done: &mut Verified) -> Result<(), ChainError> {
    let mut open: Vec<Subtrie> = Vec::new();
    if root != EMPTY_ROOT_HASH {
        open.push((None, Nibbles::default(), RlpNode::word_rlp(&root)));
    }
    while let Some((owner, path, reference)) = open.pop() {
        let key = tables::node_key(owner.as_ref(), &path);
        let damaged = |what: &str| tables::damaged(Table::Trie, &key, &what);
        let node = match reference.as_hash() {
            Some(hash) => {
                let node = epoch.snapshot.get(Table::Trie, &key)?;
                let node = node.ok_or_else(|| damaged("the node is not there"))?;
                if keccak256(&node) != hash {
                    return Err(damaged("the node has another hash"));
                }
                done.nodes += 1;
                node
            }
            None => reference.to_vec(),
        };
        let node: TrieNode =
            alloy_rlp::decode_exact(&node).map_err(|_| damaged("not a trie node"))?;
        match node {
            TrieNode::EmptyRoot => return Err(damaged("an empty node")),
            TrieNode::Branch(branch) => {
                for (nibble, child) in branch.as_ref().children() {
                    if let Some(child) = child {
                        let mut path = path;
                        path.push(nibble);
                        open.push((owner, path, child.clone()));
                    }
                }
            }
            TrieNode::Extension(extension) => {
                let mut path = path;
                path.extend(&extension.key);
                open.push((owner, path, extension.child));
            }
            TrieNode::Leaf(leaf) if owner.is_none() => {
                let mut path = path;
                path.extend(&leaf.key);
                let account: TrieAccount =
                    alloy_rlp::decode_exact(&leaf.value).map_err(|_| damaged("not an account"))?;
                if account.storage_root != EMPTY_ROOT_HASH {
                    let owner = B256::try_from(path.pack().as_slice())
                        .map_err(|_| damaged("a leaf at another depth"))?;
                    let reference = RlpNode::word_rlp(&account.storage_root);
                    open.push((Some(owner), Nibbles::default(), reference));
                }
            }
            TrieNode::Leaf(_) => {}
        }
    }
    equal(|| "table trie".into(), "rows", count(epoch, Table::Trie)?, done.nodes)
}

/// Every change must be in the history of its account or slot, and all together must lead from
/// the head's state to the oldest.
fn history(
    epoch: &Epoch,
    root: B256,
    codes: &B256Set,
    done: &mut Verified,
) -> Result<(), ChainError> {
    let (mut accounts, mut slots) = (0, 0);
    let mut merge = DiffMerge::default();
    for number in epoch.position.oldest + 1..=epoch.position.flushed {
        let diff = epoch.diff(number)?;
        for change in &diff.accounts {
            let place = || format!("history of {} at block {number}", change.address);
            if change.before.is_some_and(|account| !codes.contains(&account.code_hash)) {
                return Err(ChainError::corrupt(place(), "the account's code is not there"));
            }
            if change.before != change.after {
                let key = tables::account_history_key(&change.address, number);
                let row = epoch.snapshot.get(Table::AccountHistory, &key)?;
                let wanted = tables::account_history_row(&change.before);
                equal(place, "account", row, Some(wanted))?;
                accounts += 1;
            }
            for slot in &change.slots {
                let key = tables::slot_history_key(&change.address, &slot.slot, number);
                let row = epoch.snapshot.get(Table::SlotHistory, &key)?;
                equal(place, "slot", row, Some(tables::slot_row(&slot.before)))?;
                slots += 1;
            }
        }
        merge.push(&diff);
        done.history_blocks += 1;
    }
    let rows = (count(epoch, Table::AccountHistory)?, count(epoch, Table::SlotHistory)?);
    equal(|| "history".into(), "account and slot rows", rows, (accounts, slots))?;
    let diffs = count(epoch, Table::Diffs)?;
    equal(|| "history".into(), "blocks", diffs, done.history_blocks)?;
    let mut trie = StateTrie::new(Arc::new(TableNodes(epoch.snapshot.clone())), root);
    let found = trie.apply_reverse(&merge.finish())?;
    let oldest = epoch.known_header(epoch.position.oldest)?.1.state_root;
    equal(|| "history".into(), "state root of the oldest block", found, oldest)
}

#[cfg(test)]
mod tests;
