//! Why the sender refuses.

use std::path::PathBuf;

use alloy_primitives::Address;

use crate::L1Error;

/// Why an intent was not taken, or the sender cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The node could not be asked for the chain id when the sender was opened.
    #[error(transparent)]
    Client(#[from] L1Error),
    /// The journal cannot be read or written.
    #[error("journal {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal is in use by another process.
    #[error("journal {path} is in use by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The journal is damaged: not merely its last record cut short, as after a crash.
    #[error(
        "journal {path} is damaged at byte {offset}: {message}; restore it from a copy, or move it \
         away if no transaction of this account waits on L1"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        message: String,
    },
    /// The journal belongs to another key.
    #[error("journal {path} was written for {wrote}, the key is of {have}")]
    WrongSigner {
        /// The file.
        path: PathBuf,
        /// Its account.
        wrote: Address,
        /// The signer's account.
        have: Address,
    },
    /// The node, the configuration or the journal is of another chain.
    #[error("L1 chain id is {have}, expected {expected}: another network's node or journal?")]
    WrongChain {
        /// What was expected.
        expected: u64,
        /// What was found.
        have: u64,
    },
    /// The configuration contradicts itself.
    #[error("sender configuration: {0}")]
    Config(String),
    /// The key is empty, too long, or taken by another intent.
    #[error("intent {key:?}: {message}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// The intent can never be sent as it is.
    #[error("intent {key:?} cannot be sent: {message}")]
    Invalid {
        /// Its key.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// Too many intents are open. Wait until some are final.
    #[error("{open} intents are open already, no more than {limit} are kept")]
    Full {
        /// How many there are.
        open: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Only an intent of which no transaction can be with the nodes can be forgotten.
    #[error("intent {0:?} may be included at any time and cannot be forgotten")]
    InFlight(String),
}
