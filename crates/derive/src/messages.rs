//! The L1 queue, read in order as batches need it.

use std::collections::VecDeque;

use alloy_primitives::{B256, keccak256};
use jovay_types::L1Message;

use crate::{DeriveError, QueuedMessage, RollupL1};

/// L1 blocks whose messages are read at once. Nodes that give less are asked for less.
const RANGE_BLOCKS: u64 = 2_000;

/// Reads messages in order, each with its hash and the queue's rolling hash recomputed.
#[derive(Clone, Debug)]
pub(crate) struct MessageReader {
    waiting: VecDeque<QueuedMessage>,
    /// Index of the next message to be read from L1.
    next: u64,
    /// Rolling hash after the last message read.
    rolling_hash: B256,
    /// L1 block to read on from.
    from: u64,
}

/// The messages of a batch, each with the rolling hash after it.
pub(crate) type TakenMessages = Vec<(L1Message, B256)>;

/// Where the queue stands: what comes next, the rolling hash before it, and the L1 block from
/// which on it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePlace {
    pub(crate) next: u64,
    pub(crate) rolling_hash: B256,
    pub(crate) from: u64,
}

fn wrong(index: u64, message: impl Into<String>) -> DeriveError {
    DeriveError::Message { index, message: message.into() }
}

impl MessageReader {
    pub(crate) fn new(place: QueuePlace) -> Self {
        let QueuePlace { next, rolling_hash, from } = place;
        Self { waiting: VecDeque::new(), next, rolling_hash, from }
    }

    /// Takes the messages up to `count` over the life of the chain, reading L1 up to block `to`,
    /// by which they are all queued. Also where the last one was found.
    ///
    /// # Errors
    /// L1 does not have them, or not as it says.
    pub(crate) async fn take(
        &mut self,
        l1: &dyn RollupL1,
        count: u64,
        to: u64,
    ) -> Result<(TakenMessages, Option<u64>), DeriveError> {
        while self.next < count {
            if self.from > to {
                let message = format!(
                    "a batch has taken it, and L1 block {to} and those before do not queue it"
                );
                return Err(wrong(self.next, message));
            }
            let end = to.min(self.from.saturating_add(RANGE_BLOCKS - 1));
            for message in l1.messages(self.from, end).await? {
                self.push(message)?;
            }
            self.from = end + 1;
        }
        let first = self.next - self.waiting.len() as u64;
        let taken = self.waiting.drain(..count.saturating_sub(first) as usize);
        let mut block = None;
        let taken = taken
            .map(|queued| {
                block = Some(queued.block);
                (queued.message, queued.rolling_hash)
            })
            .collect();
        Ok((taken, block))
    }

    fn push(&mut self, queued: QueuedMessage) -> Result<(), DeriveError> {
        let index = queued.message.queue_index;
        // The first block that is read again holds messages that are taken already.
        if index < self.next && self.waiting.is_empty() {
            return Ok(());
        }
        if index != self.next {
            return Err(wrong(index, format!("message {} comes next in the queue", self.next)));
        }
        let hash = queued.message.hash();
        if hash != queued.hash {
            return Err(wrong(index, format!("its hash is {hash}, L1 says {}", queued.hash)));
        }
        let rolling_hash = keccak256([self.rolling_hash, hash].concat());
        if rolling_hash != queued.rolling_hash {
            let told = queued.rolling_hash;
            let message =
                format!("the queue's rolling hash after it is {rolling_hash}, L1 says {told}");
            return Err(wrong(index, message));
        }
        (self.next, self.rolling_hash) = (index + 1, rolling_hash);
        self.waiting.push_back(queued);
        Ok(())
    }
}
