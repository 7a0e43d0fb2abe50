//! Taking blocks back.

use std::sync::Arc;

use alloy_primitives::map::AddressMap;
use jovay_state::{StateTrie, StoreError};
use jovay_types::SealedBlock;
use parking_lot::MutexGuard;

use crate::ChainError;
use crate::chain::Shared;
use crate::diff::DiffMerge;
use crate::flush::{self, Written};
use crate::kv::{Batch, Table};
use crate::l1;
use crate::log::Kind;
use crate::nodes::{HeadNodes, TableNodes};
use crate::pipeline::{Pipeline, Stage};
use crate::store::check_idle;
use crate::tables::{self, Epoch, Position};

impl Shared {
    /// Drops every block after `number`: see [`jovay_state::ChainStore::revert_to`].
    pub(crate) fn revert_to(&self, number: u64) -> Result<(), StoreError> {
        let _flushing = self.flushing.lock();
        let mut trie = self.trie.lock();
        let mut pipeline = self.pipeline.lock();
        pipeline.check()?;
        check_idle(&pipeline)?;
        let oldest = self.states.epoch().position.oldest;
        if number > pipeline.published {
            let head = pipeline.published;
            return Err(StoreError::OutOfOrder(format!("block {number} is after the head {head}")));
        }
        if number < oldest {
            return Err(ChainError::StatePruned { number, oldest }.into());
        }
        pipeline.patch = None;
        drop(pipeline.past_patches.split_off(&number));
        if number == pipeline.published {
            return Ok(());
        }
        let record = (Kind::Revert, number.to_be_bytes().to_vec());
        let done = self
            .append(&[record])
            .and_then(|sequence| self.drop_after(number, sequence, &mut trie, &mut pipeline));
        drop(pipeline);
        self.fatal(done)
    }

    /// Drops the blocks after `number`, as log record `sequence` says.
    pub(crate) fn drop_after(
        &self,
        number: u64,
        sequence: u64,
        trie: &mut StateTrie,
        pipeline: &mut MutexGuard<'_, Pipeline>,
    ) -> Result<(), ChainError> {
        self.states.note_revert(number);
        let kept = number.max(pipeline.flushed);
        for layer in pipeline.pop_after(kept) {
            self.states.versions.reverted(kept, layer.diff());
        }
        let epoch = self.states.epoch();
        let head = if number < pipeline.flushed {
            self.revert_tables(&epoch, number, sequence)?;
            pipeline.flushed = number;
            block_in_tables(&self.states.epoch(), number)?
        } else if number == pipeline.flushed {
            block_in_tables(&epoch, number)?
        } else {
            let sealed = pipeline.layer(number).and_then(|layer| layer.sealed());
            let sealed = sealed.ok_or(ChainError::UnknownBlock(number))?;
            sealed.outcome.block.clone()
        };
        rebuild_nodes(&self.nodes, pipeline);
        *trie = StateTrie::new(self.nodes.clone(), head.header.state_root);
        pipeline.logged = number;
        pipeline.sealed = number;
        pipeline.published = number;
        pipeline.sealed_hash = head.hash;
        pipeline.head = head;
        Ok(())
    }

    /// Takes the tables back to block `number`.
    fn revert_tables(&self, epoch: &Epoch, number: u64, sequence: u64) -> Result<(), ChainError> {
        let flushed = epoch.position.flushed;
        let mut batch = Batch::default();
        let mut merge = DiffMerge::default();
        for dropped in number + 1..=flushed {
            let diff = epoch.diff(dropped)?;
            let block =
                epoch.block(dropped)?.ok_or_else(|| tables::missing(Table::Headers, dropped))?;
            remove_block(&mut batch, &block);
            flush::remove_history(&mut batch, dropped, &diff);
            merge.push(&diff);
        }
        let diff = merge.finish();
        let mut before = AddressMap::<Written>::default();
        for change in &diff.accounts {
            let entry = before.entry(change.address).or_default();
            entry.account = Some(change.before);
            entry.slots.extend(change.slots.iter().map(|slot| (slot.slot, slot.before)));
        }
        flush::put_state(&mut batch, &before);
        let root = epoch.known_header(flushed)?.1.state_root;
        let mut trie = StateTrie::new(Arc::new(TableNodes(epoch.snapshot.clone())), root);
        let reverted = trie.apply_reverse(&diff)?;
        let wanted = epoch.known_header(number)?.1.state_root;
        if reverted != wanted {
            let what = format!("the history leads to state root {reverted}, not {wanted}");
            return Err(ChainError::corrupt(format!("state of block {number}"), what));
        }
        for update in trie.take_updates()? {
            let key = tables::node_key(update.owner.as_ref(), &update.path);
            batch.set(Table::Trie, key, update.node.map(|node| node.to_vec()));
        }
        let position = Position { flushed: number, log_sequence: sequence, ..epoch.position };
        tables::put_position(&mut batch, &position);
        self.store.commit(batch)?;
        let generation = epoch.generation + 1;
        self.states.replace(Epoch { generation, position, snapshot: self.store.snapshot() });
        self.states.clear();
        self.blocks.clear();
        self.receipts.clear();
        Ok(())
    }
}

/// Removes the block and its indexes.
fn remove_block(batch: &mut Batch, block: &SealedBlock) {
    let key = block.number().to_be_bytes();
    for table in [Table::Headers, Table::Bodies, Table::Receipts] {
        batch.delete(table, key);
    }
    batch.delete(Table::Blooms, tables::bloom_key(0, block.number()));
    batch.delete(Table::L1Positions, l1::key(block.number()));
    batch.delete(Table::Numbers, block.hash.to_vec());
    for tx in &block.transactions {
        batch.delete(Table::Transactions, tx.hash().to_vec());
    }
}

fn block_in_tables(epoch: &Epoch, number: u64) -> Result<Arc<SealedBlock>, ChainError> {
    let block = epoch.block(number)?.map(Arc::new);
    block.ok_or_else(|| tables::missing(Table::Headers, number))
}

/// Leaves the nodes that the remaining blocks wrote.
fn rebuild_nodes(nodes: &HeadNodes, pipeline: &Pipeline) {
    nodes.clear();
    for layer in &pipeline.layers {
        if let Stage::Sealed(sealed) = &layer.stage {
            nodes.insert(layer.number, &sealed.nodes);
        }
    }
}
