//! Finding blocks: by name, by slot, by root.

use std::sync::Arc;

use alloy_primitives::B256;
use jovay_sequencer::beacon_block_root;
use jovay_types::SealedBlock;

use super::Beacon;
use super::answer::Refusal;
use super::id::BlockId;
use crate::genesis::GENESIS_TIMESTAMP;

/// Blocks, from the last one back, among which one is looked for by its root: as many as
/// EIP-4788's contract remembers.
const ROOTS_SEARCHED: u64 = 8_191;

/// A block with what the beacon API says of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) block: Arc<SealedBlock>,
    pub(crate) finalized: bool,
}

impl Found {
    /// Seconds since the first block.
    pub(crate) fn slot(&self) -> u64 {
        self.block.header.timestamp.saturating_sub(GENESIS_TIMESTAMP)
    }

    /// The name of its beacon block.
    pub(crate) fn root(&self) -> B256 {
        beacon_block_root(self.block.hash)
    }
}

impl Beacon {
    /// The block that `id` names. Reads the disk.
    pub(crate) fn find(&self, id: BlockId) -> Result<Found, Refusal> {
        let tags = self.chain.tags();
        let number = match id {
            BlockId::Head => Some(tags.latest),
            BlockId::Genesis => Some(0),
            BlockId::Finalized => Some(tags.finalized),
            BlockId::Justified => Some(tags.safe),
            BlockId::Slot(slot) => self.number_of_slot(slot, tags.latest)?,
            BlockId::Root(root) => self.number_of_root(&root, tags.latest)?,
        };
        let none = || Refusal::NotFound(format!("NOT_FOUND: no block {}", shown(id)));
        let number = number.ok_or_else(none)?;
        let block = self.chain.block(number)?.ok_or_else(none)?;
        Ok(Found { block, finalized: number <= tags.finalized })
    }

    /// The number of the block in `slot`. A number that is no block's slot is taken for a block's
    /// number, as anvil does, for clients that know no better: slots of this chain begin far above.
    fn number_of_slot(&self, slot: u64, latest: u64) -> Result<Option<u64>, Refusal> {
        let timestamp = GENESIS_TIMESTAMP.saturating_add(slot);
        let (mut low, mut high) = (0, latest);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.timestamp(middle)? {
                Some(at) if at < timestamp => low = middle + 1,
                // Also where a reorg has taken the block away meanwhile.
                _ => high = middle,
            }
        }
        if self.timestamp(low)? == Some(timestamp) {
            return Ok(Some(low));
        }
        Ok((slot <= latest).then_some(slot))
    }

    fn timestamp(&self, number: u64) -> Result<Option<u64>, Refusal> {
        Ok(self.chain.block(number)?.map(|block| block.header.timestamp))
    }

    fn number_of_root(&self, root: &B256, latest: u64) -> Result<Option<u64>, Refusal> {
        for number in (latest.saturating_sub(ROOTS_SEARCHED)..=latest).rev() {
            let hash = self.chain.block_hash(number)?;
            if hash.is_some_and(|hash| beacon_block_root(hash) == *root) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

fn shown(id: BlockId) -> String {
    match id {
        BlockId::Slot(slot) => format!("in slot {slot}"),
        BlockId::Root(root) => format!("with root {root}"),
        other => format!("{other:?}").to_lowercase(),
    }
}
