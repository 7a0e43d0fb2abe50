//! Why blocks cannot be sealed.

use crate::{CodecError, CompressError};

/// Why a block, a configuration or a saved state is refused.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The block is not the next one.
    #[error("block {got} given, block {expected} is next")]
    WrongBlock {
        /// Number of the next block.
        expected: u64,
        /// Number of the block given.
        got: u64,
    },
    /// The block alone is larger than a batch. The sequencer must keep blocks under
    /// [`SealingConfig::block_bytes_max`](super::SealingConfig::block_bytes_max).
    #[error("block {number} takes {bytes} bytes, a batch holds {limit}")]
    BlockTooLarge {
        /// The block's number.
        number: u64,
        /// Bytes it takes, uncompressed.
        bytes: usize,
        /// Bytes a batch can hold.
        limit: usize,
    },
    /// The block has a field that the format has no room for.
    #[error("block {number}: its {what} cannot be encoded")]
    Unencodable {
        /// The block's number.
        number: u64,
        /// Which field.
        what: &'static str,
    },
    /// The configuration contradicts itself or the format.
    #[error("sealing configuration: {0}")]
    Config(&'static str),
    /// A saved state does not decode or does not go with the configuration.
    #[error("saved sealing state: {0}")]
    State(&'static str),
    /// Encoding failed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Compression failed.
    #[error(transparent)]
    Compress(#[from] CompressError),
}
