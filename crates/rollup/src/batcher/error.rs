//! What stops the batcher.

use alloy_primitives::B256;
use jovay_da::{LayerError, SealError};
use jovay_l1::{L1Error, SenderError};
use jovay_storage::ChainError;

use crate::store::BatchStoreError;

/// Why the batcher cannot work. What may pass by itself is no error: it waits, says so, and goes
/// on.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// The configuration contradicts itself.
    #[error("batcher configuration: {0}")]
    Config(&'static str),
    /// Batches cannot be kept.
    #[error(transparent)]
    Store(#[from] BatchStoreError),
    /// The chain's own disk fails.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block cannot be in a batch, or the configuration of sealing is wrong.
    #[error("sealing: {0}")]
    Seal(#[from] SealError),
    /// The data layer refuses for good.
    #[error("batch {index}: {source}")]
    Layer {
        /// The batch.
        index: u64,
        /// What the layer said.
        source: LayerError,
    },
    /// The sender's journal fails, or an intent can never be sent.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The contract was deployed for another kind of data.
    #[error("the contract {rollup} keeps batches in {contract}, this node is set to {own}")]
    DataLayer {
        /// The contract.
        rollup: alloy_primitives::Address,
        /// Its kind.
        contract: String,
        /// Ours.
        own: String,
    },
    /// L1 has batches that this node has not.
    #[error(
        "L1 has batch {l1}, this node sealed up to {own}: its data directory is older than the \
         chain. Run `jovay derive` into a new data directory, or restore a newer backup"
    )]
    Behind {
        /// The last batch on L1.
        l1: u64,
        /// The last batch of this node.
        own: u64,
    },
    /// L1 has another batch in the place of ours.
    #[error(
        "L1 has batch {index} as {l1}, this node sealed it as {own}: somebody else commits \
         batches, or this data directory is of another chain. Nothing is committed"
    )]
    Foreign {
        /// The batch.
        index: u64,
        /// Its hash on L1.
        l1: B256,
        /// Its hash here.
        own: B256,
    },
    /// The chain was reverted behind a batch that is sealed.
    #[error(
        "block {number} is no longer the one that batch {index} has: the chain was taken back \
         behind a sealed batch. Start with a new data directory and new contracts"
    )]
    Reverted {
        /// The last block of the batch.
        number: u64,
        /// The batch.
        index: u64,
    },
    /// The chain on disk ends before a sealed batch does.
    #[error(
        "the chain ends at block {head}, but batch {index} was sealed up to block {last}: the \
         data directory is a mixture; restore it as a whole"
    )]
    ChainBehind {
        /// The chain's last block.
        head: u64,
        /// The last sealed batch.
        index: u64,
        /// Its last block.
        last: u64,
    },
    /// A block has an L1 message out of order.
    #[error("block {number} has L1 message {got}, {expected} comes next")]
    MessageOrder {
        /// The block.
        number: u64,
        /// The message's queue index.
        got: u64,
        /// The one that comes next.
        expected: u64,
    },
    /// A task of the batcher ended unexpectedly.
    #[error("the batcher's task ended: {0}")]
    Task(String),
}

/// Why one look at L1 led to nothing.
#[derive(Debug)]
pub(super) enum Hold {
    /// L1 did not answer as it should; the next look may.
    L1(L1Error),
    /// Committing would be wrong or useless as things are. In words.
    Blocked(&'static str, String),
    /// It cannot go on.
    Fatal(BatcherError),
}

impl From<L1Error> for Hold {
    fn from(error: L1Error) -> Self {
        Self::L1(error)
    }
}

impl From<BatcherError> for Hold {
    fn from(error: BatcherError) -> Self {
        Self::Fatal(error)
    }
}

impl From<BatchStoreError> for Hold {
    fn from(error: BatchStoreError) -> Self {
        Self::Fatal(error.into())
    }
}
