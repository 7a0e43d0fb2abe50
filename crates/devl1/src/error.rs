//! Why a development L1 cannot start.

use jovay_node::NodeError;

/// Why a development L1 cannot start; each message says what was wrong in one line.
#[derive(Debug, thiserror::Error)]
pub enum DevL1Error {
    /// A setting is outside what it can work with.
    #[error("development L1: setting `{key}` {message}")]
    Config {
        /// The setting.
        key: &'static str,
        /// What would be right.
        message: String,
    },
    /// The node behind it cannot start.
    #[error("development L1: {0}")]
    Node(#[from] NodeError),
    /// The thread that was to open the chain died.
    #[error("development L1: opening the chain failed: {0}")]
    Opening(String),
}
