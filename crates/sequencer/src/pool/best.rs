//! The best transactions for a block: dearest first, each sender's by nonce.

use std::collections::BinaryHeap;
use std::sync::Arc;

use alloy_primitives::Address;
use jovay_types::RecoveredTx;

use super::entry::PoolTx;
use super::sender_queue::SenderQueue;

/// What a transaction takes in a batch besides its encoding: its length (`docs/spec/batch.md`).
pub(crate) const TX_OVERHEAD_BYTES: usize = 4;

/// What a block has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Transactions.
    pub(crate) txs: usize,
    /// Bytes of encoded transactions, each with [`TX_OVERHEAD_BYTES`].
    pub(crate) bytes: usize,
    /// Most gas of one transaction: what the whole block has.
    pub(crate) gas: u64,
}

/// A sender's next transaction; the greatest is taken first.
struct Head<'a> {
    tip: u128,
    /// Ties go to the earlier arrival.
    arrival: u64,
    tx: &'a Arc<PoolTx>,
    rest: Box<dyn Iterator<Item = &'a Arc<PoolTx>> + 'a>,
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.tip, self.arrival) == (other.tip, other.arrival)
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.tip.cmp(&other.tip).then(other.arrival.cmp(&self.arrival))
    }
}

/// Yields ready transactions by effective tip, each sender's in nonce order.
pub(crate) struct Best<'a> {
    heap: BinaryHeap<Head<'a>>,
    base_fee: u64,
}

impl<'a> Best<'a> {
    pub(crate) fn new(
        senders: impl Iterator<Item = (&'a Address, &'a SenderQueue)>,
        base_fee: u64,
    ) -> Self {
        let ready = senders.filter(|(_, queue)| queue.ready > 0);
        let heads: Vec<_> =
            ready.filter_map(|(_, queue)| head(Box::new(queue.ready_txs()), base_fee)).collect();
        Self { heap: heads.into(), base_fee }
    }

    /// Up to `room`. What does not fit holds its sender back.
    pub(crate) fn fill(mut self, room: Room) -> Vec<Arc<RecoveredTx>> {
        let mut out = Vec::new();
        let mut bytes = 0;
        while out.len() < room.txs {
            let Some(best) = self.heap.pop() else { break };
            let size = best.tx.size + TX_OVERHEAD_BYTES;
            if bytes + size > room.bytes || best.tx.tx.gas_limit() > room.gas {
                continue;
            }
            bytes += size;
            out.push(best.tx.tx.clone());
            self.heap.extend(head(best.rest, self.base_fee));
        }
        out
    }
}

fn head<'a>(
    mut rest: Box<dyn Iterator<Item = &'a Arc<PoolTx>> + 'a>,
    base_fee: u64,
) -> Option<Head<'a>> {
    let tx = rest.next()?;
    Some(Head { tip: tx.tip_at(base_fee)?, arrival: tx.arrival, tx, rest })
}
