//! The state as revm reads it.

use alloc::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use jovay_state::{StateError, StateView};
use jovay_types::{Account, EMPTY_CODE_HASH, StateDiff};
use revm::{
    Database, DatabaseRef,
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode, EvmState},
};

use crate::{BlockHashes, CodeCache, overlay::Overlay, predeploys::HISTORY_STORAGE};

/// A [`StateError`] on its way through revm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct DbError(#[from] pub StateError);

impl DBErrorMarker for DbError {}

/// How many blocks back `BLOCKHASH` looks, and how long the EIP-2935 contract's slots are
/// answered from [`BlockHashes`] where the write is deferred.
const BLOCK_HASH_DEPTH: u64 = 256;

/// revm's view of a [`StateView`], with an overlay of what was committed since.
///
/// Nothing is written to the view: [`EvmDb::diff`] tells what changed.
pub struct EvmDb<'a> {
    state: &'a dyn StateView,
    hashes: &'a dyn BlockHashes,
    codes: Option<Arc<CodeCache>>,
    overlay: Overlay,
    clears_empty: bool,
    /// The executing block, when its ancestors' EIP-2935 writes may be missing from `state`.
    deferred_parent_hash_at: Option<u64>,
    /// An account without code or nonce that must not become a contract (EIP-7610).
    occupied: Option<Address>,
}

impl<'a> EvmDb<'a> {
    /// Reads `state`; ancestors' hashes come from `hashes`.
    pub fn new(state: &'a dyn StateView, hashes: &'a dyn BlockHashes) -> Self {
        Self {
            state,
            hashes,
            codes: None,
            overlay: Overlay::default(),
            clears_empty: true,
            deferred_parent_hash_at: None,
            occupied: None,
        }
    }

    /// Shares analyzed code with other EVMs.
    #[must_use]
    pub fn with_code_cache(mut self, codes: Arc<CodeCache>) -> Self {
        self.codes = Some(codes);
        self
    }

    /// Keeps touched empty accounts, as before Spurious Dragon (EIP-161).
    pub(crate) fn keep_empty_accounts(&mut self) {
        self.clears_empty = false;
    }

    /// Answers reads of the EIP-2935 contract for the last 256 blocks before `number` from the
    /// block hashes: on the L2 these writes happen when a block is sealed, which may be later.
    pub fn defer_parent_hash(&mut self, number: u64) {
        self.deferred_parent_hash_at = Some(number);
    }

    /// Makes room for this many accounts.
    #[must_use]
    pub(crate) fn with_capacity(mut self, accounts: usize) -> Self {
        self.overlay.reserve(accounts);
        self
    }

    /// The state underneath.
    pub fn state(&self) -> &'a dyn StateView {
        self.state
    }

    /// Ancestors' hashes.
    pub fn hashes(&self) -> &'a dyn BlockHashes {
        self.hashes
    }

    /// Takes over what a transaction did.
    ///
    /// # Errors
    /// The storage of a destroyed account could not be listed.
    pub fn commit(&mut self, changes: EvmState) -> Result<(), StateError> {
        self.overlay.commit(self.state, changes, self.clears_empty)
    }

    /// Everything that was committed or set, against the state underneath, sorted.
    pub fn diff(&self) -> StateDiff {
        self.overlay.diff()
    }

    /// The account at `address` with what was committed.
    ///
    /// # Errors
    /// The state could not be read. So in every method.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.overlay.peek_account(self.state, address)
    }

    /// The value of a slot with what was committed.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.overlay.peek_storage(self.state, address, slot)
    }

    /// Replaces an account; its storage stays.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn set_account(
        &mut self,
        address: Address,
        account: Option<Account>,
    ) -> Result<(), StateError> {
        self.overlay.set_account(self.state, address, account)
    }

    /// Replaces the code of an account, which comes into being if there is none.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), StateError> {
        let code_hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&code) };
        let account = self.account(address)?.unwrap_or_default();
        if !code.is_empty() {
            self.overlay.add_code(code_hash, code);
        }
        self.set_account(address, Some(Account { code_hash, ..account }))
    }

    /// Replaces the value of a slot.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn set_storage(
        &mut self,
        address: Address,
        slot: U256,
        value: U256,
    ) -> Result<(), StateError> {
        self.overlay.set_storage(self.state, address, slot, value)
    }

    /// Sets every slot of an account to zero.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn wipe_storage(&mut self, address: Address) -> Result<(), StateError> {
        self.overlay.wipe_storage(self.state, address)
    }

    /// Adds wei to an account, which comes into being if there is none; adding nothing does
    /// nothing.
    ///
    /// # Errors
    /// See [`EvmDb::account`].
    pub fn add_balance(&mut self, address: Address, wei: U256) -> Result<(), StateError> {
        if wei.is_zero() {
            return Ok(());
        }
        let account = self.overlay.account(self.state, address)?.unwrap_or_default();
        let balance = account.balance.saturating_add(wei);
        self.set_account(address, Some(Account { balance, ..account }))
    }

    /// The hash behind a slot of the EIP-2935 contract whose write may still be outstanding.
    fn deferred_hash(&self, address: Address, slot: U256) -> Option<Result<U256, StateError>> {
        let number = self.deferred_parent_hash_at?;
        if address != HISTORY_STORAGE {
            return None;
        }
        let window = alloy_eips::eip2935::HISTORY_SERVE_WINDOW as u64;
        let slot = u64::try_from(slot).ok().filter(|slot| *slot < window)?;
        let parent = number.checked_sub(1)?;
        // How far before the parent the block lies that this slot belongs to.
        let back = (parent % window + window - slot) % window;
        if back >= BLOCK_HASH_DEPTH || back > parent {
            return None;
        }
        Some(self.hashes.block_hash(parent - back).map(|hash| U256::from_be_bytes(hash.0)))
    }

    /// Whether the account has storage but neither code nor nonce.
    pub(crate) fn has_storage_only(&self, address: Address) -> Result<bool, StateError> {
        match self.account(address)? {
            Some(account) if account.nonce == 0 && !account.has_code() => {
                self.overlay.has_storage(self.state, address)
            }
            _ => Ok(false),
        }
    }

    /// Shows `address` with a code hash that is not that of no code.
    pub(crate) fn mark_occupied(&mut self, address: Option<Address>) {
        self.occupied = address;
    }

    fn code(&self, hash: B256) -> Result<Bytecode, StateError> {
        if hash == EMPTY_CODE_HASH || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.as_ref().and_then(|codes| codes.get(&hash)) {
            return Ok(code);
        }
        let raw = match self.overlay.code(&hash) {
            Some(raw) => raw.clone(),
            None => self.state.code(&hash)?,
        };
        let code = Bytecode::new_raw(raw);
        if let Some(codes) = &self.codes {
            codes.insert(hash, code.clone());
        }
        Ok(code)
    }
}

fn info(account: Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: if account.has_code() { None } else { Some(Bytecode::default()) },
    }
}

impl Database for EvmDb<'_> {
    type Error = DbError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, DbError> {
        let mut found = self.overlay.account(self.state, address)?.map(info);
        if self.occupied == Some(address)
            && let Some(info) = &mut found
        {
            info.code_hash = B256::ZERO;
        }
        Ok(found)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, DbError> {
        Ok(self.code(code_hash)?)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, DbError> {
        if let Some(hash) = self.deferred_hash(address, slot) {
            return Ok(hash?);
        }
        Ok(self.overlay.storage(self.state, address, slot)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, DbError> {
        Ok(self.hashes.block_hash(number)?)
    }
}

impl DatabaseRef for EvmDb<'_> {
    type Error = DbError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, DbError> {
        Ok(self.account(address)?.map(info))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, DbError> {
        Ok(self.code(code_hash)?)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, DbError> {
        if let Some(hash) = self.deferred_hash(address, slot) {
            return Ok(hash?);
        }
        Ok(self.slot(address, slot)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, DbError> {
        Ok(self.hashes.block_hash(number)?)
    }
}
