//! The three data layers: what is published comes back, and nothing else does.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use alloy_primitives::{B256, Bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jovay_da::{
    AnchoredLayer, Attachment, BatchData, BatchVersion, Blob, BlobArchive, BlobLayer, BlobSource,
    CalldataLayer, CalldataSource, DaVersion, DataLayer, DataLayerKind, DataReference, LayerError,
    MAX_CALLDATA_BYTES, open_object_store, verify_sidecar,
};

fn batch(len: usize) -> BatchData {
    let body = (0..len).map(|at| (at * 7 + at / 251) as u8 | 1).collect();
    BatchData::new(DaVersion::Da1, BatchVersion::V2, body).unwrap()
}

#[derive(Debug, Default)]
struct L1 {
    blobs: Mutex<Vec<Blob>>,
    inputs: Mutex<HashMap<B256, Bytes>>,
}

impl BlobSource for L1 {
    fn blobs<'a>(&'a self, _: &'a [B256]) -> BoxFuture<'a, Result<Vec<Blob>, LayerError>> {
        async { Ok(self.blobs.lock().unwrap().clone()) }.boxed()
    }
}

impl CalldataSource for L1 {
    fn calldata(&self, transaction: B256) -> BoxFuture<'_, Result<Bytes, LayerError>> {
        let found = self.inputs.lock().unwrap().get(&transaction).cloned();
        async move { found.ok_or(LayerError::Missing(transaction)) }.boxed()
    }
}

#[tokio::test]
async fn blobs_come_back_and_wrong_ones_do_not() {
    let l1 = Arc::new(L1::default());
    let layer = BlobLayer::new(l1.clone(), 2);
    let data = batch(200_000);
    let published = layer.publish(&data).await.unwrap();
    let sidecar = published.attachment.sidecar().unwrap();
    let versioned_hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    verify_sidecar(sidecar, &versioned_hashes).unwrap();
    let reference = DataReference::Blobs { versioned_hashes };
    assert_eq!(reference.data_hash(), published.data_hash);

    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::Missing(_))));
    *l1.blobs.lock().unwrap() = sidecar.blobs.clone();
    assert_eq!(layer.fetch(&reference).await.unwrap(), data);
    l1.blobs.lock().unwrap().swap(0, 1);
    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::Kzg(_))));
    assert!(matches!(layer.publish(&batch(260_000)).await, Err(LayerError::TooLarge { .. })));
    let other = DataReference::Anchored { data_hash: B256::ZERO };
    assert!(matches!(layer.fetch(&other).await, Err(LayerError::WrongKind { .. })));
}

#[tokio::test]
async fn calldata_comes_back_and_wrong_calldata_does_not() {
    let l1 = Arc::new(L1::default());
    let layer = CalldataLayer::new(l1.clone());
    let data = batch(5_000);
    let published = layer.publish(&data).await.unwrap();
    let Attachment::Calldata(input) = published.attachment else { panic!("no calldata") };
    let transaction = B256::repeat_byte(9);
    let reference = DataReference::Calldata { transaction, data_hash: published.data_hash };
    let error = layer.fetch(&reference).await.unwrap_err();
    assert!(error.is_retryable());
    l1.inputs.lock().unwrap().insert(transaction, input.clone());
    assert_eq!(layer.fetch(&reference).await.unwrap(), data);
    let mut wrong = input.to_vec();
    wrong[100] ^= 1;
    l1.inputs.lock().unwrap().insert(transaction, wrong.into());
    let error = layer.fetch(&reference).await.unwrap_err();
    assert!(matches!(error, LayerError::WrongData { .. }) && !error.is_retryable());
    assert!(layer.publish(&batch(MAX_CALLDATA_BYTES - 4)).await.is_ok());
    assert!(layer.publish(&batch(MAX_CALLDATA_BYTES - 3)).await.is_err());
}

#[tokio::test]
async fn anchored_objects_come_back_and_changed_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("file://{}/data", folder.path().display());
    let (store, prefix) = open_object_store(&address).unwrap();
    let layer = AnchoredLayer::new(store, prefix);
    let data = batch(300_000);
    let published = layer.publish(&data).await.unwrap();
    assert_eq!(layer.publish(&data).await.unwrap(), published);
    assert_eq!(published.attachment, Attachment::None);
    let reference = DataReference::Anchored { data_hash: published.data_hash };
    assert_eq!(layer.fetch(&reference).await.unwrap(), data);

    // Another process opens the same folder.
    let (store, prefix) = open_object_store(folder.path().join("data").to_str().unwrap()).unwrap();
    assert_eq!(AnchoredLayer::new(store, prefix).fetch(&reference).await.unwrap(), data);

    let file = folder.path().join(format!("data/batches/{}", published.data_hash));
    let mut raw = std::fs::read(&file).unwrap();
    raw[7] ^= 1;
    std::fs::write(&file, &raw).unwrap();
    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::WrongData { .. })));
    std::fs::write(&file, vec![1; 18 << 20]).unwrap();
    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::TooLarge { .. })));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::Missing(_))));
}

#[tokio::test]
async fn archived_blobs_rebuild_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (store, prefix) = open_object_store(folder.path().to_str().unwrap()).unwrap();
    let archive = BlobArchive::new(store, prefix);
    let layer = BlobLayer::new(Arc::new(archive.clone()), 6);
    let data = batch(150_000);
    let published = layer.publish(&data).await.unwrap();
    let sidecar = published.attachment.sidecar().unwrap();
    let versioned_hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let reference = DataReference::Blobs { versioned_hashes: versioned_hashes.clone() };
    assert!(matches!(layer.fetch(&reference).await, Err(LayerError::Missing(_))));
    for (hash, blob) in versioned_hashes.iter().zip(&sidecar.blobs) {
        archive.keep(*hash, blob).await.unwrap();
    }
    assert_eq!(layer.fetch(&reference).await.unwrap(), data);
    assert!(archive.keep(versioned_hashes[0], &sidecar.blobs[1]).await.is_err());
}

#[test]
fn kinds_and_addresses_are_checked() {
    for kind in [DataLayerKind::Blobs, DataLayerKind::Calldata, DataLayerKind::Anchored] {
        assert_eq!(DataLayerKind::try_from(kind as u8).unwrap(), kind);
    }
    assert!(DataLayerKind::try_from(3).is_err());
    assert!(open_object_store("").is_err());
    assert!(open_object_store("gs://bucket").is_err());
    #[cfg(not(feature = "s3"))]
    assert!(open_object_store("s3://bucket").unwrap_err().to_string().contains("feature `s3`"));
}
