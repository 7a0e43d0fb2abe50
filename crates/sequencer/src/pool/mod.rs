//! The transaction pool.
//!
//! [`core`] holds the rules over plain data; [`Pool`] adds the lock, the staged state, the journal,
//! notices of new transactions and metrics.

mod best;
mod content;
mod core;
mod entry;
mod journal;
mod sender_queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use crossbeam_channel::{Receiver, Sender};
use jovay_evm::{BlockHashes, ChainSpec, EvmDb, L1GasPrices, RejectedTx, TxError, estimated_size};
use jovay_state::{ChainStore, StateError, StateView};
use jovay_types::{ExecutedBlock, RecoveredTx, StateDiff};
use parking_lot::Mutex;
use tokio::sync::broadcast;

pub(crate) use self::best::{Room, TX_OVERHEAD_BYTES};
pub use self::content::{PoolContent, PoolStatus, TxsByNonce, TxsBySender};
use self::core::{PoolCore, SenderState};
use self::entry::PoolTx;
pub(crate) use self::entry::{Fees, NewTx};
use self::journal::Journal;
use crate::{BlobStore, PoolConfig, PoolError};

/// New transactions that a slow subscriber may lag behind before it misses some.
const NOTICES_MAX: usize = 8_192;
/// Time between two searches for transactions that have waited too long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// Transactions that wait for a block.
///
/// Its view of accounts is the staged state: what is executed counts, sealed or not.
pub struct Pool {
    config: PoolConfig,
    spec: Arc<ChainSpec>,
    store: Arc<dyn ChainStore>,
    blobs: Arc<BlobStore>,
    inner: Mutex<Inner>,
    /// Locked after `inner` where both are needed.
    journal: Mutex<Option<Journal>>,
    notices: broadcast::Sender<Arc<RecoveredTx>>,
    arrivals: Sender<()>,
    arrived: Receiver<()>,
}

/// A transaction with what was read without the lock.
struct Prepared {
    tx: PoolTx,
    state: SenderState,
    epoch: u64,
    /// Whether its sidecar was not kept before.
    new_blobs: bool,
}

struct Inner {
    core: PoolCore,
    /// Counts changes of the staged state, to notice that an account read outside of the lock
    /// is out of date.
    epoch: u64,
    last_expiry: Instant,
}

impl Pool {
    /// An empty pool before a block with `fees`; sidecars go to `blobs`.
    pub(crate) fn new(
        config: PoolConfig,
        spec: Arc<ChainSpec>,
        store: Arc<dyn ChainStore>,
        blobs: Arc<BlobStore>,
        fees: impl Into<Fees>,
    ) -> Self {
        let (arrivals, arrived) = crossbeam_channel::bounded(1);
        let core = PoolCore::new(config.clone(), fees);
        Self {
            config,
            spec,
            store,
            blobs,
            inner: Mutex::new(Inner { core, epoch: 0, last_expiry: Instant::now() }),
            journal: Mutex::new(None),
            notices: broadcast::Sender::new(NOTICES_MAX),
            arrivals,
            arrived,
        }
    }

    /// Opens the journal and returns the transactions it holds, oldest first.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn open_journal(&self) -> std::io::Result<Vec<Bytes>> {
        let Some(path) = &self.config.journal else { return Ok(Vec::new()) };
        let (journal, txs) = Journal::open(path, self.config.journal_bytes_max)?;
        *self.journal.lock() = Some(journal);
        Ok(txs)
    }

    /// Takes in transactions that have passed the checks which need no state, in order. The
    /// answers are in the same order.
    pub(crate) fn add<T: Into<NewTx>>(
        &self,
        txs: Vec<T>,
        journaled: bool,
    ) -> Vec<Result<B256, PoolError>> {
        let prepared = self.prepare(txs.into_iter().map(T::into).collect(), journaled);
        let mut accepted = Vec::with_capacity(prepared.len());
        let mut any_ready = false;
        let mut inner = self.inner.lock();
        let results = prepared.into_iter().map(|prepared| {
            let Prepared { tx, state, epoch, new_blobs } = prepared?;
            let recovered = tx.tx.clone();
            let state = if epoch == inner.epoch || inner.core.knows(&recovered.sender()) {
                state
            } else {
                self.store.staged_state().account(&recovered.sender())?.into()
            };
            let hash = recovered.hash();
            let added = inner.core.add(tx, state);
            if added.is_err() && new_blobs {
                self.blobs.dropped(&hash);
            }
            any_ready |= added?;
            accepted.push(recovered);
            Ok(hash)
        });
        let results = results.collect();
        self.forget_blobs(&mut inner.core);
        drop(inner);
        if journaled {
            self.write_journal(&accepted);
        }
        for tx in accepted {
            // Nobody may be listening.
            let _ = self.notices.send(tx);
        }
        if any_ready {
            self.wake();
        }
        results
    }

    /// Costs and sender accounts, read without the lock.
    fn prepare(&self, txs: Vec<NewTx>, journaled: bool) -> Vec<Result<Prepared, PoolError>> {
        let (epoch, base_fee) = {
            let inner = self.inner.lock();
            (inner.epoch, inner.core.fees().base)
        };
        let state = self.store.staged_state();
        let l1_prices = self.l1_prices(&*state);
        // No block can have a lower base fee, unless a development chain has set it.
        let floor = self.spec.base_fee.floor.min(base_fee);
        let needed = self.config.fee_cap_min.max(floor.into());
        let prepare = |new: NewTx| {
            let l1_fee = match l1_prices.clone()? {
                free if free.is_free() => U256::ZERO,
                prices => prices.fee(estimated_size(&new.tx.encoded_2718())),
            };
            let account = state.account(&new.tx.sender())?;
            let NewTx { tx, sidecar } = new;
            let tx = PoolTx::new(tx, l1_fee, journaled);
            if tx.tip_cap < self.config.tip_min {
                return Err(PoolError::TipTooLow { tip: tx.tip_cap, needed: self.config.tip_min });
            }
            if tx.fee_cap < needed {
                return Err(PoolError::FeeCapTooLow { fee_cap: tx.fee_cap, needed });
            }
            let kept = sidecar.map(|sidecar| self.blobs.insert(tx.tx.hash(), &sidecar));
            let new_blobs = kept.transpose().map_err(|e| PoolError::BlobStore(e.to_string()))?;
            let new_blobs = new_blobs.unwrap_or(false);
            Ok(Prepared { tx, state: account.into(), epoch, new_blobs })
        };
        txs.into_iter().map(prepare).collect()
    }

    /// L1's prices, by which transactions pay for their data; zero on a chain without.
    fn l1_prices(&self, state: &dyn StateView) -> Result<L1GasPrices, StateError> {
        if !self.spec.is_l2() {
            return Ok(L1GasPrices::default());
        }
        L1GasPrices::read(&mut EvmDb::new(state, &NoHashes)).map_err(|error| error.0)
    }

    /// Where sidecars are kept.
    pub(crate) fn blobs(&self) -> &Arc<BlobStore> {
        &self.blobs
    }

    /// Timestamp of the last published block, in seconds: it tells which fork's rules hold.
    pub(crate) fn head_timestamp(&self) -> u64 {
        self.store.head().header.timestamp
    }

    /// Wakes the builder.
    pub(crate) fn wake(&self) {
        // A full channel holds a wake-up already.
        let _ = self.arrivals.try_send(());
    }

    /// Wakes when a transaction has become ready.
    pub(crate) fn arrived(&self) -> &Receiver<()> {
        &self.arrived
    }

    /// Which of `hashes` are in the pool.
    pub(crate) fn known(&self, hashes: &[B256]) -> Vec<bool> {
        let inner = self.inner.lock();
        hashes.iter().map(|hash| inner.core.contains(hash)).collect()
    }

    /// A block has been staged: its transactions leave the queues, accounts change, and the next
    /// block's fees decide what is ready for it.
    pub(crate) fn executed(&self, block: &ExecutedBlock, next_fees: impl Into<Fees>) {
        let mut inner = self.inner.lock();
        inner.epoch += 1;
        inner.core.executed(&block.transactions, &block.diff, next_fees);
        self.forget_blobs(&mut inner.core);
    }

    /// Nobody needs the sidecars of transactions that are in no block.
    fn forget_blobs(&self, core: &mut PoolCore) {
        for hash in core.take_dropped_blobs() {
            self.blobs.dropped(&hash);
        }
    }

    /// Transactions that the executor has left out: those that can never stand there are dropped.
    /// Returns how many were.
    pub(crate) fn rejected(&self, rejected: &[RejectedTx]) -> usize {
        let mut inner = self.inner.lock();
        let mut dropped = 0;
        for RejectedTx { hash, error } in rejected {
            let waits = matches!(
                error,
                TxError::NonceTooHigh { .. }
                    | TxError::FeeCapTooLow { .. }
                    | TxError::BlobFeeCapTooLow { .. }
                    | TxError::BlockGasExceeded
            );
            if !waits && inner.core.remove(hash).is_some() {
                tracing::debug!(%hash, %error, "dropped a transaction that no block can hold");
                metrics::counter!("jovay_pool_dropped_total", "reason" => "invalid").increment(1);
                dropped += 1;
            }
        }
        self.forget_blobs(&mut inner.core);
        dropped
    }

    /// A block has been published.
    pub(crate) fn published(&self, transactions: &[Arc<RecoveredTx>]) {
        let mut inner = self.inner.lock();
        inner.core.published(transactions);
        let now = Instant::now();
        if now.saturating_duration_since(inner.last_expiry) >= EXPIRY_INTERVAL {
            inner.last_expiry = now;
            let expired = inner.core.expire(now, self.config.queued_lifetime);
            metrics::counter!("jovay_pool_dropped_total", "reason" => "expired")
                .increment(expired as u64);
        }
        self.forget_blobs(&mut inner.core);
        let status = inner.core.status();
        let bytes = inner.core.bytes();
        drop(inner);
        metrics::gauge!("jovay_pool_pending").set(status.pending as f64);
        metrics::gauge!("jovay_pool_queued").set(status.queued as f64);
        metrics::gauge!("jovay_pool_bytes").set(bytes as f64);
        self.compact_journal();
    }

    /// Accounts have been changed outside of any block.
    pub(crate) fn patched(&self, diff: &StateDiff) {
        let mut inner = self.inner.lock();
        inner.epoch += 1;
        inner.core.changed(diff);
        self.forget_blobs(&mut inner.core);
        drop(inner);
        self.wake();
    }

    /// The next block will have these fees.
    pub(crate) fn set_fees(&self, fees: impl Into<Fees>) {
        self.inner.lock().core.set_fees(fees.into());
        self.wake();
    }

    /// The best transactions for the next block, dearest first and each sender's in nonce order.
    pub(crate) fn best(&self, room: Room) -> Vec<Arc<RecoveredTx>> {
        self.inner.lock().core.best(room)
    }

    /// How many transactions the next block may take.
    pub fn ready(&self) -> usize {
        self.inner.lock().core.ready()
    }

    /// The base fee by which transactions are ready, in wei per gas.
    pub fn base_fee(&self) -> u64 {
        self.inner.lock().core.fees().base
    }

    /// A transaction that waits or is in a block not published yet.
    pub fn get(&self, hash: &B256) -> Option<Arc<RecoveredTx>> {
        self.inner.lock().core.get(hash)
    }

    /// The nonce after the sender's transactions here, up to the first gap; `None` if it has none.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.inner.lock().core.next_nonce(sender)
    }

    /// How many transactions the pool holds.
    pub fn status(&self) -> PoolStatus {
        self.inner.lock().core.status()
    }

    /// All that the pool holds; of `sender` alone if given.
    pub fn content(&self, sender: Option<&Address>) -> PoolContent {
        self.inner.lock().core.content(sender)
    }

    /// Transactions that enter the pool from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        self.notices.subscribe()
    }

    /// Drops a transaction; whether it was there. Not for transactions in flight.
    pub fn drop_transaction(&self, hash: &B256) -> bool {
        let mut inner = self.inner.lock();
        let found = inner.core.remove(hash).is_some();
        self.forget_blobs(&mut inner.core);
        found
    }

    /// Drops every transaction.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        // Accounts that are being read for an addition may be about to jump.
        inner.epoch += 1;
        inner.core.clear();
        self.forget_blobs(&mut inner.core);
    }

    /// The waiting transactions in order of arrival, with their blobs, and whether each is journaled.
    pub(crate) fn waiting(&self) -> Vec<(NewTx, bool)> {
        let all = self.inner.lock().core.by_arrival();
        let shown = all.iter().map(|tx| {
            let sidecar = tx.has_blobs().then(|| self.blobs.get(&tx.tx.hash())).flatten();
            (NewTx { tx: tx.tx.clone(), sidecar }, tx.journaled)
        });
        shown.collect()
    }

    fn write_journal(&self, accepted: &[Arc<RecoveredTx>]) {
        let mut journal = self.journal.lock();
        let Some(open) = journal.as_mut() else { return };
        if let Err(error) = open.append(accepted) {
            // The pool works without; only a restart would forget.
            tracing::error!(%error, "the pool's journal cannot be written, going on without");
            *journal = None;
        }
    }

    /// Rewrites the journal when most of it is no longer in the pool.
    fn compact_journal(&self) {
        let due = self.journal.lock().as_ref().is_some_and(Journal::is_due);
        if due {
            self.rewrite_journal();
        }
    }

    /// Replaces the journal by what the pool holds.
    pub(crate) fn rewrite_journal(&self) {
        // Under both locks: nothing accepted meanwhile may be lost.
        let inner = self.inner.lock();
        let mut journal = self.journal.lock();
        let Some(open) = journal.as_mut() else { return };
        let in_flight = inner.core.in_flight().cloned();
        let waiting = inner.core.by_arrival().into_iter().filter(|tx| tx.journaled);
        let live: Vec<_> = in_flight.chain(waiting.map(|tx| tx.tx.clone())).collect();
        drop(inner);
        if let Err(error) = open.rewrite(&live) {
            tracing::error!(%error, "the pool's journal cannot be rewritten, going on without");
            *journal = None;
        }
    }
}

/// For reads that need no block hashes.
struct NoHashes;

impl BlockHashes for NoHashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Err(StateError::Missing { what: "block hash", key: number.to_string() })
    }
}
