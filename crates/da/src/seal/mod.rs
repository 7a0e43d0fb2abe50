//! From a stream of blocks to chunks and batches.

mod batch;
mod block;
mod chunk;
mod config;
mod cost;
mod error;
mod state;

pub use batch::{BatchSealer, CloseReason, Sealed, SealedBatch};
pub use block::BlockData;
pub use chunk::{ChunkSealer, SealedChunk};
pub use config::{BatchLimits, ChunkLimits, SealingConfig};
pub use cost::{CostTarget, L1Prices};
pub use error::SealError;
