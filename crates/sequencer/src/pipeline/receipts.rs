//! Callers who wait for a transaction's receipt.

use std::collections::HashMap;

use alloy_primitives::B256;
use jovay_state::SealOutcome;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::PoolError;

/// Callers who may wait at the same time.
const WAITING_MAX: usize = 65_536;

/// A transaction in its published block.
#[derive(Clone, Debug)]
pub struct IncludedTx {
    /// The block with its receipts.
    pub outcome: SealOutcome,
    /// The transaction's place in it.
    pub index: usize,
}

/// Why no receipt can be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The transaction was refused.
    #[error(transparent)]
    Refused(#[from] PoolError),
    /// No block took it in time; it may still be taken.
    #[error("the transaction was added to the mempool but wasn't processed within the timeout")]
    Timeout(B256),
    /// Too many callers wait.
    #[error("too many callers wait for receipts, at most {0}")]
    TooMany(usize),
    /// The pipeline stopped meanwhile.
    #[error("the sequencer stopped before the transaction was in a block")]
    Stopped,
}

/// Waiting callers by transaction.
#[derive(Debug, Default)]
pub(crate) struct ReceiptWaiters {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_hash: HashMap<B256, Vec<(u64, oneshot::Sender<IncludedTx>)>>,
    count: usize,
    next_id: u64,
}

/// A caller's place; leaves when dropped.
pub(crate) struct Ticket<'a> {
    waiters: &'a ReceiptWaiters,
    hash: B256,
    id: u64,
    pub(crate) answer: oneshot::Receiver<IncludedTx>,
}

impl ReceiptWaiters {
    pub(crate) fn register(&self, hash: B256) -> Result<Ticket<'_>, WaitError> {
        let mut waiting = self.waiting.lock();
        if waiting.count >= WAITING_MAX {
            return Err(WaitError::TooMany(WAITING_MAX));
        }
        let (sender, answer) = oneshot::channel();
        waiting.count += 1;
        waiting.next_id += 1;
        let id = waiting.next_id;
        waiting.by_hash.entry(hash).or_default().push((id, sender));
        Ok(Ticket { waiters: self, hash, id, answer })
    }

    /// Answers those who wait for a transaction of a block that has been published.
    pub(crate) fn published(&self, outcome: &SealOutcome) {
        let mut waiting = self.waiting.lock();
        if waiting.by_hash.is_empty() {
            return;
        }
        for (index, tx) in outcome.block.transactions.iter().enumerate() {
            let Some(callers) = waiting.by_hash.remove(&tx.hash()) else { continue };
            waiting.count -= callers.len();
            for (_, caller) in callers {
                // A caller may have given up just now.
                let _ = caller.send(IncludedTx { outcome: outcome.clone(), index });
            }
        }
    }

    /// Nothing will be published any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.by_hash.clear();
        waiting.count = 0;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting.lock();
        let Some(callers) = waiting.by_hash.get_mut(&self.hash) else { return };
        let before = callers.len();
        callers.retain(|(id, _)| *id != self.id);
        let gone = before - callers.len();
        if callers.is_empty() {
            waiting.by_hash.remove(&self.hash);
        }
        waiting.count -= gone;
    }
}
