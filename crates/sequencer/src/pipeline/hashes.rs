//! Hashes of earlier blocks for a block that executes before its parent is sealed.

use std::sync::Arc;

use alloy_primitives::B256;
use jovay_evm::BlockHashes;
use jovay_state::{ChainStore, StateError, StoreError};

use super::Progress;

/// Asks the store, and waits where the block is still being sealed.
pub(crate) struct SealedHashes {
    pub(crate) store: Arc<dyn ChainStore>,
    pub(crate) progress: Arc<Progress>,
}

impl BlockHashes for SealedHashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let missing = || StateError::Missing { what: "block hash", key: number.to_string() };
        if let Some(hash) = self.ask(number)? {
            return Ok(hash);
        }
        if number > self.progress.passed().staged {
            return Err(missing());
        }
        self.progress
            .wait(|passed| passed.sealed >= number)
            .map_err(|error| StateError::Backend(error.to_string()))?;
        self.ask(number)?.ok_or_else(missing)
    }
}

impl SealedHashes {
    fn ask(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.store.sealed_hash(number).map_err(|error| match error {
            StoreError::State(error) => error,
            error => StateError::Backend(error.to_string()),
        })
    }
}
