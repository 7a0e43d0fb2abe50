//! The tree of messages to L1, kept so that a proof is a few reads.
//!
//! The same tree as `AppendOnlyMerkleTree` keeps on L2: as high as its leaves need, zeros for what is
//! missing. Complete subtrees never change, so their roots are written once; what is at the right
//! edge of a tree with fewer leaves follows from them.
//!
//! Tables: `nodes` level, index → root of that complete subtree; `blocks` number → leaves up to its
//! end and its hash, for blocks with messages; `meta`. The chain is the truth: the index follows it,
//! also backwards.

use std::path::Path;

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::{SolEvent, sol};
use jovay_evm::predeploys::L2_MAILBOX;
use jovay_state::ChainStore;
use jovay_storage::Chain;
use parking_lot::Mutex;

use crate::tables::{Changes, Tables};

sol! {
    /// The leaf `messageHash` is at `index` of the tree, whose root is now `root`.
    event AppendMessage(uint256 indexed index, bytes32 messageHash, bytes32 root);
    #[derive(Debug)]
    /// A message to L1 was sent.
    event SentMessage(
        address indexed sender, address indexed target, uint256 value, uint256 nonce, bytes message
    );
}

/// Height of the largest tree.
const HEIGHT_MAX: u8 = 40;
/// Blocks with messages that are taken in together.
const BLOCKS_MAX: usize = 256;

const NODES: usize = 0;
const BLOCKS: usize = 1;
const META: usize = 2;
const TABLES: [&str; 3] = ["nodes", "blocks", "meta"];
const KEY_THROUGH: &[u8] = b"through";

/// Why the index cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum MessageIndexError {
    /// The index's own disk failed.
    #[error("message index: {0}")]
    Disk(#[from] fjall::Error),
    /// The chain could not be read.
    #[error("message index: {0}")]
    Chain(#[from] jovay_storage::ChainError),
    /// What is kept contradicts itself or the chain.
    #[error("message index: {0}")]
    Damaged(String),
}

/// A message as its events tell it.
#[derive(Clone, Debug)]
pub struct FoundMessage {
    /// Its L2 block.
    pub block: u64,
    /// Its leaf.
    pub hash: B256,
    /// The message.
    pub sent: SentMessage,
}

/// The index, in a folder or in memory.
pub struct MessageIndex {
    tables: Tables,
    /// Held by whoever follows the chain.
    following: Mutex<()>,
}

impl MessageIndex {
    /// Opens or creates the index in `folder` (by custom `<datadir>/messages`); in memory without.
    ///
    /// # Errors
    /// The disk fails or the folder is open elsewhere.
    pub fn open(folder: Option<&Path>) -> Result<Self, MessageIndexError> {
        Ok(Self { tables: Tables::open(folder, &TABLES)?, following: Mutex::default() })
    }

    /// Takes in what `chain` has published since the last time.
    ///
    /// # Errors
    /// See [`MessageIndexError`].
    pub fn follow(&self, chain: &Chain) -> Result<(), MessageIndexError> {
        let _following = self.following.lock();
        let head = chain.head().number();
        loop {
            let from = self.resume(chain)?;
            if from > head {
                return Ok(());
            }
            let topics = [vec![AppendMessage::SIGNATURE_HASH]];
            let (blocks, next) =
                chain.log_candidates(from, head, &[L2_MAILBOX], &topics, BLOCKS_MAX)?;
            let through = next.map_or(head, |next| next - 1);
            self.take_in(chain, &blocks, through)?;
        }
    }

    /// Messages up to the end of block `number`.
    ///
    /// # Errors
    /// The index failed.
    pub fn count_at(&self, number: u64) -> Result<u64, MessageIndexError> {
        Ok(self.last_block(number)?.map_or(0, |row| row.count))
    }

    /// The root of the tree of the first `count` messages; zero for none.
    ///
    /// # Errors
    /// The index has fewer, or failed.
    pub fn root(&self, count: u64) -> Result<B256, MessageIndexError> {
        if count == 0 { Ok(B256::ZERO) } else { self.node(height(count), 0, count) }
    }

    /// The siblings of message `index` from the leaf up, in the tree of the first `count`.
    ///
    /// # Errors
    /// As [`MessageIndex::root`].
    pub fn proof(&self, index: u64, count: u64) -> Result<Vec<B256>, MessageIndexError> {
        if index >= count {
            return Err(damaged(format!("message {index} is not among the first {count}")));
        }
        (0..height(count)).map(|level| self.node(level, (index >> level) ^ 1, count)).collect()
    }

    /// Message `index`, if a published block has it.
    ///
    /// # Errors
    /// As [`MessageIndex::follow`].
    pub fn find(
        &self,
        chain: &Chain,
        index: u64,
    ) -> Result<Option<FoundMessage>, MessageIndexError> {
        let head = chain.head().number();
        if index >= self.count_at(head)? {
            return Ok(None);
        }
        // The first block after which there are more than `index`.
        let (mut low, mut high) = (0, head);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.count_at(middle)? > index { high = middle } else { low = middle + 1 }
        }
        let (_, logs) = mailbox_logs(chain, low)?;
        let appended = logs.iter().filter_map(|log| AppendMessage::decode_log(log).ok());
        let sent = logs.iter().filter_map(|log| SentMessage::decode_log(log).ok());
        let hash = appended.into_iter().find(|log| log.index.saturating_to::<u64>() == index);
        let sent = sent.into_iter().find(|log| log.nonce.saturating_to::<u64>() == index);
        match (hash, sent) {
            (Some(hash), Some(sent)) => {
                Ok(Some(FoundMessage { block: low, hash: hash.messageHash, sent: sent.data }))
            }
            _ => Err(damaged(format!("block {low} does not have message {index}"))),
        }
    }

    /// The root of the subtree `index` of `level`, in the tree of the first `count` leaves.
    fn node(&self, level: u8, index: u64, count: u64) -> Result<B256, MessageIndexError> {
        if level > HEIGHT_MAX {
            return Err(damaged(format!("a tree with {count} leaves")));
        }
        let first = index << level;
        if first >= count {
            return Ok(empty(level));
        }
        if first + (1 << level) <= count {
            let found = self.tables.get(NODES, &node_key(level, index))?;
            let missing = || damaged(format!("no node {index} at level {level}"));
            return B256::try_from(found.ok_or_else(missing)?.as_slice()).map_err(|_| missing());
        }
        let left = self.node(level - 1, 2 * index, count)?;
        let right = self.node(level - 1, 2 * index + 1, count)?;
        Ok(pair(left, right))
    }

    /// The block from which the chain is to be read, after forgetting what is not in it any more.
    fn resume(&self, chain: &Chain) -> Result<u64, MessageIndexError> {
        let Some(through) = self.tables.get(META, KEY_THROUGH)? else { return Ok(0) };
        let mut place = BlockRow::decode(&through)?;
        loop {
            if chain.block_hash(place.number)? == Some(place.hash) {
                return Ok(place.number + 1);
            }
            // A development chain went back. Leaves of dropped blocks are overwritten by later ones.
            let mut changes = Changes::default();
            let before = match place.number.checked_sub(1) {
                Some(before) => self.last_block(before)?,
                None => None,
            };
            changes.delete(BLOCKS, block_key(place.number));
            match &before {
                Some(row) => changes.put(META, KEY_THROUGH, row.encode()),
                None => changes.delete(META, KEY_THROUGH),
            }
            self.tables.commit(changes)?;
            match before {
                Some(row) => place = row,
                None => return Ok(0),
            }
        }
    }

    /// Adds the messages of `blocks`; everything up to block `through` is taken in then.
    fn take_in(
        &self,
        chain: &Chain,
        blocks: &[u64],
        through: u64,
    ) -> Result<(), MessageIndexError> {
        let mut changes = Changes::default();
        let mut added = std::collections::BTreeMap::new();
        let mut count = self.count_at(through)?;
        for number in blocks {
            let (hash, logs) = mailbox_logs(chain, *number)?;
            let appended = logs.iter().filter_map(|log| AppendMessage::decode_log(log).ok());
            let before = count;
            for event in appended {
                if event.index.saturating_to::<u64>() != count {
                    let found = event.index;
                    return Err(damaged(format!("message {found} of block {number}, not {count}")));
                }
                self.append(&mut added, count, event.messageHash)?;
                count += 1;
                if self.root_with(&added, count)? != event.root {
                    return Err(damaged(format!("another root after message {}", count - 1)));
                }
            }
            if count > before {
                let row = BlockRow { number: *number, count, hash };
                changes.put(BLOCKS, block_key(*number), row.encode());
            }
        }
        for ((level, index), node) in added {
            changes.put(NODES, node_key(level, index), node.to_vec());
        }
        let hash = chain.block_hash(through)?;
        let hash = hash.ok_or_else(|| damaged(format!("block {through} is gone")))?;
        changes.put(META, KEY_THROUGH, BlockRow { number: through, count, hash }.encode());
        Ok(self.tables.commit(changes)?)
    }

    /// Adds leaf `index` and the subtrees that it completes.
    fn append(&self, added: &mut Added, index: u64, leaf: B256) -> Result<(), MessageIndexError> {
        let (mut level, mut at, mut node) = (0, index, leaf);
        added.insert((level, at), node);
        while at & 1 == 1 {
            let left = self.complete(added, level, at - 1)?;
            node = pair(left, node);
            (level, at) = (level + 1, at >> 1);
            added.insert((level, at), node);
        }
        Ok(())
    }

    /// A complete subtree's root, of those being added or kept.
    fn complete(&self, added: &Added, level: u8, index: u64) -> Result<B256, MessageIndexError> {
        match added.get(&(level, index)) {
            Some(node) => Ok(*node),
            None => self.node(level, index, (index + 1) << level),
        }
    }

    /// The root of the first `count` leaves while some are being added: the complete subtrees along
    /// the right edge, joined with zeros.
    fn root_with(&self, added: &Added, count: u64) -> Result<B256, MessageIndexError> {
        let top = height(count);
        let mut edge: Option<B256> = None;
        for level in 0..top {
            let at = count >> level;
            edge = match edge {
                _ if at & 1 == 1 => {
                    let left = self.complete(added, level, at - 1)?;
                    Some(pair(left, edge.unwrap_or_else(|| empty(level))))
                }
                Some(edge) => Some(pair(edge, empty(level))),
                None => None,
            };
        }
        edge.map_or_else(|| self.complete(added, top, 0), Ok)
    }

    /// The last block with messages up to `number`.
    fn last_block(&self, number: u64) -> Result<Option<BlockRow>, MessageIndexError> {
        let rows = self.tables.from(BLOCKS, &block_key(number), 1)?;
        rows.first().map(|(_, row)| BlockRow::decode(row)).transpose()
    }
}

/// Nodes that are being added, by level and index.
type Added = std::collections::BTreeMap<(u8, u64), B256>;

/// A block and the messages up to its end.
struct BlockRow {
    number: u64,
    count: u64,
    hash: B256,
}

impl BlockRow {
    fn encode(&self) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], &self.count.to_be_bytes(), self.hash.as_slice()].concat()
    }

    fn decode(row: &[u8]) -> Result<Self, MessageIndexError> {
        let damaged = || damaged("a row of a block has another length");
        let (number, rest) = row.split_first_chunk().ok_or_else(damaged)?;
        let (count, hash) = rest.split_first_chunk().ok_or_else(damaged)?;
        let hash = B256::try_from(hash).map_err(|_| damaged())?;
        Ok(Self { number: u64::from_be_bytes(*number), count: u64::from_be_bytes(*count), hash })
    }
}

fn damaged(what: impl Into<String>) -> MessageIndexError {
    MessageIndexError::Damaged(what.into())
}

/// Descending, so that the first row from a block's key on is the last up to it.
fn block_key(number: u64) -> [u8; 8] {
    (u64::MAX - number).to_be_bytes()
}

fn node_key(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    key[1..].copy_from_slice(&index.to_be_bytes());
    key
}

/// The height of the lowest tree with room for `count` leaves.
fn height(count: u64) -> u8 {
    count.next_power_of_two().trailing_zeros() as u8
}

fn pair(left: B256, right: B256) -> B256 {
    keccak256([left.0, right.0].concat())
}

/// The root of a subtree of zeros.
fn empty(level: u8) -> B256 {
    (0..level).fold(B256::ZERO, |node, _| pair(node, node))
}

/// The hash of block `number`, and what `L2Mailbox` logged in it, in order.
fn mailbox_logs(
    chain: &Chain,
    number: u64,
) -> Result<(B256, Vec<alloy_primitives::Log>), MessageIndexError> {
    let gone = || damaged(format!("block {number} is gone"));
    let hash = chain.block_hash(number)?.ok_or_else(gone)?;
    let receipts = chain.receipts(number)?.ok_or_else(gone)?;
    let logs = receipts.iter().flat_map(|receipt| &receipt.receipt.logs);
    Ok((hash, logs.filter(|log| log.address == L2_MAILBOX).cloned().collect()))
}

#[cfg(test)]
mod tests;
