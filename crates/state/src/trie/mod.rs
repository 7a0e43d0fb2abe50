//! The state's Merkle Patricia tries (Yellow Paper, appendix D) in memory, over a [`NodeSource`].
//!
//! Nodes are reference counted and shared between clones; a node that is not in memory is its hash
//! until a change needs it. The storage trie of an account hangs off the account's leaf, so one
//! pass over the account trie updates everything, and what is not needed goes away together.

mod build;
mod codec;
mod leaf;
mod node;
mod read;
mod saving;
mod source;
mod state_trie;
#[cfg(test)]
mod tests;
mod update;
mod verify;

#[cfg(feature = "std")]
pub use source::RecordingSource;
pub use source::{EmptySource, NodeSource, WitnessSource};
pub use state_trie::{NodeUpdate, StateTrie};
pub use verify::{ProofError, verify_proof};
