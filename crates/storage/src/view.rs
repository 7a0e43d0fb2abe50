//! The state after one block, as executors and the RPC server see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_state::{StateError, StateView};
use jovay_types::{Account, EMPTY_CODE_HASH, StateDiff};

use crate::states::States;
use crate::tables::Epoch;

/// The state after block `number`. It holds the tables as they were when it was made, so a
/// historical view never changes; one of the newest blocks follows them as they move on.
pub(crate) struct BlockView {
    states: Arc<States>,
    held: Arc<Epoch>,
    number: u64,
    /// Reverts when it was made.
    reverts: u64,
}

impl BlockView {
    pub(crate) fn new(states: Arc<States>, number: u64) -> Self {
        let reverts = states.revert_count();
        Self { held: states.epoch(), number, reverts, states }
    }

    /// Gives `value`, unless the block was reverted meanwhile.
    fn checked<T>(&self, value: T) -> Result<T, StateError> {
        if self.states.survives(self.number, self.reverts) {
            return Ok(value);
        }
        Err(StateError::Missing { what: "state of reverted block", key: self.number.to_string() })
    }
}

impl StateView for BlockView {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let account = self.states.account_at(&self.held, address, self.number)?;
        self.checked(account)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let value = self.states.slot_at(&self.held, address, slot, self.number)?;
        self.checked(value)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        if *code_hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        let code = self.states.code(code_hash)?;
        code.ok_or_else(|| StateError::Missing { what: "code", key: code_hash.to_string() })
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        let slots = self.states.slots_of(address, self.number)?;
        self.checked(slots)
    }
}

/// A state with changes over it that belong to no block yet.
pub(crate) struct PatchedView {
    pub(crate) base: BlockView,
    pub(crate) patch: Arc<StateDiff>,
}

impl StateView for PatchedView {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match self.patch.account(address) {
            Some(change) => Ok(change.after),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        match self.patch.account(address).and_then(|change| change.slot(slot)) {
            Some(change) => Ok(change.after),
            None => self.base.storage(address, slot),
        }
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        match self.patch.codes.iter().find(|code| code.hash == *code_hash) {
            Some(code) => Ok(code.bytes.clone()),
            None => self.base.code(code_hash),
        }
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        let mut slots: BTreeMap<_, _> = self.base.storage_of(address)?.into_iter().collect();
        if let Some(change) = self.patch.account(address) {
            slots.extend(change.slots.iter().map(|slot| (slot.slot, slot.after)));
        }
        Ok(slots.into_iter().filter(|(_, value)| !value.is_zero()).collect())
    }
}
