//! The rollup as the RPC server sees it.

use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::error::RollupError;

/// How far a block has come on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchStage {
    /// Its batch has a hash and waits to be committed.
    Sealed,
    /// L1 has its data.
    Committed,
    /// L1's `Rollup` has accepted a proof of it.
    Proven,
    /// The same, in an L1 block that is final.
    Final,
}

/// Where something happened on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Place {
    /// The transaction.
    pub transaction_hash: B256,
    /// Its block.
    #[serde(with = "alloy_serde::quantity")]
    pub block_number: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Whether that block is final.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// A batch and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its position; 0 is genesis.
    #[serde(with = "alloy_serde::quantity")]
    pub index: u64,
    /// keccak256 of its header.
    pub hash: B256,
    /// The batch before.
    pub parent_hash: B256,
    /// Format of its data.
    #[serde(with = "alloy_serde::quantity")]
    pub version: u8,
    /// How far it has come.
    pub status: BatchStage,
    /// First block.
    #[serde(with = "alloy_serde::quantity")]
    pub first_block: u64,
    /// Last block.
    #[serde(with = "alloy_serde::quantity")]
    pub last_block: u64,
    /// Transactions, L1 messages among them.
    #[serde(with = "alloy_serde::quantity")]
    pub transaction_count: u64,
    /// L1 messages in it.
    #[serde(with = "alloy_serde::quantity")]
    pub l1_messages: u64,
    /// L1 messages taken up to its end.
    #[serde(with = "alloy_serde::quantity")]
    pub l1_message_count: u64,
    /// The L1 queue's rolling hash after them.
    pub l1_rolling_hash: B256,
    /// Binds its data.
    pub data_hash: B256,
    /// Its blobs.
    pub versioned_hashes: Vec<B256>,
    /// Bytes of its data.
    #[serde(with = "alloy_serde::quantity")]
    pub data_bytes: u64,
    /// Bytes before compression.
    #[serde(with = "alloy_serde::quantity")]
    pub payload_bytes: u64,
    /// Why it was closed.
    pub reason: String,
    /// Where it was committed.
    pub committed: Option<L1Place>,
    /// Where its proof was accepted, if that was seen.
    pub proven: Option<L1Place>,
}

/// Which deposits are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositId {
    /// Those of an L1 transaction.
    Transaction(B256),
    /// The one at this position of the L1 queue.
    Index(u64),
}

/// How far a deposit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepositStage {
    /// In an L1 block that the sequencer does not take messages from yet.
    Seen,
    /// Waiting for an L2 block.
    Queued,
    /// Executed on L2 with success.
    Executed,
    /// Its L2 transaction failed: its value stays with the sender on L2.
    Failed,
    /// `L2Mailbox` keeps it: anyone may have it tried again with `replayMessage`.
    FailedReplayable,
    /// It had failed, and a later attempt succeeded.
    Replayed,
}

/// A message from L1 and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deposit {
    /// Its position in the L1 queue.
    #[serde(with = "alloy_serde::quantity")]
    pub queue_index: u64,
    /// How far it has come.
    pub status: DepositStage,
    /// Where it was queued; absent if the L1 node cannot tell any more.
    pub l1: Option<L1Place>,
    /// L1 blocks from its own to the latest, both counted; 0 if unknown.
    #[serde(with = "alloy_serde::quantity")]
    pub confirmations: u64,
    /// Hash of its transaction on L2, known before it is executed.
    pub transaction_hash: B256,
    /// Its L2 block.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub block_number: Option<u64>,
    /// That block's hash.
    pub block_hash: Option<B256>,
    /// Identity in `L2Mailbox`, of messages that it relayed.
    pub message_hash: Option<B256>,
}

/// A message from L2 as L1's `claimMessage` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct L2Message {
    /// Who sent it on L2.
    pub sender: Address,
    /// Who is called on L1.
    pub target: Address,
    /// Wei that go along.
    pub value: U256,
    /// Its position in the tree of messages.
    pub nonce: U256,
    /// Call data.
    pub message: Bytes,
}

/// A message from L2 with all that `claimMessage` on L1 needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageProof {
    /// The message.
    pub message: L2Message,
    /// Its leaf in the tree.
    pub message_hash: B256,
    /// Its L2 block.
    #[serde(with = "alloy_serde::quantity")]
    pub block_number: u64,
    /// A final batch at whose end the message is in the tree.
    #[serde(with = "alloy_serde::quantity")]
    pub batch_index: u64,
    /// The tree's root then, as L1 has it.
    pub root: B256,
    /// The siblings from the leaf up.
    pub proof: Vec<B256>,
}

/// The L1 head as the node has read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Sync {
    /// The last L1 block.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub latest_block: Option<u64>,
    /// The last L1 block that is safe.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub safe_block: Option<u64>,
    /// The last L1 block that is final.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub finalized_block: Option<u64>,
    /// The L1 block up to which deposits are read.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub deposits_read_to: Option<u64>,
    /// Queue index of the next deposit to be read.
    #[serde(with = "alloy_serde::quantity")]
    pub next_queue_index: u64,
    /// Deposits that wait for an L2 block.
    #[serde(with = "alloy_serde::quantity")]
    pub waiting_deposits: u64,
    /// The last batch that was sealed.
    #[serde(with = "alloy_serde::quantity")]
    pub sealed_batch: u64,
    /// The last batch in the latest L1 block.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub committed_batch: Option<u64>,
    /// The last batch that L1's `Rollup` has accepted a proof of.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub finalized_batch: Option<u64>,
    /// Why the L1 node could not be asked the last time.
    pub error: Option<String>,
    /// What an operator must look at.
    pub alarms: Vec<String>,
}

/// Where the chain's contracts are, and how it reads L1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RollupInfo {
    /// Chain id of L1.
    #[serde(with = "alloy_serde::quantity")]
    pub l1_chain_id: u64,
    /// Chain id of L2.
    #[serde(with = "alloy_serde::quantity")]
    pub l2_chain_id: u64,
    /// `Rollup` on L1.
    pub rollup: Address,
    /// `L1Mailbox`.
    pub l1_mailbox: Address,
    /// `L1Bridge`.
    pub l1_bridge: Address,
    /// The timelock that owns the three.
    pub timelock: Address,
    /// `L2Mailbox`.
    pub l2_mailbox: Address,
    /// `L2Bridge`.
    pub l2_bridge: Address,
    /// Where the data of batches is: blobs, calldata or anchored.
    pub data_layer: String,
    /// L1 block before which there is nothing to read.
    #[serde(with = "alloy_serde::quantity")]
    pub first_l1_block: u64,
    /// Hash of L2's genesis block.
    pub genesis_hash: B256,
    /// L1 block up to which deposits are taken: latest, safe or finalized.
    pub deposit_tag: String,
    /// L1 blocks that must follow besides.
    #[serde(with = "alloy_serde::quantity")]
    pub deposit_confirmations: u64,
}

/// The rollup's side of a node that has an L1. Methods that return no future may read the disk; those
/// that do may ask L1.
pub trait RollupApi: Send + Sync + 'static {
    /// Where the contracts are.
    fn info(&self) -> RollupInfo;

    /// Where L1 stands.
    ///
    /// # Errors
    /// The node's own disk failed. So in every method.
    fn sync(&self) -> Result<L1Sync, RollupError>;

    /// What an operator must look at: `/health` shows it.
    fn alarms(&self) -> Vec<String>;

    /// A batch.
    fn batch(&self, index: u64) -> Result<Option<Batch>, RollupError>;

    /// The sealed batch that has block `number`.
    fn batch_by_block(&self, number: u64) -> Result<Option<Batch>, RollupError>;

    /// The last sealed batch.
    fn latest_batch(&self) -> Result<Batch, RollupError>;

    /// The deposits that `id` names, in queue order; empty if there are none.
    ///
    /// # Errors
    /// Also [`RollupError::L1`].
    fn deposits(&self, id: DepositId) -> BoxFuture<'_, Result<Vec<Deposit>, RollupError>>;

    /// The proof of message `index` to L1.
    ///
    /// # Errors
    /// Also [`RollupError::NotFinal`], [`RollupError::NoMessage`] and [`RollupError::L1`].
    fn message_proof(&self, index: u64) -> BoxFuture<'_, Result<MessageProof, RollupError>>;
}
