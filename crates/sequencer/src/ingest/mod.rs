//! From raw bytes to the pool: many callers, one batching thread, a pool of recovery threads.
//!
//! While one batch has its senders recovered the next one gathers, so batches grow with the load
//! and a lone transaction waits for nobody.

mod check;
mod decode;
mod gas;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{B256, Bytes};
use jovay_evm::{ChainSpec, Fork};
use jovay_types::RecoveredTx;
use parking_lot::Mutex;
use rayon::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub(crate) use self::check::{CheckContext, check};
pub(crate) use self::decode::hash_of;
use self::decode::{Decoded, decode, has_blob_type};
use crate::blobs::SharedSidecar;
use crate::pipeline::{Progress, spawn};
use crate::pool::NewTx;
use crate::{IngestConfig, Pool, PoolError, SequencerError};

/// Transactions checked together; more would only delay the first ones' answers.
const BATCH_MAX: usize = 2_048;
/// Transactions that one thread recovers in one go, to keep libsecp256k1's tables in its cache.
const RECOVERY_RUN: usize = 16;
/// Below this a batch is recovered where it is: handing it over would take longer.
const INLINE_MAX: usize = 3;
/// What a waiting transaction counts at least, in bytes, for the memory around it.
const WAITING_BYTES_MIN: usize = 512;

/// Raw transactions with the caller who waits for the answers.
struct Submission {
    raws: Vec<Bytes>,
    reply: oneshot::Sender<Vec<Result<B256, PoolError>>>,
    /// Returned when the submission has been answered.
    _permit: OwnedSemaphorePermit,
}

/// The way into the pool.
pub(crate) struct Ingest {
    config: IngestConfig,
    sender: Mutex<Option<mpsc::UnboundedSender<Submission>>>,
    waiting: Arc<Semaphore>,
    progress: Arc<Progress>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the batching thread works with.
pub(crate) struct Checker {
    pub(crate) config: IngestConfig,
    pub(crate) spec: Arc<ChainSpec>,
    /// Development chains change it while running.
    pub(crate) block_gas_limit: Arc<AtomicU64>,
    pub(crate) pool: Arc<Pool>,
    threads: rayon::ThreadPool,
}

impl Checker {
    /// Starts the recovery threads.
    pub(crate) fn new(
        config: IngestConfig,
        spec: Arc<ChainSpec>,
        block_gas_limit: Arc<AtomicU64>,
        pool: Arc<Pool>,
    ) -> Result<Self, SequencerError> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(config.recovery_threads)
            .thread_name(|index| format!("recover-{index}"))
            .build()
            .map_err(|error| SequencerError::Io {
                what: "start the recovery threads".into(),
                error: error.to_string(),
            })?;
        Ok(Self { config, spec, block_gas_limit, pool, threads })
    }

    /// The checks' view of chain and node.
    pub(crate) fn context(&self) -> CheckContext {
        CheckContext {
            chain_id: self.spec.chain_id,
            initcode_max: self.spec.initcode_size_max(),
            // A limit that has just changed may be missed: the builder checks again.
            block_gas_limit: self.block_gas_limit.load(Ordering::Relaxed),
            tx_bytes_max: self.config.tx_bytes_max,
            blob_tx_bytes_max: self.config.blob_tx_bytes_max,
            blobs_per_tx: self.blobs_per_tx(),
            allow_unprotected: self.config.allow_unprotected,
        }
    }

    /// Most blobs of a transaction: none on the L2, and none before Osaka, whose sidecars alone are
    /// understood here.
    fn blobs_per_tx(&self) -> Option<u64> {
        let head = self.pool.head_timestamp();
        let takes = !self.spec.is_l2() && self.spec.fork(u64::MAX, head) >= Fork::Osaka;
        let params = self.spec.blob_params(head).filter(|_| takes)?;
        Some(params.max_blobs_per_tx.min(params.max_blob_count))
    }

    /// Takes a batch through all checks into the pool; answers in the same order.
    pub(crate) fn process(&self, raws: &[Bytes]) -> Vec<Result<B256, PoolError>> {
        let context = self.context();
        let recovered: Vec<_> = if raws.len() <= INLINE_MAX {
            self.recover_run(raws, &context)
        } else {
            self.threads.install(|| {
                let runs = raws.par_chunks(RECOVERY_RUN);
                runs.flat_map_iter(|run| self.recover_run(run, &context)).collect()
            })
        };
        let mut txs = Vec::with_capacity(recovered.len());
        let mut results: Vec<Option<PoolError>> = Vec::with_capacity(recovered.len());
        for result in recovered {
            match result {
                Ok(tx) => {
                    txs.push(tx);
                    results.push(None);
                }
                Err(error) => results.push(Some(error)),
            }
        }
        let mut added = self.pool.add(txs, true).into_iter();
        let results = results.into_iter().filter_map(|error| match error {
            Some(error) => Some(Err(error)),
            None => added.next(),
        });
        results.inspect(count).collect()
    }

    /// Decoded, checked and recovered; those in the pool already are refused before recovery.
    fn recover_run(&self, raws: &[Bytes], context: &CheckContext) -> Vec<Result<NewTx, PoolError>> {
        // The hash of a transaction is that of its encoding, which decoding shows to be canonical.
        let hashes: Vec<B256> = raws.iter().map(|raw| hash_of(raw)).collect();
        let known = self.pool.known(&hashes);
        let recover = |(raw, known): (&Bytes, bool)| {
            if known {
                return Err(PoolError::AlreadyKnown);
            }
            self.check_one(raw, context)
        };
        raws.iter().zip(known).map(recover).collect()
    }

    /// Decodes and checks a transaction and recovers its sender.
    ///
    /// # Errors
    /// The first check that fails.
    pub(crate) fn check_one(&self, raw: &[u8], context: &CheckContext) -> Result<NewTx, PoolError> {
        let Decoded { tx, sidecar } = decode(raw, context)?;
        check(&tx, context)?;
        let tx = RecoveredTx::recover(tx).map_err(|_| PoolError::InvalidSignature)?;
        let sidecar = self.sidecar(&tx, sidecar)?;
        Ok(NewTx { tx: Arc::new(tx), sidecar })
    }

    /// The sidecar of a blob transaction, checked. One that is kept already, because the
    /// transaction comes back from the journal, need not come along.
    fn sidecar(
        &self,
        tx: &RecoveredTx,
        sidecar: Option<BlobTransactionSidecarEip7594>,
    ) -> Result<Option<SharedSidecar>, PoolError> {
        use alloy_consensus::Transaction as _;
        let Some(hashes) = tx.as_ethereum().and_then(|tx| tx.blob_versioned_hashes()) else {
            return Ok(None);
        };
        if let Some(kept) = self.pool.blobs().get(&tx.hash()) {
            return Ok(Some(kept));
        }
        let sidecar = sidecar.ok_or(PoolError::MissingSidecar)?;
        jovay_da::verify_sidecar(&sidecar, hashes)
            .map_err(|error| PoolError::InvalidSidecar(error.to_string()))?;
        Ok(Some(Arc::new(sidecar)))
    }
}

fn count(result: &Result<B256, PoolError>) {
    match result {
        Ok(_) => metrics::counter!("jovay_pool_accepted_total").increment(1),
        Err(error) => {
            metrics::counter!("jovay_pool_rejected_total", "reason" => error.reason()).increment(1);
        }
    }
}

impl Ingest {
    /// Starts the batching thread.
    pub(crate) fn start(
        checker: Arc<Checker>,
        progress: Arc<Progress>,
    ) -> Result<Self, SequencerError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let config = checker.config.clone();
        // The bytes that wait are bounded by the semaphore, and with them the channel.
        let waiting = Arc::new(Semaphore::new(config.waiting_bytes_max));
        let (shared, free) = (progress.clone(), waiting.clone());
        let thread = spawn("ingest", progress.clone(), move || {
            run(&checker, receiver, &shared, &free);
            Ok(())
        })?;
        Ok(Self {
            waiting,
            config,
            sender: Mutex::new(Some(sender)),
            progress,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Checks transactions and puts them into the pool; the answers are in the same order. Waits
    /// while too much is being checked.
    pub(crate) async fn submit(&self, raws: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        let mut results = Vec::with_capacity(raws.len());
        let mut rest = raws.into_iter().peekable();
        while rest.peek().is_some() {
            let (part, bytes) = self.next_part(&mut rest);
            let count = part.len();
            let answers = self.submit_part(part, bytes).await;
            results.extend(answers.unwrap_or_else(|error| vec![Err(error); count]));
        }
        results
    }

    /// As many as may wait together, and the bytes they count.
    fn next_part(
        &self,
        rest: &mut std::iter::Peekable<std::vec::IntoIter<Bytes>>,
    ) -> (Vec<Bytes>, usize) {
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some(next) = rest.peek() {
            // An oversized one is refused by the check, at the cost of the largest allowed.
            let most = if has_blob_type(next) {
                self.config.blob_tx_bytes_max
            } else {
                self.config.tx_bytes_max
            };
            let size = next.len().clamp(WAITING_BYTES_MIN, most);
            let full = bytes + size > self.config.waiting_bytes_max / 4 || part.len() >= BATCH_MAX;
            if full && !part.is_empty() {
                break;
            }
            bytes += size;
            part.extend(rest.next());
        }
        (part, bytes.min(self.config.waiting_bytes_max))
    }

    async fn submit_part(
        &self,
        raws: Vec<Bytes>,
        bytes: usize,
    ) -> Result<Vec<Result<B256, PoolError>>, PoolError> {
        self.progress.accepting()?;
        let stopped = || PoolError::Stopped("it is stopping".into());
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = self.waiting.clone().acquire_many_owned(permits).await;
        let permit = permit.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let sender = self.sender.lock().clone().ok_or_else(stopped)?;
        let submission = Submission { raws, reply, _permit: permit };
        sender.send(submission).map_err(|_| stopped())?;
        drop(sender);
        answer.await.map_err(|_| stopped())
    }

    /// Refuses what comes from now on, and returns when what has come is answered.
    pub(crate) fn stop(&self) {
        self.sender.lock().take();
        self.waiting.close();
        if let Some(thread) = self.thread.lock().take() {
            // A panic in it has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn run(
    checker: &Checker,
    mut receiver: mpsc::UnboundedReceiver<Submission>,
    progress: &Progress,
    free: &Semaphore,
) {
    while let Some(first) = receiver.blocking_recv() {
        let mut batch = vec![first];
        let mut count = batch[0].raws.len();
        while count < BATCH_MAX
            && let Ok(next) = receiver.try_recv()
        {
            count += next.raws.len();
            batch.push(next);
        }
        metrics::histogram!("jovay_ingest_batch_txs").record(count as f64);
        let waiting = checker.config.waiting_bytes_max.saturating_sub(free.available_permits());
        metrics::gauge!("jovay_ingest_waiting_bytes").set(waiting as f64);
        if let Err(error) = progress.accepting() {
            for submission in batch {
                let refused = vec![Err(error.clone()); submission.raws.len()];
                let _ = submission.reply.send(refused);
            }
            continue;
        }
        let raws: Vec<Bytes> = batch.iter().flat_map(|s| s.raws.iter().cloned()).collect();
        let mut results = checker.process(&raws).into_iter();
        for submission in batch {
            let own = results.by_ref().take(submission.raws.len()).collect();
            // The caller may have gone; the transaction stays.
            let _ = submission.reply.send(own);
        }
    }
}
