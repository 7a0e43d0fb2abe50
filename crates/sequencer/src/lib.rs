//! Transaction pool, block building and the staged pipeline.
//!
//! **What it is.** The way of a transaction from raw bytes to a published block: decoding and
//! checks with senders recovered in batches ([`Sequencer::submit`]), the pool ([`Pool`]), and
//! four stages on threads of their own joined by bounded channels: build and execute, log, seal,
//! publish. Block N+1 executes while block N is logged and sealed.
//!
//! **What it is not.** It knows no tables, no EVM and no JSON: it sees
//! [`ChainStore`](jovay_state::ChainStore), [`StateView`](jovay_state::StateView) and
//! [`BlockExecutor`](jovay_evm::BlockExecutor) only.
//!
//! **Start here.** [`Sequencer`], [`SequencerConfig`], [`Pool`].
//!
//! **Invariants.**
//! - The pool never holds two transactions with one sender and nonce, and what it calls pending is
//!   contiguous from the sender's nonce in the staged state.
//! - A block is broadcast only after the store has logged, sealed and published it.
//! - A published blob transaction has its sidecar in the [`BlobStore`] before anyone sees the
//!   block.
//! - After a failure of the store nothing is acknowledged any more.
//! - Every queue is bounded: the limits stand in [`SequencerConfig`] or beside their constant.

mod blobs;
mod clock;
mod config;
mod dev;
#[cfg(test)]
mod dev_tests;
mod error;
mod ingest;
mod l1_queue;
mod pipeline;
mod pool;
mod reorg;
mod schedule;
mod sequencer;
#[cfg(test)]
mod testing;

pub use blobs::{BlobStore, SharedSidecar};
pub use clock::Clock;
pub use config::{BlobConfig, BlockConfig, IngestConfig, PoolConfig, SequencerConfig};
pub use dev::{MineRequest, impersonation_signature};
pub use error::{PoolError, SequencerError};
pub use l1_queue::{L1Queue, L1QueueError};
pub use pipeline::{IncludedTx, WaitError, beacon_block_root};
pub use pool::{Pool, PoolContent, PoolStatus, TxsByNonce, TxsBySender};
pub use reorg::ReorgRequest;
pub use sequencer::Sequencer;
