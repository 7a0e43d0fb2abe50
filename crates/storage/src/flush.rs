//! Moving blocks from memory into the tables, many at once.

use std::collections::BTreeMap;
use std::time::Instant;

use alloy_primitives::map::{AddressMap, HashMap};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::Nibbles;
use jovay_types::{Account, StateDiff};

use crate::ChainError;
use crate::blooms;
use crate::chain::Shared;
use crate::codec;
use crate::kv::{Batch, Table};
use crate::l1;
use crate::pipeline::{Pipeline, SealedLayer};
use crate::tables::{self, Epoch, Position};

/// A flush takes at most so many times the blocks and bytes that make it due.
const FLUSH_FACTOR: usize = 4;
/// Beside the blocks it adds, a flush prunes at most so many more.
const PRUNE_BLOCKS: u64 = 256;

/// The last values of one account that a flush wrote.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) account: Option<Option<Account>>,
    pub(crate) slots: HashMap<U256, U256>,
}

/// The flusher's thread: flushes when it is due, until told to stop.
pub(crate) fn run(shared: &Shared) {
    let mut last = Instant::now();
    loop {
        let mut wake = shared.wake.lock();
        if !wake.stop && !wake.due {
            shared.woken.wait_for(&mut wake, shared.config.flush_interval);
        }
        if wake.stop {
            return;
        }
        wake.due = false;
        drop(wake);
        let overdue = last.elapsed() >= shared.config.flush_interval;
        while overdue || shared.is_due() {
            last = Instant::now();
            match shared.flush_some() {
                Ok(true) if !shared.wake.lock().stop => {}
                Ok(_) => break,
                Err(error) => return shared.fail(&error),
            }
        }
    }
}

impl Shared {
    /// Whether enough blocks wait.
    pub(crate) fn is_due(&self) -> bool {
        let pipeline = self.pipeline.lock();
        let waiting = pipeline.published - pipeline.flushed;
        waiting >= self.config.flush_blocks as u64
            || (waiting > 0 && pipeline.bytes >= self.config.flush_bytes)
            || (waiting > 0 && self.is_full(&pipeline))
    }

    /// Whether so much is outside of the tables that the pipeline must wait.
    pub(crate) fn is_full(&self, pipeline: &Pipeline) -> bool {
        pipeline.layers.len() >= self.config.unflushed_blocks_max
            || pipeline.bytes >= self.config.unflushed_bytes_max
    }

    /// Moves the oldest published blocks into the tables, a bounded number; false if there are none.
    pub(crate) fn flush_some(&self) -> Result<bool, ChainError> {
        let _flushing = self.flushing.lock();
        let started = Instant::now();
        let (layers, sequence) = self.flushable();
        let Some(through) = layers.last().map(|layer| layer.outcome.block.number()) else {
            return Ok(false);
        };
        let epoch = self.states.epoch();
        let (batch, position, written) = self.flush_batch(&epoch, &layers, through, sequence)?;
        self.store.commit(batch)?;
        // The order matters: see `States`.
        let generation = epoch.generation + 1;
        self.states.replace(Epoch { generation, position, snapshot: self.store.snapshot() });
        self.states.refresh(&written);
        for layer in &layers {
            self.states.versions.flushed(through, &layer.outcome.diff);
            self.nodes.flushed(through, &layer.nodes);
        }
        self.pipeline.lock().pop_through(through);
        self.room.notify_all();
        if let Some(log) = &self.log {
            log.lock().release(sequence)?;
        }
        self.shrink_trie();
        metrics::counter!("jovay_storage_flushed_blocks_total").increment(layers.len() as u64);
        metrics::histogram!("jovay_storage_flush_seconds").record(started.elapsed().as_secs_f64());
        tracing::debug!(through, blocks = layers.len(), elapsed = ?started.elapsed(), "flushed");
        Ok(true)
    }

    /// The oldest published blocks and the log record of the last of them.
    fn flushable(&self) -> (Vec<SealedLayer>, u64) {
        let blocks_max = self.config.flush_blocks.saturating_mul(FLUSH_FACTOR);
        let bytes_max = self.config.flush_bytes.saturating_mul(FLUSH_FACTOR);
        let pipeline = self.pipeline.lock();
        let (mut taken, mut bytes, mut sequence) = (Vec::new(), 0, 0);
        for layer in &pipeline.layers {
            let full = taken.len() >= blocks_max || bytes >= bytes_max;
            let Some(sealed) = layer.sealed() else { break };
            if layer.number > pipeline.published || (full && !taken.is_empty()) {
                break;
            }
            bytes += layer.bytes;
            sequence = layer.sequence;
            taken.push(sealed.clone());
        }
        (taken, sequence)
    }

    /// Everything that takes the tables from `epoch` to the last of `layers`.
    fn flush_batch(
        &self,
        epoch: &Epoch,
        layers: &[SealedLayer],
        through: u64,
        sequence: u64,
    ) -> Result<(Batch, Position, AddressMap<Written>), ChainError> {
        let mut batch = Batch::default();
        let mut written = AddressMap::<Written>::default();
        let mut nodes = BTreeMap::<(Option<B256>, Nibbles), Option<&Bytes>>::new();
        let mut unions = BTreeMap::new();
        let mut l1_position = epoch.l1_position(epoch.position.flushed)?;
        for layer in layers {
            put_block(&mut batch, layer)?;
            l1::put(&mut batch, &mut l1_position, &layer.outcome.block);
            put_history(&mut batch, layer.outcome.block.number(), &layer.outcome.diff)?;
            collect(&mut written, &layer.outcome.diff);
            nodes.extend(
                layer.nodes.iter().map(|node| ((node.owner, node.path), node.node.as_ref())),
            );
            blooms::add(&mut unions, epoch, &mut batch, &layer.outcome.block.header)?;
        }
        blooms::put(&mut batch, unions);
        put_state(&mut batch, &written);
        for ((owner, path), node) in nodes {
            let key = tables::node_key(owner.as_ref(), &path);
            batch.set(Table::Trie, key, node.map(|node| node.to_vec()));
        }
        let oldest = self.prune(&mut batch, epoch, through, layers.len() as u64)?;
        let flushed =
            Position { flushed: through, log_sequence: sequence, oldest, ..epoch.position };
        tables::put_position(&mut batch, &flushed);
        Ok((batch, flushed, written))
    }

    /// Removes history that has left the window, and gives the oldest block that is left.
    fn prune(
        &self,
        batch: &mut Batch,
        epoch: &Epoch,
        through: u64,
        added: u64,
    ) -> Result<u64, ChainError> {
        let oldest = epoch.position.oldest;
        let Some(window) = self.config.window() else { return Ok(oldest) };
        let wanted = through.saturating_sub(window);
        let affordable = oldest + added + PRUNE_BLOCKS;
        let target = wanted.min(affordable).min(epoch.position.flushed).max(oldest);
        for number in oldest + 1..=target {
            remove_history(batch, number, &epoch.diff(number)?);
        }
        Ok(target)
    }

    /// Keeps the trie's memory within the limit.
    fn shrink_trie(&self) {
        let mut trie = self.trie.lock();
        let nodes_max = self.config.trie_nodes_max;
        if trie.node_count() > nodes_max {
            trie.evict(nodes_max - nodes_max / 4);
        }
        metrics::gauge!("jovay_storage_trie_nodes").set(trie.node_count() as f64);
    }
}

/// The block itself and its indexes.
pub(crate) fn put_block(batch: &mut Batch, layer: &SealedLayer) -> Result<(), ChainError> {
    let block = &layer.outcome.block;
    let number = block.number();
    let key = number.to_be_bytes();
    batch.put(Table::Headers, key, tables::header_row(&block.hash, &block.header));
    batch.put(Table::Bodies, key, codec::body_row(block)?);
    batch.put(Table::Receipts, key, codec::receipts_row(&layer.outcome.receipts)?);
    batch.put(Table::Numbers, block.hash.to_vec(), key.to_vec());
    for (index, tx) in block.transactions.iter().enumerate() {
        let location = tables::location_row(number, index);
        batch.put(Table::Transactions, tx.hash().to_vec(), location);
    }
    for code in &layer.outcome.diff.codes {
        batch.put(Table::Codes, code.hash.to_vec(), code.bytes.to_vec());
    }
    Ok(())
}

/// What accounts and slots were before the block.
fn put_history(batch: &mut Batch, number: u64, diff: &StateDiff) -> Result<(), ChainError> {
    for change in &diff.accounts {
        let address = &change.address;
        if change.before != change.after {
            let key = tables::account_history_key(address, number);
            batch.put(Table::AccountHistory, key, tables::account_history_row(&change.before));
        }
        for slot in &change.slots {
            let key = tables::slot_history_key(address, &slot.slot, number);
            batch.put(Table::SlotHistory, key, tables::slot_row(&slot.before));
        }
    }
    batch.put(Table::Diffs, number.to_be_bytes(), codec::diff_row(diff)?);
    Ok(())
}

/// Undoes [`put_history`].
pub(crate) fn remove_history(batch: &mut Batch, number: u64, diff: &StateDiff) {
    for change in &diff.accounts {
        batch.delete(Table::AccountHistory, tables::account_history_key(&change.address, number));
        for slot in &change.slots {
            let key = tables::slot_history_key(&change.address, &slot.slot, number);
            batch.delete(Table::SlotHistory, key);
        }
    }
    batch.delete(Table::Diffs, number.to_be_bytes());
}

/// Adds the values after `diff` to those after earlier blocks.
pub(crate) fn collect(written: &mut AddressMap<Written>, diff: &StateDiff) {
    for change in &diff.accounts {
        let entry = written.entry(change.address).or_default();
        if change.before != change.after {
            entry.account = Some(change.after);
        }
        entry.slots.extend(change.slots.iter().map(|slot| (slot.slot, slot.after)));
    }
}

/// The state after the last block.
pub(crate) fn put_state(batch: &mut Batch, written: &AddressMap<Written>) {
    for (address, written) in written {
        if let Some(account) = &written.account {
            let row = account.as_ref().map(tables::account_row);
            batch.set(Table::Accounts, address.to_vec(), row);
        }
        for (slot, value) in &written.slots {
            let row = (!value.is_zero()).then(|| tables::slot_row(value));
            batch.set(Table::Slots, tables::slot_key(address, slot), row);
        }
    }
}
