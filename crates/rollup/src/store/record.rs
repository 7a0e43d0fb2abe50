//! What is kept about a batch.

use alloy_primitives::{B256, U256};
use jovay_da::{BatchHeader, BatchVersion, CloseReason};
use serde::{Deserialize, Serialize};

/// A sealed batch: what L1 has, or will have. Everything but `commit` is fixed when it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// Its position; 0 is genesis.
    pub index: u64,
    /// keccak256 of its header.
    pub hash: B256,
    /// Hash of the batch before; zero for genesis.
    pub parent_hash: B256,
    /// Format of its data (`docs/spec/batch.md`).
    pub version: u8,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// Hash of its last block; zero for genesis, whose block is in the addresses file.
    pub last_block_hash: B256,
    /// Timestamp of its first block, in seconds.
    pub first_timestamp: u64,
    /// Transactions, L1 messages among them.
    pub transactions: u64,
    /// L1 messages in it.
    pub l1_messages: u64,
    /// L1 messages taken up to its end, over the life of the chain.
    pub l1_message_count: u64,
    /// Rolling hash of the L1 queue after them.
    pub l1_rolling_hash: B256,
    /// Gas that its blocks used.
    pub gas_used: u64,
    /// Binds its data (`docs/spec/batch.md`).
    pub data_hash: B256,
    /// Its blobs; empty outside blobs.
    pub versioned_hashes: Vec<B256>,
    /// Bytes of its data in the data-availability layer, padding not counted.
    pub data_bytes: u64,
    /// Bytes of its payload, before compression.
    pub payload_bytes: u64,
    /// Blocks of each chunk.
    pub chunk_blocks: Vec<u32>,
    /// Why it closed.
    pub reason: SealReason,
    /// When it was sealed, in Unix seconds.
    pub sealed_at: u64,
    /// Where L1 has it; `None` until it has.
    pub commit: Option<CommitRecord>,
}

/// Where L1 has a batch. A reorg of L1 can undo it until that block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The transaction that committed it.
    pub transaction: B256,
    /// Number of its L1 block.
    pub l1_block: u64,
    /// Hash of that block.
    pub l1_block_hash: B256,
    /// Timestamp of that block, in seconds.
    pub l1_timestamp: u64,
    /// Gas of the transaction, blob gas not counted.
    pub gas_used: u64,
    /// Wei that the transaction cost, blobs included.
    pub cost: U256,
    /// Batches that the transaction committed; they share its cost.
    pub batches: u32,
}

/// Why a batch closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealReason {
    /// It is the genesis batch.
    Genesis,
    /// The next chunk would not have fitted its data layer.
    Data,
    /// Its payload is as large as a prover is asked to hold.
    Payload,
    /// As many blocks as it may have.
    Blocks,
    /// As many transactions as it may have.
    Transactions,
    /// Its oldest transaction had waited long enough.
    Age,
    /// It had no transaction, and its oldest block had waited long enough.
    Idle,
    /// Its cost per transaction met the target.
    Cost,
    /// It holds L1 messages whose deadline on L1 comes near.
    Deadline,
    /// The operator asked for it.
    Asked,
}

impl From<CloseReason> for SealReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Data => Self::Data,
            CloseReason::Payload => Self::Payload,
            CloseReason::Blocks => Self::Blocks,
            CloseReason::Transactions => Self::Transactions,
            CloseReason::Age => Self::Age,
            CloseReason::Cost => Self::Cost,
            CloseReason::Asked => Self::Asked,
        }
    }
}

impl SealReason {
    /// In words, behind "closed because".
    pub fn words(self) -> &'static str {
        match self {
            Self::Genesis => "it is genesis",
            Self::Data => "its blobs are full",
            Self::Payload => "its payload is as large as provers hold",
            Self::Blocks => "it has as many blocks as it may",
            Self::Transactions => "it has as many transactions as it may",
            Self::Age => "its oldest transaction waited long enough",
            Self::Idle => "it was open long enough, without a transaction",
            Self::Cost => "it is cheap enough",
            Self::Deadline => "L1 messages in it are nearly overdue",
            Self::Asked => "it was asked for",
        }
    }
}

impl BatchRecord {
    /// Batch 0, whose header is zero throughout and which has the genesis block alone.
    pub fn genesis() -> Self {
        let header = BatchHeader {
            version: BatchVersion::V0,
            index: 0,
            l1_rolling_hash: B256::ZERO,
            data_hash: B256::ZERO,
            parent_hash: B256::ZERO,
        };
        Self {
            index: 0,
            hash: header.hash(),
            parent_hash: B256::ZERO,
            version: 0,
            first_block: 0,
            last_block: 0,
            last_block_hash: B256::ZERO,
            first_timestamp: 0,
            transactions: 0,
            l1_messages: 0,
            l1_message_count: 0,
            l1_rolling_hash: B256::ZERO,
            gas_used: 0,
            data_hash: B256::ZERO,
            versioned_hashes: Vec::new(),
            data_bytes: 0,
            payload_bytes: 0,
            chunk_blocks: Vec::new(),
            reason: SealReason::Genesis,
            sealed_at: 0,
            commit: None,
        }
    }

    /// Number of its blocks.
    pub fn blocks(&self) -> u64 {
        self.last_block - self.first_block + 1
    }
}
