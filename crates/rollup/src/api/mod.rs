//! The rollup's side of a node behind the `jovay` namespace.

mod deposits;
mod proofs;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jovay_evm::predeploys::{L2_BRIDGE, L2_MAILBOX};
use jovay_l1::{Deployment, L1Client};
use jovay_rpc::jovay::{
    Batch, BatchStage, Deposit, DepositId, L1Sync, MessageProof, RollupApi, RollupError, RollupInfo,
};
use jovay_sequencer::L1Queue;
use jovay_state::ChainStore;
use jovay_storage::{Chain, ChainError};

use crate::inbox::{Inbox, InboxConfig};
use crate::messages::{MessageIndex, MessageIndexError};
use crate::store::{BatchRecord, BatchStore, BatchStoreError};
use crate::tracker::Tracker;

/// Says what an operator must look at, a line each. Asked by every look at `/health`: it must be
/// quick.
pub type Alarms = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What [`RollupNode`] answers from.
pub struct RollupParts {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its queue of messages from L1.
    pub queue: Arc<L1Queue>,
    /// Its batches.
    pub batches: Arc<BatchStore>,
    /// Its messages to L1.
    pub messages: MessageIndex,
    /// L1.
    pub client: L1Client,
    /// The contracts.
    pub deployment: Deployment,
    /// Reads deposits.
    pub inbox: Arc<Inbox>,
    /// How it was started.
    pub inbox_config: InboxConfig,
    /// Follows batches on L1.
    pub tracker: Tracker,
    /// What else there is to look at besides what `inbox` and `tracker` tell.
    pub alarms: Alarms,
}

/// Answers the `jovay` namespace.
pub struct RollupNode {
    parts: RollupParts,
}

impl RollupNode {
    /// Puts it together; nothing runs.
    pub fn new(parts: RollupParts) -> Arc<Self> {
        Arc::new(Self { parts })
    }

    fn show(&self, record: &BatchRecord) -> Batch {
        let tracker = &self.parts.tracker;
        let status = tracker.stage(record);
        let on_l1 = status >= BatchStage::Committed;
        Batch {
            index: record.index,
            hash: record.hash,
            parent_hash: record.parent_hash,
            version: record.version,
            status,
            first_block: record.first_block,
            last_block: record.last_block,
            transaction_count: record.transactions,
            l1_messages: record.l1_messages,
            l1_message_count: record.l1_message_count,
            l1_rolling_hash: record.l1_rolling_hash,
            data_hash: record.data_hash,
            versioned_hashes: record.versioned_hashes.clone(),
            data_bytes: record.data_bytes,
            payload_bytes: record.payload_bytes,
            reason: record.reason.words().into(),
            committed: tracker.committed(record).filter(|_| on_l1),
            proven: tracker.proven(record).filter(|_| status >= BatchStage::Proven),
        }
    }
}

fn backend(error: BatchStoreError) -> RollupError {
    RollupError::Backend(error.to_string())
}

fn chain(error: ChainError) -> RollupError {
    RollupError::Backend(error.to_string())
}

fn index(error: MessageIndexError) -> RollupError {
    RollupError::Backend(error.to_string())
}

fn l1(error: jovay_l1::L1Error) -> RollupError {
    RollupError::L1(error.to_string())
}

impl RollupApi for RollupNode {
    fn info(&self) -> RollupInfo {
        let RollupParts { deployment, inbox_config, .. } = &self.parts;
        RollupInfo {
            l1_chain_id: deployment.l1_chain_id,
            l2_chain_id: deployment.l2_chain_id,
            rollup: deployment.rollup,
            l1_mailbox: deployment.mailbox,
            l1_bridge: deployment.bridge,
            timelock: deployment.timelock,
            l2_mailbox: L2_MAILBOX,
            l2_bridge: L2_BRIDGE,
            data_layer: deployment.data_layer.to_string(),
            first_l1_block: deployment.first_block,
            genesis_hash: deployment.genesis_hash,
            deposit_tag: inbox_config.tag.to_string(),
            deposit_confirmations: inbox_config.confirmations,
        }
    }

    fn sync(&self) -> Result<L1Sync, RollupError> {
        let (tracker, inbox) = (self.parts.tracker.status(), self.parts.inbox.status());
        let number = |block: Option<jovay_l1::L1Block>| block.map(|block| block.number);
        Ok(L1Sync {
            latest_block: number(tracker.latest).max(number(inbox.latest)),
            safe_block: number(tracker.safe),
            finalized_block: number(tracker.finalized),
            deposits_read_to: inbox.read_to.map(|(number, _)| number),
            next_queue_index: inbox.next,
            waiting_deposits: self.parts.queue.len() as u64,
            sealed_batch: self.parts.batches.last_sealed().map_err(backend)?.index,
            committed_batch: tracker.committed_batch,
            finalized_batch: tracker.proven_batch,
            error: inbox.error.or(tracker.error),
            alarms: self.alarms(),
        })
    }

    fn alarms(&self) -> Vec<String> {
        let inbox = self.parts.inbox.failure().map(|alarm| alarm.to_string());
        let others = (self.parts.alarms)();
        inbox.into_iter().chain(self.parts.tracker.failure()).chain(others).collect()
    }

    fn batch(&self, index: u64) -> Result<Option<Batch>, RollupError> {
        let record = self.parts.batches.get(index).map_err(backend)?;
        Ok(record.map(|record| self.show(&record)))
    }

    fn batch_by_block(&self, number: u64) -> Result<Option<Batch>, RollupError> {
        let record = self.parts.batches.by_block(number).map_err(backend)?;
        Ok(record.map(|record| self.show(&record)))
    }

    fn latest_batch(&self) -> Result<Batch, RollupError> {
        Ok(self.show(&self.parts.batches.last_sealed().map_err(backend)?))
    }

    fn deposits(&self, id: DepositId) -> BoxFuture<'_, Result<Vec<Deposit>, RollupError>> {
        Box::pin(async move {
            match id {
                DepositId::Transaction(hash) => self.deposits_of(hash).await,
                DepositId::Index(queue_index) => {
                    Ok(self.deposit_at(queue_index).await?.into_iter().collect())
                }
            }
        })
    }

    fn message_proof(&self, index: u64) -> BoxFuture<'_, Result<MessageProof, RollupError>> {
        Box::pin(self.prove(index))
    }
}

impl RollupNode {
    /// The last published block.
    fn head(&self) -> u64 {
        self.parts.chain.head().number()
    }
}
