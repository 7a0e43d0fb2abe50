//! Takes over what L1 has: where batches were committed, what a reorg undid, what is final.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use alloy_primitives::{B256, U256};
use alloy_sol_types::SolEvent;
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, L1Error, L1Log, L1Receipt};

use super::super::error::Hold;
use super::super::{L1Place, report};
use super::Committing;
use super::view::L1State;
use crate::ranges::LogRanges;
use crate::store::{BatchRecord, CommitRecord};

impl Committing {
    /// Brings the store's commitments in line with `state`.
    pub(super) async fn adopt(&mut self, state: &L1State) -> Result<(), Hold> {
        let store = self.shared.store.clone();
        if !self.same_chain(state.head).await? {
            self.clear_undone(state.head).await?;
        }
        let last = store.last_sealed()?.index;
        if last > state.last_committed
            && store.get(state.last_committed + 1)?.is_some_and(|record| record.commit.is_some())
        {
            tracing::warn!(
                from = state.last_committed + 1,
                "L1 no longer has the batches from here on: they are committed again"
            );
            metrics::counter!("jovay_batches_uncommitted_total").increment(1);
            store.clear_commits_from(state.last_committed + 1)?;
        }
        let known = store.last_committed()?;
        let first = match &known {
            Some(record) => record.index + 1,
            None => 1,
        };
        if first <= state.last_committed {
            let from = known.and_then(|record| record.commit).map(|commit| commit.l1_block);
            let from = from.unwrap_or(self.shared.deployment.first_block);
            self.find_commits(state, first, from).await?;
        }
        if state.last_committed > self.shared.committed() {
            self.retry.reset();
            self.not_before = None;
        }
        self.shared.attachments.drop_to(state.last_committed);
        self.shared.report(|status| status.committed = state.last_committed);
        metrics::gauge!("jovay_batch_last_committed").set(state.last_committed as f64);
        self.verified = Some(state.head);
        Ok(())
    }

    /// Whether the block that was the head at the last look is still in the chain of `head`.
    async fn same_chain(&self, head: L1Place) -> Result<bool, L1Error> {
        let Some(verified) = self.verified else { return Ok(false) };
        if verified == head {
            return Ok(true);
        }
        if verified.number >= head.number {
            return Ok(false);
        }
        let block = self.shared.client.block(BlockTag::Number(verified.number)).await?;
        Ok(block.is_some_and(|block| block.hash == verified.hash))
    }

    /// Forgets commitments in blocks that are no longer in L1's chain.
    async fn clear_undone(&mut self, head: L1Place) -> Result<(), Hold> {
        let shared = &self.shared;
        if let Some(verified) = self.verified {
            tracing::warn!(
                was = verified.number,
                is = head.number,
                "L1 was reorganized: looking at every commitment that is not final"
            );
            metrics::counter!("jovay_batcher_l1_reorgs_total").increment(1);
        }
        let finalized = self.finalized().await?;
        let mut undone = None;
        let mut index = shared.store.last_sealed()?.index;
        while index > 0 {
            let Some(record) = shared.store.get(index)? else { break };
            if let Some(commit) = &record.commit {
                if commit.l1_block <= finalized && self.verified.is_some() {
                    break;
                }
                let block = shared.client.block(BlockTag::Number(commit.l1_block)).await?;
                if block.is_none_or(|block| block.hash != commit.l1_block_hash) {
                    undone = Some(index);
                } else if commit.l1_block <= finalized {
                    break;
                }
            }
            index -= 1;
        }
        if let Some(index) = undone {
            tracing::warn!(from = index, "an L1 reorg took these commitments back");
            shared.store.clear_commits_from(index)?;
        }
        Ok(())
    }

    async fn finalized(&self) -> Result<u64, L1Error> {
        let block = self.shared.client.block(BlockTag::Finalized).await?;
        Ok(block.map_or(0, |block| block.number))
    }

    /// Reads the events of the batches from `first` to the last that L1 has, from block `from` on.
    async fn find_commits(&self, state: &L1State, first: u64, from: u64) -> Result<(), Hold> {
        let shared = &self.shared;
        let mut found = BTreeMap::new();
        let event = Rollup::BatchCommitted::SIGNATURE_HASH;
        let mut ranges =
            LogRanges::new(shared.deployment.rollup, vec![event], shared.config.log_range);
        let mut start = from;
        while start <= state.head.number {
            let (logs, end) = ranges.read(&shared.client, start, state.head.number).await?;
            // Of several the last counts: the operator had dropped the earlier.
            found.extend(logs.into_iter().filter_map(|log| Some((index_of(&log)?, log))));
            start = end + 1;
        }
        let mut receipts: BTreeMap<B256, (L1Receipt, u64, u32)> = BTreeMap::new();
        for index in first..=state.last_committed {
            let record = shared.store.get(index)?;
            let log = found.get(&index).filter(|log| {
                let hash = record.as_ref().map(|record| record.hash);
                log.topics.get(2).copied() == hash
            });
            let (Some(log), Some(record)) = (log, record) else {
                // The node's answers do not go together: it may have moved on.
                let message = format!("there is no event of batch {index} up to the head");
                let method = "eth_getLogs".into();
                return Err(Hold::L1(L1Error::Malformed { method, message }));
            };
            let transaction = log.transaction_hash;
            let (receipt, timestamp, batches) = match receipts.get(&transaction) {
                Some(known) => known.clone(),
                None => {
                    let read = self.read_transaction(log).await?;
                    receipts.insert(transaction, read.clone());
                    read
                }
            };
            let commit = CommitRecord {
                transaction,
                l1_block: receipt.block_number,
                l1_block_hash: receipt.block_hash,
                l1_timestamp: timestamp,
                gas_used: receipt.gas_used,
                cost: receipt.cost(),
                batches,
            };
            announce(&record, &commit);
            shared.store.set_commit(index, commit)?;
        }
        Ok(())
    }

    /// A transaction's receipt, its block's time, and how many batches it committed.
    async fn read_transaction(&self, log: &L1Log) -> Result<(L1Receipt, u64, u32), L1Error> {
        let client = &self.shared.client;
        let gone = |method: &str| L1Error::Malformed {
            method: method.into(),
            message: format!("transaction {} has left the chain", log.transaction_hash),
        };
        let receipt = client.receipt(log.transaction_hash).await?;
        let receipt = receipt.filter(|receipt| receipt.block_hash == log.block_hash);
        let receipt = receipt.ok_or_else(|| gone("eth_getTransactionReceipt"))?;
        let block = client.block(BlockTag::Hash(log.block_hash)).await?;
        let timestamp = block.ok_or_else(|| gone("eth_getBlockByHash"))?.timestamp;
        let rollup = self.shared.deployment.rollup;
        let events = receipt.logs.iter().filter(|log| log.address == rollup);
        let batches = events.filter_map(index_of).count() as u32;
        Ok((receipt, timestamp, batches))
    }

    /// Drops what is no longer needed of batches whose L1 blocks are final.
    pub(super) async fn finish(&self, state: &L1State) -> Result<(), Hold> {
        let (shared, store) = (&self.shared, &self.shared.store);
        let mut index = shared.status.borrow().committed_final;
        if index >= state.last_committed {
            shared.report(|status| status.committed_final = state.last_committed);
            return Ok(());
        }
        let finalized = self.finalized().await?;
        while index < state.last_committed {
            let commit = store.get(index + 1)?.and_then(|record| record.commit);
            if commit.is_none_or(|commit| commit.l1_block > finalized) {
                break;
            }
            index += 1;
        }
        shared.report(|status| status.committed_final = index);
        // The operator can drop what is not proven from L1, however final its block is.
        let kept = state.last_committed.saturating_sub(shared.config.keep_data_batches);
        let mut prune = index.min(state.last_finalized.max(kept)) + 1;
        if shared.archive.is_some() {
            prune = prune.min(shared.archived.load(Ordering::Relaxed) + 1);
        }
        let pruned = store.prune_data_before(prune)?;
        if pruned > 0 {
            tracing::debug!(before = prune, pruned, "dropped the data of final batches");
        }
        Ok(store.prune_submissions_before(index + 1)?)
    }
}

/// The batch that an event tells of.
fn index_of(log: &L1Log) -> Option<u64> {
    let (event, index) = (log.topics.first()?, log.topics.get(1)?);
    let index = U256::from_be_bytes(index.0).try_into().ok();
    index.filter(|_| *event == Rollup::BatchCommitted::SIGNATURE_HASH)
}

fn announce(record: &BatchRecord, commit: &CommitRecord) {
    tracing::info!(hash = %record.hash, "{}", report::describe_commit(record, commit));
    let batches = f64::from(commit.batches.max(1));
    let cost: f64 = commit.cost.to_string().parse().unwrap_or(f64::INFINITY);
    metrics::counter!("jovay_batches_committed_total").increment(1);
    metrics::histogram!("jovay_batch_commit_gas").record(commit.gas_used as f64 / batches);
    metrics::histogram!("jovay_batch_commit_cost_wei").record(cost / batches);
    let delay = commit.l1_timestamp.saturating_sub(record.first_timestamp);
    metrics::histogram!("jovay_batch_commit_delay_seconds").record(delay as f64);
}
