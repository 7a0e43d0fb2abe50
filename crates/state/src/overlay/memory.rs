//! A whole state in memory.

use alloc::{collections::BTreeMap, format, vec::Vec};

use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{AddressMap, B256Map},
};
use jovay_types::{Account, AccountChange, Code, EMPTY_CODE_HASH, SlotChange, StateDiff};

use crate::{StateError, StateView};

/// A complete state in memory: for tests, small tools and the building of a genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    accounts: AddressMap<Account>,
    /// Non-zero slots; no entry for an account without storage.
    storage: AddressMap<BTreeMap<U256, U256>>,
    codes: B256Map<Bytes>,
}

impl MemoryState {
    /// The empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the account at `address` as a genesis alloc gives it. Zero slots are left out.
    pub fn insert(
        &mut self,
        address: Address,
        nonce: u64,
        balance: U256,
        code: Bytes,
        slots: impl IntoIterator<Item = (U256, U256)>,
    ) {
        let code_hash = self.insert_code(code);
        self.accounts.insert(address, Account { nonce, balance, code_hash });
        self.storage.remove(&address);
        for (slot, value) in slots {
            self.set_slot(address, slot, value);
        }
    }

    /// Keeps `code` and returns its hash.
    pub fn insert_code(&mut self, code: Bytes) -> B256 {
        if code.is_empty() {
            return EMPTY_CODE_HASH;
        }
        let hash = keccak256(&code);
        self.codes.insert(hash, code);
        hash
    }

    /// Moves to the state after `diff`.
    pub fn apply(&mut self, diff: &StateDiff) {
        for change in &diff.accounts {
            match change.after {
                Some(account) => self.accounts.insert(change.address, account),
                None => self.accounts.remove(&change.address),
            };
            for slot in &change.slots {
                self.set_slot(change.address, slot.slot, slot.after);
            }
        }
        self.codes.extend(diff.codes.iter().map(|code| (code.hash, code.bytes.clone())));
    }

    /// The change from the empty state to this one, as the genesis block makes it.
    pub fn to_diff(&self) -> StateDiff {
        let mut accounts: Vec<_> = self
            .accounts
            .iter()
            .map(|(address, account)| AccountChange {
                address: *address,
                before: None,
                after: Some(*account),
                slots: self
                    .slots(address)
                    .map(|(slot, after)| SlotChange { slot, before: U256::ZERO, after })
                    .collect(),
            })
            .collect();
        accounts.sort_unstable_by_key(|change| change.address);
        let mut codes: Vec<_> = self
            .codes
            .iter()
            .map(|(hash, bytes)| Code { hash: *hash, bytes: bytes.clone() })
            .collect();
        codes.sort_unstable_by_key(|code| code.hash);
        StateDiff { accounts, codes }
    }

    /// Every account, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.accounts.iter()
    }

    fn slots(&self, address: &Address) -> impl Iterator<Item = (U256, U256)> + '_ {
        self.storage.get(address).into_iter().flatten().map(|(slot, value)| (*slot, *value))
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        if !value.is_zero() {
            self.storage.entry(address).or_default().insert(slot, value);
        } else if let Some(slots) = self.storage.get_mut(&address) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.storage.remove(&address);
            }
        }
    }
}

impl StateView for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(address).copied())
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        Ok(self.storage.get(address).and_then(|slots| slots.get(slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        if *code_hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        self.codes
            .get(code_hash)
            .cloned()
            .ok_or_else(|| StateError::Missing { what: "code", key: format!("{code_hash}") })
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        Ok(self.slots(address).collect())
    }
}
