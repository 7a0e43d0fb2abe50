//! What the batcher remembers of blocks that are in no sealed batch yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use jovay_types::{L1Position, SealedBlock};

use super::BatcherError;
use crate::store::BatchRecord;

/// A block that is in no sealed batch yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenBlock {
    pub(super) number: u64,
    pub(super) hash: B256,
    pub(super) timestamp: u64,
    /// When this process saw it.
    seen: Instant,
    has_transactions: bool,
    /// Behind its last L1 message.
    pub(super) queue: L1Position,
}

impl OpenBlock {
    /// How long it has waited: since it was made by its timestamp, or since it was seen if that is
    /// longer, because clocks of development chains are set at will.
    fn age(&self, now: Instant, unix_s: u64) -> Duration {
        let by_timestamp = Duration::from_secs(unix_s.saturating_sub(self.timestamp));
        now.saturating_duration_since(self.seen).max(by_timestamp)
    }
}

/// The blocks behind the last sealed batch, as far as they were read.
#[derive(Debug)]
pub(super) struct OpenBlocks {
    blocks: VecDeque<OpenBlock>,
    /// Before the first of them.
    sealed: L1Position,
}

impl OpenBlocks {
    pub(super) fn behind(last: &BatchRecord) -> Self {
        let (count, rolling_hash) = (last.l1_message_count, last.l1_rolling_hash);
        Self { blocks: VecDeque::new(), sealed: L1Position { next: count, rolling_hash } }
    }

    /// Where the queue stands behind the last block.
    pub(super) fn queue(&self) -> L1Position {
        self.blocks.back().map_or(self.sealed, |block| block.queue)
    }

    /// Where the queue stood before the first block.
    pub(super) fn sealed_queue(&self) -> L1Position {
        self.sealed
    }

    pub(super) fn add(&mut self, block: &SealedBlock) -> Result<(), BatcherError> {
        let mut queue = self.queue();
        let number = block.header.number;
        for transaction in &block.transactions {
            let Some(message) = transaction.as_l1_message() else { break };
            if message.queue_index != queue.next {
                let (got, expected) = (message.queue_index, queue.next);
                return Err(BatcherError::MessageOrder { number, got, expected });
            }
            queue = queue.after(transaction.hash());
        }
        self.blocks.push_back(OpenBlock {
            number,
            hash: block.hash,
            timestamp: block.header.timestamp,
            seen: Instant::now(),
            has_transactions: !block.transactions.is_empty(),
            queue,
        });
        Ok(())
    }

    /// Takes the blocks of a sealed batch out; the first and the last of them.
    pub(super) fn seal(&mut self, last_block: u64) -> Option<(OpenBlock, OpenBlock)> {
        let count = self.blocks.partition_point(|block| block.number <= last_block);
        let first = *self.blocks.front().filter(|_| count > 0)?;
        let last = *self.blocks.get(count - 1)?;
        self.blocks.drain(..count);
        self.sealed = last.queue;
        Some((first, last))
    }

    /// Age of the oldest block that has a transaction.
    pub(super) fn transaction_age(&self, now: Instant, unix_s: u64) -> Option<Duration> {
        let block = self.blocks.iter().find(|block| block.has_transactions)?;
        Some(block.age(now, unix_s))
    }

    /// Age of the oldest block.
    pub(super) fn age(&self, now: Instant, unix_s: u64) -> Option<Duration> {
        self.blocks.front().map(|block| block.age(now, unix_s))
    }
}
