//! Why a transaction is refused, and why the sequencer fails.

use alloy_primitives::U256;
use jovay_evm::ExecuteError;
use jovay_state::{StateError, StoreError};

/// Why a transaction was refused. The messages are geth's, so clients that match on them work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The bytes are not a transaction.
    #[error("{0}")]
    Malformed(String),
    /// Larger than a transaction may be.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// A type that this chain does not take from outside: blobs on an L2, L1 messages, unknown
    /// ones.
    #[error("transaction type not supported")]
    TypeNotSupported,
    /// Signed without a chain id, which this node does not relay.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {have} want {want}")]
    InvalidChainId {
        /// The transaction's chain id.
        have: u64,
        /// This chain's id.
        want: u64,
    },
    /// The signature belongs to no key.
    #[error("invalid sender: invalid transaction v, r, s values")]
    InvalidSignature,
    /// No block can hold it.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit,
    /// Above the cap of EIP-7825.
    #[error("transaction gas limit too high (cap: {cap}, tx: {tx})")]
    GasLimitTooHigh {
        /// Most gas of one transaction.
        cap: u64,
        /// The transaction's gas limit.
        tx: u64,
    },
    /// Init code longer than EIP-3860 allows.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeTooLarge {
        /// Bytes.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// The tip is above the fee cap.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The nonce is 2^64-1 (EIP-2681).
    #[error("nonce has max value")]
    NonceMax,
    /// Not enough gas for the transaction itself.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGasTooLow {
        /// The transaction's gas limit.
        gas: u64,
        /// The least it needs.
        needed: u64,
    },
    /// Not enough gas for the floor price of its data (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorDataGas {
        /// The transaction's gas limit.
        gas: u64,
        /// The least it needs.
        needed: u64,
    },
    /// An EIP-7702 transaction without authorizations.
    #[error("set code tx must have at least one authorization tuple")]
    EmptyAuthorizationList,
    /// A blob transaction without blobs.
    #[error("blobless blob transaction")]
    NoBlobs,
    /// More blobs than a transaction may have (EIP-7594).
    #[error("too many blobs in transaction: have {have}, permitted {permitted}")]
    TooManyBlobs {
        /// Blobs of the transaction.
        have: usize,
        /// Most blobs.
        permitted: u64,
    },
    /// A blob transaction in the form in which it stands in a block.
    #[error("missing sidecar in blob transaction")]
    MissingSidecar,
    /// A sidecar with a proof for each blob (EIP-4844), which the chain took before Osaka.
    #[error("unexpected sidecar version, want: 1 (cell proofs, EIP-7594), got: 0 (EIP-4844)")]
    SidecarVersion,
    /// Blobs, commitments, proofs and versioned hashes do not belong together.
    #[error("invalid blob sidecar: {0}")]
    InvalidSidecar(String),
    /// The blob fee cap is below what blob gas costs at least.
    #[error("transaction gas price below minimum: blob fee cap {fee_cap}, minimum needed {needed}")]
    BlobFeeCapTooLow {
        /// Wei per blob gas.
        fee_cap: u128,
        /// Least wei per blob gas.
        needed: u128,
    },
    /// The sender has transactions of the other kind in the pool: with blobs, or without.
    #[error(
        "address already reserved: it has transactions of the other kind, with or without blobs, in the pool"
    )]
    Reserved,
    /// Blob transactions may not wait for an earlier nonce.
    #[error(
        "nonce too high: next nonce {next}, tx nonce {tx}, and blob transactions may not leave a gap"
    )]
    BlobNonceGap {
        /// The nonce that comes next.
        next: u64,
        /// The transaction's nonce.
        tx: u64,
    },
    /// The sidecar could not be kept.
    #[error("the blobs cannot be stored: {0}")]
    BlobStore(String),
    /// Already in the pool, or in a block that is being sealed.
    #[error("already known")]
    AlreadyKnown,
    /// The nonce has been used.
    #[error("nonce too low: next nonce {next}, tx nonce {tx}")]
    NonceTooLow {
        /// The account's nonce.
        next: u64,
        /// The transaction's nonce.
        tx: u64,
    },
    /// The sender cannot pay for the transaction.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
        cost.saturating_sub(*balance)
    )]
    InsufficientFunds {
        /// Wei.
        balance: U256,
        /// Gas at the fee cap, value and L1 data fee, in wei.
        cost: U256,
    },
    /// The sender cannot pay for it beside its pending transactions.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}, overshot {}",
        queued.saturating_add(*cost).saturating_sub(*balance)
    )]
    InsufficientFundsQueued {
        /// Wei.
        balance: U256,
        /// Cost of the sender's pending transactions in wei.
        queued: U256,
        /// The transaction's cost in wei.
        cost: U256,
    },
    /// The sender cannot pay what the replacement costs more.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx bumped {bump}, overshot {}",
        queued.saturating_add(*bump).saturating_sub(*balance)
    )]
    InsufficientFundsBumped {
        /// Wei.
        balance: U256,
        /// Cost of the sender's pending transactions in wei.
        queued: U256,
        /// What the replacement costs more, in wei.
        bump: U256,
    },
    /// A replacement has to raise fee cap and tip by the price bump.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The tip is below this node's minimum.
    #[error("transaction underpriced: gas tip cap {tip}, minimum needed {needed}")]
    TipTooLow {
        /// Wei per gas.
        tip: u128,
        /// Least wei per gas.
        needed: u128,
    },
    /// The fee cap is below the lowest base fee that this chain can have.
    #[error("transaction underpriced: gas fee cap {fee_cap}, minimum needed {needed}")]
    FeeCapTooLow {
        /// Wei per gas.
        fee_cap: u128,
        /// Least wei per gas.
        needed: u128,
    },
    /// The pool is full of transactions that pay at least as much.
    #[error("transaction underpriced")]
    Underpriced,
    /// The pool is full and this transaction would only wait in it.
    #[error("future transaction tries to replace pending")]
    FutureReplacesPending,
    /// The pool is full.
    #[error("txpool is full")]
    Full,
    /// The sender has as many transactions in the pool as it may.
    #[error("account limit exceeded: pooled {pooled} txs")]
    AccountLimit {
        /// The sender's transactions in the pool.
        pooled: usize,
    },
    /// An account with an EIP-7702 delegation may have only a few transactions in the pool, since
    /// anyone can move its funds.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedLimit,
    /// An account with an EIP-7702 delegation may not leave a gap.
    #[error("gapped-nonce tx from delegated accounts")]
    DelegatedGap,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The sequencer does not take transactions: it is stopping or has failed.
    #[error("the sequencer does not accept transactions: {0}")]
    Stopped(String),
}

impl PoolError {
    /// A short name of the reason, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Oversized { .. } => "oversized",
            Self::TypeNotSupported => "type",
            Self::Unprotected => "unprotected",
            Self::InvalidChainId { .. } => "chain_id",
            Self::InvalidSignature => "signature",
            Self::ExceedsBlockGasLimit | Self::GasLimitTooHigh { .. } => "gas_limit",
            Self::InitCodeTooLarge { .. } => "initcode",
            Self::TipAboveFeeCap => "tip_above_fee_cap",
            Self::NonceMax => "nonce_max",
            Self::IntrinsicGasTooLow { .. } | Self::FloorDataGas { .. } => "intrinsic_gas",
            Self::EmptyAuthorizationList => "authorizations",
            Self::NoBlobs
            | Self::TooManyBlobs { .. }
            | Self::MissingSidecar
            | Self::SidecarVersion
            | Self::InvalidSidecar(_) => "blobs",
            Self::BlobStore(_) => "blob_store",
            Self::AlreadyKnown => "already_known",
            Self::NonceTooLow { .. } => "nonce_too_low",
            Self::InsufficientFunds { .. }
            | Self::InsufficientFundsQueued { .. }
            | Self::InsufficientFundsBumped { .. } => "funds",
            Self::ReplacementUnderpriced => "replacement",
            Self::TipTooLow { .. }
            | Self::FeeCapTooLow { .. }
            | Self::BlobFeeCapTooLow { .. }
            | Self::Underpriced => "underpriced",
            Self::FutureReplacesPending | Self::Full => "full",
            Self::AccountLimit { .. }
            | Self::DelegatedLimit
            | Self::DelegatedGap
            | Self::Reserved
            | Self::BlobNonceGap { .. } => "account",
            Self::State(_) => "state",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// Why the sequencer cannot go on or do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequencerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block could not be executed.
    #[error(transparent)]
    Execute(#[from] Box<ExecuteError>),
    /// The pool's journal or a thread could not be set up.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's error.
        error: String,
    },
    /// The pipeline has failed before; the first failure.
    #[error("the pipeline has failed: {0}")]
    Failed(String),
    /// The sequencer is stopping.
    #[error("the sequencer is stopping")]
    Stopping,
    /// The chain would go back behind a block that was promised to L1.
    #[error(
        "block {block} is in a batch for L1 and is not taken back; start with --no-l1 for tests \
         that revert"
    )]
    Promised {
        /// The last block that was promised.
        block: u64,
    },
    /// A timestamp before the latest block's.
    #[error("timestamp {timestamp} is before the latest block's, {latest}")]
    TimestampTooLow {
        /// The timestamp asked for.
        timestamp: u64,
        /// The latest block's.
        latest: u64,
    },
    /// More blocks than may be mined in one call.
    #[error("cannot mine {blocks} blocks at once, at most {limit}")]
    TooManyBlocks {
        /// Blocks asked for.
        blocks: u64,
        /// Most blocks.
        limit: u64,
    },
    /// A control that only makes sense where there are blobs.
    #[error("this chain has no blobs")]
    NoBlobs,
    /// More blocks than may be taken back, or none.
    #[error("cannot take back {depth} blocks, at least 1 and at most {limit}")]
    ReorgDepth {
        /// Blocks asked for.
        depth: u64,
        /// Most blocks.
        limit: u64,
    },
    /// A transaction for a block that the reorg does not build.
    #[error("a reorg of {depth} blocks has no block {place}, the first is 0")]
    ReorgPlace {
        /// The place asked for.
        place: u64,
        /// Blocks that are built.
        depth: u64,
    },
    /// A transaction of the new blocks was refused.
    #[error("a transaction of the reorg was refused: {0}")]
    ReorgTransaction(String),
    /// A block's messages from L1 cannot be executed.
    #[error("L1 message {queue_index}: {reason}")]
    L1Message {
        /// Its place in the L1 queue.
        queue_index: u64,
        /// Why.
        reason: String,
    },
}
