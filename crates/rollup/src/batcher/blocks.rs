//! The chain's published blocks, each once and in order.

use std::sync::Arc;

use alloy_primitives::B256;
use jovay_state::ChainStore;
use jovay_storage::Chain;
use jovay_types::SealedBlock;

use super::BatcherError;
use crate::store::BatchRecord;

/// Reads blocks from the chain itself, so that none is missed or seen twice, however late the
/// reader is. Who announces new blocks only wakes it.
pub(super) struct Blocks {
    chain: Arc<Chain>,
    next: u64,
    /// Hash of the block before `next`.
    parent: B256,
}

/// What comes next.
pub(super) enum Step {
    /// The next block.
    Block(Arc<SealedBlock>),
    /// There is none yet.
    CaughtUp,
    /// Blocks that were read before are no longer in the chain (a development chain's
    /// `evm_revert`).
    Reverted,
}

impl Blocks {
    /// Blocks behind the batch `last`.
    pub(super) fn behind(chain: Arc<Chain>, last: &BatchRecord) -> Result<Self, BatcherError> {
        let (number, index) = (last.last_block, last.index);
        let Some(parent) = chain.block_hash(number)? else {
            let head = chain.head().header.number;
            return Err(BatcherError::ChainBehind { head, index, last: number });
        };
        if index > 0 && parent != last.last_block_hash {
            return Err(BatcherError::Reverted { number, index });
        }
        Ok(Self { chain, next: number + 1, parent })
    }

    pub(super) fn step(&mut self) -> Result<Step, BatcherError> {
        let Some(block) = self.chain.block(self.next)? else {
            let same = self.chain.block_hash(self.next - 1)? == Some(self.parent);
            return Ok(if same { Step::CaughtUp } else { Step::Reverted });
        };
        if block.header.parent_hash != self.parent {
            return Ok(Step::Reverted);
        }
        self.next += 1;
        self.parent = block.hash;
        Ok(Step::Block(block))
    }
}
