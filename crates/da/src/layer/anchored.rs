//! Anchored data: objects in a store, their hashes on L1.

use std::path::Path as FilePath;
use std::sync::Arc;

use alloy_primitives::B256;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::{Attachment, DataLayer, DataLayerKind, DataReference, LayerError, Publication};
use crate::{BatchData, DA_META_BYTES, MAX_BODY_BYTES, flat_data_hash};

/// Opens a store: `file:///folder`, a plain path to a folder (made if need be), or, with the
/// feature `s3`, `s3://bucket/prefix` with the usual AWS variables of the environment
/// (`AWS_ENDPOINT` and `AWS_ALLOW_HTTP` for other S3-compatible stores).
///
/// # Errors
/// An address that this build does not know, or a folder that cannot be made.
pub fn open_object_store(address: &str) -> Result<(Arc<dyn ObjectStore>, Path), LayerError> {
    let source = |error: &dyn std::fmt::Display| LayerError::Source(format!("{address}: {error}"));
    if let Some(rest) = address.strip_prefix("s3://") {
        return open_s3(address, rest);
    }
    let folder = address.strip_prefix("file://").unwrap_or(address);
    if folder.is_empty() || folder.contains("://") {
        return Err(source(&"this is no folder, no file:// and no s3:// address"));
    }
    std::fs::create_dir_all(FilePath::new(folder)).map_err(|error| source(&error))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| source(&error))?;
    // An object that was acknowledged survives a power cut.
    Ok((Arc::new(store.with_fsync(true)), Path::default()))
}

#[cfg(feature = "s3")]
fn open_s3(address: &str, rest: &str) -> Result<(Arc<dyn ObjectStore>, Path), LayerError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let store = object_store::aws::AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .build()
        .map_err(|error| LayerError::Source(format!("{address}: {error}")))?;
    Ok((Arc::new(store), Path::from(prefix)))
}

#[cfg(not(feature = "s3"))]
fn open_s3(address: &str, _: &str) -> Result<(Arc<dyn ObjectStore>, Path), LayerError> {
    Err(LayerError::Source(format!("{address}: this build has no S3 client (feature `s3`)")))
}

/// Batches as objects named `batches/0x<data hash>`.
#[derive(Clone, Debug)]
pub struct AnchoredLayer {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl AnchoredLayer {
    /// Batches under `prefix` of `store` (see [`open_object_store`]).
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    fn path(&self, data_hash: B256) -> Path {
        self.prefix.clone().join("batches").join(data_hash.to_string())
    }

    async fn read(&self, data_hash: B256) -> Result<BatchData, LayerError> {
        let limit = 1 + self.data_bytes_max();
        let path = self.path(data_hash);
        let raw = read_object(self.store.as_ref(), &path, limit, data_hash).await?;
        super::decode_checked(&raw, data_hash)
    }
}

impl DataLayer for AnchoredLayer {
    fn kind(&self) -> DataLayerKind {
        DataLayerKind::Anchored
    }

    fn data_bytes_max(&self) -> usize {
        DA_META_BYTES + MAX_BODY_BYTES
    }

    fn publish<'a>(
        &'a self,
        data: &'a BatchData,
    ) -> BoxFuture<'a, Result<Publication, LayerError>> {
        async move {
            super::check_size(data, self.data_bytes_max())?;
            let data_hash = flat_data_hash(data);
            let object = PutPayload::from(data.encode());
            self.store.put(&self.path(data_hash), object).await?;
            // L1 is told about nothing that cannot be read.
            self.read(data_hash).await?;
            Ok(Publication { data_hash, attachment: Attachment::None })
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a DataReference,
    ) -> BoxFuture<'a, Result<BatchData, LayerError>> {
        async move {
            match reference {
                DataReference::Anchored { data_hash } => self.read(*data_hash).await,
                other => Err(LayerError::WrongKind { own: self.kind(), got: other.kind() }),
            }
        }
        .boxed()
    }
}

/// Reads an object of at most `limit` bytes, known to callers as `name`.
pub(super) async fn read_object(
    store: &dyn ObjectStore,
    path: &Path,
    limit: usize,
    name: B256,
) -> Result<bytes::Bytes, LayerError> {
    let object = match store.get(path).await {
        Err(object_store::Error::NotFound { .. }) => return Err(LayerError::Missing(name)),
        other => other?,
    };
    let len = usize::try_from(object.meta.size).unwrap_or(usize::MAX);
    if len > limit {
        return Err(LayerError::TooLarge { len, limit });
    }
    Ok(object.bytes().await?)
}
