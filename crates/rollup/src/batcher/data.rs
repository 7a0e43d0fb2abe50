//! The data of sealed batches: publishing it, and getting it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jovay_da::{
    Attachment, BatchData, BatchVersion, BlobLayer, BlockData, Chunk, DaVersion, DataLayer,
    DataLayerKind, DataReference, LayerError, PayloadCompressor, Publication,
};
use jovay_evm::L2_SPEC_VERSION;
use parking_lot::Mutex;

use super::{BatcherError, Shared};
use crate::store::BatchRecord;

/// Sidecars that are kept for the commitments that come next; others are made again.
const ATTACHMENTS_MAX: usize = 16;

/// What the next commitments bring along.
#[derive(Default)]
pub(super) struct Attachments(Mutex<BTreeMap<u64, Attachment>>);

impl Attachments {
    /// Keeps one. Of too many the last goes: it is needed last.
    pub(super) fn insert(&self, index: u64, attachment: Attachment) {
        let mut kept = self.0.lock();
        kept.insert(index, attachment);
        if kept.len() > ATTACHMENTS_MAX {
            kept.pop_last();
        }
    }

    fn get(&self, index: u64) -> Option<Attachment> {
        self.0.lock().get(&index).cloned()
    }

    /// Drops those up to `index`, which L1 has.
    pub(super) fn drop_to(&self, index: u64) {
        let mut kept = self.0.lock();
        *kept = kept.split_off(&(index + 1));
    }
}

/// Makes data available, on a thread that may block: KZG takes tenths of a second a blob.
pub(super) async fn publish(
    layer: &Arc<dyn DataLayer>,
    data: Arc<BatchData>,
) -> Result<Result<Publication, LayerError>, BatcherError> {
    let layer = layer.clone();
    let runtime = tokio::runtime::Handle::current();
    let start = Instant::now();
    let work = move || runtime.block_on(layer.publish(&data));
    let done = tokio::task::spawn_blocking(work).await;
    metrics::histogram!("jovay_batch_publish_seconds").record(start.elapsed().as_secs_f64());
    done.map_err(|error| BatcherError::Task(error.to_string()))
}

impl Shared {
    /// What the commitment of a batch brings along. `Err` in words if its data is nowhere.
    pub(super) async fn attachment(
        &self,
        record: &BatchRecord,
    ) -> Result<Result<Attachment, String>, BatcherError> {
        if let Some(attachment) = self.attachments.get(record.index) {
            return Ok(Ok(attachment));
        }
        let data = match self.data(record).await? {
            Ok(data) => data,
            Err(why) => return Ok(Err(why)),
        };
        let data = Arc::new(data);
        match publish(&self.layer, data.clone()).await? {
            Ok(Publication { data_hash, .. }) if data_hash != record.data_hash => Ok(Err(format!(
                "its data gives the hash {data_hash}, not {} as it was sealed",
                record.data_hash
            ))),
            Ok(Publication { attachment, .. }) => {
                if self.store.data(record.index)?.is_none() {
                    self.store.put_data(record.index, &data)?;
                }
                self.attachments.insert(record.index, attachment.clone());
                Ok(Ok(attachment))
            }
            Err(error) => Ok(Err(format!("its data cannot be published: {error}"))),
        }
    }

    /// The data of a batch: what was kept, or what the data layer has, or its blocks compressed
    /// again if that gives the same bytes.
    pub(super) async fn data(
        &self,
        record: &BatchRecord,
    ) -> Result<Result<BatchData, String>, BatcherError> {
        let index = record.index;
        if let Some(data) = self.store.data(index)? {
            return Ok(Ok(data));
        }
        tracing::warn!(batch = index, "its data is not kept any more: getting it back");
        let mut why = String::from("calldata is where the commitment was");
        for (layer, reference) in self.sources(record) {
            match layer.fetch(&reference).await {
                Ok(data) => return Ok(Ok(data)),
                Err(error) => why = error.to_string(),
            }
        }
        match self.compress_again(record)? {
            Some(data) => Ok(Ok(data)),
            None => Ok(Err(format!("its data is lost: {why}, and its blocks are gone"))),
        }
    }

    /// Who may have the data of a batch, and by what name: the archive, then the layer itself.
    fn sources(&self, record: &BatchRecord) -> Vec<(Arc<dyn DataLayer>, DataReference)> {
        let data_hash = record.data_hash;
        let versioned_hashes = record.versioned_hashes.clone();
        match self.layer.kind() {
            DataLayerKind::Blobs => {
                let reference = DataReference::Blobs { versioned_hashes };
                let mut sources = Vec::new();
                if let Some(archive) = &self.archive {
                    let blobs = BlobLayer::new(Arc::new(archive.clone()), self.config.blobs_max);
                    let blobs: Arc<dyn DataLayer> = Arc::new(blobs);
                    sources.push((blobs, reference.clone()));
                }
                sources.push((self.layer.clone(), reference));
                sources
            }
            DataLayerKind::Anchored => {
                vec![(self.layer.clone(), DataReference::Anchored { data_hash })]
            }
            DataLayerKind::Calldata => Vec::new(),
        }
    }

    /// The data of a batch from its blocks, chunk by chunk as it was sealed.
    fn compress_again(&self, record: &BatchRecord) -> Result<Option<BatchData>, BatcherError> {
        let mut compressor =
            PayloadCompressor::new(self.config.zstd_level).map_err(jovay_da::SealError::from)?;
        let mut payload = Vec::with_capacity(record.payload_bytes as usize);
        let mut next = record.first_block;
        for &blocks in &record.chunk_blocks {
            let mut chunk = Chunk::default();
            for number in next..next + u64::from(blocks) {
                let Some(block) = self.chain.block(number)? else { return Ok(None) };
                let block = BlockData::new(&block, L2_SPEC_VERSION)?;
                chunk.blocks.push(block.context);
                chunk.transactions.extend(block.transactions);
            }
            next += u64::from(blocks);
            let version = BatchVersion::V2;
            let mut raw = (chunk.encoded_len(version) as u32).to_be_bytes().to_vec();
            chunk.encode(version, &mut raw).map_err(jovay_da::SealError::from)?;
            compressor.append(&raw).map_err(jovay_da::SealError::from)?;
            payload.extend_from_slice(&raw);
        }
        let compressed = compressor.finish();
        let (da, body) = match compressed.len() < payload.len() {
            true => (DaVersion::Da2, compressed),
            false => (DaVersion::Da1, payload),
        };
        let data = BatchData::new(da, BatchVersion::V2, body).map_err(jovay_da::SealError::from)?;
        Ok(Some(data))
    }
}
