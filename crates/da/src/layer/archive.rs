//! An archive of blobs, for when Ethereum's nodes have dropped them.

use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::anchored::read_object;
use super::{BlobSource, LayerError};
use crate::{BLOB_BYTES, verify_blob};

/// Blobs as objects named `blobs/0x<versioned hash>`.
#[derive(Clone, Debug)]
pub struct BlobArchive {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl BlobArchive {
    /// An archive under `prefix` of `store` (see [`open_object_store`](super::open_object_store)).
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    /// Keeps `blob`. Keeping it again is harmless.
    ///
    /// # Errors
    /// It is not the blob that `versioned_hash` names, or the store fails.
    pub async fn keep(&self, versioned_hash: B256, blob: &Blob) -> Result<(), LayerError> {
        verify_blob(0, blob, versioned_hash)?;
        let object = PutPayload::from(blob.to_vec());
        self.store.put(&self.path(versioned_hash), object).await?;
        Ok(())
    }

    fn path(&self, versioned_hash: B256) -> Path {
        self.prefix.clone().join("blobs").join(versioned_hash.to_string())
    }
}

impl BlobSource for BlobArchive {
    fn blobs<'a>(&'a self, hashes: &'a [B256]) -> BoxFuture<'a, Result<Vec<Blob>, LayerError>> {
        async move {
            let mut blobs = Vec::with_capacity(hashes.len());
            for &hash in hashes {
                let path = self.path(hash);
                let raw = read_object(self.store.as_ref(), &path, BLOB_BYTES, hash).await?;
                let blob = Blob::try_from(&raw[..])
                    .map_err(|_| LayerError::Source(format!("{hash}: not the length of a blob")))?;
                blobs.push(blob);
            }
            Ok(blobs)
        }
        .boxed()
    }
}
