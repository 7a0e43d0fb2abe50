//! The published batch layout. All integers are big-endian.

mod chunk;
mod context;
mod data;
mod error;
mod header;
mod payload;
mod reader;

pub use chunk::{Chunk, CountRule};
pub use context::{BLOCK_CONTEXT_BYTES, BlockContext};
pub use data::{BatchData, DA_META_BYTES, DaVersion, MAX_BODY_BYTES, blob_data_hash};
pub use error::CodecError;
pub use header::{BATCH_HEADER_BYTES, BatchHeader, BatchVersion};
pub use payload::ChunksPayload;
