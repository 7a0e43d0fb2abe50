//! What `Rollup` has at L1's tags, and which of our blocks that is.

use std::sync::Arc;

use alloy_primitives::Address;
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, L1Block, L1Client, L1Error};

use super::{StepError, TrackerConfig, TrackerStatus};
use crate::store::BatchStore;

pub(super) struct Tags {
    config: TrackerConfig,
    client: L1Client,
    rollup: Address,
    store: Arc<BatchStore>,
}

/// What `Rollup` has in one L1 block.
struct Seen {
    /// The last committed batch.
    committed: u64,
    /// The last batch with an accepted proof.
    proven: u64,
    /// The last of them that is ours, and its last block.
    ours: (u64, u64),
}

impl Tags {
    pub(super) fn new(
        config: TrackerConfig,
        client: L1Client,
        rollup: Address,
        store: Arc<BatchStore>,
    ) -> Self {
        Self { config, client, rollup, store }
    }

    /// Where L1 stands now, given where it stood `before`.
    pub(super) async fn look(&self, before: &TrackerStatus) -> Result<TrackerStatus, StepError> {
        let latest =
            self.block(BlockTag::Latest).await?.ok_or(StepError::NoBlock(BlockTag::Latest))?;
        // A young chain has neither.
        let safe = self.block(BlockTag::Safe).await?;
        let finalized = self.block(BlockTag::Finalized).await?;
        let at_latest = self.seen(&latest).await?;
        let at_safe = match (self.config.safe, &safe) {
            (BlockTag::Latest, _) => Some(at_latest.ours),
            (BlockTag::Finalized, _) | (_, None) => None,
            (_, Some(block)) => Some(self.seen(block).await?.ours),
        };
        let at_finalized = match &finalized {
            Some(block) => Some(self.seen(block).await?),
            None => None,
        };
        let mut alarm = None;
        let foreign = at_latest.committed > at_latest.ours.0;
        if foreign && self.store.get(at_latest.ours.0 + 1)?.is_some() {
            let batch = at_latest.ours.0 + 1;
            alarm = Some(format!("batch {batch} on L1 is not the batch {batch} of this chain"));
        }
        let mut finalized_block = at_finalized.as_ref().map_or(0, |seen| seen.ours.1);
        if finalized_block < before.finalized_block {
            alarm = Some(format!(
                "block {} was finalized by L1 and is no longer in a batch there: final data of \
                 the chain is gone from L1's final blocks",
                before.finalized_block
            ));
            finalized_block = before.finalized_block;
        }
        let safe_block = at_safe.map_or(0, |ours| ours.1).max(finalized_block);
        Ok(TrackerStatus {
            latest: Some(latest),
            safe,
            finalized,
            committed_batch: Some(at_latest.ours.0),
            proven_batch: Some(at_latest.proven.min(at_latest.ours.0)),
            final_batch: at_finalized.map(|seen| seen.proven.min(seen.ours.0)),
            safe_block,
            finalized_block,
            alarm,
            error: None,
        })
    }

    async fn block(&self, tag: BlockTag) -> Result<Option<L1Block>, StepError> {
        match self.client.block(tag).await {
            Ok(block) => Ok(block),
            // geth: before the first finalized block there is none such.
            Err(L1Error::Rpc { .. }) if tag != BlockTag::Latest => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn seen(&self, block: &L1Block) -> Result<Seen, StepError> {
        let at = BlockTag::Hash(block.hash);
        if self.client.code(self.rollup, at).await?.is_empty() {
            // Before the contracts were there.
            return Ok(Seen { committed: 0, proven: 0, ours: (0, 0) });
        }
        let committed =
            self.client.view(self.rollup, &Rollup::lastCommittedBatchCall {}, at).await?;
        let proven = self.client.view(self.rollup, &Rollup::lastFinalizedBatchCall {}, at).await?;
        let ours = self.last_of_ours(committed, at).await?;
        Ok(Seen { committed, proven, ours })
    }

    /// The last of the first `committed` batches on L1 that this node sealed too. Each batch has the
    /// hash of the one before in it, so one that is ours has none before that is not.
    async fn last_of_ours(&self, committed: u64, at: BlockTag) -> Result<(u64, u64), StepError> {
        let sealed = self.store.last_sealed()?.index;
        // Batches up to `good` are ours, from `bad` on they are not.
        let (mut good, mut bad) = (0, committed.min(sealed) + 1);
        let mut index = bad - 1;
        while good + 1 < bad {
            if self.is_ours(index, at).await? {
                good = index
            } else {
                bad = index
            }
            index = good + (bad - good) / 2;
        }
        let record = self.store.get(good)?;
        Ok((good, record.map_or(0, |record| record.last_block)))
    }

    async fn is_ours(&self, index: u64, at: BlockTag) -> Result<bool, StepError> {
        let call = Rollup::batchCall { batchIndex: index };
        let theirs = self.client.view(self.rollup, &call, at).await?;
        Ok(self.store.get(index)?.is_some_and(|record| record.hash == theirs.hash))
    }
}
