//! The batcher's settings.

use std::time::Duration;

use jovay_da::{BatchLimits, ChunkLimits, CostTarget, DataLayer, DataLayerKind, SealingConfig};
use jovay_da::{DA_META_BYTES, MAX_BODY_BYTES, MAX_CALLDATA_BYTES, USABLE_BYTES_PER_BLOB};

use super::BatcherError;

/// Blobs that L1 allows in a transaction (EIP-7594).
const BLOBS_PER_TRANSACTION_MAX: usize = 6;
/// Batches that one transaction commits at most: some 60,000 gas each stay far below the limit of
/// a transaction (2^24, EIP-7825).
const BATCHES_PER_TRANSACTION_MAX: usize = 64;

/// Settings of a [`Batcher`](super::Batcher).
#[derive(Clone, Debug)]
pub struct BatcherConfig {
    /// Most blobs of a batch, 1 to 6. Also what a block must fit into.
    pub blobs_max: usize,
    /// Most batches that one L1 transaction commits, when several wait.
    pub batches_per_transaction_max: usize,
    /// What closes a chunk, the unit of proving.
    pub chunk: ChunkLimits,
    /// Bytes of a batch before compression: what a prover has to hold.
    pub payload_bytes_max: usize,
    /// Blocks of a batch.
    pub blocks_max: u64,
    /// Transactions of a batch.
    pub transactions_max: u64,
    /// How long the first transaction of a batch waits at most until the batch closes.
    pub age_max: Duration,
    /// The same for a batch without any transaction: heartbeats must be on L1 too, but need not
    /// be soon.
    pub idle_age_max: Duration,
    /// Closes a batch as soon as a transaction's share of its cost is low enough.
    pub cost_target: Option<CostTarget>,
    /// zstd's level.
    pub zstd_level: i32,
    /// With this many sealed batches that are not on L1, batches only close when they are full:
    /// what waits is cheaper in few large ones.
    pub waiting_max: u64,
    /// With this many sealed batches that are not on L1, blocks are no longer taken in. They are
    /// safe where they are.
    pub backlog_max: u64,
    /// L1 transactions with batches that may be under way at once.
    pub in_flight_max: usize,
    /// A batch with an L1 message closes when the message's deadline on L1 is this near.
    pub deadline_lead: Duration,
    /// The data of this many last batches is kept even if their L1 blocks are final, for an
    /// operator's `revertBatches`.
    pub keep_data_batches: u64,
    /// How often L1 is looked at.
    pub poll_interval: Duration,
    /// Longest pause after failures.
    pub backoff_max: Duration,
    /// L1 blocks per request for logs.
    pub log_range: u64,
}

impl Default for BatcherConfig {
    /// For Ethereum: ten minutes, an hour without transactions, six blobs.
    fn default() -> Self {
        Self {
            blobs_max: BLOBS_PER_TRANSACTION_MAX,
            batches_per_transaction_max: 16,
            chunk: ChunkLimits::default(),
            payload_bytes_max: 16 << 20,
            blocks_max: 20_000,
            transactions_max: 100_000,
            age_max: Duration::from_secs(600),
            idle_age_max: Duration::from_secs(3_600),
            cost_target: None,
            zstd_level: 3,
            waiting_max: 8,
            backlog_max: 512,
            in_flight_max: 4,
            deadline_lead: Duration::from_secs(3_600),
            keep_data_batches: 256,
            poll_interval: Duration::from_secs(4),
            backoff_max: Duration::from_secs(300),
            log_range: 2_000,
        }
    }
}

impl BatcherConfig {
    /// For development: a batch every few seconds while there are transactions, so that a
    /// person sees them.
    pub fn dev() -> Self {
        Self {
            age_max: Duration::from_secs(4),
            idle_age_max: Duration::from_secs(60),
            poll_interval: Duration::from_millis(500),
            backoff_max: Duration::from_secs(5),
            ..Self::default()
        }
    }

    /// When batches and chunks close. The batcher itself decides about ages: the sealer has no
    /// clock, and an idle chain no blocks.
    fn sealing_within(&self, layer_bytes_max: usize) -> SealingConfig {
        let data_bytes = (self.blobs_max * USABLE_BYTES_PER_BLOB).min(layer_bytes_max);
        let batch = BatchLimits {
            data_bytes,
            payload_bytes: self.payload_bytes_max,
            blocks: self.blocks_max,
            transactions: self.transactions_max,
            age_s: u64::MAX,
        };
        let mut sealing = SealingConfig {
            chunk: self.chunk,
            batch,
            cost_target: self.cost_target,
            zstd_level: self.zstd_level,
        };
        // Small batches hold small chunks only.
        sealing.chunk.bytes = sealing.chunk.bytes.min(sealing.block_bytes_max());
        sealing
    }

    /// When batches for `layer` close.
    pub(crate) fn sealing(&self, layer: &dyn DataLayer) -> SealingConfig {
        self.sealing_within(layer.data_bytes_max())
    }

    /// Most bytes that a block may take, so that one batch can hold it whatever it holds: what
    /// the block builder is to obey (`BlockConfig::bytes_max`).
    pub fn block_bytes_max(&self, kind: DataLayerKind) -> usize {
        let layer_bytes_max = match kind {
            DataLayerKind::Blobs => self.blobs_max * USABLE_BYTES_PER_BLOB,
            DataLayerKind::Calldata => MAX_CALLDATA_BYTES,
            DataLayerKind::Anchored => DA_META_BYTES + MAX_BODY_BYTES,
        };
        self.sealing_within(layer_bytes_max).block_bytes_max()
    }

    /// Says what contradicts itself.
    ///
    /// # Errors
    /// [`BatcherError::Config`] or [`BatcherError::Seal`].
    pub fn check(&self, layer: &dyn DataLayer) -> Result<(), BatcherError> {
        let blobs = 1..=BLOBS_PER_TRANSACTION_MAX;
        let batches = 1..=BATCHES_PER_TRANSACTION_MAX;
        let rules = [
            (blobs.contains(&self.blobs_max), "a batch has 1 to 6 blobs"),
            (
                batches.contains(&self.batches_per_transaction_max),
                "a transaction commits 1 to 64 batches",
            ),
            (self.in_flight_max > 0, "at least one L1 transaction must be under way"),
            (self.waiting_max > 0, "at least one batch must be able to wait"),
            (self.backlog_max >= self.waiting_max, "the backlog holds what waits"),
            (self.log_range > 0, "a request for logs has a range"),
            (!self.poll_interval.is_zero(), "L1 cannot be looked at without pause"),
        ];
        for (holds, what) in rules {
            if !holds {
                return Err(BatcherError::Config(what));
            }
        }
        self.sealing(layer).check()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_must_fit_the_smallest_thing_that_holds_it() {
        let one = BatcherConfig { blobs_max: 1, ..BatcherConfig::default() };
        // 4,096 words of 31 bytes, without DA header (4; the DA version has a byte of its own),
        // chunk length and number of blocks (4 + 4).
        assert_eq!(one.block_bytes_max(DataLayerKind::Blobs), 4_096 * 31 - 12);
        let six = BatcherConfig::default();
        assert_eq!(six.block_bytes_max(DataLayerKind::Blobs), 6 * 4_096 * 31 - 12);
        assert_eq!(six.block_bytes_max(DataLayerKind::Calldata), 120 * 1_024 - 12);
        assert_eq!(six.block_bytes_max(DataLayerKind::Anchored), 6 * 4_096 * 31 - 12);
    }
}
