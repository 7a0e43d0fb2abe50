//! The load generator and benchmark harness behind `jovay bench`.
//!
//! **What it is.** [`rpc::run`] starts nodes as processes of their own, sends them pre-signed
//! transactions over HTTP and measures throughput, latency to the receipt and CPU per component,
//! ours and a peer's in the same run.
//!
//! **What it is not.** It links no part of the node: it sees what any client sees.
//!
//! **Start here.** [`rpc`].
//!
//! **Invariants.** A figure counts only transactions that have a receipt; a refused or lost
//! transaction is reported, never dropped from the sum in silence.

pub mod client;
mod cpu;
mod load;
mod node;
pub mod rpc;
pub mod wallet;

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file, process or connection failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The node answered with an error or with something unexpected.
    #[error("{method}: {message}")]
    Node {
        /// JSON-RPC method.
        method: String,
        /// The answer.
        message: String,
    },
    /// Something did not happen in time.
    #[error("timed out: {0}")]
    Timeout(String),
}
