//! Reading the state.

use alloc::{string::String, sync::Arc, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_types::Account;

/// Why state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A piece that must be there is not: a code, a trie node, a part of a witness.
    #[error("missing {what} {key}")]
    Missing {
        /// What kind of thing is missing.
        what: &'static str,
        /// Its key: a hash, an address, a path.
        key: String,
    },
    /// The disk or its format failed.
    #[error("state storage: {0}")]
    Backend(String),
}

/// A state at one fixed moment.
///
/// Every method answers for the same moment however long the view lives. `None` and zero mean
/// "known to be absent".
pub trait StateView: Send + Sync {
    /// The account at `address`.
    ///
    /// # Errors
    /// The answer is not known: see [`StateError`]. So in every method.
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError>;

    /// The value of a storage slot; zero when absent.
    ///
    /// # Errors
    /// See [`StateView::account`].
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError>;

    /// The code whose keccak256 is `code_hash`, which an account of this state has.
    ///
    /// # Errors
    /// See [`StateView::account`]; unknown code is [`StateError::Missing`].
    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError>;

    /// Every non-zero slot of `address`, by ascending key: for the destruction of a contract with
    /// storage (only before Cancun) and for dumps.
    ///
    /// # Errors
    /// See [`StateView::account`].
    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError>;
}

impl<T: StateView + ?Sized> StateView for Arc<T> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        (**self).account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        (**self).storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        (**self).code(code_hash)
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        (**self).storage_of(address)
    }
}
