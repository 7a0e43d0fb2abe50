//! Why data was not published or fetched.

use alloy_primitives::B256;

use super::DataLayerKind;
use crate::{CodecError, KzgError};

/// Why a layer failed.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The contract names a kind that does not exist.
    #[error("unknown kind of data layer: {0}")]
    UnknownKind(u8),
    /// The reference belongs to another layer.
    #[error("a reference into {got:?} was given to the layer {own:?}")]
    WrongKind {
        /// The layer's own kind.
        own: DataLayerKind,
        /// The reference's kind.
        got: DataLayerKind,
    },
    /// The batch is larger than the layer takes.
    #[error("the batch has {len} bytes, the data layer takes {limit}")]
    TooLarge {
        /// Bytes of the batch.
        len: usize,
        /// The layer's limit.
        limit: usize,
    },
    /// The data is not there: wait, or ask another source.
    #[error("no data under {0}")]
    Missing(B256),
    /// What is there is not what L1 names.
    #[error("data with hash {got} found in place of {expected}")]
    WrongData {
        /// The hash that L1 has.
        expected: B256,
        /// The hash of what was found.
        got: B256,
    },
    /// The data matches its hash and is no batch.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A blob does not match, or proofs failed.
    #[error(transparent)]
    Kzg(#[from] KzgError),
    /// The store or the L1 source failed; asking again may help.
    #[error("data source: {0}")]
    Source(String),
}

impl LayerError {
    /// Whether the same request can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Source(_))
    }
}

impl From<object_store::Error> for LayerError {
    fn from(error: object_store::Error) -> Self {
        Self::Source(error.to_string())
    }
}
