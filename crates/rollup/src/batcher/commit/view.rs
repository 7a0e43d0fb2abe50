//! The contracts' state at one L1 block.

use alloy_primitives::B256;
use jovay_da::DataLayerKind;
use jovay_l1::bindings::{L1Mailbox, Rollup};
use jovay_l1::{BlockTag, L1Error};

use super::super::error::Hold;
use super::super::{BatcherError, L1Place, Shared};
use crate::store::BatchRecord;

/// What the batcher needs to know of L1. All of it is of one block, so that it goes together.
#[derive(Clone, Copy, Debug)]
pub(super) struct L1State {
    pub(super) head: L1Place,
    pub(super) last_committed: u64,
    /// Hash of that batch.
    pub(super) last_hash: B256,
    /// The last batch that is proven.
    pub(super) last_finalized: u64,
    /// Until when the contract takes no batches, in Unix seconds.
    pub(super) paused_until: u64,
    /// The first L1 message that is in no committed batch.
    pub(super) next_message: u64,
    /// Until when it must be in one; `None` if there is no such message.
    pub(super) next_deadline: Option<u64>,
    /// Seconds within which an L1 message must be in a batch.
    inclusion_deadline_s: u64,
    data_layer: u8,
}

impl L1State {
    pub(super) async fn read(shared: &Shared, head: L1Place) -> Result<Self, L1Error> {
        let at = BlockTag::Hash(head.hash);
        let (client, rollup) = (&shared.client, shared.deployment.rollup);
        let last_committed = client.view(rollup, &Rollup::lastCommittedBatchCall {}, at).await?;
        let batch = Rollup::batchCall { batchIndex: last_committed };
        let last_hash = client.view(rollup, &batch, at).await?.hash;
        let last_finalized = client.view(rollup, &Rollup::lastFinalizedBatchCall {}, at).await?;
        let paused_until = client.view(rollup, &Rollup::pausedUntilCall {}, at).await?;
        let next = client.view(rollup, &Rollup::nextDeadlineCall {}, at).await?;
        let within = client.view(rollup, &Rollup::inclusionDeadlineCall {}, at).await?;
        let data_layer = client.view(rollup, &Rollup::dataLayerCall {}, at).await?;
        Ok(Self {
            head,
            last_committed,
            last_hash,
            last_finalized,
            paused_until,
            next_message: next.queueIndex,
            next_deadline: (next.deadline != 0).then_some(next.deadline),
            inclusion_deadline_s: within,
            data_layer,
        })
    }

    /// The error if the contract was deployed for another kind of data.
    pub(super) fn wrong_layer(&self, shared: &Shared) -> Option<BatcherError> {
        let own = shared.layer.kind();
        let contract = match DataLayerKind::try_from(self.data_layer) {
            Ok(kind) if kind == own => return None,
            Ok(kind) => format!("{kind:?}"),
            Err(error) => error.to_string(),
        };
        let rollup = shared.deployment.rollup;
        Some(BatcherError::DataLayer { rollup, contract, own: format!("{own:?}") })
    }

    /// Checks that L1's queue up to the end of `record` is what the chain has executed, and
    /// gives the time until which the message behind it must be in a batch.
    pub(super) async fn check_messages(
        &self,
        shared: &Shared,
        record: &BatchRecord,
    ) -> Result<Option<u64>, Hold> {
        let (client, mailbox) = (&shared.client, shared.deployment.mailbox);
        let at = BlockTag::Hash(self.head.hash);
        let (index, count) = (record.index, record.l1_message_count);
        let there = client.view(mailbox, &L1Mailbox::messageCountCall {}, at).await?;
        if there < count {
            let why = format!(
                "batch {index} executed {count} L1 messages, L1 has {there}: L1 went back behind \
                 deposits that were taken. If it does not bring them again, the chain must be \
                 taken back to before them"
            );
            return Err(Hold::Blocked("messages", why));
        }
        let queue = client.view(mailbox, &L1Mailbox::messagesUpToCall { count }, at).await?;
        if queue.rollingHash != record.l1_rolling_hash {
            let why = format!(
                "batch {index} executed L1 messages that end in {}, L1's first {count} end in {}: \
                 L1 has other deposits than those that were taken",
                record.l1_rolling_hash, queue.rollingHash
            );
            return Err(Hold::Blocked("messages", why));
        }
        let next = (queue.nextSentAt != 0).then_some(queue.nextSentAt);
        Ok(next.map(|sent_at| sent_at.saturating_add(self.inclusion_deadline_s)))
    }

    /// The deadline of the first message that no batch on L1 has, if it is so near that it must
    /// be seen to: `lead_s` seconds, but no more than half of what there is.
    pub(super) fn near_deadline(&self, lead_s: u64) -> Option<u64> {
        let lead_s = lead_s.min(self.inclusion_deadline_s / 2);
        self.next_deadline.filter(|deadline| self.head.timestamp + lead_s >= *deadline)
    }
}
