//! The state of the chain: how it is read, overlaid, changed, committed to a root and proven.
//!
//! **What it is.** The traits through which everything else sees state ([`StateView`],
//! [`ChainStore`]), overlays over them, and the Ethereum Merkle Patricia trie with proofs.
//!
//! **What it is not.** It owns no disk (`jovay-storage` does) and runs no code (`jovay-evm` does).
//!
//! **Start here.** [`StateView`], then [`StateTrie`].
//!
//! **Invariants.** A missing value is an error, never a zero: a view answers `None` or zero only
//! for what it knows to be absent.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "std")]
mod chain_store;
mod overlay;
mod proof;
mod root;
pub mod trie;
mod view;

#[cfg(feature = "std")]
pub use chain_store::{ChainStore, SealOutcome, StoreError};
pub use overlay::{MemoryState, Overlay};
pub use proof::{AccountProof, SlotProof};
pub use root::ordered_root;
pub use trie::{NodeSource, NodeUpdate, ProofError, StateTrie, verify_proof};
pub use view::{StateError, StateView};
