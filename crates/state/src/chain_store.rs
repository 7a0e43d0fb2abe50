//! The durable chain as the sequencer writes it.

use std::sync::Arc;

use alloy_primitives::B256;
use jovay_types::{ExecutedBlock, L1Position, SealedBlock, StateDiff, TxReceipt};

use crate::{StateError, StateView};

/// Why the store could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk or its format failed. The chain must stop: nothing later may be acknowledged.
    #[error("chain store: {0}")]
    Backend(String),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The call does not continue the chain where it stands.
    #[error("out of order: {0}")]
    OutOfOrder(String),
}

/// A sealed block with all that is served about it.
#[derive(Clone, Debug)]
pub struct SealOutcome {
    /// The block under its hash.
    pub block: Arc<SealedBlock>,
    /// One receipt for each transaction.
    pub receipts: Arc<Vec<TxReceipt>>,
    /// State changes, the EIP-2935 write included.
    pub diff: Arc<StateDiff>,
}

/// The chain on disk, seen from the pipeline that extends it.
///
/// A block goes through [`stage`](Self::stage), [`log`](Self::log), [`seal`](Self::seal) and
/// [`publish`](Self::publish), in this order, blocks in number order in each; different blocks may
/// be in different steps at the same time, each step called from one thread only.
/// After `kill -9` at any moment every block whose `log` returned is there again, sealed and
/// published, when the store is opened the next time.
pub trait ChainStore: Send + Sync + 'static {
    /// The last published block.
    fn head(&self) -> Arc<SealedBlock>;

    /// The state after the last staged block.
    fn staged_state(&self) -> Arc<dyn StateView>;

    /// Makes `block`'s changes visible to [`staged_state`](Self::staged_state), in memory only.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] unless `block` follows the last staged block.
    fn stage(&self, block: Arc<ExecutedBlock>) -> Result<(), StoreError>;

    /// Writes staged blocks to the log and returns when they are on disk: one fsync for all.
    ///
    /// # Errors
    /// The disk failed, or a block is not the next one to be logged.
    fn log(&self, blocks: &[Arc<ExecutedBlock>]) -> Result<(), StoreError>;

    /// Computes roots, bloom, header and hash of the next logged block.
    ///
    /// # Errors
    /// The state or the disk failed, or no logged block waits.
    fn seal(&self) -> Result<SealOutcome, StoreError>;

    /// Makes a sealed block the head that readers see.
    ///
    /// # Errors
    /// The disk failed, or it is not the next sealed block.
    fn publish(&self, sealed: &SealOutcome) -> Result<(), StoreError>;

    /// The hash of block `number`, if it is sealed (published or not).
    ///
    /// # Errors
    /// The disk failed.
    fn sealed_hash(&self, number: u64) -> Result<Option<B256>, StoreError>;

    /// How far the published head has come with the L1 queue.
    ///
    /// # Errors
    /// The disk failed.
    fn l1_position(&self) -> Result<L1Position, StoreError>;

    /// A published block; `None` if there is none such.
    ///
    /// # Errors
    /// The disk failed.
    fn sealed_block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, StoreError>;

    /// Changes the state outside of any block, for development chains (`anvil_setBalance`): visible
    /// at once in [`staged_state`](Self::staged_state) and in reads of the head's state, and part
    /// of the next staged block's changes, with which it becomes durable. Nothing may be in the
    /// pipeline.
    ///
    /// # Errors
    /// The state could not be read, or a block is in the pipeline.
    fn patch(&self, change: StateDiff) -> Result<(), StoreError>;

    /// Drops every block after `number`, as if they had never been. For development chains
    /// (`evm_revert`) and reorgs of the development L1; nothing may be in the pipeline.
    ///
    /// # Errors
    /// The block is unknown, its history pruned, or the disk failed.
    fn revert_to(&self, number: u64) -> Result<(), StoreError>;
}
