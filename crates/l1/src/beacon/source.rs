//! Blobs by way of the beacon API.

use std::sync::Arc;

use alloy_eips::eip4844::{Blob, Bytes48};
use alloy_primitives::{B256, Bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jovay_da::{BLOB_BYTES, BlobSource, LayerError, blob_commitment, verify_blob, versioned_hash};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::BlobHint;
use super::client::{BeaconClient, Body, parse};
use super::hints::Hints;
use super::slots::Slots;
use crate::L1Error;

/// Most blobs of a block that are read: three times what the schedule plans for.
const BLOBS_MAX: usize = 72;
/// Most bytes of an answer: blobs in hexadecimal, and what stands around them.
const ANSWER_MAX: usize = BLOBS_MAX * (2 * BLOB_BYTES + 4_096);

/// Blobs from a beacon node (`--l1-beacon`). Clones share connections and hints. What it returns
/// has been checked against its versioned hashes.
#[derive(Clone, Debug)]
pub struct BeaconBlobSource {
    client: BeaconClient,
    slots: Arc<OnceCell<Slots>>,
    hints: Arc<Mutex<Hints>>,
}

/// An element of `/eth/v1/beacon/blob_sidecars`.
#[derive(Deserialize)]
struct Sidecar {
    blob: Bytes,
    kzg_commitment: Bytes48,
}

impl BeaconBlobSource {
    /// A source at `url` (http or https). Nothing is asked yet.
    ///
    /// # Errors
    /// [`L1Error::Url`].
    pub fn new(url: &str) -> Result<Self, L1Error> {
        Ok(Self { client: BeaconClient::new(url)?, slots: Arc::default(), hints: Arc::default() })
    }

    /// Remembers that blobs with these versioned hashes are in the block `hint`: whoever reads the
    /// commitment from L1 says so before the batch is fetched. The last 4,096 hashes are kept.
    pub fn expect(&self, hashes: &[B256], hint: BlobHint) {
        let mut hints = self.hints.lock();
        hashes.iter().for_each(|hash| hints.insert(*hash, hint));
    }

    /// The blobs with these versioned hashes, in their order, from the block `hint`.
    ///
    /// # Errors
    /// [`LayerError::Missing`] if one is not there, [`LayerError::Source`] if the node fails, or
    /// has another block there.
    pub async fn blobs_at(
        &self,
        hashes: &[B256],
        hint: &BlobHint,
    ) -> Result<Vec<Blob>, LayerError> {
        let slots = *self.slots.get_or_try_init(|| Slots::probe(&self.client)).await?;
        let slot = slots.of(hint)?;
        let wanted: Vec<String> =
            hashes.iter().map(|hash| format!("versioned_hashes={hash}")).collect();
        let all = format!("eth/v1/beacon/blobs/{slot}");
        // Some nodes heed only one hash of a query: then all of the block's are asked for.
        for route in [format!("{all}?{}", wanted.join("&")), all] {
            let Some(body) = self.client.body(&route, ANSWER_MAX).await? else { break };
            if let Some(blobs) = blocking(hashes, move |hashes| pick(hashes, body)).await? {
                return Ok(blobs);
            }
        }
        let route = format!("eth/v1/beacon/blob_sidecars/{slot}");
        let sidecars = self.client.json::<Vec<Sidecar>>(&route, ANSWER_MAX).await?;
        if let Some(sidecars) = sidecars
            && let Some(blobs) = blocking(hashes, |hashes| pick_sidecars(hashes, sidecars)).await?
        {
            return Ok(blobs);
        }
        match slots.is_there(&self.client, slot, hint).await? {
            Some(false) => Err(LayerError::Source(format!(
                "beacon node: slot {slot} does not hold L1 block {}: a reorg, or it is behind",
                hint.number
            ))),
            _ => Err(LayerError::Missing(hashes.first().copied().unwrap_or_default())),
        }
    }
}

impl BlobSource for BeaconBlobSource {
    fn blobs<'a>(&'a self, hashes: &'a [B256]) -> BoxFuture<'a, Result<Vec<Blob>, LayerError>> {
        async move {
            let Some(first) = hashes.first() else { return Ok(Vec::new()) };
            let hint = |hash| self.hints.lock().get(hash);
            let Some(block) = hint(first) else {
                return Err(LayerError::Source(format!(
                    "beacon node: nobody said in which L1 block blob {first} is"
                )));
            };
            if hashes.iter().all(|hash| hint(hash) == Some(block)) {
                return self.blobs_at(hashes, &block).await;
            }
            let mut blobs = Vec::with_capacity(hashes.len());
            for hash in hashes {
                let block = hint(hash).ok_or(LayerError::Missing(*hash))?;
                blobs.extend(self.blobs_at(&[*hash], &block).await?);
            }
            Ok(blobs)
        }
        .boxed()
    }
}

/// Computing commitments takes tens of milliseconds a blob.
async fn blocking<T: Send + 'static>(
    hashes: &[B256],
    work: impl FnOnce(&[B256]) -> Result<T, LayerError> + Send + 'static,
) -> Result<T, LayerError> {
    let hashes = hashes.to_vec();
    let ended = tokio::task::spawn_blocking(move || work(&hashes)).await;
    ended.unwrap_or_else(|error| Err(LayerError::Source(error.to_string())))
}

/// The blobs with `hashes` among those of an answer; `None` if one is not there.
fn pick(hashes: &[B256], body: Body) -> Result<Option<Vec<Blob>>, LayerError> {
    let blobs: Vec<Blob> = match body {
        Body::Ssz(bytes) if bytes.len() % BLOB_BYTES != 0 => {
            return Err(LayerError::Source("beacon node: an answer is not blobs".into()));
        }
        Body::Ssz(bytes) => bytes.chunks_exact(BLOB_BYTES).map(blob).collect::<Result<_, _>>()?,
        Body::Json(bytes) => {
            let blobs: Vec<Bytes> = parse(&bytes)?;
            blobs.iter().map(|bytes| blob(bytes)).collect::<Result<_, _>>()?
        }
    };
    let mut found = Vec::with_capacity(blobs.len().min(BLOBS_MAX));
    for blob in blobs.into_iter().take(BLOBS_MAX) {
        found.push((versioned_hash(&blob_commitment(&blob)?), blob));
    }
    Ok(in_order(hashes, &found))
}

/// The same with an older kind of answer, whose commitments say which blobs to look at.
fn pick_sidecars(hashes: &[B256], sidecars: Vec<Sidecar>) -> Result<Option<Vec<Blob>>, LayerError> {
    let mut found = Vec::with_capacity(hashes.len());
    for sidecar in sidecars.into_iter().take(BLOBS_MAX) {
        let hash = versioned_hash(&sidecar.kzg_commitment);
        if hashes.contains(&hash) {
            let blob = blob(&sidecar.blob)?;
            verify_blob(0, &blob, hash)?;
            found.push((hash, blob));
        }
    }
    Ok(in_order(hashes, &found))
}

fn in_order(hashes: &[B256], found: &[(B256, Blob)]) -> Option<Vec<Blob>> {
    let find = |hash: &B256| found.iter().find(|(of, _)| of == hash).map(|(_, blob)| *blob);
    hashes.iter().map(find).collect()
}

fn blob(bytes: &[u8]) -> Result<Blob, LayerError> {
    let blob = Blob::try_from(bytes);
    blob.map_err(|_| LayerError::Source(format!("beacon node: a blob of {} bytes", bytes.len())))
}
