//! One sender's transactions by nonce.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{Address, U256};

use super::entry::{Fees, PoolTx};

/// One sender's transactions and what of its account decides about them.
///
/// From the account's nonce on, transactions are *contiguous* up to the first gap, and *ready* up
/// to the first that the fees or the balance hold back.
#[derive(Debug)]
pub(crate) struct SenderQueue {
    /// The account's nonce in the staged state.
    pub(crate) nonce: u64,
    /// The account's balance in the staged state, in wei.
    pub(crate) balance: U256,
    /// Whether the account has code, which means an EIP-7702 delegation.
    pub(crate) delegated: bool,
    pub(crate) txs: BTreeMap<u64, Arc<PoolTx>>,
    /// Those among them that carry blobs.
    pub(crate) with_blobs: usize,
    /// Transactions without a gap.
    pub(crate) contiguous: usize,
    /// Cost of these in wei.
    pub(crate) contiguous_cost: U256,
    /// Transactions that the next block may take.
    pub(crate) ready: usize,
    /// Cost of these in wei.
    ready_cost: U256,
    /// Least fee cap of the ready ones.
    pub(crate) ready_fee_min: u128,
    /// Fee cap of the first transaction after the ready ones, where only its fee holds it back.
    pub(crate) blocked_fee: Option<u128>,
    /// Least fee cap of all.
    fee_min: u128,
    /// The key under which the pool has it in its eviction order.
    pub(crate) key: Option<EvictionKey>,
    /// How many ready ones the pool has counted.
    pub(crate) counted_ready: usize,
}

/// Order of eviction: what only waits before what is ready, the cheapest first, then the youngest.
/// The sender's last transaction is evicted, so no gap arises; it counts as cheap as the sender's
/// cheapest one, so that a dear last transaction does not protect cheap ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EvictionKey {
    pub(crate) last_is_ready: bool,
    pub(crate) fee: u128,
    pub(crate) arrival: Reverse<u64>,
    pub(crate) sender: Address,
}

impl SenderQueue {
    pub(crate) fn new(nonce: u64, balance: U256, delegated: bool) -> Self {
        Self {
            nonce,
            balance,
            delegated,
            txs: BTreeMap::new(),
            with_blobs: 0,
            contiguous: 0,
            contiguous_cost: U256::ZERO,
            ready: 0,
            ready_cost: U256::ZERO,
            ready_fee_min: u128::MAX,
            blocked_fee: None,
            fee_min: u128::MAX,
            key: None,
            counted_ready: 0,
        }
    }

    /// Adds or replaces a transaction and returns the replaced one.
    pub(crate) fn insert(&mut self, tx: Arc<PoolTx>, fees: Fees) -> Option<Arc<PoolTx>> {
        let nonce = tx.tx.nonce();
        self.fee_min = self.fee_min.min(tx.fee_cap);
        self.with_blobs += usize::from(tx.has_blobs());
        let old = self.txs.insert(nonce, tx);
        if old.is_some() {
            self.recount(fees);
        } else {
            self.extend(fees);
        }
        old
    }

    /// Removes a transaction.
    pub(crate) fn remove(&mut self, nonce: u64, fees: Fees) -> Option<Arc<PoolTx>> {
        let old = self.txs.remove(&nonce)?;
        self.recount(fees);
        Some(old)
    }

    /// Takes over the account as a block has left it and returns what has become invalid: used
    /// nonces, and transactions that the balance alone cannot pay.
    pub(crate) fn update(
        &mut self,
        nonce: u64,
        balance: U256,
        delegated: bool,
        fees: Fees,
    ) -> Vec<Arc<PoolTx>> {
        (self.nonce, self.balance, self.delegated) = (nonce, balance, delegated);
        let kept = self.txs.split_off(&nonce);
        let mut dropped: Vec<_> = std::mem::replace(&mut self.txs, kept).into_values().collect();
        if self.txs.values().any(|tx| tx.cost > balance) {
            let (kept, unpayable) =
                std::mem::take(&mut self.txs).into_iter().partition(|(_, tx)| tx.cost <= balance);
            self.txs = kept;
            let unpayable: BTreeMap<_, _> = unpayable;
            dropped.extend(unpayable.into_values());
        }
        self.recount(fees);
        dropped
    }

    /// Counts anew what is contiguous and ready.
    pub(crate) fn recount(&mut self, fees: Fees) {
        (self.contiguous, self.contiguous_cost) = (0, U256::ZERO);
        self.fee_min = self.txs.values().map(|tx| tx.fee_cap).min().unwrap_or(u128::MAX);
        self.with_blobs = self.txs.values().filter(|tx| tx.has_blobs()).count();
        self.recount_ready(fees);
    }

    /// Counts anew what is ready, after a change of the fees.
    pub(crate) fn recount_ready(&mut self, fees: Fees) {
        (self.ready, self.ready_cost, self.ready_fee_min) = (0, U256::ZERO, u128::MAX);
        self.extend(fees);
    }

    /// Goes on counting from where the counts stand.
    fn extend(&mut self, fees: Fees) {
        for (nonce, tx) in self.txs.range(self.nonce.saturating_add(self.contiguous as u64)..) {
            if *nonce != self.nonce + self.contiguous as u64 {
                break;
            }
            self.contiguous += 1;
            self.contiguous_cost = self.contiguous_cost.saturating_add(tx.cost);
        }
        self.blocked_fee = None;
        let first = self.nonce.saturating_add(self.ready as u64);
        for (_, tx) in self.txs.range(first..).take(self.contiguous - self.ready) {
            let cost = self.ready_cost.saturating_add(tx.cost);
            if tx.tip_at(fees.base).is_none() {
                self.blocked_fee = Some(tx.fee_cap);
                break;
            }
            if !tx.pays_blobs(fees.blob) || cost > self.balance {
                break;
            }
            self.ready += 1;
            self.ready_cost = cost;
            self.ready_fee_min = self.ready_fee_min.min(tx.fee_cap);
        }
    }

    /// The ready transactions by nonce.
    pub(crate) fn ready_txs(&self) -> impl Iterator<Item = &Arc<PoolTx>> {
        self.txs.range(self.nonce..).map(|(_, tx)| tx).take(self.ready)
    }

    /// The nonce after the contiguous transactions.
    pub(crate) fn next_nonce(&self) -> u64 {
        self.nonce.saturating_add(self.contiguous as u64)
    }

    /// Whether the transaction with `nonce` is ready.
    pub(crate) fn is_ready(&self, nonce: u64) -> bool {
        nonce.checked_sub(self.nonce).is_some_and(|ahead| ahead < self.ready as u64)
    }

    /// Where it stands in the order of eviction; `None` without transactions.
    pub(crate) fn eviction_key(&self, sender: Address) -> Option<EvictionKey> {
        let (nonce, last) = self.txs.last_key_value()?;
        Some(EvictionKey {
            last_is_ready: self.is_ready(*nonce),
            fee: self.fee_min,
            arrival: Reverse(last.arrival),
            sender,
        })
    }
}
