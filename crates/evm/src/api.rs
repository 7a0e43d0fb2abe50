//! What goes into the execution of a block and what comes out.

use alloc::{string::String, sync::Arc, vec::Vec};

use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes};
use jovay_state::{StateError, StateView};
use jovay_types::{ExecutedBlock, RecoveredTx, StateDiff};

/// Hashes of earlier blocks.
///
/// The hash of the parent may not be known yet while a block executes; an implementation then
/// waits for it inside [`block_hash`](Self::block_hash), so only a transaction that reads it waits.
pub trait BlockHashes: Send + Sync {
    /// The hash of block `number`, one of the 256 before the executing block.
    ///
    /// # Errors
    /// The hash is not known.
    fn block_hash(&self, number: u64) -> Result<B256, StateError>;
}

/// The surroundings in which a block's transactions execute: header fields known beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockEnv {
    /// The block's number.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Gas that all transactions together may use.
    pub gas_limit: u64,
    /// Wei per gas; `None` before London.
    pub base_fee: Option<u64>,
    /// Who receives the fees.
    pub beneficiary: Address,
    /// `PREVRANDAO` after the merge (the header's mix hash), the mix hash before.
    pub prev_randao: B256,
    /// Proof-of-work difficulty; zero after the merge.
    pub difficulty: alloy_primitives::U256,
    /// The proof-of-work header nonce; zero after the merge.
    pub nonce: alloy_primitives::B64,
    /// The header's extra data.
    pub extra_data: Bytes,
    /// EIP-4844; `None` before Cancun.
    pub excess_blob_gas: Option<u64>,
    /// EIP-4788; `None` before Cancun, zero on the L2.
    pub parent_beacon_block_root: Option<B256>,
}

/// What to do with a transaction that is not valid where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecuteMode {
    /// Building: leave it out, report it in [`BlockJob`]'s outcome, go on. Transactions that do
    /// not fit into the remaining gas are left out without being reported as invalid.
    Build,
    /// Replaying a given block: any invalid transaction makes the block invalid.
    Replay,
}

/// Computes state roots inside a block: receipts before Byzantium hold the state root after their
/// transaction, and this crate computes no roots.
pub trait IntermediateRoot {
    /// The root of the job's state with `diff` applied.
    ///
    /// # Errors
    /// The state could not be read.
    fn root(&self, diff: &StateDiff) -> Result<B256, StateError>;
}

/// A block to execute.
pub struct BlockJob<'a> {
    /// Header fields.
    pub env: BlockEnv,
    /// Candidate transactions, in order.
    pub transactions: &'a [Arc<RecoveredTx>],
    /// Proof-of-work uncles, for their rewards.
    pub ommers: &'a [Header],
    /// Withdrawals; `None` before Shanghai.
    pub withdrawals: Option<&'a [Withdrawal]>,
    /// The state after the parent.
    pub state: &'a dyn StateView,
    /// Earlier blocks' hashes.
    pub hashes: &'a dyn BlockHashes,
    /// What to do with invalid transactions.
    pub mode: ExecuteMode,
    /// Asked before each transaction when building: true ends the block here.
    pub stop: &'a dyn Fn() -> bool,
    /// Needed for blocks before Byzantium; `None` on the L2.
    pub roots: Option<&'a dyn IntermediateRoot>,
}

/// A transaction left out of a block being built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedTx {
    /// Its hash.
    pub hash: B256,
    /// Why.
    pub error: TxError,
}

/// Why a transaction cannot stand at its place. The messages are geth's, so a client that
/// matches on them works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// The nonce has been used.
    #[error("nonce too low: address {address}, tx: {tx} state: {state}")]
    NonceTooLow {
        /// Sender.
        address: Address,
        /// The transaction's nonce.
        tx: u64,
        /// The account's nonce.
        state: u64,
    },
    /// An earlier nonce is missing.
    #[error("nonce too high: address {address}, tx: {tx} state: {state}")]
    NonceTooHigh {
        /// Sender.
        address: Address,
        /// The transaction's nonce.
        tx: u64,
        /// The account's nonce.
        state: u64,
    },
    /// The sender cannot pay `gas * price + value` and the L1 data fee.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {have} want {want}"
    )]
    InsufficientFunds {
        /// Sender.
        address: Address,
        /// Balance in wei.
        have: alloy_primitives::U256,
        /// Wei needed.
        want: alloy_primitives::U256,
    },
    /// The fee cap is below the base fee.
    #[error(
        "max fee per gas less than block base fee: address {address}, maxFeePerGas: {max_fee}, baseFee: {base_fee}"
    )]
    FeeCapTooLow {
        /// Sender.
        address: Address,
        /// Wei per gas offered at most.
        max_fee: u128,
        /// Wei per gas of the block.
        base_fee: u64,
    },
    /// The blob fee cap is below the blob base fee.
    #[error(
        "max fee per blob gas less than block blob gas fee: address {address} blobGasFeeCap: {max_fee}, blobBaseFee: {blob_base_fee}"
    )]
    BlobFeeCapTooLow {
        /// Sender.
        address: Address,
        /// Wei per blob gas offered at most.
        max_fee: u128,
        /// Wei per blob gas of the block.
        blob_base_fee: u128,
    },
    /// The block has no room for its gas limit.
    #[error("gas limit reached")]
    BlockGasExceeded,
    /// Anything else that makes it invalid, in geth's words.
    #[error("{0}")]
    Invalid(String),
}

/// Why a block could not be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A transaction of a given block is invalid.
    #[error("could not apply tx {index} [{hash}]: {error}")]
    InvalidTx {
        /// Position in the block.
        index: usize,
        /// Hash of the transaction.
        hash: B256,
        /// Why.
        error: alloc::boxed::Box<TxError>,
    },
    /// The block breaks a rule.
    #[error("invalid block: {0}")]
    InvalidBlock(String),
}

/// Executes blocks. Sequential and parallel implementations must agree byte for byte.
pub trait BlockExecutor: Send {
    /// Runs `job` and returns the executed block with what was left out of it.
    ///
    /// # Errors
    /// See [`ExecuteError`]; the state is as before.
    fn execute(
        &mut self,
        job: BlockJob<'_>,
    ) -> Result<(ExecutedBlock, Vec<RejectedTx>), ExecuteError>;
}
