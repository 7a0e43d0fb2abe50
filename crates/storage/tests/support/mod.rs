//! A naive chain in memory, random blocks for it, and the comparison with the real one.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{Eip658Value, Header};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, proof::verify_proof, root};
use jovay_state::{ChainStore, SealOutcome};
use jovay_storage::{Chain, Config, Genesis, GenesisAccount};
use jovay_types::{
    Account, AccountChange, Code, ExecutedBlock, L1Message, Receipt, RecoveredTx, SlotChange,
    StateDiff, Transaction, TxReceipt,
};

pub type Slots = BTreeMap<U256, U256>;
pub type Model = BTreeMap<Address, (Account, Slots)>;

/// xorshift64*: enough to make blocks differ.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

pub fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

pub const ADDRESSES: u64 = 24;
pub const SLOTS: u64 = 6;

fn code(index: u64) -> Bytes {
    Bytes::from(vec![0x60, index as u8, 0x00])
}

pub fn genesis() -> Genesis {
    let history_code = Bytes::from_static(b"history");
    let mut alloc = vec![GenesisAccount {
        address: HISTORY_STORAGE_ADDRESS,
        account: Account { nonce: 1, code_hash: keccak256(&history_code), ..Account::default() },
        code: history_code,
        slots: Vec::new(),
    }];
    for index in 0..4 {
        alloc.push(GenesisAccount {
            address: address(index),
            account: Account {
                balance: U256::from(1000 + index),
                code_hash: keccak256(code(index)),
                ..Account::default()
            },
            code: code(index),
            slots: vec![(U256::from(index), U256::from(7))],
        });
    }
    let header = Header { gas_limit: 30_000_000, base_fee_per_gas: Some(1), ..Header::default() };
    Genesis { header, alloc }
}

fn genesis_model(genesis: &Genesis) -> Model {
    let entry = |account: &GenesisAccount| {
        (account.address, (account.account, account.slots.iter().copied().collect()))
    };
    genesis.alloc.iter().map(entry).collect()
}

/// What changed between two states.
pub fn difference(before: &Model, after: &Model) -> StateDiff {
    let mut addresses: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    addresses.sort();
    addresses.dedup();
    let mut diff = StateDiff::default();
    for address in addresses {
        let (old, new) = (before.get(&address), after.get(&address));
        if old == new {
            continue;
        }
        let none = Slots::new();
        let slots_of = |of: Option<&(Account, Slots)>| of.map_or(none.clone(), |it| it.1.clone());
        let (old_slots, new_slots) = (slots_of(old), slots_of(new));
        let mut keys: Vec<_> = old_slots.keys().chain(new_slots.keys()).copied().collect();
        keys.sort();
        keys.dedup();
        let value = |slots: &Slots, key| slots.get(key).copied().unwrap_or_default();
        let slots = keys.iter().map(|key| SlotChange {
            slot: *key,
            before: value(&old_slots, key),
            after: value(&new_slots, key),
        });
        let slots = slots.filter(|slot| slot.before != slot.after).collect();
        let account = |of: Option<&(Account, Slots)>| of.map(|it| it.0);
        diff.accounts.push(AccountChange {
            address,
            before: account(old),
            after: account(new),
            slots,
        });
    }
    diff
}

pub fn state_root(model: &Model) -> B256 {
    root::state_root_unhashed(model.iter().map(|(address, (account, slots))| {
        let account = trie_account(account, slots);
        (*address, account)
    }))
}

fn trie_account(account: &Account, slots: &Slots) -> TrieAccount {
    TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: root::storage_root_unhashed(
            slots.iter().map(|(slot, value)| (B256::from(*slot), *value)),
        ),
        code_hash: account.code_hash,
    }
}

/// The state that a random block leads to, and the code it introduces.
pub fn random_step(random: &mut Random, before: &Model) -> (Model, Vec<Code>) {
    let mut after = before.clone();
    let mut codes = BTreeMap::new();
    for _ in 0..random.below(8) {
        let address = address(random.below(ADDRESSES));
        match random.below(10) {
            0 => {
                after.remove(&address);
            }
            1 => {
                let code = code(random.below(12));
                let hash = keccak256(&code);
                after.entry(address).or_default().0.code_hash = hash;
                codes.insert(hash, code);
            }
            2..5 => {
                let entry = after.entry(address).or_default();
                entry.0.balance = U256::from(random.below(1 << 20));
                entry.0.nonce += 1;
            }
            _ => {
                let slot = U256::from(random.below(SLOTS));
                let value = U256::from(random.below(4));
                let entry = after.entry(address).or_default();
                entry.0.nonce = entry.0.nonce.max(1);
                match value.is_zero() {
                    true => entry.1.remove(&slot),
                    false => entry.1.insert(slot, value),
                };
            }
        }
    }
    after.retain(|_, (account, slots)| !account.is_empty() || !slots.is_empty());
    let codes = codes.into_iter().map(|(hash, bytes)| Code { hash, bytes }).collect();
    (after, codes)
}

fn transaction(random: &mut Random, number: u64, index: u64) -> Arc<RecoveredTx> {
    let message = L1Message {
        queue_index: (number << 20) + index,
        gas_limit: 21_000 + random.below(1000),
        sender: address(random.below(ADDRESSES)),
        to: address(random.below(ADDRESSES)),
        value: U256::from(random.below(100)),
        data: Bytes::from(vec![1; random.below(40) as usize]),
    };
    Arc::new(RecoveredTx::recover(Transaction::L1Message(message)).unwrap())
}

fn receipt(random: &mut Random, index: u64) -> TxReceipt {
    let logs = (0..random.below(3)).map(|_| {
        let topic = B256::from(U256::from(random.below(50)));
        Log::new_unchecked(address(random.below(ADDRESSES)), vec![topic], Bytes::from_static(b"x"))
    });
    TxReceipt {
        receipt: Receipt {
            tx_type: 0x7f,
            status: Eip658Value::Eip658(true),
            cumulative_gas_used: 21_000 * (index + 1),
            logs: logs.collect(),
        },
        gas_used: 21_000,
        contract_address: None,
        l1_fee: U256::from(random.below(9)),
    }
}

/// The naive chain: of every block what it must be.
#[derive(Clone)]
pub struct Naive {
    pub states: Vec<Model>,
    pub sealed: Vec<SealOutcome>,
    /// States that were changed after their block, which the next block started from.
    pub patched: BTreeMap<u64, Model>,
}

impl Naive {
    pub fn new(chain: &Chain) -> Self {
        let block = chain.block(0).unwrap().unwrap();
        let sealed = SealOutcome { block, receipts: Arc::default(), diff: Arc::default() };
        let states = vec![genesis_model(&genesis())];
        Self { states, sealed: vec![sealed], patched: BTreeMap::new() }
    }

    pub fn head(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// A random block on the head with the state after it, but for the parent's hash.
    pub fn next(&self, random: &mut Random) -> (ExecutedBlock, Model) {
        let before = self.states.last().unwrap();
        self.next_from(random, before, self.head() + 1)
    }

    pub fn next_from(
        &self,
        random: &mut Random,
        before: &Model,
        number: u64,
    ) -> (ExecutedBlock, Model) {
        let (after, codes) = random_step(random, before);
        let mut diff = difference(before, &after);
        diff.codes = codes;
        let count = random.below(4);
        let slot = U256::from((number - 1) % 8191);
        let header = Header {
            number,
            timestamp: number,
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(7),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(keccak256(b"requests")),
            ..Header::default()
        };
        let block = ExecutedBlock {
            header,
            transactions: (0..count).map(|at| transaction(random, number, at)).collect(),
            ommers: Vec::new(),
            withdrawals: Some(Vec::new()),
            receipts: (0..count).map(|at| receipt(random, at)).collect(),
            diff,
            parent_hash_slot: Some((slot, U256::ZERO)),
        };
        (block, after)
    }

    /// Takes note of the sealed block.
    pub fn push(&mut self, mut after: Model, sealed: SealOutcome) {
        let parent = self.sealed.last().unwrap().block.hash;
        let slot = U256::from((sealed.block.number() - 1) % 8191);
        after.get_mut(&HISTORY_STORAGE_ADDRESS).unwrap().1.insert(slot, parent.into());
        assert_eq!(sealed.block.header.parent_hash, parent);
        assert_eq!(sealed.block.header.withdrawals_root, Some(EMPTY_ROOT_HASH));
        assert_eq!(sealed.block.header.state_root, state_root(&after), "state root");
        self.states.push(after);
        self.sealed.push(sealed);
    }

    pub fn truncate(&mut self, number: u64) {
        self.states.truncate(number as usize + 1);
        self.sealed.truncate(number as usize + 1);
        drop(self.patched.split_off(&number));
    }

    /// Adds `count` random blocks to `chain` one by one.
    pub fn extend(&mut self, chain: &Chain, random: &mut Random, count: u64) {
        for _ in 0..count {
            let (block, after) = self.next(random);
            let sealed = add(chain, block);
            self.push(after, sealed);
        }
    }

    /// Compares everything that `chain` says, proofs at some of the heights.
    pub fn check(&self, chain: &Chain, random: &mut Random) {
        assert_eq!(chain.head().hash, self.sealed.last().unwrap().block.hash);
        for number in 0..=self.head() {
            self.check_block(chain, number);
            if number >= chain.oldest_state() {
                self.check_state(chain, number);
            } else {
                let refused = chain.state_at(number).err().unwrap();
                assert!(matches!(refused, jovay_storage::ChainError::StatePruned { .. }));
                assert!(chain.proof(address(0), &[], number).is_err());
            }
        }
        assert!(chain.block(self.head() + 1).unwrap().is_none());
        assert!(chain.state_at(self.head() + 1).is_err());
        let oldest = chain.oldest_state();
        for _ in 0..4 {
            self.check_proof(chain, oldest + random.below(self.head() + 1 - oldest), random);
        }
        self.check_proof(chain, self.head(), random);
        self.check_logs(chain, random);
    }

    fn check_block(&self, chain: &Chain, number: u64) {
        let sealed = &self.sealed[number as usize];
        assert_eq!(chain.block(number).unwrap().unwrap(), sealed.block);
        assert_eq!(chain.receipts(number).unwrap().unwrap(), sealed.receipts);
        assert_eq!(chain.block_hash(number).unwrap(), Some(sealed.block.hash));
        assert_eq!(chain.block_number(&sealed.block.hash).unwrap(), Some(number));
        for (index, tx) in sealed.block.transactions.iter().enumerate() {
            assert_eq!(chain.transaction_location(&tx.hash()).unwrap(), Some((number, index)));
        }
    }

    pub fn check_state(&self, chain: &Chain, number: u64) {
        let model = self.patched.get(&number).unwrap_or(&self.states[number as usize]);
        let view = chain.state_at(number).unwrap();
        check_view(&*view, model, number);
    }

    fn check_proof(&self, chain: &Chain, number: u64, random: &mut Random) {
        let address = address(random.below(ADDRESSES));
        let slots: Vec<U256> = (0..SLOTS).map(U256::from).collect();
        let proof = chain.proof(address, &slots, number).unwrap();
        let model = self.states[number as usize].get(&address);
        let root = self.sealed[number as usize].block.header.state_root;
        let expected =
            model.map(|(account, slots)| alloy_rlp::encode(trie_account(account, slots)));
        let key = Nibbles::unpack(keccak256(address));
        verify_proof(root, key, expected, &proof.proof).unwrap();
        assert_eq!(proof.account, model.map(|(account, _)| *account));
        for slot in &proof.slots {
            let value = model.and_then(|(_, slots)| slots.get(&slot.slot)).copied();
            assert_eq!(slot.value, value.unwrap_or_default());
            if proof.storage_root != EMPTY_ROOT_HASH {
                let key = Nibbles::unpack(keccak256(B256::from(slot.slot)));
                let expected = value.map(alloy_rlp::encode);
                verify_proof(proof.storage_root, key, expected, &slot.proof).unwrap();
            }
        }
    }

    fn check_logs(&self, chain: &Chain, random: &mut Random) {
        let wanted = address(random.below(ADDRESSES));
        let topic = B256::from(U256::from(random.below(50)));
        let (from, to) = (random.below(self.head() + 1), self.head() + random.below(3));
        for (addresses, topics) in
            [(vec![], vec![]), (vec![wanted], vec![]), (vec![wanted], vec![vec![topic]])]
        {
            let mut found = Vec::new();
            let mut start = from;
            loop {
                let (numbers, next) =
                    chain.log_candidates(start, to, &addresses, &topics, 3).unwrap();
                assert!(numbers.len() <= 3);
                found.extend(numbers);
                match next {
                    Some(next) => start = next,
                    None => break,
                }
            }
            assert!(found.is_sorted_by(|a, b| a < b));
            for number in from..=self.head() {
                let receipts = &self.sealed[number as usize].receipts;
                let mut logs = receipts.iter().flat_map(|receipt| &receipt.receipt.logs);
                let matching = logs.any(|log| {
                    (addresses.is_empty() || addresses.contains(&log.address))
                        && (topics.is_empty() || log.topics().first() == Some(&topic))
                });
                assert!(!matching || found.contains(&number), "block {number} is missing");
            }
            assert!(found.iter().all(|number| (from..=self.head()).contains(number)));
        }
    }
}

/// Compares a view with the model.
pub fn check_view(view: &dyn jovay_state::StateView, model: &Model, number: u64) {
    for index in 0..ADDRESSES {
        let address = address(index);
        let expected = model.get(&address);
        let account = view.account(&address).unwrap();
        assert_eq!(account, expected.map(|(account, _)| *account), "{address} at {number}");
        if let Some(account) = account {
            let code = view.code(&account.code_hash).unwrap();
            assert_eq!(keccak256(&code), account.code_hash);
        }
        for slot in (0..SLOTS).map(U256::from) {
            let value = expected.and_then(|(_, slots)| slots.get(&slot)).copied();
            let found = view.storage(&address, &slot).unwrap();
            assert_eq!(found, value.unwrap_or_default(), "{address} slot {slot} at {number}");
        }
        let slots: Vec<_> =
            expected.map(|it| it.1.clone().into_iter().collect()).unwrap_or_default();
        assert_eq!(view.storage_of(&address).unwrap(), slots, "{address} at {number}");
    }
    let history: Vec<_> = model[&HISTORY_STORAGE_ADDRESS].1.clone().into_iter().collect();
    assert_eq!(view.storage_of(&HISTORY_STORAGE_ADDRESS).unwrap(), history, "at {number}");
}

/// Puts one block through all steps.
pub fn add(chain: &Chain, block: ExecutedBlock) -> SealOutcome {
    let block = Arc::new(block);
    chain.stage(block.clone()).unwrap();
    chain.log(&[block]).unwrap();
    let sealed = chain.seal().unwrap();
    chain.publish(&sealed).unwrap();
    sealed
}

/// Flushes only when told to.
pub fn manual(datadir: Option<&Path>) -> Config {
    Config {
        datadir: datadir.map(Path::to_owned),
        flush_blocks: 1 << 20,
        flush_bytes: 1 << 40,
        unflushed_blocks_max: 1 << 20,
        unflushed_bytes_max: 1 << 40,
        flush_interval: Duration::from_secs(3600),
        log_segment_bytes: 16 << 10,
        account_cache: 64,
        slot_cache: 64,
        page_cache_bytes: 1 << 20,
        trie_nodes_max: 40,
        ..Config::default()
    }
}

/// Copies a directory as it stands.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
