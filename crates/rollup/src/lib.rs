//! The sequencer's side towards L1: deposits in, batches out, prices, tags and the `jovay` RPC
//! namespace.
//!
//! **What it is.** [`Inbox`] reads messages from L1 into the block builder's queue. [`Batcher`] brings
//! the chain's blocks to L1 in batches, which a [`BatchStore`](store::BatchStore) keeps. [`Tracker`]
//! says what is safe and final. [`OracleFeeder`] brings L1's prices to L2. [`MessageIndex`] keeps the
//! tree of messages to L1. [`RollupNode`] answers the `jovay` namespace from all of them.
//!
//! **What it is not.** It executes nothing and serves no port: the node gives it the chain, and whoever
//! wires a command starts its parts.
//!
//! **Start here.** [`Inbox`], [`Batcher`], [`Tracker`], [`RollupNode`].
//!
//! **Invariants.** Nothing of L1 is believed that can be checked against the contracts' state or our own
//! hashes. Every message from L1 is executed once and in order, whatever restarts. What L1 takes
//! back is noticed and said; the sequencer goes on serving.

pub mod api;
pub mod batcher;
pub mod bridge;
pub mod inbox;
pub mod l1_blocks;
pub mod messages;
pub mod oracle;
mod ranges;
pub mod store;
mod tables;
pub mod tracker;

pub use api::{Alarms, RollupNode, RollupParts};
pub use batcher::{
    BatchCloser, Batcher, BatcherConfig, BatcherError, BatcherParts, BatcherStatus, CommitGate,
};
pub use inbox::{Inbox, InboxAlarm, InboxConfig, InboxStatus};
pub use messages::MessageIndex;
pub use oracle::{OracleConfig, OracleFeeder, OracleParts};
pub use ranges::RANGE_MAX;
pub use tracker::{Tracker, TrackerConfig, TrackerHandle};
