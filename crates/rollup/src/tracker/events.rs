//! Which L1 transactions committed and proved batches.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::B256;
use alloy_sol_types::SolEvent;
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, Deployment, L1Block, L1Client, L1Error, L1Log};
use jovay_rpc::jovay::L1Place;
use parking_lot::RwLock;

use super::{StepError, TrackerConfig};
use crate::ranges::LogRanges;

/// Batches and proofs that are remembered, the latest ones. Of older ones the batch store knows where
/// they were committed.
const KEPT_MAX: usize = 100_000;
/// Read L1 blocks whose hashes are remembered.
const WINDOW_MAX: usize = 512;

/// A batch on L1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    pub(super) hash: B256,
    pub(super) place: L1Place,
}

/// What the events said.
#[derive(Debug, Default)]
pub(super) struct Events {
    commits: BTreeMap<u64, Commit>,
    /// Last batch of a proven range → first batch, place.
    proofs: BTreeMap<u64, (u64, L1Place)>,
    /// The last L1 block with an event that drops batches.
    last_revert: u64,
}

impl Events {
    pub(super) fn commit(&self, index: u64) -> Option<Commit> {
        self.commits.get(&index).copied()
    }

    pub(super) fn proof(&self, index: u64) -> Option<L1Place> {
        let (_, (first, place)) = self.proofs.range(index..).next()?;
        (*first <= index).then_some(*place)
    }

    fn apply(&mut self, log: &L1Log) -> Result<(), L1Error> {
        let malformed = |error: alloy_sol_types::Error| L1Error::Malformed {
            method: "eth_getLogs".into(),
            message: format!("event of Rollup in block {}: {error}", log.block_number),
        };
        let place = L1Place {
            transaction_hash: log.transaction_hash,
            block_number: log.block_number,
            block_hash: log.block_hash,
            is_final: false,
        };
        let topics = || log.topics.iter().copied();
        match log.topics.first() {
            Some(&Rollup::BatchCommitted::SIGNATURE_HASH) => {
                let event = Rollup::BatchCommitted::decode_raw_log_validate(topics(), &log.data)
                    .map_err(malformed)?;
                self.commits.insert(event.batchIndex, Commit { hash: event.batchHash, place });
                if self.commits.len() > KEPT_MAX {
                    self.commits.pop_first();
                }
            }
            Some(&Rollup::BatchesReverted::SIGNATURE_HASH) => {
                let event = Rollup::BatchesReverted::decode_raw_log_validate(topics(), &log.data)
                    .map_err(malformed)?;
                drop(self.commits.split_off(&event.firstBatch));
                self.last_revert = log.block_number;
            }
            Some(&Rollup::BatchesFinalized::SIGNATURE_HASH) => {
                let event = Rollup::BatchesFinalized::decode_raw_log_validate(topics(), &log.data)
                    .map_err(malformed)?;
                self.proofs.insert(event.lastBatch, (event.firstBatch, place));
                if self.proofs.len() > KEPT_MAX {
                    self.proofs.pop_first();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Forgets what happened after L1 block `number`; false if that takes reading from the start.
    fn undo_after(&mut self, number: u64) -> bool {
        if self.last_revert > number {
            *self = Self::default();
            return false;
        }
        self.commits.retain(|_, commit| commit.place.block_number <= number);
        self.proofs.retain(|_, (_, place)| place.block_number <= number);
        true
    }
}

/// Reads the events.
pub(super) struct Reader {
    client: L1Client,
    ranges: LogRanges,
    first_block: u64,
    /// Blocks up to which events are read, ascending.
    window: VecDeque<(u64, B256)>,
}

impl Reader {
    pub(super) fn new(config: TrackerConfig, client: L1Client, deployment: &Deployment) -> Self {
        let events = vec![
            Rollup::BatchCommitted::SIGNATURE_HASH,
            Rollup::BatchesReverted::SIGNATURE_HASH,
            Rollup::BatchesFinalized::SIGNATURE_HASH,
        ];
        let ranges = LogRanges::new(deployment.rollup, events, config.range_max);
        Self { client, ranges, first_block: deployment.first_block, window: VecDeque::new() }
    }

    /// Brings `events` up to `latest`.
    pub(super) async fn read(
        &mut self,
        latest: &L1Block,
        events: &RwLock<Events>,
    ) -> Result<(), StepError> {
        self.drop_reorganized(latest, events).await?;
        let mut from = self.window.back().map_or(self.first_block, |(number, _)| number + 1);
        while from <= latest.number {
            let (logs, to) = self.ranges.read(&self.client, from, latest.number).await?;
            let end = self.client.block(BlockTag::Number(to)).await?;
            let end = end.ok_or(StepError::NoBlock(BlockTag::Number(to)))?;
            let changed = to == latest.number && end.hash != latest.hash;
            if changed
                || logs.iter().any(|log| log.block_number == to && log.block_hash != end.hash)
            {
                return Err(StepError::Changed);
            }
            let mut events = events.write();
            logs.iter().try_for_each(|log| events.apply(log))?;
            self.window.push_back((to, end.hash));
            if self.window.len() > WINDOW_MAX {
                self.window.pop_front();
            }
            from = to + 1;
        }
        Ok(())
    }

    /// Takes back what was read in blocks that are not on L1's chain any more.
    async fn drop_reorganized(
        &mut self,
        latest: &L1Block,
        events: &RwLock<Events>,
    ) -> Result<(), StepError> {
        let read = self.window.len();
        while let Some((number, hash)) = self.window.back().copied() {
            let there = match number <= latest.number {
                true => self.client.block(BlockTag::Number(number)).await?,
                false => None,
            };
            if there.is_some_and(|block| block.hash == hash) {
                break;
            }
            self.window.pop_back();
        }
        if self.window.len() == read {
            return Ok(());
        }
        let number = self.window.back().map_or(0, |(number, _)| *number);
        tracing::info!(after = number, "L1 was reorganized, reading its batches again");
        if !events.write().undo_after(number) {
            self.window.clear();
        }
        Ok(())
    }
}
