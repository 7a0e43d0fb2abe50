//! From events to the chain of batches.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use alloy_primitives::B256;

use crate::{Committed, DeriveError, RollupEvent};

/// The only layout of batches that the contract takes.
const BATCH_VERSION: u8 = 2;

/// What L1 says a final batch led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The state root after the batch.
    pub state_root: B256,
    /// The hash of its last block.
    pub block_hash: B256,
}

/// The batches that are committed, as the events say; each hash recomputed on top of its parent's.
#[derive(Clone, Debug)]
pub struct BatchChain {
    /// Batches from a known one on, without gaps; never empty.
    batches: VecDeque<Committed>,
    /// Index of the last batch that is final; `None` if that is not known yet.
    finalized: Option<u64>,
    outcomes: BTreeMap<u64, Outcome>,
}

fn wrong(index: u64, message: String) -> DeriveError {
    DeriveError::Events { index, message }
}

impl BatchChain {
    /// The chain that begins with `genesis`, the first event of `Rollup`.
    ///
    /// # Errors
    /// It is not the commitment of batch 0 with nothing in it.
    pub fn new(genesis: Committed) -> Result<Self, DeriveError> {
        let Committed { index, version, l1_message_count, l1_rolling_hash, data_hash, .. } =
            genesis;
        let empty = index == 0
            && version == 0
            && l1_message_count == 0
            && l1_rolling_hash.is_zero()
            && data_hash.is_zero();
        if !empty || genesis.hash_over(B256::ZERO) != Some(genesis.hash) {
            return Err(wrong(index, "the first batch on L1 is not an empty genesis batch".into()));
        }
        Ok(Self::resume(genesis))
    }

    /// The chain from the batch `base` on, which was checked before.
    pub fn resume(base: Committed) -> Self {
        Self { batches: [base].into(), finalized: None, outcomes: BTreeMap::new() }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`DeriveError::Events`]: it does not follow from those before.
    pub fn apply(&mut self, event: &RollupEvent) -> Result<(), DeriveError> {
        match event {
            RollupEvent::Committed(batch) => self.commit(batch),
            RollupEvent::Reverted { first, last, .. } => self.revert(*first, *last),
            RollupEvent::Finalized { first, last, state_root, block_hash, .. } => {
                let outcome = Outcome { state_root: *state_root, block_hash: *block_hash };
                self.finalize(*first, *last, outcome)
            }
        }
    }

    fn commit(&mut self, batch: &Committed) -> Result<(), DeriveError> {
        let index = batch.index;
        let last = self.last();
        if last.index.checked_add(1) != Some(index) {
            return Err(wrong(index, format!("it is committed behind batch {}", last.index)));
        }
        if batch.version != BATCH_VERSION {
            return Err(wrong(index, format!("its version is {}, not 2", batch.version)));
        }
        if batch.l1_message_count < last.l1_message_count {
            let (count, before) = (batch.l1_message_count, last.l1_message_count);
            return Err(wrong(index, format!("it ends at L1 message {count}, before {before}")));
        }
        let hash = batch.hash_over(last.hash).unwrap_or_default();
        if hash != batch.hash {
            let told = batch.hash;
            return Err(wrong(
                index,
                format!("L1 says its hash is {told}, its header gives {hash}"),
            ));
        }
        self.batches.push_back(*batch);
        Ok(())
    }

    fn revert(&mut self, first: u64, last: u64) -> Result<(), DeriveError> {
        if last != self.last().index || first > last {
            let end = self.last().index;
            return Err(wrong(first, format!("batches to {last} are dropped, the last is {end}")));
        }
        if self.finalized.is_some_and(|finalized| first <= finalized) {
            return Err(wrong(first, "it is dropped although it is final".into()));
        }
        let base = self.base().index;
        if first <= base {
            return Err(wrong(first, "it is dropped, and what was before it is not known".into()));
        }
        self.batches.truncate((first - base) as usize);
        Ok(())
    }

    fn finalize(&mut self, first: u64, last: u64, outcome: Outcome) -> Result<(), DeriveError> {
        let expected = match self.finalized {
            Some(finalized) => finalized.saturating_add(1),
            // The genesis batch, or wherever the events begin.
            None => first.min(self.base().index.saturating_add(1)),
        };
        if first != expected || last < first || last > self.last().index {
            let end = self.last().index;
            let message = format!("batches {first} to {last} become final, the last is {end}");
            return Err(wrong(last, message));
        }
        self.finalized = Some(last);
        self.outcomes.insert(last, outcome);
        Ok(())
    }

    /// The first batch that is held.
    pub fn base(&self) -> &Committed {
        &self.batches[0]
    }

    /// The last committed batch.
    pub fn last(&self) -> &Committed {
        &self.batches[self.batches.len() - 1]
    }

    /// The committed batches behind `index`, in order.
    pub fn after(&self, index: u64) -> impl Iterator<Item = &Committed> {
        self.batches.iter().filter(move |batch| batch.index > index)
    }

    /// The batch `index`, if it is held.
    pub fn get(&self, index: u64) -> Option<&Committed> {
        let at = index.checked_sub(self.base().index)?;
        self.batches.get(usize::try_from(at).ok()?)
    }

    /// Lets go of the batches before `index`.
    pub fn forget_before(&mut self, index: u64) {
        while self.batches.len() > 1 && self.base().index < index {
            self.batches.pop_front();
        }
    }

    /// The last final batch, as far as known.
    pub fn finalized(&self) -> Option<u64> {
        self.finalized
    }

    /// What L1 says that final batches up to `index` led to; each is given once.
    pub fn take_outcomes(&mut self, index: u64) -> BTreeMap<u64, Outcome> {
        let later = self.outcomes.split_off(&index.saturating_add(1));
        std::mem::replace(&mut self.outcomes, later)
    }
}
