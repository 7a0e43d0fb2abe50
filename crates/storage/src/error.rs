//! Why the chain could not answer.

use alloy_primitives::B256;
use jovay_state::{StateError, StoreError};

/// Why the chain could not be opened or could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The state of this block has been pruned.
    #[error("state of block {number} is not available, the oldest kept is {oldest}")]
    StatePruned {
        /// The block asked for.
        number: u64,
        /// The oldest block with state.
        oldest: u64,
    },
    /// There is no such block.
    #[error("block {0} is unknown")]
    UnknownBlock(u64),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The disk failed.
    #[error("{0}")]
    Backend(String),
    /// What is on disk is damaged: where, and what is wrong.
    #[error("{place}: {what}")]
    Corrupt {
        /// The file and offset, or the table and key.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// The data directory belongs to another chain.
    #[error("data directory holds the chain with genesis {found}, not {expected}")]
    GenesisMismatch {
        /// What is there.
        found: B256,
        /// What was asked for.
        expected: B256,
    },
    /// Another process has the data directory open.
    #[error("{0} is in use by another process")]
    InUse(String),
    /// The directory was written by another version of the format.
    #[error("data format {found} is not {expected}, which this program reads")]
    Format {
        /// What is there.
        found: u64,
        /// What this program reads and writes.
        expected: u64,
    },
    /// The directory cannot be used as asked.
    #[error("{0}")]
    Unusable(String),
}

impl ChainError {
    pub(crate) fn corrupt(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Corrupt { place: place.into(), what: what.into() }
    }

    pub(crate) fn io(place: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Backend(format!("{}: {error}", place.display()))
    }
}

impl From<ChainError> for StoreError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::State(error) => Self::State(error),
            other => Self::Backend(other.to_string()),
        }
    }
}

impl From<ChainError> for StateError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::State(error) => error,
            ChainError::StatePruned { number, .. } => {
                Self::Missing { what: "state of pruned block", key: number.to_string() }
            }
            other => Self::Backend(other.to_string()),
        }
    }
}
