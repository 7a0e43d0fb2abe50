//! How far the chain has come with the L1 queue, block by block.
//!
//! The blocks are the truth: a row is written with each block that holds L1 messages, in the same
//! batch, and what is not in the tables yet is counted where it is.

use std::ops::Bound;

use alloy_primitives::B256;
use jovay_types::{L1Position, SealedBlock};

use crate::ChainError;
use crate::chain::Chain;
use crate::kv::{Batch, Table};
use crate::tables::{self, Epoch};

/// Descending, so that the first key from a block's on is the last row up to it.
pub(crate) fn key(number: u64) -> [u8; 8] {
    (u64::MAX - number).to_be_bytes()
}

/// The position after `block`, which came at `before`; `None` if it holds no L1 messages.
pub(crate) fn after(before: L1Position, block: &SealedBlock) -> Option<L1Position> {
    let mut position = None;
    for tx in &block.transactions {
        let Some(message) = tx.as_l1_message() else { break };
        let mut reached = position.unwrap_or(before).after(tx.hash());
        reached.next = message.queue_index.saturating_add(1);
        position = Some(reached);
    }
    position
}

/// Writes the row of `block`, and moves `position` past it.
pub(crate) fn put(batch: &mut Batch, position: &mut L1Position, block: &SealedBlock) {
    // A block dropped by a revert may have left a row under this number.
    let reached = after(*position, block);
    batch.set(Table::L1Positions, key(block.number()), reached.as_ref().map(alloy_rlp::encode));
    *position = reached.unwrap_or(*position);
}

impl Epoch {
    /// The position after block `number`, as far as the tables go.
    pub(crate) fn l1_position(&self, number: u64) -> Result<L1Position, ChainError> {
        let from = key(number);
        let bounds = (Bound::Included(from.as_slice()), Bound::Unbounded);
        let mut rows = self.snapshot.range(Table::L1Positions, bounds.0, bounds.1);
        let Some((key, row)) = rows.next().transpose()? else { return Ok(L1Position::default()) };
        alloy_rlp::decode_exact(&row)
            .map_err(|error| tables::damaged(Table::L1Positions, &key, &error))
    }
}

impl Chain {
    /// How far the chain has come with the L1 queue after the published block `number`; `None` for
    /// an unknown block. Reads one row, whatever the chain's length.
    ///
    /// # Errors
    /// The disk or its format failed.
    pub fn l1_position_at(&self, number: u64) -> Result<Option<L1Position>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if number > pipeline.published {
            return Ok(None);
        }
        let layers = pipeline.layers.iter().take_while(|layer| layer.number <= number);
        let recent: Vec<_> =
            layers.filter_map(|layer| Some(layer.sealed()?.outcome.block.clone())).collect();
        drop(pipeline);
        // Taken after the look at the pipeline, from which a flush removes blocks last.
        let epoch = self.shared.states.epoch();
        let mut position = epoch.l1_position(number)?;
        for block in recent.iter().filter(|block| block.number() > epoch.position.flushed) {
            position = after(position, block).unwrap_or(position);
        }
        Ok(Some(position))
    }

    /// The published block that took message `queue_index`, and the message's transaction hash;
    /// `None` if none has. Reads some 30 rows on a long chain.
    ///
    /// # Errors
    /// The disk or its format failed.
    pub fn l1_message(&self, queue_index: u64) -> Result<Option<(u64, B256)>, ChainError> {
        let genesis = self.shared.states.epoch().position.genesis_number;
        let head = self.shared.pipeline.lock().published;
        let taken = |number| -> Result<bool, ChainError> {
            Ok(self.l1_position_at(number)?.is_some_and(|position| position.next > queue_index))
        };
        if !taken(head)? {
            return Ok(None);
        }
        let (mut before, mut first) = (genesis, head);
        while first - before > 1 {
            let middle = before + (first - before) / 2;
            if taken(middle)? { first = middle } else { before = middle }
        }
        let block = self.block(first)?.ok_or(ChainError::UnknownBlock(first))?;
        let found = block.transactions.iter().find(|tx| {
            tx.as_l1_message().is_some_and(|message| message.queue_index == queue_index)
        });
        Ok(found.map(|tx| (first, tx.hash())))
    }
}
