//! What a block has read and changed so far, over the state it started from.

use alloc::vec::Vec;

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map, U256Map},
};
use jovay_state::{StateError, StateView};
use jovay_types::{Account, AccountChange, Code, SlotChange, StateDiff};
use revm::state::{Account as TouchedAccount, EvmState};

/// A value at the start of the block and now.
#[derive(Clone, Copy, Debug)]
struct Slot {
    before: U256,
    now: U256,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    before: Option<Account>,
    now: Option<Account>,
    slots: U256Map<Slot>,
    /// Slots not listed are zero: the account was destroyed or made anew in this block.
    wiped: bool,
}

/// Reads through to a [`StateView`] and keeps what was read and what transactions changed.
///
/// Each account and slot is read from the view at most once.
#[derive(Default)]
pub(crate) struct Overlay {
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytes>,
}

impl Overlay {
    /// Makes room for this many accounts, so that the table does not grow step by step.
    pub(crate) fn reserve(&mut self, accounts: usize) {
        self.accounts.reserve(accounts);
    }

    fn entry(&mut self, state: &dyn StateView, address: Address) -> Result<&mut Entry, StateError> {
        use alloy_primitives::map::Entry as MapEntry;
        match self.accounts.entry(address) {
            MapEntry::Occupied(entry) => Ok(entry.into_mut()),
            MapEntry::Vacant(vacant) => {
                let before = state.account(&address)?;
                Ok(vacant.insert(Entry { before, now: before, ..Entry::default() }))
            }
        }
    }

    pub(crate) fn account(
        &mut self,
        state: &dyn StateView,
        address: Address,
    ) -> Result<Option<Account>, StateError> {
        Ok(self.entry(state, address)?.now)
    }

    pub(crate) fn storage(
        &mut self,
        state: &dyn StateView,
        address: Address,
        slot: U256,
    ) -> Result<U256, StateError> {
        let entry = self.entry(state, address)?;
        if let Some(known) = entry.slots.get(&slot) {
            return Ok(known.now);
        }
        if entry.wiped {
            return Ok(U256::ZERO);
        }
        let value = state.storage(&address, &slot)?;
        entry.slots.insert(slot, Slot { before: value, now: value });
        Ok(value)
    }

    /// As [`Self::account`], without remembering.
    pub(crate) fn peek_account(
        &self,
        state: &dyn StateView,
        address: Address,
    ) -> Result<Option<Account>, StateError> {
        match self.accounts.get(&address) {
            Some(entry) => Ok(entry.now),
            None => state.account(&address),
        }
    }

    /// As [`Self::storage`], without remembering.
    pub(crate) fn peek_storage(
        &self,
        state: &dyn StateView,
        address: Address,
        slot: U256,
    ) -> Result<U256, StateError> {
        if let Some(entry) = self.accounts.get(&address) {
            if let Some(known) = entry.slots.get(&slot) {
                return Ok(known.now);
            }
            if entry.wiped {
                return Ok(U256::ZERO);
            }
        }
        state.storage(&address, &slot)
    }

    /// Whether any slot of `address` is not zero.
    pub(crate) fn has_storage(
        &self,
        state: &dyn StateView,
        address: Address,
    ) -> Result<bool, StateError> {
        let Some(entry) = self.accounts.get(&address) else {
            return Ok(!state.storage_of(&address)?.is_empty());
        };
        if entry.slots.values().any(|slot| !slot.now.is_zero()) {
            return Ok(true);
        }
        if entry.wiped || entry.before.is_none() {
            return Ok(false);
        }
        let below = state.storage_of(&address)?;
        Ok(below.iter().any(|(slot, _)| !entry.slots.contains_key(slot)))
    }

    pub(crate) fn code(&self, hash: &B256) -> Option<&Bytes> {
        self.codes.get(hash)
    }

    pub(crate) fn set_account(
        &mut self,
        state: &dyn StateView,
        address: Address,
        account: Option<Account>,
    ) -> Result<(), StateError> {
        self.entry(state, address)?.now = account;
        Ok(())
    }

    pub(crate) fn add_code(&mut self, hash: B256, code: Bytes) {
        self.codes.insert(hash, code);
    }

    pub(crate) fn set_storage(
        &mut self,
        state: &dyn StateView,
        address: Address,
        slot: U256,
        value: U256,
    ) -> Result<(), StateError> {
        self.storage(state, address, slot)?;
        let entry = self.entry(state, address)?;
        let slot = entry.slots.entry(slot).or_insert(Slot { before: U256::ZERO, now: value });
        slot.now = value;
        Ok(())
    }

    /// Sets every slot of `address` to zero.
    pub(crate) fn wipe_storage(
        &mut self,
        state: &dyn StateView,
        address: Address,
    ) -> Result<(), StateError> {
        let entry = self.entry(state, address)?;
        if entry.before.is_some() && !entry.wiped {
            for (slot, before) in state.storage_of(&address)? {
                entry.slots.entry(slot).or_insert(Slot { before, now: before });
            }
        }
        for slot in entry.slots.values_mut() {
            slot.now = U256::ZERO;
        }
        entry.wiped = true;
        Ok(())
    }

    /// Takes over what a transaction did: revm's map of the accounts it loaded.
    ///
    /// `clears_empty` tells whether touched empty accounts vanish (EIP-161).
    pub(crate) fn commit(
        &mut self,
        state: &dyn StateView,
        changes: EvmState,
        clears_empty: bool,
    ) -> Result<(), StateError> {
        for (address, account) in changes {
            if account.is_touched() {
                self.commit_account(state, address, account, clears_empty)?;
            }
        }
        Ok(())
    }

    fn commit_account(
        &mut self,
        state: &dyn StateView,
        address: Address,
        account: TouchedAccount,
        clears_empty: bool,
    ) -> Result<(), StateError> {
        let empty = clears_empty && account.info.is_empty();
        if account.is_selfdestructed() || empty {
            let entry = self.entry(state, address)?;
            entry.now = None;
            if entry.before.is_some() || !entry.slots.is_empty() {
                self.wipe_storage(state, address)?;
            }
            return Ok(());
        }
        if account.is_created() && self.entry(state, address)?.before.is_some() {
            self.wipe_storage(state, address)?;
        }
        let info = account.info;
        let entry = self.entry(state, address)?;
        let known = entry.now.map(|now| now.code_hash);
        entry.now =
            Some(Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash });
        for (key, slot) in account.storage {
            if slot.is_changed() {
                let known = entry
                    .slots
                    .entry(key)
                    .or_insert(Slot { before: slot.original_value, now: U256::ZERO });
                known.now = slot.present_value;
            }
        }
        if known != Some(info.code_hash)
            && !info.is_empty_code_hash()
            && let Some(code) = info.code
        {
            self.codes.insert(info.code_hash, code.original_bytes());
        }
        Ok(())
    }

    /// Everything that differs from the start, sorted.
    pub(crate) fn diff(&self) -> StateDiff {
        let mut accounts: Vec<AccountChange> =
            self.accounts.iter().filter_map(|(address, entry)| change(*address, entry)).collect();
        accounts.sort_unstable_by_key(|change| change.address);
        StateDiff { codes: self.new_codes(&accounts), accounts }
    }

    fn new_codes(&self, accounts: &[AccountChange]) -> Vec<Code> {
        let mut hashes: Vec<B256> = accounts
            .iter()
            .filter_map(|change| {
                let hash = change.after?.code_hash;
                (change.before.map(|before| before.code_hash) != Some(hash)).then_some(hash)
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
            .into_iter()
            .filter_map(|hash| {
                self.codes.get(&hash).map(|bytes| Code { hash, bytes: bytes.clone() })
            })
            .collect()
    }
}

fn change(address: Address, entry: &Entry) -> Option<AccountChange> {
    let mut slots: Vec<SlotChange> = entry
        .slots
        .iter()
        .filter(|(_, slot)| slot.before != slot.now)
        .map(|(key, slot)| SlotChange { slot: *key, before: slot.before, after: slot.now })
        .collect();
    if slots.is_empty() && entry.before == entry.now {
        return None;
    }
    slots.sort_unstable_by_key(|change| change.slot);
    Some(AccountChange { address, before: entry.before, after: entry.now, slots })
}
