//! What the inbox tells about itself.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use jovay_l1::L1Block;
use parking_lot::RwLock;

use super::MessageError;
use super::message::QueuedMessage;

/// Messages whose place on L1 is remembered, the latest ones.
const SEEN_MAX: usize = 10_000;

/// Why the inbox takes no messages although L1 answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxAlarm {
    /// The node follows another chain than the contracts are on.
    #[error("the L1 node has chain id {found}, the addresses file says {expected}")]
    WrongChain {
        /// Chain id of the node.
        found: u64,
        /// Chain id in the addresses file.
        expected: u64,
    },
    /// L1 reports a message that it cannot have queued. The node lies or is broken: nothing is
    /// taken until the sequencer is restarted with a node that can be trusted.
    #[error("L1 message {queue_index} in block {l1_block} is not what L1Mailbox queued: {error}")]
    Mismatch {
        /// The message.
        queue_index: u64,
        /// The L1 block that is said to have it.
        l1_block: u64,
        /// What does not fit.
        error: MessageError,
    },
    /// Messages that blocks have taken are not on L1, or others are there. Goes away by itself if
    /// L1 comes back to them.
    #[error(
        "L1 block {l1_block} does not have the {taken} messages that the chain has taken (rolling \
         hash {ours}, on L1 {theirs}): L1 was reorganized below the confirmation that deposits \
         wait for, or the L1 node is behind"
    )]
    DeepReorg {
        /// The L1 block that was looked at.
        l1_block: u64,
        /// Messages that the chain has taken.
        taken: u64,
        /// The rolling hash after them.
        ours: B256,
        /// What L1 has there.
        theirs: String,
    },
}

impl InboxAlarm {
    /// Whether only a restart helps.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::DeepReorg { .. })
    }
}

/// Where the inbox stands.
#[derive(Clone, Debug, Default)]
pub struct InboxStatus {
    /// The last L1 block.
    pub latest: Option<L1Block>,
    /// The L1 block up to which messages are read: number and hash.
    pub read_to: Option<(u64, B256)>,
    /// Queue index of the next message to be read.
    pub next: u64,
    /// Why no messages are taken.
    pub alarm: Option<InboxAlarm>,
    /// Why L1 could not be asked the last time.
    pub error: Option<String>,
    /// L1 reorganizations that were noticed.
    pub reorgs: u64,
}

/// What the reader tells, and who asks reads.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) status: RwLock<InboxStatus>,
    /// The latest messages by queue index.
    pub(super) seen: RwLock<BTreeMap<u64, QueuedMessage>>,
}

impl Shared {
    pub(super) fn remember(&self, message: QueuedMessage) {
        let mut seen = self.seen.write();
        seen.insert(message.message.queue_index, message);
        if seen.len() > SEEN_MAX {
            seen.pop_first();
        }
    }

    /// Messages from `next` on are to be read again.
    pub(super) fn forget_from(&self, next: u64) {
        drop(self.seen.write().split_off(&next));
    }
}
