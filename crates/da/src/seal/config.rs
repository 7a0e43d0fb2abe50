//! When chunks and batches close.

use super::{CostTarget, SealError};
use crate::{DA_META_BYTES, MAX_BODY_BYTES, MAX_PAYLOAD_BYTES, USABLE_BYTES_PER_BLOB};

/// What closes a chunk, whichever comes first. A chunk is the unit of proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Gas used.
    pub gas: u64,
    /// Transactions, L1 messages among them.
    pub transactions: u64,
    /// Blocks.
    pub blocks: u32,
    /// Bytes of the encoding.
    pub bytes: usize,
}

impl Default for ChunkLimits {
    /// Jovay's published gas limit; the other limits keep a chunk's witness at tens of megabytes.
    fn default() -> Self {
        Self { gas: 23_000_000, transactions: 2_000, blocks: 256, bytes: 256 << 10 }
    }
}

/// What closes a batch, whichever comes first. A batch is the unit of commitment on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Bytes that the data-availability layer takes, [`DA_META_BYTES`] included.
    pub data_bytes: usize,
    /// Bytes of the payload before compression: what a prover has to hold.
    pub payload_bytes: usize,
    /// Blocks.
    pub blocks: u64,
    /// Transactions, L1 messages among them.
    pub transactions: u64,
    /// Span of block timestamps, in their unit (seconds here).
    pub age_s: u64,
}

impl BatchLimits {
    /// Limits for batches of at most `blobs` blobs.
    pub fn blobs(blobs: usize) -> Self {
        Self {
            data_bytes: blobs * USABLE_BYTES_PER_BLOB,
            payload_bytes: 16 << 20,
            blocks: 20_000,
            transactions: 100_000,
            age_s: 600,
        }
    }
}

/// When chunks and batches close, and how hard they are compressed. Two sealers with equal
/// configurations seal equal blocks equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingConfig {
    /// What closes a chunk.
    pub chunk: ChunkLimits,
    /// What closes a batch.
    pub batch: BatchLimits,
    /// Closes a batch as soon as it is cheap enough at the L1 prices given with a block.
    pub cost_target: Option<CostTarget>,
    /// zstd's level. 3 is what Jovay publishes; decoders take any.
    pub zstd_level: i32,
}

impl Default for SealingConfig {
    /// Six blobs a batch, ten minutes, no cost target, level 3.
    fn default() -> Self {
        Self {
            chunk: ChunkLimits::default(),
            batch: BatchLimits::blobs(6),
            cost_target: None,
            zstd_level: 3,
        }
    }
}

impl SealingConfig {
    /// Checks that limits are positive, that a full chunk fits a batch uncompressed, and that a
    /// batch is within the format.
    ///
    /// # Errors
    /// [`SealError::Config`].
    pub fn check(&self) -> Result<(), SealError> {
        let (chunk, batch) = (&self.chunk, &self.batch);
        let positive = chunk.gas > 0
            && chunk.transactions > 0
            && chunk.blocks > 0
            && batch.blocks > 0
            && batch.transactions > 0;
        let rules = [
            (positive, "limits must be above zero"),
            (batch.data_bytes <= DA_META_BYTES + MAX_BODY_BYTES, "a batch body is at most 16 MiB"),
            (batch.payload_bytes <= MAX_PAYLOAD_BYTES, "a payload is at most 128 MiB"),
            (batch.data_bytes > BATCH_OVERHEAD_BYTES, "the batch limit leaves no room for data"),
            (chunk.bytes <= self.block_bytes_max(), "a full chunk must fit a batch uncompressed"),
            ((1..=22).contains(&self.zstd_level), "zstd levels go from 1 to 22"),
        ];
        rules.into_iter().try_for_each(
            |(holds, what)| {
                if holds { Ok(()) } else { Err(SealError::Config(what)) }
            },
        )
    }

    /// Most bytes that a block may take ([`BlockData::encoded_len`](super::BlockData::encoded_len)),
    /// so that it fits a batch on its own whatever it holds. Builders of blocks obey it.
    pub fn block_bytes_max(&self) -> usize {
        self.batch.data_bytes.min(self.batch.payload_bytes).saturating_sub(BATCH_OVERHEAD_BYTES)
    }
}

/// What an uncompressed batch with one chunk has besides its blocks: DA header, chunk length,
/// number of blocks.
const BATCH_OVERHEAD_BYTES: usize = DA_META_BYTES + 4 + 4;
