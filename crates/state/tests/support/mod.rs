//! Random histories, and a node store keyed by (owner, path).
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, root};
use jovay_state::{MemoryState, NodeSource, NodeUpdate, StateError, StateView};
use jovay_types::{Account, AccountChange, SlotChange, StateDiff};
use proptest::prelude::*;

/// A node store as a disk would hold it.
#[derive(Default)]
pub struct NodeStore(pub Mutex<BTreeMap<(Option<B256>, Nibbles), Bytes>>);

impl NodeStore {
    pub fn write(&self, updates: Vec<NodeUpdate>) {
        let mut map = self.0.lock().unwrap();
        for NodeUpdate { owner, path, node } in updates {
            match node {
                Some(node) => map.insert((owner, path), node),
                None => map.remove(&(owner, path)),
            };
        }
    }
}

impl NodeSource for NodeStore {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        let found = self.0.lock().unwrap().get(&(owner.copied(), *path)).cloned();
        Ok(found.filter(|node| keccak256(node) == *hash))
    }
}

#[derive(Clone, Debug)]
pub enum Op {
    Account { nonce: u64, balance: u64 },
    Slots(Vec<(u8, u64)>),
    Destroy,
}

pub const ADDRESSES: u8 = 40;
pub const SLOTS: u8 = 24;

pub fn address(n: u8) -> Address {
    Address::repeat_byte(n)
}

fn op() -> impl Strategy<Value = Op> {
    let slot = (0..SLOTS, prop_oneof![Just(0), 1u64..4, any::<u64>()]);
    prop_oneof![
        3 => (0u64..3, any::<u64>()).prop_map(|(nonce, balance)| Op::Account { nonce, balance }),
        3 => prop::collection::vec(slot, 1..16).prop_map(Op::Slots),
        2 => Just(Op::Destroy),
    ]
}

/// Blocks of random changes.
pub fn history(blocks: usize) -> impl Strategy<Value = Vec<Vec<(u8, Op)>>> {
    let block = prop::collection::vec((0..ADDRESSES, op()), 0..24);
    prop::collection::vec(block, 1..blocks)
}

/// What `ops` change in `state`.
pub fn diff(state: &MemoryState, ops: &[(u8, Op)]) -> StateDiff {
    let mut accounts: BTreeMap<Address, Option<Account>> = BTreeMap::new();
    let mut slots: BTreeMap<(Address, U256), U256> = BTreeMap::new();
    for (n, op) in ops {
        let address = address(*n);
        let now = accounts.entry(address).or_insert_with(|| state.account(&address).unwrap());
        match op {
            Op::Account { nonce, balance } => {
                let account = now.get_or_insert_default();
                (account.nonce, account.balance) = (*nonce, U256::from(*balance));
            }
            Op::Slots(values) => {
                now.get_or_insert_default();
                for (slot, value) in values {
                    slots.insert((address, U256::from(*slot)), U256::from(*value));
                }
            }
            Op::Destroy => {
                *now = None;
                slots.retain(|(owner, _), _| *owner != address);
                for (slot, _) in state.storage_of(&address).unwrap() {
                    slots.insert((address, slot), U256::ZERO);
                }
            }
        }
    }
    let mut changes = Vec::new();
    for (address, after) in accounts {
        let before = state.account(&address).unwrap();
        let changed: Vec<_> = slots
            .range((address, U256::ZERO)..=(address, U256::MAX))
            .map(|((_, slot), after)| SlotChange {
                slot: *slot,
                before: state.storage(&address, slot).unwrap(),
                after: *after,
            })
            .filter(|change| change.before != change.after)
            .collect();
        if before != after || !changed.is_empty() {
            changes.push(AccountChange { address, before, after, slots: changed });
        }
    }
    StateDiff { accounts: changes, codes: Vec::new() }
}

/// The state root by `alloy-trie`.
pub fn expected_root(state: &MemoryState) -> B256 {
    root::state_root_unhashed(state.accounts().map(|(address, account)| {
        let slots = state.storage_of(address).unwrap();
        let storage_root = root::storage_root_unhashed(
            slots.into_iter().map(|(slot, value)| (B256::from(slot), value)),
        );
        let Account { nonce, balance, code_hash } = *account;
        (*address, TrieAccount { nonce, balance, storage_root, code_hash })
    }))
}

/// A reproducible stream of numbers (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A change of the balance of `count` accounts out of `of`.
pub fn balances(numbers: &mut Numbers, of: u64, count: usize) -> StateDiff {
    let picked: BTreeSet<_> = (0..count)
        .map(|_| Address::left_padding_from(&(numbers.next() % of).to_be_bytes()))
        .collect();
    let accounts = picked
        .into_iter()
        .map(|address| AccountChange {
            address,
            before: None,
            after: Some(Account { balance: U256::from(numbers.next()), ..Account::default() }),
            slots: Vec::new(),
        })
        .collect();
    StateDiff { accounts, codes: Vec::new() }
}
