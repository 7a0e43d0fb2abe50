//! The blocks that are not in the tables yet, and how far each step has come.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::B256;
use alloy_primitives::map::B256Map;
use jovay_state::{NodeUpdate, SealOutcome, StoreError};
use jovay_types::{ExecutedBlock, SealedBlock, StateDiff};

use crate::diff::memory_bytes;

/// Blocks after which a development chain was changed, whose changed state is kept.
const PAST_PATCHES_MAX: usize = 1_024;

/// A block on its way into the tables.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) number: u64,
    /// Its log record, once logged.
    pub(crate) sequence: u64,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
    pub(crate) stage: Stage,
}

/// How far a block has come.
#[derive(Clone)]
pub(crate) enum Stage {
    /// Staged or logged.
    Executed(Arc<ExecutedBlock>),
    /// Sealed or published.
    Sealed(SealedLayer),
}

/// A sealed block with what its changes did to the trie.
#[derive(Clone)]
pub(crate) struct SealedLayer {
    pub(crate) outcome: SealOutcome,
    pub(crate) nodes: Arc<Vec<NodeUpdate>>,
}

impl Layer {
    pub(crate) fn new(block: Arc<ExecutedBlock>) -> Self {
        let transactions: usize = block.transactions.iter().map(|tx| tx.input().len() + 512).sum();
        let logs = block.receipts.iter().flat_map(|receipt| &receipt.receipt.logs);
        let logs: usize = logs.map(|log| log.data.data.len() + 192).sum();
        let bytes = 1024 + transactions + logs + 4 * memory_bytes(&block.diff);
        Self { number: block.header.number, sequence: 0, bytes, stage: Stage::Executed(block) }
    }

    pub(crate) fn sealed(&self) -> Option<&SealedLayer> {
        match &self.stage {
            Stage::Sealed(sealed) => Some(sealed),
            Stage::Executed(_) => None,
        }
    }

    /// The changes as far as they are known.
    pub(crate) fn diff(&self) -> &StateDiff {
        match &self.stage {
            Stage::Executed(block) => &block.diff,
            Stage::Sealed(sealed) => &sealed.outcome.diff,
        }
    }
}

/// The steps' progress. Every number is that of the last block that went through the step.
pub(crate) struct Pipeline {
    /// Blocks after the flushed one, in order.
    pub(crate) layers: VecDeque<Layer>,
    pub(crate) flushed: u64,
    pub(crate) logged: u64,
    pub(crate) sealed: u64,
    /// Number of the published head.
    pub(crate) published: u64,
    /// About how much memory `layers` take.
    pub(crate) bytes: usize,
    pub(crate) head: Arc<SealedBlock>,
    /// Hash of the last sealed block.
    pub(crate) sealed_hash: B256,
    /// Changes that belong to the next staged block.
    pub(crate) patch: Option<Arc<StateDiff>>,
    /// Changes that were made after a block and before the next one, by the earlier block's
    /// number: the next block executed on the state with them. Kept in memory only.
    pub(crate) past_patches: BTreeMap<u64, Arc<StateDiff>>,
    /// Of sealed blocks in `layers`: hash → number.
    pub(crate) numbers: B256Map<u64>,
    /// Of sealed blocks in `layers`: transaction → number, index.
    pub(crate) locations: B256Map<(u64, usize)>,
    /// What made the chain stop.
    pub(crate) failure: Option<String>,
}

impl Pipeline {
    pub(crate) fn new(head: Arc<SealedBlock>) -> Self {
        let number = head.number();
        Self {
            layers: VecDeque::new(),
            flushed: number,
            logged: number,
            sealed: number,
            published: number,
            bytes: 0,
            sealed_hash: head.hash,
            head,
            patch: None,
            past_patches: BTreeMap::new(),
            numbers: B256Map::default(),
            locations: B256Map::default(),
            failure: None,
        }
    }

    /// Takes the changes for the block after `parent`, which is being staged.
    pub(crate) fn take_patch(&mut self, parent: u64) -> Option<Arc<StateDiff>> {
        let patch = self.patch.take()?;
        self.past_patches.insert(parent, patch.clone());
        if self.past_patches.len() > PAST_PATCHES_MAX {
            self.past_patches.pop_first();
        }
        Some(patch)
    }

    /// The changes made after block `number` and before the next one.
    pub(crate) fn patch_after(&self, number: u64) -> Option<Arc<StateDiff>> {
        let pending = self.patch.as_ref().filter(|_| number == self.staged());
        pending.or_else(|| self.past_patches.get(&number)).cloned()
    }

    pub(crate) fn staged(&self) -> u64 {
        self.flushed + self.layers.len() as u64
    }

    /// The error that made the chain stop, if one did.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match &self.failure {
            Some(failure) => Err(StoreError::Backend(failure.clone())),
            None => Ok(()),
        }
    }

    /// The block `number`, if it is here.
    pub(crate) fn layer(&self, number: u64) -> Option<&Layer> {
        let at = number.checked_sub(self.flushed + 1)?;
        self.layers.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn layer_mut(&mut self, number: u64) -> Option<&mut Layer> {
        let at = number.checked_sub(self.flushed + 1)?;
        self.layers.get_mut(usize::try_from(at).ok()?)
    }

    /// The published block `number`, if it is here.
    pub(crate) fn published(&self, number: u64) -> Option<&SealedLayer> {
        if number > self.published { None } else { self.layer(number)?.sealed() }
    }

    pub(crate) fn push(&mut self, layer: Layer) {
        self.bytes += layer.bytes;
        self.layers.push_back(layer);
    }

    /// Takes note of a sealed block.
    pub(crate) fn seal(&mut self, number: u64, sealed: SealedLayer) {
        let block = &sealed.outcome.block;
        self.sealed = number;
        self.sealed_hash = block.hash;
        self.numbers.insert(block.hash, number);
        let transactions = block.transactions.iter().enumerate();
        self.locations.extend(transactions.map(|(at, tx)| (tx.hash(), (number, at))));
        if let Some(layer) = self.layer_mut(number) {
            layer.stage = Stage::Sealed(sealed);
        }
    }

    /// Takes out the blocks up to `number`, which are in the tables.
    pub(crate) fn pop_through(&mut self, number: u64) {
        while self.flushed < number {
            let Some(layer) = self.layers.pop_front() else { return };
            self.flushed += 1;
            self.forget(&layer);
        }
    }

    /// Takes out the blocks after `number`, newest first.
    pub(crate) fn pop_after(&mut self, number: u64) -> Vec<Layer> {
        let mut dropped = Vec::new();
        while self.staged() > number {
            let Some(layer) = self.layers.pop_back() else { break };
            self.forget(&layer);
            dropped.push(layer);
        }
        dropped
    }

    fn forget(&mut self, layer: &Layer) {
        self.bytes = self.bytes.saturating_sub(layer.bytes);
        let Some(sealed) = layer.sealed() else { return };
        let block = &sealed.outcome.block;
        self.numbers.remove(&block.hash);
        for tx in &block.transactions {
            if self.locations.get(&tx.hash()).is_some_and(|(number, _)| *number == layer.number) {
                self.locations.remove(&tx.hash());
            }
        }
    }
}
