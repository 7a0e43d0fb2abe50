//! A whole rollup in one process: a development L1, the contracts on it, a sequencer, and what
//! joins them.
//!
//! **What it is.** What `jovay dev` runs, and what end-to-end tests start.
//!
//! **What it is not.** A shortcut: the sequencer reaches its L1 over HTTP as it would any other,
//! with the contracts that `jovay deploy` deploys anywhere.
//!
//! **Start here.** [`Devnet::start`].
//!
//! **Invariants.** Its keys are publicly known. What is in the data folder is taken up again, L1
//! and addresses included.

mod devnet;
mod error;
mod operator;

pub use devnet::Devnet;
pub use error::DevnetError;
pub use operator::Operator;
