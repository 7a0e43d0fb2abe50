//! The builder: decides when a block starts, executes it and hands it on.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use crossbeam_channel::{Receiver, Sender, TryRecvError, after, never, select};
use jovay_evm::{BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, Fork, RejectedTx};
use jovay_state::{ChainStore, StateView};
use jovay_types::{ExecutedBlock, Header, RecoveredTx, StateDiff, Transaction};
use parking_lot::RwLock;

use super::env::HeaderSettings;
use super::{Progress, SealedHashes};
use crate::pool::Room;
use crate::schedule::Schedule;
use crate::{BlockConfig, Clock, L1Queue, Pool, SequencerError};

/// Least gas of a transaction: no block holds more than its gas limit over this.
const TX_GAS_MIN: u64 = 21_000;
/// Candidates beyond twice what the last blocks have taken.
const CANDIDATES_MARGIN: usize = 1_024;
/// Most transactions of a block: batches count them in 16 bits (`docs/spec/batch.md`).
const TXS_MAX: usize = 65_535;
/// How often a builder that waits for the seal stage looks for a stop.
const LAG_POLL: Duration = Duration::from_millis(100);

/// A job for the builder's thread, run between blocks.
pub(crate) type Task = Box<dyn FnOnce(&mut Builder) + Send>;

/// Builds blocks; owned by its thread.
pub(crate) struct Builder {
    pub(crate) store: Arc<dyn ChainStore>,
    pub(crate) executor: Box<dyn BlockExecutor>,
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) l1: Arc<L1Queue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) config: BlockConfig,
    pub(crate) schedule: Schedule,
    /// Shared with those who ask for the next block's header fields.
    pub(crate) settings: Arc<RwLock<HeaderSettings>>,
    /// Shared with the checks of incoming transactions.
    pub(crate) gas_limit: Arc<AtomicU64>,
    pub(crate) executed: Sender<Arc<ExecutedBlock>>,
    pub(crate) tasks: Receiver<Task>,
    /// Header of the last staged block, without roots if it is not sealed.
    pub(crate) parent: Header,
    /// Changes made outside of blocks since the last block.
    pub(crate) patches: Vec<StateDiff>,
    last_start: Instant,
    /// Transactions that recent blocks have taken, at most.
    recent_txs: usize,
    /// Ready transactions that the last attempt could not use; they count as no work.
    unusable: usize,
}

/// What the builder needs from outside.
pub(crate) struct BuilderParts {
    pub(crate) store: Arc<dyn ChainStore>,
    pub(crate) executor: Box<dyn BlockExecutor>,
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) l1: Arc<L1Queue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) config: BlockConfig,
    pub(crate) settings: Arc<RwLock<HeaderSettings>>,
    pub(crate) gas_limit: Arc<AtomicU64>,
    pub(crate) executed: Sender<Arc<ExecutedBlock>>,
    pub(crate) tasks: Receiver<Task>,
}

impl Builder {
    pub(crate) fn new(parts: BuilderParts) -> Self {
        let parent = parts.store.head().header.clone();
        let schedule = Schedule::new(&parts.config);
        Self {
            store: parts.store,
            executor: parts.executor,
            spec: parts.spec,
            pool: parts.pool,
            l1: parts.l1,
            clock: parts.clock,
            progress: parts.progress,
            config: parts.config,
            schedule,
            settings: parts.settings,
            gas_limit: parts.gas_limit,
            executed: parts.executed,
            tasks: parts.tasks,
            parent,
            patches: Vec::new(),
            last_start: Instant::now(),
            recent_txs: 0,
            unusable: 0,
        }
    }

    /// Builds until the task channel closes.
    pub(crate) fn run(mut self) -> Result<(), SequencerError> {
        loop {
            let delay = self.progress.recent_delay();
            let due = self.schedule.due(self.last_start, self.has_work(), delay);
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                if !self.wait_for_room()? {
                    return Ok(());
                }
                self.build_on_schedule()?;
                // Tasks are not starved by a full pool.
                loop {
                    match self.tasks.try_recv() {
                        Ok(task) => task(&mut self),
                        Err(TryRecvError::Empty) => break,
                        // What waits in the pool stays in its journal.
                        Err(TryRecvError::Disconnected) => return Ok(()),
                    }
                }
                continue;
            }
            let timer = due.map_or_else(never, |due| after(due - now));
            let pool = self.pool.arrived().clone();
            let l1 = self.l1.arrived().clone();
            let tasks = self.tasks.clone();
            select! {
                recv(tasks) -> task => match task {
                    Ok(task) => task(&mut self),
                    Err(_) => return Ok(()),
                },
                recv(pool) -> _ => self.unusable = 0,
                recv(l1) -> _ => {}
                recv(timer) -> _ => {}
            }
            if let Some(why) = self.progress.failure() {
                return Err(SequencerError::Failed(why));
            }
        }
    }

    fn has_work(&self) -> bool {
        self.pool.ready() > self.unusable || !self.l1.is_empty()
    }

    /// Waits while too many blocks are not sealed; false when the sequencer stops meanwhile.
    fn wait_for_room(&mut self) -> Result<bool, SequencerError> {
        let most = self.config.unsealed_blocks_max;
        let room = |passed: &super::Passed| passed.staged - passed.sealed < most;
        let progress = self.progress.clone();
        while progress.wait_for(LAG_POLL, room)?.is_none() {
            metrics::counter!("jovay_build_waits_total").increment(1);
            if self.progress.accepting().is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Builds a block that is due; none if it was due for transactions that cannot be used.
    fn build_on_schedule(&mut self) -> Result<(), SequencerError> {
        let start = Instant::now();
        let due_anyway = self
            .schedule
            .due(self.last_start, false, Duration::ZERO)
            .is_some_and(|due| due <= start);
        let deadline = start + self.config.budget();
        let (block, rejected) = self.execute(deadline)?;
        if block.transactions.is_empty() && !due_anyway {
            self.pool.rejected(&rejected);
            self.unusable = self.pool.ready();
            return Ok(());
        }
        self.last_start = start;
        self.stage(block, &rejected)
    }

    /// Builds a block now, whatever the schedule says.
    pub(crate) fn build_now(&mut self) -> Result<(), SequencerError> {
        if !self.wait_for_room()? {
            return Err(SequencerError::Stopping);
        }
        let start = Instant::now();
        let (block, rejected) = self.execute(start + self.config.budget())?;
        self.last_start = start;
        self.stage(block, &rejected)
    }

    /// Executes L1 messages and the best transactions until `deadline`.
    fn execute(
        &mut self,
        deadline: Instant,
    ) -> Result<(ExecutedBlock, Vec<RejectedTx>), SequencerError> {
        let start = Instant::now();
        let settings = self.settings.read().clone();
        let hashes = SealedHashes { store: self.store.clone(), progress: self.progress.clone() };
        let rolling_hash = self.l1.rolling_hash();
        let parent_hash = self.parent_hash(&settings, &hashes)?;
        let env = settings.env(&self.parent, parent_hash, &self.spec, &self.clock, rolling_hash);
        let mut transactions = self.l1_messages(env.gas_limit)?;
        let messages = transactions.len();
        transactions.extend(self.pool.best(self.room(env.gas_limit, messages)));
        let state: Arc<dyn StateView> = self.store.staged_state();
        let withdrawals = self.spec.fork_of(&env) >= Fork::Shanghai;
        // The first transaction runs in any case: a late start must not stop the chain.
        let begun = Cell::new(false);
        let stop = || begun.replace(true) && Instant::now() >= deadline;
        let job = BlockJob {
            env,
            transactions: &transactions,
            ommers: &[],
            withdrawals: withdrawals.then_some(&[]),
            roots: None,
            state: &*state,
            hashes: &hashes,
            mode: ExecuteMode::Build,
            stop: &stop,
        };
        let (block, rejected) = self.executor.execute(job).map_err(Box::new)?;
        self.check_l1_messages(&transactions[..messages], &block, &rejected)?;
        measure(&block, start.elapsed());
        Ok((block, rejected))
    }

    /// The parent's hash where the header needs it, which waits until it is sealed.
    fn parent_hash(
        &self,
        settings: &HeaderSettings,
        hashes: &SealedHashes,
    ) -> Result<B256, SequencerError> {
        if !settings.beacon_roots {
            return Ok(B256::ZERO);
        }
        let hash = hashes.block_hash(self.parent.number);
        hash.map_err(|error| jovay_state::StoreError::from(error).into())
    }

    /// The waiting L1 messages that surely fit into one block.
    fn l1_messages(&self, gas: u64) -> Result<Vec<Arc<RecoveredTx>>, SequencerError> {
        let messages = self.l1.front(gas);
        if messages.is_empty()
            && let Some(first) = self.l1.first()
        {
            let reason = format!("its gas limit {} is above the block's {gas}", first.gas_limit);
            return Err(SequencerError::L1Message { queue_index: first.queue_index, reason });
        }
        let recovered = messages.into_iter().map(|message| {
            let sender = message.sender;
            Arc::new(RecoveredTx::with_sender(Transaction::L1Message(message), sender))
        });
        Ok(recovered.collect())
    }

    /// L1 messages must be taken in order without a gap, so none may have been left out.
    fn check_l1_messages(
        &self,
        messages: &[Arc<RecoveredTx>],
        block: &ExecutedBlock,
        rejected: &[RejectedTx],
    ) -> Result<(), SequencerError> {
        let taken = l1_count(block);
        let broken = messages.iter().enumerate().find_map(|(at, message)| {
            let refused = rejected.iter().find(|rejected| rejected.hash == message.hash());
            if let Some(refused) = refused {
                return Some((at, refused.error.to_string()));
            }
            let same = at >= taken || block.transactions[at].hash() == message.hash();
            (!same).then(|| (at, "left out of its place in the block".to_owned()))
        });
        let Some((at, reason)) = broken else { return Ok(()) };
        let queue_index = messages[at].as_l1_message().map_or(0, |message| message.queue_index);
        Err(SequencerError::L1Message { queue_index, reason })
    }

    /// Candidates: enough to fill the block, without copying a whole pool for a slow block.
    fn room(&self, gas: u64, messages: usize) -> Room {
        let by_gas = usize::try_from(gas / TX_GAS_MIN).unwrap_or(usize::MAX);
        let txs = by_gas.min(self.recent_txs * 2 + CANDIDATES_MARGIN);
        let txs = txs.min(TXS_MAX.saturating_sub(messages));
        Room { txs, bytes: self.config.tx_room_bytes(), gas }
    }

    /// Makes an executed block the parent of the next one and hands it to the log stage.
    fn stage(
        &mut self,
        block: ExecutedBlock,
        rejected: &[RejectedTx],
    ) -> Result<(), SequencerError> {
        let block = Arc::new(block);
        let taken = block.transactions.len();
        self.recent_txs = taken.max(self.recent_txs - self.recent_txs / 4);
        self.store.stage(block.clone())?;
        let number = block.header.number;
        self.progress.started(number, self.last_start);
        self.progress.update(|passed| passed.staged = number);
        self.parent = block.header.clone();
        self.clock.used(self.parent.timestamp);
        self.l1.take(l1_count(&block));
        let next_fees = {
            let mut settings = self.settings.write();
            settings.used();
            settings.fees(&self.parent, &self.spec)
        };
        self.patches.clear();
        self.pool.executed(&block, next_fees);
        self.pool.rejected(rejected);
        self.unusable = 0;
        let failed = || SequencerError::Failed(self.progress.failure().unwrap_or_default());
        self.executed.send(block).map_err(|_| failed())
    }

    /// Waits until every block built so far is published.
    pub(crate) fn quiesce(&self) -> Result<(), SequencerError> {
        self.progress.wait(|passed| passed.published == passed.staged).map(|_| ())
    }

    /// Later blocks have this gas limit.
    pub(crate) fn set_gas_limit(&mut self, gas: u64) {
        // What did not fit may fit now.
        self.unusable = 0;
        self.settings.write().gas_limit = gas;
        // Checks that read the old value a moment longer do no harm: the builder checks again.
        self.gas_limit.store(gas, Ordering::Relaxed);
    }

    /// The chain's head has jumped to where the store stands.
    pub(crate) fn restart_from_head(&mut self) -> Result<(), SequencerError> {
        self.l1.reset(self.store.l1_position()?);
        self.parent = self.store.head().header.clone();
        self.progress.reset(self.parent.number);
        self.last_start = Instant::now();
        self.unusable = 0;
        Ok(())
    }
}

fn l1_count(block: &ExecutedBlock) -> usize {
    block.transactions.iter().take_while(|tx| tx.as_l1_message().is_some()).count()
}

fn measure(block: &ExecutedBlock, took: Duration) {
    let seconds = took.as_secs_f64();
    metrics::histogram!("jovay_build_seconds").record(seconds);
    metrics::histogram!("jovay_block_txs").record(block.transactions.len() as f64);
    metrics::counter!("jovay_gas_used_total").increment(block.header.gas_used);
    metrics::counter!("jovay_transactions_total").increment(block.transactions.len() as u64);
    if !block.transactions.is_empty() && seconds > 0.0 {
        metrics::gauge!("jovay_gas_per_second").set(block.header.gas_used as f64 / seconds);
    }
}
