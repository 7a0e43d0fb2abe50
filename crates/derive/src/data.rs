//! The data of committed batches, by the chain's data layer.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use jovay_da::{
    AnchoredLayer, BatchData, BlobArchive, DataLayer, DataLayerKind, DataReference, LayerError,
    blob_data_hash, open_object_store,
};
use jovay_l1::{BeaconBlobSource, BlobHint};
use tokio::time::Instant;

use crate::plan::DecodedBatch;
use crate::{BlobSources, CarriedBlobs, Committed, DeriveError, RollupL1};

/// First wait before data is asked for again.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// Where to look for the data of batches.
#[derive(Clone, Debug)]
pub struct DataAddresses {
    /// Beacon API of an L1 node (http or https).
    pub beacon: Option<String>,
    /// Archive of blobs: a folder, or the URL of an object store.
    pub blob_archive: Option<String>,
    /// Object store of a chain whose data is anchored: a folder or a URL.
    pub data_store: Option<String>,
    /// How long data that does not come is asked for again.
    pub patience: Duration,
}

/// Where the data of batches is taken from.
#[derive(Debug)]
pub struct BatchSource {
    l1: Arc<dyn RollupL1>,
    place: Place,
    patience: Duration,
}

#[derive(Debug)]
enum Place {
    Blobs(BlobSources),
    Calldata,
    Anchored(AnchoredLayer),
}

impl BatchSource {
    /// The source for a chain whose data is in `kind`. Data that does not come is asked for again
    /// for as long as `patience`.
    ///
    /// # Errors
    /// [`DeriveError::NoSource`]: the kind needs blob sources or an object store.
    pub fn new(
        l1: Arc<dyn RollupL1>,
        kind: DataLayerKind,
        blobs: BlobSources,
        anchored: Option<AnchoredLayer>,
        patience: Duration,
    ) -> Result<Self, DeriveError> {
        let place = match (kind, anchored) {
            (DataLayerKind::Blobs, _) if blobs.is_empty() => {
                let message = "name a beacon node with --l1-beacon, an archive with --blob-archive";
                return Err(DeriveError::NoSource(kind, message));
            }
            (DataLayerKind::Blobs, _) => Place::Blobs(blobs),
            (DataLayerKind::Calldata, _) => Place::Calldata,
            (DataLayerKind::Anchored, Some(layer)) => Place::Anchored(layer),
            (DataLayerKind::Anchored, None) => {
                let message = "name the object store with --data-store";
                return Err(DeriveError::NoSource(kind, message));
            }
        };
        Ok(Self { l1, place, patience })
    }

    /// The source at `addresses` for a chain whose data is in `kind`.
    ///
    /// # Errors
    /// As [`Self::new`], or an address cannot be used.
    pub fn open(
        l1: Arc<dyn RollupL1>,
        kind: DataLayerKind,
        addresses: &DataAddresses,
    ) -> Result<Self, DeriveError> {
        let unusable = |error: LayerError| DeriveError::Source(error.to_string());
        let mut blobs = BlobSources::default();
        // The archive first: it is asked by hash and is nearer than a beacon node.
        if let Some(archive) = &addresses.blob_archive {
            let (store, prefix) = open_object_store(archive).map_err(unusable)?;
            blobs.push(format!("archive {archive}"), Arc::new(BlobArchive::new(store, prefix)));
        }
        if let Some(url) = &addresses.beacon {
            blobs.push_beacon("the beacon node", BeaconBlobSource::new(url)?);
        }
        let anchored = match &addresses.data_store {
            Some(store) => {
                let (store, prefix) = open_object_store(store).map_err(unusable)?;
                Some(AnchoredLayer::new(store, prefix))
            }
            None => None,
        };
        Self::new(l1, kind, blobs, anchored, addresses.patience)
    }

    /// The decoded data of `batch`.
    pub(crate) async fn decoded(&self, batch: Committed) -> Result<DecodedBatch, DeriveError> {
        let data = self.fetch(&batch).await?;
        let decode = move || DecodedBatch::new(batch, &data);
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.map_err(|error| DeriveError::Store(format!("decoding: {error}")))?
    }

    /// The data of `batch`, which matches what L1 committed to.
    ///
    /// # Errors
    /// No source has it, or what it has is not that.
    pub async fn fetch(&self, batch: &Committed) -> Result<BatchData, DeriveError> {
        let end = Instant::now() + self.patience;
        let mut wait = RETRY_FIRST;
        loop {
            let error = match self.fetch_once(batch).await {
                Ok(data) => return Ok(data),
                Err(error) => error,
            };
            if !error.is_transient() || Instant::now() + wait > end {
                return Err(error);
            }
            tracing::warn!(%error, "the data of a batch is not to be had, asking again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn fetch_once(&self, batch: &Committed) -> Result<BatchData, DeriveError> {
        let bad = |place: String, reason: LayerError| DeriveError::Data {
            index: batch.index,
            hash: batch.hash,
            place,
            reason: Box::new(reason),
        };
        let transaction = batch.at.transaction;
        match &self.place {
            Place::Blobs(sources) => {
                let (hashes, hint) = self.blob_hashes(batch).await?;
                sources.expect(&hashes, hint);
                let blobs = sources.fetch(&hashes).await.map_err(|blob| {
                    let (at, of) = (blob.position, hashes.len());
                    let place = format!("blob {at} of {of} ({}) from {}", hashes[at], blob.source);
                    bad(place, blob.reason)
                })?;
                let data = BatchData::from_blobs(&blobs);
                data.map_err(|error| bad("its blobs".into(), error.into()))
            }
            Place::Calldata => {
                let place = || format!("the input of L1 transaction {transaction}");
                let inputs = self.l1.batch_inputs(transaction).await?.unwrap_or_default();
                let ours = inputs.iter().find(|data| keccak256(data) == batch.data_hash);
                let ours =
                    ours.ok_or_else(|| bad(place(), LayerError::Missing(batch.data_hash)))?;
                BatchData::decode(ours).map_err(|error| bad(place(), error.into()))
            }
            Place::Anchored(layer) => {
                let reference = DataReference::Anchored { data_hash: batch.data_hash };
                let fetched = layer.fetch(&reference).await;
                fetched.map_err(|error| bad("the object store".into(), error))
            }
        }
    }

    /// The versioned hashes of the batch's blobs, which give its data hash.
    async fn blob_hashes(&self, batch: &Committed) -> Result<(Vec<B256>, BlobHint), DeriveError> {
        let transaction = batch.at.transaction;
        let refuse = |message: String| DeriveError::Events { index: batch.index, message };
        let all = self.l1.blobs(batch.at).await?;
        let gone = || refuse(format!("L1 has no transaction {transaction} any more"));
        let CarriedBlobs { hashes: all, hint } = all.ok_or_else(gone)?;
        let first = usize::try_from(batch.first_blob).unwrap_or(usize::MAX);
        let end = usize::try_from(batch.blob_count).ok().and_then(|n| first.checked_add(n));
        let own = end.and_then(|end| all.get(first..end)).filter(|own| !own.is_empty());
        let own = own.ok_or_else(|| {
            let (count, of) = (batch.blob_count, all.len());
            refuse(format!("blobs {first} and on, {count}, of transaction {transaction} with {of}"))
        })?;
        if blob_data_hash(own) != batch.data_hash {
            let message = "the blobs of its transaction do not give its data hash".into();
            return Err(refuse(message));
        }
        Ok((own.to_vec(), hint))
    }
}
