//! Hands what L1 lacks to the sender.

use std::sync::Arc;
use std::time::Instant;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall;
use jovay_da::{Attachment, MAX_CALLDATA_BYTES};
use jovay_l1::bindings::{IRollup, Rollup};
use jovay_l1::{BlockTag, Intent, IntentStatus, L1Receipt, SenderError};

use super::super::error::Hold;
use super::super::{BatcherError, unix_s};
use super::Committing;
use super::view::L1State;
use crate::store::{BatchRecord, Submission};

/// Submissions that are looked at together: more than can be under way.
const SUBMISSIONS_MAX: usize = 256;

/// What is to be done about a batch that L1 does not have.
enum Next {
    /// Nothing: its transaction is under way.
    Wait,
    /// The sender does not know this submission: the same again.
    Again(Submission),
    /// A submission of its own, perhaps after a failure.
    New {
        /// Why the last one did not do, in words.
        failed: Option<String>,
    },
}

impl Committing {
    /// Hands over what is sealed, not on L1 and not under way, oldest first.
    pub(super) async fn submit(&mut self, state: &L1State, last: u64) -> Result<(), Hold> {
        self.warn_of_deadline(state);
        if state.last_committed == last {
            return Ok(());
        }
        if state.head.timestamp < state.paused_until {
            let why = format!("the rollup contract is paused until {}", state.paused_until);
            return Err(Hold::Blocked("paused", why));
        }
        if let Some(why) = (self.shared.gate)() {
            self.withdraw(state.last_committed + 1).await?;
            return Err(Hold::Blocked("gate", why));
        }
        let mut next = state.last_committed + 1;
        let mut under_way = 0;
        while next <= last && under_way < self.shared.config.in_flight_max {
            let submission = match self.next(state, next).await? {
                Next::Wait => self.submission_of(next)?,
                Next::Again(submission) => {
                    self.hand_over(state, &submission).await?;
                    Some(submission)
                }
                Next::New { failed } => {
                    if let Some(why) = failed
                        && !self.may_retry(next, &why).await?
                    {
                        return Ok(());
                    }
                    let Some(end) = self.group(state, next, last).await? else { return Ok(()) };
                    let made = self.shared.store.add_submission(next, end, unix_s())?;
                    self.hand_over(state, &made).await?;
                    Some(made)
                }
            };
            let Some(submission) = submission else { return Ok(()) };
            next = submission.last_index + 1;
            under_way += 1;
        }
        Ok(())
    }

    /// Takes back from the sender what it has not sent. The same is handed over again later.
    async fn withdraw(&self, first: u64) -> Result<(), Hold> {
        for submission in self.shared.store.submissions(first, SUBMISSIONS_MAX)? {
            let key = submission.key();
            if !matches!(self.shared.sender.status(&key), Some(IntentStatus::Waiting { .. })) {
                continue;
            }
            match self.shared.sender.forget(&key).await {
                // What was sent meanwhile is L1's to refuse.
                Ok(_) | Err(SenderError::InFlight(_)) => {}
                Err(error) => return Err(BatcherError::from(error).into()),
            }
        }
        Ok(())
    }

    /// The submission that has the batch `index`.
    fn submission_of(&self, index: u64) -> Result<Option<Submission>, Hold> {
        let from = index.saturating_sub(self.shared.config.batches_per_transaction_max as u64);
        let all = self.shared.store.submissions(from, SUBMISSIONS_MAX)?;
        Ok(all.into_iter().find(|submission| submission.contains(index)))
    }

    async fn next(&mut self, state: &L1State, index: u64) -> Result<Next, Hold> {
        let Some(submission) = self.submission_of(index)? else {
            return Ok(Next::New { failed: None });
        };
        if submission.first_index != index {
            let why = "only part of what its transaction committed is still on L1".into();
            return Ok(Next::New { failed: Some(why) });
        }
        let failed = match self.shared.sender.status(&submission.key()) {
            None => return Ok(Next::Again(submission)),
            // Once after every start: the sender may have lost the blobs.
            Some(IntentStatus::Waiting { .. }) if self.handed_over < submission.first_index => {
                return Ok(Next::Again(submission));
            }
            Some(IntentStatus::Waiting { .. } | IntentStatus::InFlight { .. }) => None,
            Some(IntentStatus::Failed { reason }) => Some(reason.to_string()),
            Some(IntentStatus::Final { receipt })
                if receipt.block_number <= state.head.number
                    && !self.is_seen(state, &receipt).await? =>
            {
                Some("L1 has gone back behind a block that was taken for final".into())
            }
            Some(IntentStatus::Included { receipt, .. } | IntentStatus::Final { receipt }) => {
                if !self.is_seen(state, &receipt).await? {
                    None
                } else if receipt.succeeded() {
                    Some("L1 had it, and has dropped it again: the operator reverted it".into())
                } else {
                    Some(format!("transaction {} failed on L1", receipt.transaction_hash))
                }
            }
        };
        Ok(failed.map_or(Next::Wait, |why| Next::New { failed: Some(why) }))
    }

    /// Whether the head that `state` was read at has the transaction. The sender may have looked
    /// later, or at another branch.
    async fn is_seen(&self, state: &L1State, receipt: &L1Receipt) -> Result<bool, Hold> {
        if receipt.block_number > state.head.number {
            return Ok(false);
        }
        let block = self.shared.client.block(BlockTag::Number(receipt.block_number)).await?;
        Ok(block.is_some_and(|block| block.hash == receipt.block_hash))
    }

    /// Whether the batch `index` may be submitted again now. What was submitted behind it is bound
    /// to fail, and has to be out of the way first: transactions happen in the order of submission.
    async fn may_retry(&mut self, index: u64, why: &str) -> Result<bool, Hold> {
        let later = self.shared.store.submissions(index + 1, SUBMISSIONS_MAX)?;
        for submission in later {
            let key = submission.key();
            match self.shared.sender.status(&key) {
                Some(IntentStatus::Waiting { .. }) => match self.shared.sender.forget(&key).await {
                    Ok(_) => {}
                    Err(SenderError::InFlight(_)) => return Ok(false),
                    Err(error) => return Err(BatcherError::from(error).into()),
                },
                Some(IntentStatus::InFlight { .. }) => return Ok(false),
                _ => {}
            }
        }
        let now = Instant::now();
        let due = *self.not_before.get_or_insert_with(|| {
            metrics::counter!("jovay_batch_commit_retries_total").increment(1);
            now + self.retry.pause()
        });
        if now < due {
            let wait = (due - now).as_secs();
            let why = format!("batch {index}: {why}. It is tried again in {wait} s");
            return Err(Hold::Blocked("refused", why));
        }
        self.not_before = None;
        Ok(true)
    }

    /// The last batch of the transaction that starts with `first`: as many as go together. `None`
    /// to wait.
    async fn group(&self, state: &L1State, first: u64, last: u64) -> Result<Option<u64>, Hold> {
        let config = &self.shared.config;
        let (mut blobs, mut calldata) = (0, 0);
        let mut end = None;
        let mut left_overdue = None;
        for index in first..=last.min(first + config.batches_per_transaction_max as u64 - 1) {
            let Some(record) = self.shared.store.get(index)? else { break };
            match self.shared.layer.kind() {
                jovay_da::DataLayerKind::Blobs => blobs += record.versioned_hashes.len(),
                jovay_da::DataLayerKind::Calldata => calldata += record.data_bytes as usize + 160,
                jovay_da::DataLayerKind::Anchored => {}
            }
            // The first goes alone if it must.
            let fits = blobs <= config.blobs_max && calldata <= MAX_CALLDATA_BYTES;
            if index > first && !fits {
                break;
            }
            if end.is_none() || record.l1_messages > 0 {
                let deadline = match state.check_messages(&self.shared, &record).await {
                    Ok(deadline) => deadline,
                    Err(error) if end.is_none() => return Err(error),
                    Err(_) => break,
                };
                left_overdue = deadline.filter(|deadline| *deadline <= state.head.timestamp);
            }
            end = Some(index);
        }
        if left_overdue.is_some() {
            let why = "L1 messages are overdue, and the next batches do not have them: the \
                       contract takes no batch that leaves them out. They come with a later batch; \
                       if that does not fit into the same transaction, the owner has to lengthen \
                       the inclusion deadline";
            return Err(Hold::Blocked("overdue", why.into()));
        }
        Ok(end)
    }

    /// Hands a submission to the sender. The same again is harmless.
    async fn hand_over(&mut self, state: &L1State, submission: &Submission) -> Result<(), Hold> {
        let intent = self.intent(state, submission).await?;
        let key = intent.key.clone();
        match self.shared.sender.submit(intent).await {
            Ok(()) => {
                tracing::debug!(key, "handed to the sender");
                self.handed_over = self.handed_over.max(submission.last_index);
                Ok(())
            }
            Err(SenderError::Full { .. }) => Ok(()),
            Err(SenderError::Client(error)) => Err(Hold::L1(error)),
            Err(error @ (SenderError::Key { .. } | SenderError::Invalid { .. })) => {
                Err(Hold::Blocked("sender", error.to_string()))
            }
            Err(error) => Err(BatcherError::from(error).into()),
        }
    }

    /// The transaction of a submission: the same whenever it is made, but for how much it may cost.
    async fn intent(&self, state: &L1State, submission: &Submission) -> Result<Intent, Hold> {
        let mut batches = Vec::new();
        let mut sidecar = BlobTransactionSidecarEip7594::default();
        let (mut parent, mut messages) = (None, 0);
        for index in submission.first_index..=submission.last_index {
            let missing = || Hold::Blocked("data", format!("batch {index} is not kept"));
            let record = self.shared.store.get(index)?.ok_or_else(missing)?;
            let attachment = match self.shared.attachment(&record).await? {
                Ok(attachment) => attachment,
                Err(why) => return Err(Hold::Blocked("data", format!("batch {index}: {why}"))),
            };
            parent.get_or_insert(record.parent_hash);
            messages = record.l1_message_count;
            batches.push(input(&record, attachment, &mut sidecar));
        }
        let call = Rollup::commitBatchesCall {
            parentIndex: submission.first_index - 1,
            parentHash: parent.unwrap_or(B256::ZERO),
            batches,
        };
        Ok(Intent {
            key: submission.key(),
            to: Some(self.shared.deployment.rollup),
            value: U256::ZERO,
            data: call.abi_encode().into(),
            sidecar: (!sidecar.blobs.is_empty()).then(|| Arc::new(sidecar)),
            // With the oldest L1 message that waits, this is what it has time until.
            deadline: state.next_deadline.filter(|_| messages > state.next_message),
        })
    }
}

/// What the contract is told about a batch; its blobs go behind those in `sidecar`.
fn input(
    record: &BatchRecord,
    attachment: Attachment,
    sidecar: &mut BlobTransactionSidecarEip7594,
) -> IRollup::BatchInput {
    let data = match attachment {
        Attachment::Blobs(own) => {
            sidecar.blobs.extend_from_slice(&own.blobs);
            sidecar.commitments.extend_from_slice(&own.commitments);
            sidecar.cell_proofs.extend_from_slice(&own.cell_proofs);
            Bytes::new()
        }
        Attachment::Calldata(data) => data,
        Attachment::None => record.data_hash.into(),
    };
    IRollup::BatchInput {
        version: record.version,
        l1MessageCount: record.l1_message_count,
        blobCount: record.versioned_hashes.len() as u8,
        data,
    }
}
