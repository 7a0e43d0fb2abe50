//! The chain rebuilt from L1 alone.
//!
//! **What it is.** [`Derivation`] reads what the contracts on L1 recorded ([`RollupL1`]), fetches the
//! data of each batch, turns it into blocks by the rules that the sequencer builds with
//! (`docs/spec/derivation.md`), executes them into a [`Chain`](jovay_storage::Chain) and compares the
//! outcome with all that L1 says about it. Blocks that the chain has already, from a feed or an
//! earlier run, are compared instead of executed.
//!
//! **What it is not.** It trusts no node of L2 and serves none. It does not decide what is final.
//!
//! **Start here.** [`Derivation`], then `rules` (from data to blocks) and `batches` (from events to
//! the chain of batches).
//!
//! **Invariants.**
//! - Nothing is executed that is not bound by hashes to what the contracts recorded, up to the L1
//!   block at the tag.
//! - Every refusal names the batch, and the block or blob where there is one.
//! - A batch counts as done only when its blocks are on disk; being killed loses no more than time.
//! - What is fetched ahead is bounded by [`AHEAD_BATCHES`].

mod batches;
mod build;
mod check;
mod compare;
mod data;
mod derivation;
mod error;
mod l1;
mod messages;
mod plan;
mod records;
mod rpc;
mod rules;
mod sources;

pub use batches::{BatchChain, Outcome};
pub use compare::NodeComparison;
pub use data::{BatchSource, DataAddresses};
pub use derivation::{AHEAD_BATCHES, Advance, Derivation, DerivationConfig, OnDifference};
pub use error::DeriveError;
pub use l1::{
    CarriedBlobs, Committed, EventPlace, L1Ref, QueuedMessage, RollupEvent, RollupFacts, RollupL1,
};
pub use records::{BatchPlace, RECORDS_FILE, Records};
pub use rpc::RpcL1;
pub use sources::BlobSources;
