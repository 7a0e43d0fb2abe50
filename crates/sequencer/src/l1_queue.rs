//! Messages from L1 that wait for a block.

use std::collections::VecDeque;

use alloy_primitives::B256;
use jovay_types::{L1Message, L1Position};
use parking_lot::Mutex;

/// Messages that may wait; the reader of L1 stops reading beyond that.
const WAITING_MAX: usize = 4_096;
/// Bytes of call data that may wait: a message has at most 64 KiB of it.
const WAITING_BYTES_MAX: usize = 64 << 20;

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
    waiting_max: usize,
    arrivals: crossbeam_channel::Sender<()>,
    arrived: crossbeam_channel::Receiver<()>,
}

#[derive(Debug)]
struct Inner {
    /// Each message with the rolling hash after it.
    waiting: VecDeque<(L1Message, B256)>,
    /// Bytes of call data in `waiting`.
    bytes: usize,
    /// How many of the first in `waiting` the builder has been given: a block may be taking them.
    handed: usize,
    /// Queue index of the next message to be pushed.
    next: u64,
    /// Rolling hash after the last message that a block has taken.
    rolling_hash: B256,
}

impl Inner {
    fn at(next: u64, rolling_hash: B256) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, handed: 0, next, rolling_hash }
    }

    /// Where the queue stands after the first `count` waiting messages.
    fn position_after(&self, count: usize) -> L1Position {
        let before = self.next - self.waiting.len() as u64;
        let last = count.checked_sub(1).and_then(|last| self.waiting.get(last));
        let rolling_hash = last.map_or(self.rolling_hash, |(_, hash)| *hash);
        L1Position { next: before + count as u64, rolling_hash }
    }
}

impl L1Queue {
    /// A queue whose next message is `next`; `rolling_hash` is the one after the message before it.
    pub fn new(next: u64, rolling_hash: B256) -> Self {
        let (arrivals, arrived) = crossbeam_channel::bounded(1);
        let inner = Mutex::new(Inner::at(next, rolling_hash));
        Self { inner, waiting_max: WAITING_MAX, arrivals, arrived }
    }

    /// The same queue with room for `waiting_max` messages.
    pub fn with_room_for(mut self, waiting_max: usize) -> Self {
        self.waiting_max = waiting_max;
        self
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
        let bytes = inner.bytes + message.data.len();
        let too_large = bytes > WAITING_BYTES_MAX && !inner.waiting.is_empty();
        if inner.waiting.len() >= self.waiting_max || too_large {
            return Err(L1QueueError::Full);
        }
        inner.next += 1;
        inner.bytes = bytes;
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

    /// Where the queue stands after the last message that was pushed.
    pub fn position(&self) -> L1Position {
        let inner = self.inner.lock();
        inner.position_after(inner.waiting.len())
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.inner.lock().waiting.len()
    }

    /// Drops the waiting messages that no block can be taking yet, and tells where the queue stands
    /// then: L1 has taken them back, or may have.
    pub fn withdraw(&self) -> L1Position {
        let mut inner = self.inner.lock();
        let position = inner.position_after(inner.handed);
        let handed = inner.handed;
        inner.waiting.truncate(handed);
        inner.bytes = inner.waiting.iter().map(|(message, _)| message.data.len()).sum();
        inner.next = position.next;
        position
    }

    /// Begins anew at `position`, with nothing waiting: the chain has gone back there.
    pub(crate) fn reset(&self, position: L1Position) {
        *self.inner.lock() = Inner::at(position.next, position.rolling_hash);
    }

    /// The first messages that fit into `gas` together.
    pub(crate) fn front(&self, gas: u64) -> Vec<L1Message> {
        let mut left = gas;
        let mut inner = self.inner.lock();
        let fitting = inner.waiting.iter().map_while(|(message, _)| {
            left = left.checked_sub(message.gas_limit)?;
            Some(message.clone())
        });
        let fitting: Vec<_> = fitting.collect();
        inner.handed = fitting.len();
        fitting
    }

    /// The first message of the queue.
    pub(crate) fn first(&self) -> Option<L1Message> {
        self.inner.lock().waiting.front().map(|(message, _)| message.clone())
    }

    /// A block has taken the first `count` messages.
    pub(crate) fn take(&self, count: usize) {
        let mut inner = self.inner.lock();
        let taken = count.min(inner.waiting.len());
        inner.rolling_hash = inner.position_after(taken).rolling_hash;
        let bytes: usize =
            inner.waiting.drain(..taken).map(|(message, _)| message.data.len()).sum();
        inner.bytes -= bytes;
        inner.handed = 0;
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
    fn gives_back_only_what_no_block_is_taking() {
        let queue = L1Queue::new(7, B256::repeat_byte(7));
        for i in 0..3 {
            queue.push(message(7 + i, 100), B256::repeat_byte(8 + i as u8)).unwrap();
        }
        assert_eq!(queue.position(), L1Position { next: 10, rolling_hash: B256::repeat_byte(10) });
        assert_eq!(queue.front(150), vec![message(7, 100)]);
        let kept = L1Position { next: 8, rolling_hash: B256::repeat_byte(8) };
        assert_eq!((queue.withdraw(), queue.position(), queue.len()), (kept, kept, 1));
        queue.take(1);
        assert_eq!((queue.withdraw(), queue.rolling_hash()), (kept, kept.rolling_hash));
        queue.push(message(8, 100), B256::repeat_byte(0xee)).unwrap();
        let start = L1Position::default();
        queue.reset(start);
        assert_eq!((queue.position(), queue.is_empty()), (start, true));
    }

    #[test]
    fn is_bounded() {
        let queue = L1Queue::default();
        for i in 0..WAITING_MAX as u64 {
            queue.push(message(i, 1), B256::ZERO).unwrap();
        }
        let next = message(WAITING_MAX as u64, 1);
        assert_eq!(queue.push(next, B256::ZERO), Err(L1QueueError::Full));
        let mut large = message(0, 1);
        large.data = vec![0; WAITING_BYTES_MAX / 2 + 1].into();
        let queue = L1Queue::default();
        queue.push(large.clone(), B256::ZERO).unwrap();
        large.queue_index = 1;
        assert_eq!(queue.push(large, B256::ZERO), Err(L1QueueError::Full));
    }
}
