//! Calldata: the batch in the input of the transaction that commits it.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Attachment, DataLayer, DataLayerKind, DataReference, LayerError, Publication};
use crate::{BatchData, flat_data_hash};

/// Most bytes of a batch in calldata. Ethereum's nodes do not relay transactions above 128 KiB;
/// 8 KiB are left for the rest of the transaction. EIP-7623's 40 gas a byte stay under the
/// 2^24 gas of EIP-7825 with it.
pub const MAX_CALLDATA_BYTES: usize = 120 << 10;

/// Where the input of committing transactions comes from: an L1 node. It need not be trusted.
pub trait CalldataSource: Send + Sync + std::fmt::Debug {
    /// The batch's bytes in the input of the L1 transaction `transaction`.
    ///
    /// # Errors
    /// [`LayerError::Missing`] if the transaction is not there or commits no batch,
    /// [`LayerError::Source`] if asking failed.
    fn calldata(&self, transaction: B256) -> BoxFuture<'_, Result<Bytes, LayerError>>;
}

/// Batches in calldata.
#[derive(Clone, Debug)]
pub struct CalldataLayer {
    source: Arc<dyn CalldataSource>,
}

impl CalldataLayer {
    /// Batches fetched from `source`.
    pub fn new(source: Arc<dyn CalldataSource>) -> Self {
        Self { source }
    }
}

impl DataLayer for CalldataLayer {
    fn kind(&self) -> DataLayerKind {
        DataLayerKind::Calldata
    }

    fn data_bytes_max(&self) -> usize {
        MAX_CALLDATA_BYTES
    }

    fn publish<'a>(
        &'a self,
        data: &'a BatchData,
    ) -> BoxFuture<'a, Result<Publication, LayerError>> {
        async move {
            super::check_size(data, self.data_bytes_max())?;
            let attachment = Attachment::Calldata(data.encode().into());
            Ok(Publication { data_hash: flat_data_hash(data), attachment })
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a DataReference,
    ) -> BoxFuture<'a, Result<BatchData, LayerError>> {
        async move {
            let DataReference::Calldata { transaction, data_hash } = reference else {
                return Err(LayerError::WrongKind { own: self.kind(), got: reference.kind() });
            };
            let raw = self.source.calldata(*transaction).await?;
            super::decode_checked(&raw, *data_hash)
        }
        .boxed()
    }
}
