//! The sequencer: pool and pipeline behind one handle.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use crossbeam_channel::{Sender, bounded};
use jovay_evm::{BlockEnv, BlockExecutor, BlockHashes, ChainSpec};
use jovay_state::{ChainStore, SealOutcome};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

use crate::dev::Snapshots;
use crate::ingest::{Checker, Ingest, hash_of};
use crate::pipeline::{
    Builder, BuilderParts, HeaderSettings, IncludedTx, News, Progress, ReceiptWaiters,
    SealedHashes, Task, WaitError, spawn, start_stages,
};
use crate::{BlobStore, Clock, L1Queue, Pool, PoolError, SequencerConfig, SequencerError};

/// Published blocks that a slow subscriber may lag behind before it misses some.
const BLOCK_NOTICES_MAX: usize = 64;
/// Tasks that may wait for the builder.
const TASKS_MAX: usize = 64;
/// Journaled transactions that are checked together at the start.
const RELOAD_BATCH: usize = 1_024;

/// Takes transactions, builds blocks and extends a [`ChainStore`] by them.
///
/// Works from [`Sequencer::start`] until [`Sequencer::stop`], which dropping it implies.
pub struct Sequencer {
    pub(crate) pool: Arc<Pool>,
    pub(crate) checker: Arc<Checker>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) settings: Arc<RwLock<HeaderSettings>>,
    pub(crate) snapshots: Mutex<Snapshots>,
    /// The last block that L1 was promised. Relaxed: nothing else hangs on it.
    pub(crate) promised: AtomicU64,
    store: Arc<dyn ChainStore>,
    spec: Arc<ChainSpec>,
    l1: Arc<L1Queue>,
    ingest: Ingest,
    waiters: Arc<ReceiptWaiters>,
    blocks: broadcast::Sender<SealOutcome>,
    tasks: Mutex<Option<Sender<Task>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Sequencer {
    /// Starts all threads on top of `store`'s head and takes the pool's journal back in.
    ///
    /// # Errors
    /// A thread cannot be started, or the journal cannot be opened.
    pub fn start(
        config: SequencerConfig,
        spec: Arc<ChainSpec>,
        store: Arc<dyn ChainStore>,
        executor: Box<dyn BlockExecutor>,
        l1: Arc<L1Queue>,
    ) -> Result<Self, SequencerError> {
        let head = store.head();
        let settings = HeaderSettings::new(&config.blocks, &spec);
        let fees = settings.fees(&head.header, &spec);
        let settings = Arc::new(RwLock::new(settings));
        let gas_limit = Arc::new(AtomicU64::new(config.blocks.gas_limit));
        let blobs = BlobStore::open(config.pool.blobs.clone(), head.number());
        let blobs = Arc::new(blobs.map_err(|error| SequencerError::Io {
            what: "open the folder of blobs".into(),
            error: error.to_string(),
        })?);
        let pool = Arc::new(Pool::new(config.pool, spec.clone(), store.clone(), blobs, fees));
        let progress = Arc::new(Progress::at(head.number()));
        let clock = Arc::new(Clock::default());
        let waiters = Arc::new(ReceiptWaiters::default());
        let blocks = broadcast::Sender::new(BLOCK_NOTICES_MAX);
        // What no block can hold would wait for ever.
        let mut ingest = config.ingest;
        ingest.tx_bytes_max = ingest.tx_bytes_max.min(config.blocks.tx_bytes_max());
        let checker = Checker::new(ingest, spec.clone(), gas_limit.clone(), pool.clone())?;
        let checker = Arc::new(checker);
        reload_journal(&pool, &checker)?;

        let news = News { pool: pool.clone(), waiters: waiters.clone(), blocks: blocks.clone() };
        let (executed, mut threads) = start_stages(&store, &progress, news)?;
        let (tasks, to_builder) = bounded(TASKS_MAX);
        let builder = Builder::new(BuilderParts {
            store: store.clone(),
            executor,
            spec: spec.clone(),
            pool: pool.clone(),
            l1: l1.clone(),
            clock: clock.clone(),
            progress: progress.clone(),
            config: config.blocks,
            settings: settings.clone(),
            gas_limit,
            executed,
            tasks: to_builder,
        });
        threads.insert(0, spawn("build", progress.clone(), move || builder.run())?);
        let ingest = Ingest::start(checker.clone(), progress.clone())?;
        Ok(Self {
            pool,
            checker,
            clock,
            progress,
            settings,
            snapshots: Mutex::default(),
            promised: AtomicU64::new(0),
            store,
            spec,
            l1,
            ingest,
            waiters,
            blocks,
            tasks: Mutex::new(Some(tasks)),
            threads: Mutex::new(threads),
        })
    }

    /// Puts a raw signed transaction into the pool; completes when the pool has decided. Many
    /// callers are served together.
    ///
    /// # Errors
    /// Why it was refused, in geth's words.
    pub async fn submit(&self, raw: Bytes) -> Result<B256, PoolError> {
        let answer = self.ingest.submit(vec![raw]).await.pop();
        answer.unwrap_or_else(|| Err(PoolError::Stopped("no answer".into())))
    }

    /// Puts raw signed transactions into the pool; the answers are in the same order.
    pub async fn submit_many(&self, raws: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        self.ingest.submit(raws).await
    }

    /// Puts a raw signed transaction into the pool and waits until its block is published.
    ///
    /// # Errors
    /// It was refused, or no block took it within `timeout`.
    pub async fn submit_and_wait(
        &self,
        raw: Bytes,
        timeout: Duration,
    ) -> Result<IncludedTx, WaitError> {
        let hash = hash_of(&raw);
        // Registered first: the block may be published before the answer comes.
        let ticket = self.waiters.register(hash)?;
        self.submit(raw).await?;
        self.wait(ticket, hash, timeout).await
    }

    /// Waits until a block with the transaction is published; one that was published before the
    /// call is not noticed.
    ///
    /// # Errors
    /// No block took it within `timeout`.
    pub async fn wait_for_receipt(
        &self,
        hash: B256,
        timeout: Duration,
    ) -> Result<IncludedTx, WaitError> {
        let ticket = self.waiters.register(hash)?;
        self.wait(ticket, hash, timeout).await
    }

    async fn wait(
        &self,
        mut ticket: crate::pipeline::Ticket<'_>,
        hash: B256,
        timeout: Duration,
    ) -> Result<IncludedTx, WaitError> {
        match tokio::time::timeout(timeout, &mut ticket.answer).await {
            Ok(Ok(included)) => Ok(included),
            Ok(Err(_)) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::Timeout(hash)),
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The sidecars of blob transactions, those of past blocks among them.
    pub fn blobs(&self) -> &Arc<BlobStore> {
        self.pool.blobs()
    }

    /// The queue of messages from L1.
    pub fn l1(&self) -> &Arc<L1Queue> {
        &self.l1
    }

    /// Published blocks from now on.
    pub fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        self.blocks.subscribe()
    }

    /// Header fields that the block after the published head would have now.
    pub fn next_block_env(&self) -> BlockEnv {
        let parent = self.store.head();
        let rolling_hash = self.l1.rolling_hash();
        let settings = self.settings.read();
        settings.env(&parent.header, parent.hash, &self.spec, &self.clock, rolling_hash)
    }

    /// Hashes of earlier blocks; waits for those that are being sealed.
    pub fn hashes(&self) -> Arc<dyn BlockHashes> {
        Arc::new(SealedHashes { store: self.store.clone(), progress: self.progress.clone() })
    }

    /// The failure that stopped the pipeline, if one has.
    pub fn failure(&self) -> Option<String> {
        self.progress.failure()
    }

    /// Runs `task` on the builder's thread, between two blocks.
    pub(crate) fn on_builder<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Builder) -> Result<T, SequencerError> + Send + 'static,
    ) -> Result<T, SequencerError> {
        let gone = || match self.progress.failure() {
            Some(why) => SequencerError::Failed(why),
            None => SequencerError::Stopping,
        };
        let tasks = self.tasks.lock().clone().ok_or_else(gone)?;
        let (reply, answer) = bounded(1);
        let run: Task = Box::new(move |builder| {
            // The caller may have gone.
            let _ = reply.send(task(builder));
        });
        tasks.send(run).map_err(|_| gone())?;
        drop(tasks);
        answer.recv().map_err(|_| gone())?
    }

    /// Stops: refuses transactions, finishes the blocks under way, writes the journal. Returns
    /// when all threads have ended; a second call does nothing.
    pub fn stop(&self) {
        self.progress.stop();
        self.ingest.stop();
        self.tasks.lock().take();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // A panic has been recorded as the pipeline's failure.
            let _ = thread.join();
        }
        self.pool.rewrite_journal();
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the journal holds goes through the normal checks; what a block has taken fails there.
fn reload_journal(pool: &Pool, checker: &Checker) -> Result<(), SequencerError> {
    let txs = pool.open_journal().map_err(|error| SequencerError::Io {
        what: "open the pool's journal".into(),
        error: error.to_string(),
    })?;
    if txs.is_empty() {
        return Ok(());
    }
    let results = txs.chunks(RELOAD_BATCH).flat_map(|batch| checker.process(batch));
    let kept = results.filter(Result::is_ok).count();
    pool.rewrite_journal();
    tracing::info!(read = txs.len(), kept, "took the pool's journal back in");
    Ok(())
}
