//! Why a node cannot start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ConfigError;

/// Why a node cannot start; each message says what was wrong in one line.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The genesis file is not one.
    #[error("genesis file {path}: {message}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        message: String,
    },
    /// The addresses file does not fit this build.
    #[error("addresses file: {0}")]
    Deployment(String),
    /// The database cannot be used.
    #[error("database: {0}")]
    Store(String),
    /// A block of the imported file does not continue the chain.
    #[error("import: block {number}: {message}")]
    Import {
        /// The block's number.
        number: u64,
        /// What is wrong with it.
        message: String,
    },
    /// The imported file is not a sequence of blocks.
    #[error("import: {path} is malformed at byte {offset}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the block starts that cannot be decoded.
        offset: usize,
        /// What is wrong.
        message: String,
    },
    /// The sequencer cannot start.
    #[error("sequencer: {0}")]
    Sequencer(String),
    /// What joins the chain with L1 cannot start.
    #[error("L1: {0}")]
    L1(String),
    /// A replica cannot follow what it was told to.
    #[error("replica: {0}")]
    Replica(String),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}; another node may be running there, try --port")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}
