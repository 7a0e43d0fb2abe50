//! The pool's state and its rules, without locks, clocks or disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use jovay_types::{Account, RecoveredTx, StateDiff};

use super::best::{Best, Room};
use super::content::{PoolContent, PoolStatus};
use super::entry::{Fees, PoolTx};
use super::sender_queue::{EvictionKey, SenderQueue};
use crate::{PoolConfig, PoolError};

/// Senders, indexes and counts; every public method leaves them consistent.
#[derive(Debug)]
pub(crate) struct PoolCore {
    config: PoolConfig,
    senders: HashMap<Address, SenderQueue>,
    by_hash: HashMap<B256, Arc<PoolTx>>,
    /// One key for each sender.
    eviction: BTreeSet<EvictionKey>,
    /// In blocks that are executed and not yet published.
    in_flight: HashMap<B256, Arc<RecoveredTx>>,
    /// For senders in flight: how many, and the nonce after the last.
    in_flight_nonces: HashMap<Address, (usize, u64)>,
    ready: usize,
    bytes: usize,
    with_blobs: usize,
    arrivals: u64,
    fees: Fees,
    /// Blob transactions that have left the pool and are in no block: nobody needs their sidecars.
    dropped_blobs: Vec<B256>,
}

/// An account as far as the pool needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderState {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) delegated: bool,
}

impl From<Option<Account>> for SenderState {
    fn from(account: Option<Account>) -> Self {
        let account = account.unwrap_or_default();
        let delegated = account.has_code();
        Self { nonce: account.nonce, balance: account.balance, delegated }
    }
}

impl PoolCore {
    pub(crate) fn new(config: PoolConfig, fees: impl Into<Fees>) -> Self {
        Self {
            config,
            senders: HashMap::new(),
            by_hash: HashMap::new(),
            eviction: BTreeSet::new(),
            in_flight: HashMap::new(),
            in_flight_nonces: HashMap::new(),
            ready: 0,
            bytes: 0,
            with_blobs: 0,
            arrivals: 0,
            fees: fees.into(),
            dropped_blobs: Vec::new(),
        }
    }

    /// Whether the transaction is in the pool or in flight.
    pub(crate) fn contains(&self, hash: &B256) -> bool {
        self.by_hash.contains_key(hash) || self.in_flight.contains_key(hash)
    }

    /// Whether the sender's account is known here.
    pub(crate) fn knows(&self, sender: &Address) -> bool {
        self.senders.contains_key(sender)
    }

    /// Takes in a transaction whose sender's account is `state`, unless the account is known
    /// here already. Returns whether it is ready.
    pub(crate) fn add(&mut self, mut tx: PoolTx, state: SenderState) -> Result<bool, PoolError> {
        if self.contains(&tx.tx.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        let (sender, nonce) = (tx.tx.sender(), tx.tx.nonce());
        let fresh = SenderQueue::new(state.nonce, state.balance, state.delegated);
        let queue = self.senders.get(&sender).unwrap_or(&fresh);
        check_against_sender(queue, &tx, &self.config)?;
        let replaced = queue.txs.get(&nonce).cloned();
        if replaced.is_none() {
            let gapped = nonce > queue.next_nonce();
            if tx.has_blobs() && self.with_blobs >= self.config.blobs.txs_max {
                return Err(PoolError::Full);
            }
            self.make_room(&tx, gapped)?;
        }
        self.arrivals += 1;
        tx.arrival = self.arrivals;
        let tx = Arc::new(tx);
        self.bytes += tx.size;
        self.with_blobs += usize::from(tx.has_blobs());
        self.by_hash.insert(tx.tx.hash(), tx.clone());
        let fees = self.fees;
        // Making room may have dropped the sender's queue only if it had become empty.
        let queue = self.senders.entry(sender).or_insert(fresh);
        let old = queue.insert(tx, fees);
        let ready = queue.is_ready(nonce);
        if let Some(old) = old {
            self.by_hash.remove(&old.tx.hash());
            self.uncount(&old);
        }
        self.settle(sender);
        Ok(ready)
    }

    /// Evicts what is worth less than `tx` until it fits.
    fn make_room(&mut self, tx: &PoolTx, gapped: bool) -> Result<(), PoolError> {
        while self.by_hash.len() >= self.config.txs_max
            || self.bytes + tx.size > self.config.bytes_max
        {
            let Some(cheapest) = self.eviction.first().copied() else {
                return Err(PoolError::Full);
            };
            if cheapest.sender == tx.tx.sender() {
                return Err(PoolError::Full);
            }
            if gapped && cheapest.last_is_ready {
                return Err(PoolError::FutureReplacesPending);
            }
            if cheapest.fee >= tx.fee_cap && cheapest.last_is_ready != gapped {
                return Err(PoolError::Underpriced);
            }
            let last = self.senders.get(&cheapest.sender).and_then(|q| q.txs.last_key_value());
            let Some(hash) = last.map(|(_, tx)| tx.tx.hash()) else {
                return Err(PoolError::Full);
            };
            self.remove(&hash);
            metrics::counter!("jovay_pool_evicted_total").increment(1);
        }
        Ok(())
    }

    /// Removes a transaction; later ones of its sender then wait.
    pub(crate) fn remove(&mut self, hash: &B256) -> Option<Arc<PoolTx>> {
        let tx = self.by_hash.remove(hash)?;
        self.uncount(&tx);
        let sender = tx.tx.sender();
        if let Some(queue) = self.senders.get_mut(&sender) {
            queue.remove(tx.tx.nonce(), self.fees);
        }
        self.settle(sender);
        Some(tx)
    }

    /// A transaction has left the queues.
    fn uncount(&mut self, tx: &PoolTx) {
        self.bytes -= tx.size;
        if tx.has_blobs() {
            self.with_blobs -= 1;
            let hash = tx.tx.hash();
            if !self.in_flight.contains_key(&hash) {
                self.dropped_blobs.push(hash);
            }
        }
    }

    /// Blob transactions that have been dropped since the last call.
    pub(crate) fn take_dropped_blobs(&mut self) -> Vec<B256> {
        std::mem::take(&mut self.dropped_blobs)
    }

    /// Brings counts and indexes in line with a sender's queue.
    fn settle(&mut self, sender: Address) {
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        let key = queue.eviction_key(sender);
        let old = std::mem::replace(&mut queue.key, key);
        if old != key {
            if let Some(old) = old {
                self.eviction.remove(&old);
            }
            self.eviction.extend(key);
        }
        self.ready = self.ready + queue.ready - queue.counted_ready;
        queue.counted_ready = queue.ready;
        if queue.txs.is_empty() {
            self.senders.remove(&sender);
        }
    }

    /// A block has been executed: its transactions are in flight, accounts are as `diff` says,
    /// and the next block's fees are known.
    pub(crate) fn executed(
        &mut self,
        transactions: &[Arc<RecoveredTx>],
        diff: &StateDiff,
        fees: impl Into<Fees>,
    ) {
        for tx in transactions.iter().filter(|tx| tx.as_ethereum().is_some()) {
            self.in_flight.insert(tx.hash(), tx.clone());
            let entry = self.in_flight_nonces.entry(tx.sender()).or_default();
            *entry = (entry.0 + 1, entry.1.max(tx.nonce().saturating_add(1)));
        }
        self.changed(diff);
        self.set_fees(fees.into());
    }

    /// Accounts have changed.
    pub(crate) fn changed(&mut self, diff: &StateDiff) {
        for change in &diff.accounts {
            if self.senders.contains_key(&change.address) {
                self.update_sender(change.address, change.after.into());
            }
        }
    }

    /// A sender's account is now `state`.
    pub(crate) fn update_sender(&mut self, sender: Address, state: SenderState) {
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        for dropped in queue.update(state.nonce, state.balance, state.delegated, self.fees) {
            self.by_hash.remove(&dropped.tx.hash());
            self.uncount(&dropped);
        }
        self.settle(sender);
    }

    /// The next block's fees change what is ready.
    pub(crate) fn set_fees(&mut self, fees: Fees) {
        if fees == self.fees {
            return;
        }
        let blobs = fees.blob != self.fees.blob;
        self.fees = fees;
        let fee = u128::from(fees.base);
        let touched: Vec<Address> = self
            .senders
            .iter()
            .filter(|(_, queue)| {
                queue.ready_fee_min < fee
                    || queue.blocked_fee.is_some_and(|cap| cap >= fee)
                    || (blobs && queue.with_blobs > 0)
            })
            .map(|(sender, _)| *sender)
            .collect();
        for sender in touched {
            if let Some(queue) = self.senders.get_mut(&sender) {
                queue.recount_ready(fees);
            }
            self.settle(sender);
        }
    }

    /// A block has been published: its transactions are the chain's now.
    pub(crate) fn published(&mut self, transactions: &[Arc<RecoveredTx>]) {
        for tx in transactions {
            if self.in_flight.remove(&tx.hash()).is_none() {
                continue;
            }
            if let Some(entry) = self.in_flight_nonces.get_mut(&tx.sender()) {
                entry.0 -= 1;
                if entry.0 == 0 {
                    self.in_flight_nonces.remove(&tx.sender());
                }
            }
        }
    }

    /// Removes what has waited longer than `lifetime` without being ready; how many.
    pub(crate) fn expire(&mut self, now: Instant, lifetime: Duration) -> usize {
        let waiting = |tx: &PoolTx| now.saturating_duration_since(tx.added) > lifetime;
        let old: Vec<B256> = self
            .senders
            .values()
            .filter(|queue| queue.txs.len() > queue.ready)
            .flat_map(|queue| {
                queue.txs.iter().filter(|(nonce, tx)| !queue.is_ready(**nonce) && waiting(tx))
            })
            .map(|(_, tx)| tx.tx.hash())
            .collect();
        old.iter().filter(|hash| self.remove(hash).is_some()).count()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        let dropped = self.by_hash.values().filter(|tx| tx.has_blobs()).map(|tx| tx.tx.hash());
        let mut dropped_blobs = std::mem::take(&mut self.dropped_blobs);
        dropped_blobs.extend(dropped);
        let empty = Self::new(self.config.clone(), self.fees);
        *self = Self { arrivals: self.arrivals, dropped_blobs, ..empty };
    }

    /// The best transactions for a block at the pool's fees.
    pub(crate) fn best(&self, room: Room) -> Vec<Arc<RecoveredTx>> {
        Best::new(self.senders.iter(), self.fees.base).fill(room)
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<RecoveredTx>> {
        let waiting = self.by_hash.get(hash).map(|tx| tx.tx.clone());
        waiting.or_else(|| self.in_flight.get(hash).cloned())
    }

    /// The nonce after the sender's contiguous transactions, in flight or waiting.
    pub(crate) fn next_nonce(&self, sender: &Address) -> Option<u64> {
        let waiting = self.senders.get(sender).filter(|queue| queue.contiguous > 0);
        let waiting = waiting.map(SenderQueue::next_nonce);
        waiting.or_else(|| self.in_flight_nonces.get(sender).map(|(_, next)| *next))
    }

    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    pub(crate) fn fees(&self) -> Fees {
        self.fees
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let pending = self.ready + self.in_flight.len();
        PoolStatus { pending, queued: self.by_hash.len() - self.ready }
    }

    pub(crate) fn content(&self, sender: Option<&Address>) -> PoolContent {
        let mut content = PoolContent::default();
        let wanted = |address: &Address| sender.is_none_or(|sender| sender == address);
        for tx in self.in_flight.values().filter(|tx| wanted(&tx.sender())) {
            content.pending.entry(tx.sender()).or_default().insert(tx.nonce(), tx.clone());
        }
        for (address, queue) in self.senders.iter().filter(|(address, _)| wanted(address)) {
            for (nonce, tx) in &queue.txs {
                let ready = queue.is_ready(*nonce);
                let part = if ready { &mut content.pending } else { &mut content.queued };
                part.entry(*address).or_default().insert(*nonce, tx.tx.clone());
            }
        }
        content
    }

    /// The waiting transactions in order of arrival.
    pub(crate) fn by_arrival(&self) -> Vec<Arc<PoolTx>> {
        let mut all: Vec<_> = self.by_hash.values().cloned().collect();
        all.sort_unstable_by_key(|tx| tx.arrival);
        all
    }

    /// Transactions of blocks that are not published yet.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = &Arc<RecoveredTx>> {
        self.in_flight.values()
    }
}

/// What the sender's account and its other transactions have against `tx`.
fn check_against_sender(
    queue: &SenderQueue,
    tx: &PoolTx,
    config: &PoolConfig,
) -> Result<(), PoolError> {
    let (nonce, balance, cost) = (tx.tx.nonce(), queue.balance, tx.cost);
    if nonce < queue.nonce {
        return Err(PoolError::NonceTooLow { next: queue.nonce, tx: nonce });
    }
    if balance < cost {
        return Err(PoolError::InsufficientFunds { balance, cost });
    }
    let queued = queue.contiguous_cost;
    check_blobs(queue, tx, config)?;
    if let Some(old) = queue.txs.get(&nonce) {
        let bump = cost.saturating_sub(old.cost);
        let counted = nonce < queue.next_nonce();
        if counted && !bump.is_zero() && balance < queued.saturating_add(bump) {
            return Err(PoolError::InsufficientFundsBumped { balance, queued, bump });
        }
        let blobs = tx.has_blobs() || old.has_blobs();
        let percent =
            if blobs { config.blobs.price_bump_percent } else { config.price_bump_percent };
        let replaces = tx.replaces(old, percent);
        return if replaces { Ok(()) } else { Err(PoolError::ReplacementUnderpriced) };
    }
    if balance < queued.saturating_add(cost) {
        return Err(PoolError::InsufficientFundsQueued { balance, queued, cost });
    }
    if queue.delegated {
        if nonce > queue.next_nonce() {
            return Err(PoolError::DelegatedGap);
        }
        if queue.txs.len() >= config.delegated_txs_max {
            return Err(PoolError::DelegatedLimit);
        }
    }
    if queue.txs.len() >= config.account_txs_max {
        return Err(PoolError::AccountLimit { pooled: queue.txs.len() });
    }
    Ok(())
}

/// What speaks against `tx` as a blob transaction, or beside the sender's blob transactions.
fn check_blobs(queue: &SenderQueue, tx: &PoolTx, config: &PoolConfig) -> Result<(), PoolError> {
    let others = if tx.has_blobs() { queue.txs.len() - queue.with_blobs } else { queue.with_blobs };
    if config.blobs.exclusive && others > 0 {
        return Err(PoolError::Reserved);
    }
    if !tx.has_blobs() {
        return Ok(());
    }
    let (nonce, next) = (tx.tx.nonce(), queue.next_nonce());
    if nonce > next {
        return Err(PoolError::BlobNonceGap { next, tx: nonce });
    }
    if queue.with_blobs >= config.blobs.account_txs_max && !queue.txs.contains_key(&nonce) {
        return Err(PoolError::AccountLimit { pooled: queue.with_blobs });
    }
    Ok(())
}
