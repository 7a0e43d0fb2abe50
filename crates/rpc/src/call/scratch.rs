//! A state that can be written to, over one that cannot: what overridden calls and simulations
//! run on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use jovay_state::{StateError, StateView};
use jovay_types::{Account, AccountChange, Code, EMPTY_CODE_HASH, SlotChange, StateDiff};

/// Slots written to one account.
#[derive(Clone, Debug, Default)]
struct Slots {
    /// The account's storage below does not count: it was destroyed, created anew or replaced.
    replaced: bool,
    values: BTreeMap<U256, U256>,
}

/// Writes over a fixed state. Reads see the last write, or the state below.
///
/// A clone shares the state below and copies the writes, so an attempt can be thrown away.
#[derive(Clone)]
pub(crate) struct ScratchState {
    base: Arc<dyn StateView>,
    accounts: HashMap<Address, Option<Account>>,
    storage: HashMap<Address, Slots>,
    codes: HashMap<B256, Bytes>,
}

impl ScratchState {
    /// No writes yet.
    pub(crate) fn new(base: Arc<dyn StateView>) -> Self {
        Self { base, accounts: HashMap::new(), storage: HashMap::new(), codes: HashMap::new() }
    }

    /// Replaces an account's nonce, balance and code hash.
    pub(crate) fn set_account(&mut self, address: Address, account: Option<Account>) {
        self.accounts.insert(address, account);
    }

    /// Sets one slot.
    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        self.storage.entry(address).or_default().values.insert(slot, value);
    }

    /// Drops every slot of the account.
    pub(crate) fn clear_storage(&mut self, address: Address) {
        self.storage.insert(address, Slots { replaced: true, values: BTreeMap::new() });
    }

    /// Makes `code` readable under its hash, which is returned.
    pub(crate) fn add_code(&mut self, code: Bytes) -> B256 {
        if code.is_empty() {
            return EMPTY_CODE_HASH;
        }
        let hash = keccak256(&code);
        self.codes.insert(hash, code);
        hash
    }

    /// Takes over what a block changed.
    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        self.codes.extend(diff.codes.iter().map(|code| (code.hash, code.bytes.clone())));
        for change in &diff.accounts {
            self.set_account(change.address, change.after);
            for slot in &change.slots {
                self.set_slot(change.address, slot.slot, slot.after);
            }
        }
    }

    /// Everything written, as a change of the state below. With `clear_empty` (EIP-161) accounts
    /// left empty count as absent.
    ///
    /// # Errors
    /// The state below could not be read.
    pub(crate) fn diff(&self, clear_empty: bool) -> Result<StateDiff, StateError> {
        let touched: BTreeSet<Address> =
            self.accounts.keys().chain(self.storage.keys()).copied().collect();
        let mut accounts = Vec::with_capacity(touched.len());
        let mut hashes = BTreeSet::new();
        for address in touched {
            let before = self.base.account(&address)?;
            let after = self.account(&address)?.filter(|a| !(clear_empty && a.is_empty()));
            let slots = self.slot_changes(&address, after.is_none())?;
            if before != after || !slots.is_empty() {
                if let Some(account) = after.filter(Account::has_code) {
                    hashes.insert(account.code_hash);
                }
                accounts.push(AccountChange { address, before, after, slots });
            }
        }
        let codes = hashes
            .into_iter()
            .filter_map(|hash| {
                self.codes.get(&hash).map(|bytes| Code { hash, bytes: bytes.clone() })
            })
            .collect();
        Ok(StateDiff { accounts, codes })
    }

    fn slot_changes(&self, address: &Address, gone: bool) -> Result<Vec<SlotChange>, StateError> {
        let mut slots = BTreeMap::new();
        let written = self.storage.get(address);
        if gone || written.is_some_and(|slots| slots.replaced) {
            for (slot, before) in self.base.storage_of(address)? {
                slots.insert(slot, SlotChange { slot, before, after: U256::ZERO });
            }
        }
        if let Some(written) = written.filter(|_| !gone) {
            for (slot, after) in &written.values {
                let before = self.base.storage(address, slot)?;
                slots.insert(*slot, SlotChange { slot: *slot, before, after: *after });
            }
        }
        Ok(slots.into_values().filter(|change| change.before != change.after).collect())
    }
}

impl StateView for ScratchState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match self.accounts.get(address) {
            Some(account) => Ok(*account),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        if let Some(slots) = self.storage.get(address) {
            if let Some(value) = slots.values.get(slot) {
                return Ok(*value);
            }
            if slots.replaced {
                return Ok(U256::ZERO);
            }
        }
        self.base.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        match self.codes.get(code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(code_hash),
        }
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        let Some(written) = self.storage.get(address) else {
            return self.base.storage_of(address);
        };
        let mut slots = BTreeMap::new();
        if !written.replaced {
            slots.extend(self.base.storage_of(address)?);
        }
        slots.extend(&written.values);
        Ok(slots.into_iter().filter(|(_, value)| !value.is_zero()).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jovay_state::MemoryState;
    use proptest::prelude::*;

    fn base() -> MemoryState {
        let mut state = MemoryState::new();
        for account in 0..3u8 {
            let slots = (0..3u8).map(|slot| (U256::from(slot), U256::from(slot + account)));
            let code = Bytes::from(vec![account; account.into()]);
            state.insert(Address::repeat_byte(account), 1, U256::from(account), code, slots);
        }
        state
    }

    proptest! {
        /// The change that is reported leads from the state below to what is read.
        #[test]
        fn the_diff_is_what_is_read(
            writes in proptest::collection::vec((0u8..4, 0u8..4, 0u64..3, 0u8..5), 0..40),
        ) {
            let below = base();
            let mut scratch = ScratchState::new(Arc::new(below.clone()));
            for (kind, address, value, slot) in writes {
                let address = Address::repeat_byte(address);
                let account = scratch.account(&address).unwrap().unwrap_or_default();
                let account = match kind {
                    0 => Account { nonce: value + 1, ..account },
                    1 => {
                        let code_hash = scratch.add_code(Bytes::from(vec![slot; 3]));
                        Account { code_hash, nonce: 1, ..account }
                    }
                    2 => Account { balance: U256::from(value + 1), ..account },
                    _ => {
                        scratch.clear_storage(address);
                        Account { nonce: 1, ..account }
                    }
                };
                scratch.set_account(address, Some(account));
                scratch.set_slot(address, U256::from(slot), U256::from(value));
            }
            let mut above = below;
            above.apply(&scratch.diff(true).unwrap());
            for address in (0..5).map(Address::repeat_byte) {
                let account = scratch.account(&address).unwrap();
                prop_assert_eq!(above.account(&address).unwrap(), account);
                prop_assert_eq!(
                    above.storage_of(&address).unwrap(),
                    scratch.storage_of(&address).unwrap()
                );
                if let Some(hash) = account.map(|account| account.code_hash) {
                    prop_assert_eq!(above.code(&hash).ok(), scratch.code(&hash).ok());
                }
            }
        }
    }
}
