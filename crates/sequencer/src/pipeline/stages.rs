//! The stages after execution: log, seal, publish.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use jovay_state::{ChainStore, SealOutcome};
use jovay_types::ExecutedBlock;
use tokio::sync::broadcast;

use super::{Progress, ReceiptWaiters};
use crate::{Pool, SequencerError};

/// Blocks that one fsync takes at most.
const GROUP_MAX: usize = 64;

/// Logs blocks with one fsync for all that wait.
pub(crate) fn log(
    store: &dyn ChainStore,
    progress: &Progress,
    executed: &Receiver<Arc<ExecutedBlock>>,
    logged: &Sender<u64>,
) -> Result<(), SequencerError> {
    while let Ok(first) = executed.recv() {
        let mut group = vec![first];
        group.extend(executed.try_iter().take(GROUP_MAX - 1));
        let start = Instant::now();
        store.log(&group)?;
        metrics::histogram!("jovay_log_seconds").record(start.elapsed().as_secs_f64());
        metrics::histogram!("jovay_log_group_blocks").record(group.len() as f64);
        for block in group {
            let number = block.header.number;
            progress.update(|passed| passed.logged = number);
            if logged.send(number).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Seals logged blocks.
pub(crate) fn seal(
    store: &dyn ChainStore,
    progress: &Progress,
    logged: &Receiver<u64>,
    sealed: &Sender<SealOutcome>,
) -> Result<(), SequencerError> {
    while let Ok(number) = logged.recv() {
        let start = Instant::now();
        let outcome = store.seal()?;
        metrics::histogram!("jovay_seal_seconds").record(start.elapsed().as_secs_f64());
        if outcome.block.number() != number {
            let got = outcome.block.number();
            let why = format!("the store sealed block {got}, block {number} was due");
            return Err(jovay_state::StoreError::OutOfOrder(why).into());
        }
        progress.update(|passed| passed.sealed = number);
        if sealed.send(outcome).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Makes sealed blocks the head, and tells everyone.
pub(crate) fn publish(
    store: &dyn ChainStore,
    progress: &Progress,
    sealed: &Receiver<SealOutcome>,
    news: &News,
) -> Result<(), SequencerError> {
    while let Ok(outcome) = sealed.recv() {
        let number = outcome.block.number();
        // First the blobs: who sees the block may ask for them.
        let transactions = outcome.block.transactions.iter().map(|tx| tx.hash());
        news.pool.blobs().published(number, transactions).map_err(|error| SequencerError::Io {
            what: "keep the blobs of a block".into(),
            error: error.to_string(),
        })?;
        store.publish(&outcome)?;
        tell(&outcome);
        news.pool.published(&outcome.block.transactions);
        news.waiters.published(&outcome);
        // Nobody may be listening.
        let _ = news.blocks.send(outcome);
        progress.published(number);
        let passed = progress.passed();
        metrics::gauge!("jovay_chain_head").set(number as f64);
        metrics::gauge!("jovay_seal_lag_blocks")
            .set(passed.staged.saturating_sub(passed.sealed) as f64);
    }
    Ok(())
}

/// A line for the person who watches; heartbeats only if asked for.
fn tell(outcome: &SealOutcome) {
    let block = &outcome.block;
    let (number, txs, gas) = (block.number(), block.transactions.len(), block.header.gas_used);
    if txs == 0 {
        tracing::debug!(number, hash = %block.hash, "block without transactions");
    } else {
        tracing::info!(number, txs, gas, hash = %block.hash, "block");
    }
}

/// Who hears of a published block.
pub(crate) struct News {
    pub(crate) pool: Arc<Pool>,
    pub(crate) waiters: Arc<ReceiptWaiters>,
    pub(crate) blocks: broadcast::Sender<SealOutcome>,
}
