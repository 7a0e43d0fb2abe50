//! Blobs from whoever has them.

use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use jovay_da::{BlobSource, LayerError, verify_blob};
use jovay_l1::{BeaconBlobSource, BlobHint};
use rayon::prelude::*;

/// Sources of blobs in the order in which they are asked, with names for messages.
#[derive(Clone, Debug, Default)]
pub struct BlobSources {
    sources: Vec<(String, Arc<dyn BlobSource>)>,
    /// Those of `sources` that want to know where blobs are.
    beacons: Vec<BeaconBlobSource>,
}

/// A blob that no source gave as it must be.
#[derive(Debug)]
pub(crate) struct BadBlob {
    /// Its position in the batch.
    pub(crate) position: usize,
    /// The source asked last.
    pub(crate) source: String,
    pub(crate) reason: LayerError,
}

impl BlobSources {
    /// Adds a source, asked after those before.
    pub fn push(&mut self, name: impl Into<String>, source: Arc<dyn BlobSource>) {
        self.sources.push((name.into(), source));
    }

    /// Adds a beacon node, asked after the sources before.
    pub fn push_beacon(&mut self, name: impl Into<String>, beacon: BeaconBlobSource) {
        self.beacons.push(beacon.clone());
        self.push(name, Arc::new(beacon));
    }

    /// Blobs with these versioned hashes, which will be asked for, are in the L1 block `hint`.
    pub(crate) fn expect(&self, hashes: &[B256], hint: BlobHint) {
        self.beacons.iter().for_each(|beacon| beacon.expect(hashes, hint));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The blobs with these versioned hashes, checked. If no source has all of them, each blob is
    /// asked for by itself, so that sources complete each other.
    pub(crate) async fn fetch(&self, hashes: &[B256]) -> Result<Vec<Blob>, BadBlob> {
        for (name, source) in &self.sources {
            match checked(&**source, hashes).await {
                Ok(blobs) => return Ok(blobs),
                Err(error) => tracing::debug!(source = name, %error, "not all blobs"),
            }
        }
        let mut blobs = Vec::with_capacity(hashes.len());
        for (position, hash) in hashes.iter().enumerate() {
            blobs.push(self.one(position, *hash).await?);
        }
        Ok(blobs)
    }

    async fn one(&self, position: usize, hash: B256) -> Result<Blob, BadBlob> {
        let missing = LayerError::Missing(hash);
        let mut bad = BadBlob { position, source: "no source".into(), reason: missing };
        for (name, source) in &self.sources {
            match checked(&**source, &[hash]).await {
                Ok(mut blobs) => {
                    if let Some(blob) = blobs.pop() {
                        return Ok(blob);
                    }
                }
                // That a blob is wrong says more than that another source does not have it.
                Err(reason) if bad.reason.is_retryable() => {
                    bad = BadBlob { position, source: name.clone(), reason };
                }
                Err(_) => {}
            }
        }
        Err(bad)
    }
}

/// What `source` gives, if it is all that was asked for.
async fn checked(source: &dyn BlobSource, hashes: &[B256]) -> Result<Vec<Blob>, LayerError> {
    let blobs = source.blobs(hashes).await?;
    if let Some(missing) = hashes.get(blobs.len()) {
        return Err(LayerError::Missing(*missing));
    }
    if blobs.len() > hashes.len() {
        return Err(LayerError::Source("more blobs given than asked for".into()));
    }
    let wanted = hashes.to_vec();
    let verify = move || {
        let pairs = blobs.par_iter().zip(&wanted).enumerate();
        pairs.try_for_each(|(at, (blob, hash))| verify_blob(at, blob, *hash))?;
        Ok(blobs)
    };
    let verified = tokio::task::spawn_blocking(verify).await;
    verified.unwrap_or_else(|error| Err(LayerError::Source(error.to_string())))
}
