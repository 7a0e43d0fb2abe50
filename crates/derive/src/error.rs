//! Why the chain cannot be rebuilt.

use alloy_primitives::B256;
use jovay_da::{DataLayerKind, LayerError};
use jovay_l1::L1Error;
use jovay_state::StoreError;
use jovay_storage::ChainError;

/// Why derivation stopped. Each message names the batch, and the block or blob where there is one.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// L1 gave no usable answer.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The chain on disk failed.
    #[error("database: {0}")]
    Store(String),
    /// The L1 node, the addresses file or the genesis belong to another chain.
    #[error("{what} is {got} on L1, {expected} here: {hint}")]
    OtherChain {
        /// What differs.
        what: &'static str,
        /// On L1.
        got: String,
        /// Here.
        expected: String,
        /// What to look at.
        hint: &'static str,
    },
    /// L1 has no block at the tag yet.
    #[error("the L1 node knows no {0} block yet")]
    NoBlock(String),
    /// What L1 recorded about batches does not hold together: a faulty L1 node.
    #[error("batch {index}: {message}")]
    Events {
        /// The batch.
        index: u64,
        /// What is wrong.
        message: String,
    },
    /// A message of the L1 queue does not have the hash that L1 recorded, or is missing.
    #[error("L1 message {index}: {message}")]
    Message {
        /// Its position.
        index: u64,
        /// What is wrong.
        message: String,
    },
    /// The data of a batch cannot be had, or is not what L1 committed to.
    #[error("batch {index} ({hash}), {place}: {reason}")]
    Data {
        /// The batch.
        index: u64,
        /// Its hash.
        hash: B256,
        /// Which blob, or which other place.
        place: String,
        /// What is wrong.
        reason: Box<LayerError>,
    },
    /// The data is what L1 committed to and gives no blocks.
    #[error("batch {index} ({hash}): {message}")]
    Batch {
        /// The batch.
        index: u64,
        /// Its hash.
        hash: B256,
        /// Which rule it breaks, and where.
        message: String,
    },
    /// A block of a batch breaks a rule of the chain.
    #[error("batch {index}, block {block}: {message}")]
    Block {
        /// The batch.
        index: u64,
        /// The block.
        block: u64,
        /// Which rule it breaks.
        message: String,
    },
    /// The chain here is not the chain on L1.
    #[error(
        "batch {index}, block {block}: L1 disagrees with the chain here: {what} {l1} on L1, {ours} here"
    )]
    Disagreement {
        /// The batch.
        index: u64,
        /// The block.
        block: u64,
        /// What differs.
        what: &'static str,
        /// By L1.
        l1: String,
        /// Here.
        ours: String,
    },
    /// A node of L2 has another chain.
    #[error("block {block}: the {what} of {node} is {theirs}, L1 gives {ours}")]
    Comparison {
        /// The block.
        block: u64,
        /// What differs.
        what: &'static str,
        /// The node.
        node: String,
        /// What the node says.
        theirs: String,
        /// What L1 gives.
        ours: String,
    },
    /// L1 took back what can no longer be taken back here.
    #[error("L1 was reorganized behind block {l1_block}: {message}")]
    Reorg {
        /// The L1 block that is gone.
        l1_block: u64,
        /// What that means.
        message: String,
    },
    /// An archive or a store cannot be used.
    #[error("{0}")]
    Source(String),
    /// The data layer of the chain needs something that was not given.
    #[error("the chain keeps its data in {0}: {1}")]
    NoSource(DataLayerKind, &'static str),
    /// The file that says which batches are done cannot be used.
    #[error("{file}: {message}")]
    Records {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
}

impl DeriveError {
    /// Whether this is a contradiction between L1 and the chain, or within what L1 says, rather
    /// than something that is not to be had: trying again does not help.
    pub fn is_disagreement(&self) -> bool {
        match self {
            Self::OtherChain { .. }
            | Self::Events { .. }
            | Self::Message { .. }
            | Self::Batch { .. }
            | Self::Block { .. }
            | Self::Disagreement { .. }
            | Self::Comparison { .. } => true,
            // What hashes to what L1 has and is no batch; anything else a source made up.
            Self::Data { reason, .. } => matches!(**reason, LayerError::Codec(_)),
            _ => false,
        }
    }

    /// Whether trying again later may help: a node or a store did not answer, or data is not there
    /// yet.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::L1(error) => error.is_transient(),
            Self::Data { reason, .. } => reason.is_retryable(),
            Self::NoBlock(_) => true,
            _ => false,
        }
    }
}

impl From<ChainError> for DeriveError {
    fn from(error: ChainError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<StoreError> for DeriveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
