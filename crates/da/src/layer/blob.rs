//! Blobs: the default.

use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Attachment, DataLayer, DataLayerKind, DataReference, LayerError, Publication};
use crate::{BatchData, USABLE_BYTES_PER_BLOB, blob_data_hash, blob_sidecar, verify_blob};

/// Where blobs come from: a beacon node, an archive. It need not be trusted.
pub trait BlobSource: Send + Sync + std::fmt::Debug {
    /// The blobs with these versioned hashes, in their order.
    ///
    /// # Errors
    /// [`LayerError::Missing`] if one is not there, [`LayerError::Source`] if asking failed.
    fn blobs<'a>(&'a self, hashes: &'a [B256]) -> BoxFuture<'a, Result<Vec<Blob>, LayerError>>;
}

/// Batches in EIP-4844 blobs.
#[derive(Clone, Debug)]
pub struct BlobLayer {
    source: Arc<dyn BlobSource>,
    blobs_max: usize,
}

impl BlobLayer {
    /// Batches of at most `blobs_max` blobs, which L1's schedule allows in a transaction,
    /// fetched from `source`.
    pub fn new(source: Arc<dyn BlobSource>, blobs_max: usize) -> Self {
        Self { source, blobs_max }
    }
}

impl DataLayer for BlobLayer {
    fn kind(&self) -> DataLayerKind {
        DataLayerKind::Blobs
    }

    fn data_bytes_max(&self) -> usize {
        self.blobs_max * USABLE_BYTES_PER_BLOB
    }

    /// Computes commitments and proofs: tenths of a second of CPU for each blob, so call it on
    /// a thread that may block.
    fn publish<'a>(
        &'a self,
        data: &'a BatchData,
    ) -> BoxFuture<'a, Result<Publication, LayerError>> {
        async move {
            super::check_size(data, self.data_bytes_max())?;
            let sidecar = blob_sidecar(data.to_blobs())?;
            let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
            let attachment = Attachment::Blobs(Arc::new(sidecar));
            Ok(Publication { data_hash: blob_data_hash(&hashes), attachment })
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a DataReference,
    ) -> BoxFuture<'a, Result<BatchData, LayerError>> {
        async move {
            let DataReference::Blobs { versioned_hashes } = reference else {
                return Err(LayerError::WrongKind { own: self.kind(), got: reference.kind() });
            };
            let blobs = self.source.blobs(versioned_hashes).await?;
            if let Some(missing) = versioned_hashes.get(blobs.len()) {
                return Err(LayerError::Missing(*missing));
            }
            if blobs.len() > versioned_hashes.len() {
                return Err(LayerError::Source("more blobs given than asked for".into()));
            }
            for (index, (blob, hash)) in blobs.iter().zip(versioned_hashes).enumerate() {
                verify_blob(index, blob, *hash)?;
            }
            Ok(BatchData::from_blobs(&blobs)?)
        }
        .boxed()
    }
}
