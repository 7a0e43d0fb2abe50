//! Follows the chain, closes batches and keeps them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jovay_da::{
    Attachment, BatchHeader, BatchSealer, BatchVersion, BlockData, CloseReason, Sealed, SealedBatch,
};
use jovay_evm::L2_SPEC_VERSION;
use jovay_state::SealOutcome;
use tokio::sync::broadcast::{self, error::RecvError};

use super::blocks::{Blocks, Step};
use super::open_blocks::OpenBlocks;
use super::{Backoff, BatcherError, Shared, report, unix_s};
use crate::store::{BatchRecord, SealReason};

/// How often ages are looked at when no block comes.
const TICK: Duration = Duration::from_millis(250);
/// Blocks that are taken in without a pause for other tasks.
const BLOCKS_AT_ONCE: usize = 32;

pub(super) async fn run(
    shared: Arc<Shared>,
    mut new_blocks: broadcast::Receiver<SealOutcome>,
) -> BatcherError {
    let result: Result<Infallible, BatcherError> = async {
        let mut sealing = Sealing::new(shared.clone())?;
        loop {
            sealing.advance().await?;
            tokio::select! {
                news = new_blocks.recv() => match news {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    // The sequencer has stopped; what is open can still become old.
                    Err(RecvError::Closed) => tokio::time::sleep(TICK).await,
                },
                () = shared.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
    .await;
    match result {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

struct Sealing {
    shared: Arc<Shared>,
    blocks: Blocks,
    sealer: BatchSealer,
    open: OpenBlocks,
    last: BatchRecord,
    /// Whether it was said that no more blocks are taken in.
    full_said: bool,
}

impl Sealing {
    /// Starts behind the last sealed batch.
    fn new(shared: Arc<Shared>) -> Result<Self, BatcherError> {
        let last = shared.store.last_sealed()?;
        let blocks = Blocks::behind(shared.chain.clone(), &last)?;
        let config = shared.config.sealing(shared.layer.as_ref());
        let sealer = BatchSealer::new(config, last.last_block + 1)?;
        let open = OpenBlocks::behind(&last);
        Ok(Self { shared, blocks, sealer, open, last, full_said: false })
    }

    /// Takes in what is there, and closes what is due.
    async fn advance(&mut self) -> Result<(), BatcherError> {
        let mut at_once = 0;
        loop {
            if self.is_full() {
                return Ok(());
            }
            match self.blocks.step()? {
                Step::Block(block) => {
                    let data = BlockData::new(&block, L2_SPEC_VERSION)?;
                    self.open.add(&block)?;
                    let prices = self.shared.sender.prices().map(|prices| prices.sealing());
                    let sealed = self.sealer.push(data, prices.as_ref())?;
                    self.keep(sealed, None).await?;
                }
                Step::Reverted => self.start_over()?,
                Step::CaughtUp => break,
            }
            at_once += 1;
            if at_once % BLOCKS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        if let Some(reason) = self.due() {
            let sealed = self.sealer.close()?;
            self.keep(sealed, Some(reason)).await?;
        }
        let oldest = self.open.age(Instant::now(), unix_s());
        metrics::gauge!("jovay_batch_open_age_seconds")
            .set(oldest.unwrap_or_default().as_secs_f64());
        Ok(())
    }

    /// Whether so many batches wait for L1 that blocks had better wait too.
    fn is_full(&mut self) -> bool {
        let waiting = self.last.index.saturating_sub(self.shared.committed());
        let full = waiting >= self.shared.config.backlog_max;
        if full && !self.full_said {
            tracing::error!(
                waiting,
                "too many batches wait for L1: blocks stay in the chain until some are committed"
            );
        }
        self.full_said = full;
        full
    }

    /// Blocks were taken back that are in no sealed batch: reads them again. Otherwise an error.
    fn start_over(&mut self) -> Result<(), BatcherError> {
        tracing::warn!(
            after = self.last.last_block,
            "the chain was taken back: its blocks are put into the open batch again"
        );
        *self = Self::new(self.shared.clone())?;
        Ok(())
    }

    /// Why the open batch is to close now.
    fn due(&self) -> Option<SealReason> {
        let now = (Instant::now(), unix_s());
        let config = &self.shared.config;
        let asked = self.shared.asked.swap(false, Ordering::Relaxed);
        let oldest = self.open.age(now.0, now.1)?;
        if asked {
            return Some(SealReason::Asked);
        }
        let urgent = self.shared.urgent_message.load(Ordering::Relaxed);
        if (self.open.sealed_queue().next..self.open.queue().next).contains(&urgent) {
            return Some(SealReason::Deadline);
        }
        let waiting = self.last.index.saturating_sub(self.shared.committed());
        if waiting >= config.waiting_max {
            return None;
        }
        match self.open.transaction_age(now.0, now.1) {
            Some(age) => (age >= config.age_max).then_some(SealReason::Age),
            None => (oldest >= config.idle_age_max).then_some(SealReason::Idle),
        }
    }

    /// Keeps sealed batches; `asked` is why the last one was closed, if it was by us.
    async fn keep(
        &mut self,
        sealed: Sealed,
        asked: Option<SealReason>,
    ) -> Result<(), BatcherError> {
        for batch in sealed.batches {
            let reason = match (batch.reason, asked) {
                (CloseReason::Asked, Some(reason)) => reason,
                (reason, _) => reason.into(),
            };
            if !self.keep_one(batch, reason).await? {
                // What else was sealed is of blocks that are gone, too.
                return self.start_over();
            }
        }
        Ok(())
    }

    /// Keeps one; false if its blocks have been taken back.
    async fn keep_one(
        &mut self,
        batch: SealedBatch,
        reason: SealReason,
    ) -> Result<bool, BatcherError> {
        let index = self.last.index + 1;
        let missing = || BatcherError::Task(format!("the blocks of batch {index} are unknown"));
        let (data, attachment, data_hash) = self.publish(index, batch.data.clone()).await?;
        let (first, last) = self.open.seal(batch.last_block).ok_or_else(missing)?;
        if self.shared.chain.block_hash(last.number)? != Some(last.hash) {
            // While proofs were computed. Nothing is kept yet.
            return Ok(false);
        }
        let header = BatchHeader {
            version: BatchVersion::V2,
            index,
            l1_rolling_hash: last.queue.rolling_hash,
            data_hash,
            parent_hash: self.last.hash,
        };
        let versioned_hashes = attachment.sidecar().map(|sidecar| sidecar.versioned_hashes());
        let record = BatchRecord {
            index,
            hash: header.hash(),
            parent_hash: header.parent_hash,
            version: header.version as u8,
            first_block: batch.first_block,
            last_block: batch.last_block,
            last_block_hash: last.hash,
            first_timestamp: first.timestamp,
            transactions: batch.transactions,
            l1_messages: batch.l1_messages,
            l1_message_count: last.queue.next,
            l1_rolling_hash: header.l1_rolling_hash,
            gas_used: batch.gas_used,
            data_hash,
            versioned_hashes: versioned_hashes.map(Iterator::collect).unwrap_or_default(),
            data_bytes: batch.data.packed_len() as u64,
            payload_bytes: batch.payload_len as u64,
            chunk_blocks: batch.chunk_blocks,
            reason,
            sealed_at: unix_s(),
            commit: None,
        };
        // In memory first: who sees the record must find them.
        self.shared.attachments.insert(index, attachment);
        self.shared.store.put(&record, Some(&data))?;
        announce(&record);
        self.last = record;
        self.shared.report(|status| status.sealed = index);
        Ok(true)
    }

    /// Makes the data available, however often it takes.
    async fn publish(
        &self,
        index: u64,
        data: jovay_da::BatchData,
    ) -> Result<(jovay_da::BatchData, Attachment, alloy_primitives::B256), BatcherError> {
        let config = &self.shared.config;
        let mut backoff = Backoff::new(config.poll_interval, config.backoff_max);
        let data = Arc::new(data);
        loop {
            match super::data::publish(&self.shared.layer, data.clone()).await? {
                Ok(publication) => {
                    let data = Arc::unwrap_or_clone(data);
                    return Ok((data, publication.attachment, publication.data_hash));
                }
                Err(source) if source.is_retryable() => {
                    tracing::warn!(batch = index, error = %source, "its data is not published yet");
                    metrics::counter!("jovay_batch_publish_failures_total").increment(1);
                    tokio::time::sleep(backoff.pause()).await;
                }
                Err(source) => return Err(BatcherError::Layer { index, source }),
            }
        }
    }
}

fn announce(record: &BatchRecord) {
    tracing::info!(
        hash = %record.hash,
        "{}, sealed because {}",
        report::describe(record),
        record.reason.words()
    );
    metrics::counter!("jovay_batches_sealed_total").increment(1);
    metrics::counter!("jovay_batch_transactions_total").increment(record.transactions);
    metrics::counter!("jovay_batch_data_bytes_total").increment(record.data_bytes);
    metrics::counter!("jovay_batch_blobs_total").increment(record.versioned_hashes.len() as u64);
    metrics::histogram!("jovay_batch_data_bytes").record(record.data_bytes as f64);
    metrics::gauge!("jovay_batch_last_sealed").set(record.index as f64);
    metrics::gauge!("jovay_batch_last_block").set(record.last_block as f64);
}
