//! Messages from L1 that wait for a block.

use std::collections::VecDeque;

use alloy_primitives::B256;
use jovay_types::L1Message;
use parking_lot::Mutex;

/// Messages that may wait; the reader of L1 stops reading beyond that.
const WAITING_MAX: usize = 4_096;

/// Why a message could not be queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1QueueError {
    /// It is not the next one of the L1 queue.
    #[error("L1 message {got} does not follow, expected {expected}")]
    OutOfOrder {
        /// Queue index of the message.
        got: u64,
        /// Queue index that comes next.
        expected: u64,
    },
    /// Too many messages wait.
    #[error("too many L1 messages wait")]
    Full,
}

/// The L1 queue between its reader and the block builder: messages leave in queue order, each
/// exactly once, at the front of blocks.
#[derive(Debug)]
pub struct L1Queue {
    inner: Mutex<Inner>,
    arrivals: crossbeam_channel::Sender<()>,
    arrived: crossbeam_channel::Receiver<()>,
}

#[derive(Debug)]
struct Inner {
    /// Each message with the rolling hash after it.
    waiting: VecDeque<(L1Message, B256)>,
    /// Queue index of the next message to be pushed.
    next: u64,
    /// Rolling hash after the last message that a block has taken.
    rolling_hash: B256,
}

impl L1Queue {
    /// A queue whose next message is `next`; `rolling_hash` is the one after the message before it.
    pub fn new(next: u64, rolling_hash: B256) -> Self {
        let (arrivals, arrived) = crossbeam_channel::bounded(1);
        let inner = Inner { waiting: VecDeque::new(), next, rolling_hash };
        Self { inner: Mutex::new(inner), arrivals, arrived }
    }

    /// Appends a message with the rolling hash after it.
    ///
    /// # Errors
    /// It is not the next one, or the queue is full.
    pub fn push(&self, message: L1Message, rolling_hash: B256) -> Result<(), L1QueueError> {
        let mut inner = self.inner.lock();
        if message.queue_index != inner.next {
            let (got, expected) = (message.queue_index, inner.next);
            return Err(L1QueueError::OutOfOrder { got, expected });
        }
        if inner.waiting.len() >= WAITING_MAX {
            return Err(L1QueueError::Full);
        }
        inner.next += 1;
        inner.waiting.push_back((message, rolling_hash));
        drop(inner);
        // A full channel holds a wake-up already.
        let _ = self.arrivals.try_send(());
        Ok(())
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.inner.lock().waiting.is_empty()
    }

    /// Rolling hash after the last message that a block has taken.
    pub fn rolling_hash(&self) -> B256 {
        self.inner.lock().rolling_hash
    }

    /// The first messages that fit into `gas` together.
    pub(crate) fn front(&self, gas: u64) -> Vec<L1Message> {
        let mut left = gas;
        let inner = self.inner.lock();
        let fitting = inner.waiting.iter().map_while(|(message, _)| {
            left = left.checked_sub(message.gas_limit)?;
            Some(message.clone())
        });
        fitting.collect()
    }

    /// The first message of the queue.
    pub(crate) fn first(&self) -> Option<L1Message> {
        self.inner.lock().waiting.front().map(|(message, _)| message.clone())
    }

    /// A block has taken the first `count` messages.
    pub(crate) fn take(&self, count: usize) {
        let mut inner = self.inner.lock();
        let taken = count.min(inner.waiting.len());
        let last = inner.waiting.drain(..taken).next_back();
        if let Some((_, hash)) = last {
            inner.rolling_hash = hash;
        }
    }

    /// Wakes the builder when a message has come.
    pub(crate) fn arrived(&self) -> &crossbeam_channel::Receiver<()> {
        &self.arrived
    }
}

impl Default for L1Queue {
    fn default() -> Self {
        Self::new(0, B256::ZERO)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::{Address, Bytes, U256};

    fn message(queue_index: u64, gas_limit: u64) -> L1Message {
        let (sender, to) = (Address::ZERO, Address::ZERO);
        L1Message { queue_index, gas_limit, sender, to, value: U256::ZERO, data: Bytes::new() }
    }

    #[test]
    fn leaves_in_order_and_within_gas() {
        let queue = L1Queue::default();
        for i in 0..3 {
            queue.push(message(i, 100), B256::repeat_byte(i as u8 + 1)).unwrap();
        }
        let error = L1QueueError::OutOfOrder { got: 5, expected: 3 };
        assert_eq!(queue.push(message(5, 1), B256::ZERO), Err(error));
        assert_eq!(queue.front(250).len(), 2);
        queue.take(2);
        assert_eq!(queue.rolling_hash(), B256::repeat_byte(2));
        assert_eq!(queue.front(250), vec![message(2, 100)]);
        assert!(queue.front(99).is_empty());
    }

    #[test]
    fn is_bounded() {
        let queue = L1Queue::default();
        for i in 0..WAITING_MAX as u64 {
            queue.push(message(i, 1), B256::ZERO).unwrap();
        }
        let next = message(WAITING_MAX as u64, 1);
        assert_eq!(queue.push(next, B256::ZERO), Err(L1QueueError::Full));
    }
}
