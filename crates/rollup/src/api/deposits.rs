//! What became of deposits.

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::{SolEvent, sol};
use jovay_evm::predeploys::L2_MAILBOX;
use jovay_l1::bindings::L1Mailbox;
use jovay_l1::{BlockTag, LogFilter};
use jovay_rpc::jovay::{Deposit, DepositStage, L1Place, RollupError};

use super::{RollupNode, chain, l1};
use crate::inbox::{QueuedMessage, queued_in};
use crate::l1_blocks;

sol! {
    /// The message from L1 was carried out.
    event RelayedMessage(bytes32 indexed messageHash);
    /// The message from L1 failed; it can be replayed.
    event FailedRelayedMessage(bytes32 indexed messageHash);
}

/// `L2Mailbox` slot of `messageStatus` (contracts/storage/L2Mailbox.json).
const MESSAGE_STATUS_SLOT: U256 = U256::from_limbs([44, 0, 0, 0]);
/// `L2Mailbox.Status.Relayed`.
const RELAYED: u8 = 2;
/// Deposits of one transaction that are looked up: more than fit into a block of L1.
const DEPOSITS_MAX: usize = 1_000;
/// L1 blocks that may have the same timestamp, on development L1s.
const SAME_TIME_MAX: u64 = 64;

/// Where a message was queued on L1.
struct Queued {
    place: L1Place,
    confirmations: u64,
}

impl RollupNode {
    /// The deposits of an L1 transaction.
    pub(super) async fn deposits_of(&self, hash: B256) -> Result<Vec<Deposit>, RollupError> {
        let receipt = self.parts.client.receipt(hash).await.map_err(l1)?;
        let Some(receipt) = receipt else { return Ok(Vec::new()) };
        let mailbox = self.parts.deployment.mailbox;
        let messages = queued_in(&receipt.logs, mailbox)
            .map_err(|error| RollupError::L1(format!("L1 node: transaction {hash}: {error}")))?;
        let mut deposits = Vec::new();
        for message in messages.into_iter().take(DEPOSITS_MAX) {
            let queued = self.queued(&message).await?;
            deposits.push(self.describe(
                message.message.queue_index,
                message.hash,
                Some(queued),
            )?);
        }
        Ok(deposits)
    }

    /// The deposit at `queue_index`, if L1 has it.
    pub(super) async fn deposit_at(
        &self,
        queue_index: u64,
    ) -> Result<Option<Deposit>, RollupError> {
        let on_l1 = match self.parts.inbox.seen(queue_index) {
            Some(seen) => Some(seen),
            None => self.find_on_l1(queue_index).await?,
        };
        if let Some(message) = on_l1 {
            let queued = self.queued(&message).await?;
            return self.describe(queue_index, message.hash, Some(queued)).map(Some);
        }
        // L1 lost it, or its node does not answer for so far back: the chain may know it still.
        match self.parts.chain.l1_message(queue_index).map_err(chain)? {
            Some((_, hash)) => self.describe(queue_index, hash, None).map(Some),
            None => Ok(None),
        }
    }

    async fn queued(&self, message: &QueuedMessage) -> Result<Queued, RollupError> {
        let client = &self.parts.client;
        let latest = client.block(BlockTag::Latest).await.map_err(l1)?;
        let latest = latest.map_or(0, |block| block.number);
        let finalized = self.parts.tracker.status().finalized.map(|block| block.number);
        let place = L1Place {
            transaction_hash: message.l1_transaction,
            block_number: message.l1_block,
            block_hash: message.l1_block_hash,
            is_final: finalized.is_some_and(|last| message.l1_block <= last),
        };
        let confirmations = (latest + 1).saturating_sub(message.l1_block);
        Ok(Queued { place, confirmations })
    }

    /// Finds the event of a message by the time that `L1Mailbox` keeps of it.
    async fn find_on_l1(&self, queue_index: u64) -> Result<Option<QueuedMessage>, RollupError> {
        let (client, deployment) = (&self.parts.client, &self.parts.deployment);
        let Some(latest) = client.block(BlockTag::Latest).await.map_err(l1)? else {
            return Ok(None);
        };
        let at = BlockTag::Hash(latest.hash);
        let count = L1Mailbox::messageCountCall {};
        if client.view(deployment.mailbox, &count, at).await.map_err(l1)? <= queue_index {
            return Ok(None);
        }
        let up_to = L1Mailbox::messagesUpToCall { count: queue_index };
        let sent_at = client.view(deployment.mailbox, &up_to, at).await.map_err(l1)?.nextSentAt;
        let first = deployment.first_block.min(latest.number);
        let from =
            l1_blocks::first_since(client, sent_at, first, latest.number).await.map_err(l1)?;
        let filter = LogFilter {
            from_block: from,
            to_block: latest.number.min(from + SAME_TIME_MAX),
            address: vec![deployment.mailbox],
            topics: vec![
                vec![L1Mailbox::TransactionQueued::SIGNATURE_HASH],
                vec![B256::from(U256::from(queue_index))],
            ],
        };
        let logs = client.logs(&filter).await.map_err(l1)?;
        let found = queued_in(&logs, deployment.mailbox)
            .map_err(|error| RollupError::L1(format!("L1 node: message {queue_index}: {error}")))?;
        Ok(found.into_iter().find(|found| found.message.queue_index == queue_index))
    }

    /// What became of message `queue_index` with the L2 transaction `hash`.
    fn describe(
        &self,
        queue_index: u64,
        hash: B256,
        queued: Option<Queued>,
    ) -> Result<Deposit, RollupError> {
        let mut deposit = Deposit {
            queue_index,
            status: DepositStage::Seen,
            confirmations: queued.as_ref().map_or(0, |queued| queued.confirmations),
            l1: queued.map(|queued| queued.place),
            transaction_hash: hash,
            block_number: None,
            block_hash: None,
            message_hash: None,
        };
        let store = &self.parts.chain;
        let Some((number, at)) = store.transaction_location(&hash).map_err(chain)? else {
            let read = self.parts.inbox.seen(queue_index).is_some_and(|seen| seen.hash == hash);
            if read {
                deposit.status = DepositStage::Queued;
            }
            return Ok(deposit);
        };
        deposit.block_number = Some(number);
        deposit.block_hash = store.block_hash(number).map_err(chain)?;
        let receipts = store.receipts(number).map_err(chain)?;
        let Some(receipt) = receipts.as_ref().and_then(|receipts| receipts.get(at)) else {
            return Err(RollupError::Backend(format!("no receipt of transaction {hash}")));
        };
        let of_mailbox = receipt.receipt.logs.iter().filter(|log| log.address == L2_MAILBOX);
        let failed = of_mailbox.clone().find_map(|log| FailedRelayedMessage::decode_log(log).ok());
        let relayed = of_mailbox.clone().find_map(|log| RelayedMessage::decode_log(log).ok());
        deposit.message_hash =
            failed.as_ref().map(|log| log.messageHash).or(relayed.map(|log| log.messageHash));
        deposit.status = match failed {
            _ if !receipt.receipt.status.coerce_status() => DepositStage::Failed,
            Some(log) if self.was_replayed(log.messageHash)? => DepositStage::Replayed,
            Some(_) => DepositStage::FailedReplayable,
            None => DepositStage::Executed,
        };
        Ok(deposit)
    }

    /// Whether a message that had failed was carried out later.
    fn was_replayed(&self, message: B256) -> Result<bool, RollupError> {
        let slot = keccak256([message.0, MESSAGE_STATUS_SLOT.to_be_bytes()].concat());
        let state = self.parts.chain.state_at(self.head()).map_err(chain)?;
        let outcome = state.storage(&L2_MAILBOX, &slot.into());
        let outcome = outcome.map_err(|error| RollupError::Backend(error.to_string()))?;
        Ok(outcome.byte(0) == RELAYED)
    }
}
