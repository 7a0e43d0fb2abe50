//! What derivation asks of L1.

use std::fmt::Debug;

use alloy_primitives::{Address, B256, Bytes};
use futures_util::future::BoxFuture;
use jovay_da::{BatchHeader, BatchVersion, DataLayerKind};
use jovay_l1::{BlobHint, BlockTag, L1Error};
use jovay_types::L1Message;

/// A block of L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Ref {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Where on L1 something was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventPlace {
    /// Number of the block.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// The transaction.
    pub transaction: B256,
}

/// A batch as `BatchCommitted` records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its position, from 0, the genesis batch.
    pub index: u64,
    /// The hash that the contract computed over its header.
    pub hash: B256,
    /// Layout of its data.
    pub version: u8,
    /// L1 messages taken up to its end, over the life of the chain.
    pub l1_message_count: u64,
    /// The queue's rolling hash after them.
    pub l1_rolling_hash: B256,
    /// What binds its data.
    pub data_hash: B256,
    /// Which of the transaction's blobs is its first.
    pub first_blob: u64,
    /// How many of them it has.
    pub blob_count: u64,
    /// Where it was committed.
    pub at: EventPlace,
}

impl Committed {
    /// The hash that its header has on top of `parent`; `None` if no such version exists.
    pub fn hash_over(&self, parent: B256) -> Option<B256> {
        let header = BatchHeader {
            version: BatchVersion::try_from(self.version).ok()?,
            index: self.index,
            l1_rolling_hash: self.l1_rolling_hash,
            data_hash: self.data_hash,
            parent_hash: parent,
        };
        Some(header.hash())
    }
}

/// What `Rollup` recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollupEvent {
    /// `BatchCommitted`.
    Committed(Committed),
    /// `BatchesReverted`: they are as if they had never been.
    Reverted {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// Where.
        at: EventPlace,
    },
    /// `BatchesFinalized`.
    Finalized {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// The state root after the last.
        state_root: B256,
        /// Hash of the last block of the last.
        block_hash: B256,
        /// Where.
        at: EventPlace,
    },
}

impl RollupEvent {
    /// Where it was recorded.
    pub fn at(&self) -> &EventPlace {
        match self {
            Self::Committed(Committed { at, .. })
            | Self::Reverted { at, .. }
            | Self::Finalized { at, .. } => at,
        }
    }
}

/// A message as `TransactionQueued` records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The transaction of L2.
    pub message: L1Message,
    /// Its hash, as the contract computed it.
    pub hash: B256,
    /// The queue's rolling hash after it.
    pub rolling_hash: B256,
    /// Number of the L1 block.
    pub block: u64,
}

/// The blobs that a transaction carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedBlobs {
    /// Their versioned hashes.
    pub hashes: Vec<B256>,
    /// Where the consensus layer has them.
    pub hint: BlobHint,
}

/// What never changes about a chain's contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollupFacts {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// The mailbox whose messages the rollup takes.
    pub mailbox: Address,
    /// Where the data of batches is.
    pub data_layer: DataLayerKind,
}

/// The chain's contracts on L1, as one node of L1 knows them. The node is trusted to follow L1;
/// all that can be recomputed is recomputed.
pub trait RollupL1: Send + Sync + Debug {
    /// What never changes.
    ///
    /// # Errors
    /// The node does not answer, or not as it must. So in every method.
    fn facts(&self) -> BoxFuture<'_, Result<RollupFacts, L1Error>>;

    /// The block at a tag or with a number; `None` if there is none.
    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L1Ref>, L1Error>>;

    /// The events of `Rollup` in the blocks `from..=to`, in order.
    fn rollup_events(&self, from: u64, to: u64)
    -> BoxFuture<'_, Result<Vec<RollupEvent>, L1Error>>;

    /// The messages queued in the blocks `from..=to`, in order.
    fn messages(&self, from: u64, to: u64) -> BoxFuture<'_, Result<Vec<QueuedMessage>, L1Error>>;

    /// Index and hash of the last batch that `Rollup` has at the block `at`.
    fn last_batch(&self, at: L1Ref) -> BoxFuture<'_, Result<(u64, B256), L1Error>>;

    /// The blobs of the transaction at `at`; `None` if there is no such transaction.
    fn blobs(&self, at: EventPlace) -> BoxFuture<'_, Result<Option<CarriedBlobs>, L1Error>>;

    /// The data of each batch that a committing transaction has in its input.
    fn batch_inputs(&self, transaction: B256)
    -> BoxFuture<'_, Result<Option<Vec<Bytes>>, L1Error>>;
}
