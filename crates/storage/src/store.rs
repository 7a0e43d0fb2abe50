//! The chain as the pipeline extends it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::B256;
use jovay_state::{ChainStore, SealOutcome, StateError, StateView, StoreError};
use jovay_types::{AccountChange, ExecutedBlock, L1Position, SealedBlock, SlotChange, StateDiff};
use parking_lot::MutexGuard;

use crate::ChainError;
use crate::chain::{Chain, Shared};
use crate::codec;
use crate::diff::merge;
use crate::log::Kind;
use crate::pipeline::{Layer, Pipeline, SealedLayer, Stage};
use crate::seal;
use crate::view::{BlockView, PatchedView};

/// How long a stage that waits for room sleeps before it looks again.
const ROOM_POLL: Duration = Duration::from_millis(5);

impl ChainStore for Chain {
    fn head(&self) -> Arc<SealedBlock> {
        self.shared.pipeline.lock().head.clone()
    }

    fn staged_state(&self) -> Arc<dyn StateView> {
        let pipeline = self.shared.pipeline.lock();
        let base = BlockView::new(self.shared.states.clone(), pipeline.staged());
        match pipeline.patch.clone() {
            Some(patch) => Arc::new(PatchedView { base, patch }),
            None => Arc::new(base),
        }
    }

    fn stage(&self, block: Arc<ExecutedBlock>) -> Result<(), StoreError> {
        self.shared.stage(block)
    }

    fn log(&self, blocks: &[Arc<ExecutedBlock>]) -> Result<(), StoreError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let payloads = self.shared.loggable(blocks)?;
        let sequence = self.shared.append(&payloads);
        let sequence = self.shared.fatal(sequence)?;
        self.shared.note_logged(sequence, blocks.len() as u64);
        Ok(())
    }

    fn seal(&self) -> Result<SealOutcome, StoreError> {
        self.shared.seal_next()
    }

    fn publish(&self, sealed: &SealOutcome) -> Result<(), StoreError> {
        let mut pipeline = self.shared.pipeline.lock();
        pipeline.check()?;
        let next = pipeline.published + 1;
        let ours = pipeline.layer(next).and_then(Layer::sealed);
        if ours.is_none_or(|ours| ours.outcome.block.hash != sealed.block.hash) {
            let number = sealed.block.number();
            let message = format!("block {number} to publish, block {next} is next");
            return Err(StoreError::OutOfOrder(message));
        }
        pipeline.published = next;
        pipeline.head = sealed.block.clone();
        let waiting = next - pipeline.flushed;
        metrics::gauge!("jovay_storage_unflushed_blocks").set(waiting as f64);
        metrics::gauge!("jovay_storage_unflushed_bytes").set(pipeline.bytes as f64);
        drop(pipeline);
        if self.shared.is_due() {
            self.shared.wake_flusher();
        }
        Ok(())
    }

    fn sealed_block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, StoreError> {
        Ok(self.block(number)?)
    }

    fn sealed_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        Ok(self.sealed_hash_of(number)?)
    }

    fn l1_position(&self) -> Result<L1Position, StoreError> {
        let head = self.head().number();
        Ok(self.l1_position_at(head)?.unwrap_or_default())
    }

    fn patch(&self, change: StateDiff) -> Result<(), StoreError> {
        let state = self.staged_state();
        let change = with_true_before(&*state, change)?;
        let mut pipeline = self.shared.pipeline.lock();
        pipeline.check()?;
        check_idle(&pipeline)?;
        let patch = match &pipeline.patch {
            Some(patch) => merge(patch, &change),
            None => merge(&StateDiff::default(), &change),
        };
        pipeline.patch = (!patch.is_empty()).then(|| Arc::new(patch));
        Ok(())
    }

    fn revert_to(&self, number: u64) -> Result<(), StoreError> {
        self.shared.revert_to(number)
    }
}

impl Chain {
    /// The changes of [`patch`](ChainStore::patch) that are in no block yet: to be patched in
    /// again by whoever goes back to this moment.
    pub fn pending_patch(&self) -> Option<Arc<StateDiff>> {
        self.shared.pipeline.lock().patch.clone()
    }
}

/// Nothing may be on its way through the pipeline.
pub(crate) fn check_idle(pipeline: &Pipeline) -> Result<(), StoreError> {
    if pipeline.staged() == pipeline.published {
        return Ok(());
    }
    Err(StoreError::OutOfOrder(format!("block {} is in the pipeline", pipeline.published + 1)))
}

/// `change` with what its accounts and slots are in `state` as the values before.
fn with_true_before(state: &dyn StateView, change: StateDiff) -> Result<StateDiff, StateError> {
    let StateDiff { accounts, mut codes } = change;
    let accounts = accounts.into_iter().map(|change| {
        let slots = change.slots.into_iter().map(|slot| {
            let before = state.storage(&change.address, &slot.slot)?;
            Ok(SlotChange { before, ..slot })
        });
        let slots = slots.collect::<Result<_, StateError>>()?;
        let before = state.account(&change.address)?;
        Ok(AccountChange { address: change.address, before, after: change.after, slots })
    });
    let accounts = accounts.collect::<Result<_, StateError>>()?;
    codes.sort_by_key(|code| code.hash);
    Ok(StateDiff { accounts, codes })
}

impl Shared {
    pub(crate) fn stage(&self, block: Arc<ExecutedBlock>) -> Result<(), StoreError> {
        let number = block.header.number;
        if !codec::header_is_encodable(&codec::loggable_header(&block)) {
            let message = format!("header of block {number} lacks a field before a present one");
            return Err(StoreError::Backend(message));
        }
        let mut pipeline = self.pipeline.lock();
        self.wait_for_room(&mut pipeline);
        pipeline.check()?;
        let next = pipeline.staged() + 1;
        if number != next {
            let message = format!("block {number} to stage, block {next} is next");
            return Err(StoreError::OutOfOrder(message));
        }
        let block = match pipeline.take_patch(number - 1) {
            Some(patch) => {
                let diff = merge(&patch, &block.diff);
                Arc::new(ExecutedBlock { diff, ..ExecutedBlock::clone(&block) })
            }
            None => block,
        };
        // The slot is awaited before the block can be seen.
        if let Some((slot, _)) = block.parent_hash_slot {
            self.states.await_hash(slot, number);
        }
        self.states.versions.insert(number, &block.diff);
        pipeline.push(Layer::new(block));
        Ok(())
    }

    /// Waits while too much is outside of the tables and a flush can change that.
    fn wait_for_room(&self, pipeline: &mut MutexGuard<'_, Pipeline>) {
        let mut waited = false;
        loop {
            let flushable = pipeline.published > pipeline.flushed;
            if !self.is_full(pipeline) || !flushable || pipeline.failure.is_some() {
                return;
            }
            if !waited {
                metrics::counter!("jovay_storage_stage_waits_total").increment(1);
                waited = true;
            }
            MutexGuard::unlocked(pipeline, || self.wake_flusher());
            // A flush may have ended while the lock was let go: do not wait for long.
            self.room.wait_for(pipeline, ROOM_POLL);
        }
    }

    /// The log records of `blocks`, which must be the next to be logged.
    fn loggable(&self, blocks: &[Arc<ExecutedBlock>]) -> Result<Vec<(Kind, Vec<u8>)>, StoreError> {
        let mut staged = Vec::with_capacity(blocks.len());
        let pipeline = self.pipeline.lock();
        pipeline.check()?;
        for (next, block) in (pipeline.logged + 1..).zip(blocks) {
            let number = block.header.number;
            match pipeline.layer(next).map(|layer| &layer.stage) {
                // The staged block has the patch in it, if there was one.
                Some(Stage::Executed(ours)) if number == next => staged.push(ours.clone()),
                _ => {
                    let message = format!("block {number} to log, block {next} is next");
                    return Err(StoreError::OutOfOrder(message));
                }
            }
        }
        drop(pipeline);
        if self.log.is_none() {
            return Ok(vec![(Kind::Block, Vec::new()); staged.len()]);
        }
        let encoded = staged.iter().map(|block| {
            let mut payload = Vec::with_capacity(4096);
            codec::encode_executed(block, &mut payload);
            (Kind::Block, payload)
        });
        Ok(encoded.collect())
    }

    /// Makes records durable; the number of the first.
    pub(crate) fn append(&self, payloads: &[(Kind, Vec<u8>)]) -> Result<u64, ChainError> {
        let Some(log) = &self.log else {
            // One thread logs; the counter is only read by others (Relaxed).
            return Ok(self.sequence.fetch_add(payloads.len() as u64, Ordering::Relaxed) + 1);
        };
        let started = Instant::now();
        let sequence = log.lock().append(payloads)?;
        metrics::histogram!("jovay_storage_log_seconds").record(started.elapsed().as_secs_f64());
        let bytes: usize = payloads.iter().map(|(_, payload)| payload.len()).sum();
        metrics::counter!("jovay_storage_log_bytes_total").increment(bytes as u64);
        Ok(sequence)
    }

    /// Takes note of `count` blocks' records, from `sequence` on.
    pub(crate) fn note_logged(&self, sequence: u64, count: u64) {
        let mut pipeline = self.pipeline.lock();
        for at in 0..count {
            let number = pipeline.logged + 1;
            if let Some(layer) = pipeline.layer_mut(number) {
                layer.sequence = sequence + at;
            }
            pipeline.logged = number;
        }
    }

    pub(crate) fn seal_next(&self) -> Result<SealOutcome, StoreError> {
        let mut trie = self.trie.lock();
        let pipeline = self.pipeline.lock();
        pipeline.check()?;
        let number = pipeline.sealed + 1;
        let waiting = pipeline.layer(number).filter(|_| number <= pipeline.logged);
        let Some(Stage::Executed(block)) = waiting.map(|layer| layer.stage.clone()) else {
            return Err(StoreError::OutOfOrder("no logged block waits to be sealed".into()));
        };
        let parent_hash = pipeline.sealed_hash;
        drop(pipeline);

        let started = Instant::now();
        let (diff, late) = self.fatal(self.complete_diff(&block, parent_hash))?;
        let unlocked = &mut *trie;
        let (mut header, state_root) =
            rayon::join(|| seal::header_with_lists(&block), || unlocked.apply(&diff));
        header.parent_hash = parent_hash;
        header.state_root = self.fatal(state_root.map_err(ChainError::from))?;
        let nodes = self.fatal(trie.take_updates().map_err(ChainError::from))?;
        self.nodes.insert(number, &nodes);
        if let Some(slot) = late {
            self.states.hash_known(&slot, number);
        }
        let hash = header.hash_slow();
        let ExecutedBlock { transactions, ommers, withdrawals, receipts, .. } = &*block;
        let sealed = SealedBlock {
            hash,
            header,
            transactions: transactions.clone(),
            ommers: ommers.clone(),
            withdrawals: withdrawals.clone(),
        };
        let outcome = SealOutcome {
            block: Arc::new(sealed),
            receipts: Arc::new(receipts.clone()),
            diff: Arc::new(diff),
        };
        let layer = SealedLayer { outcome: outcome.clone(), nodes: Arc::new(nodes) };
        self.pipeline.lock().seal(number, layer);
        metrics::histogram!("jovay_storage_seal_seconds").record(started.elapsed().as_secs_f64());
        Ok(outcome)
    }

    /// The block's changes with the EIP-2935 write, and that write.
    fn complete_diff(
        &self,
        block: &ExecutedBlock,
        parent_hash: B256,
    ) -> Result<(StateDiff, Option<SlotChange>), ChainError> {
        let mut diff = block.diff.clone();
        let Some((slot, before)) = block.parent_hash_slot else { return Ok((diff, None)) };
        let contract = match diff.account(&HISTORY_STORAGE_ADDRESS) {
            Some(change) => change.after,
            None => {
                let epoch = self.states.epoch();
                self.states.account_at(&epoch, &HISTORY_STORAGE_ADDRESS, block.header.number)?
            }
        };
        let contract = contract.ok_or_else(|| StateError::Missing {
            what: "account of the EIP-2935 contract",
            key: HISTORY_STORAGE_ADDRESS.to_string(),
        })?;
        let change = seal::parent_hash_change(contract, slot, before, parent_hash);
        let late = change.slots[0];
        if late.before != late.after {
            seal::add_slot(&mut diff, change);
        }
        Ok((diff, Some(late)))
    }
}
