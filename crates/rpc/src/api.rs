//! The chain as the RPC server sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::future::BoxFuture;
use jovay_evm::{BlockEnv, BlockHashes, ChainSpec};
use jovay_state::{AccountProof, SealOutcome, StateError, StateView};
use jovay_types::{Account, RecoveredTx, SealedBlock, StateDiff, TxReceipt};
use tokio::sync::broadcast;

use crate::RollupApi;
use crate::error::INTERNAL_ERROR;

/// Why the chain could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The state of this block has been pruned.
    #[error(
        "missing trie node: state of block {number} is not available, the oldest kept is {oldest}"
    )]
    StatePruned {
        /// The block asked for.
        number: u64,
        /// The oldest block with state.
        oldest: u64,
    },
    /// There is no such block.
    #[error("header not found")]
    UnknownBlock,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store failed.
    #[error("{0}")]
    Backend(String),
}

/// The block numbers behind the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockTags {
    /// Last published block.
    pub latest: u64,
    /// Last block whose data is on L1 (without L1: what is durable).
    pub safe: u64,
    /// Last block whose data is final on L1 (without L1: what is durable).
    pub finalized: u64,
}

/// Says how far L1 has come with the chain.
pub trait TagSource: Send + Sync + 'static {
    /// Where the tags stand when `latest` is the last published block. `safe` and `finalized` are
    /// never beyond it.
    fn tags(&self, latest: u64) -> BlockTags;
}

/// How far a node that follows a chain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// The last block here when it began to catch up.
    pub starting: u64,
    /// The last block here.
    pub current: u64,
    /// The last block that it has heard of.
    pub highest: u64,
}

/// Why a transaction was refused: geth's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SubmitError {
    /// JSON-RPC error code; -32000 for most, -32003 where execution-apis says so.
    pub code: i32,
    /// geth's message.
    pub message: String,
}

/// How many transactions the pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Ready for the next block.
    pub pending: usize,
    /// Waiting for an earlier nonce or a lower base fee.
    pub queued: usize,
}

/// Transactions by sender and nonce.
pub(crate) type BySender = BTreeMap<Address, BTreeMap<u64, Arc<RecoveredTx>>>;

/// What the pool holds.
#[derive(Clone, Debug, Default)]
pub struct PoolContent {
    /// Ready for the next block.
    pub pending: BySender,
    /// Waiting for an earlier nonce or a lower base fee.
    pub queued: BySender,
}

/// The chain and its pool.
///
/// Methods are synchronous and may touch the disk; the server calls those that do from blocking
/// threads. Blocks are immutable once published; only a development chain takes them back.
pub trait ChainApi: Send + Sync + 'static {
    /// The chain's rules.
    fn spec(&self) -> &Arc<ChainSpec>;

    /// Where the tags stand.
    fn tags(&self) -> BlockTags;

    /// The oldest block whose state can be read.
    fn oldest_state(&self) -> u64;

    /// The published block `number`.
    ///
    /// # Errors
    /// The store failed. So in every method; an unknown block is `None`.
    fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ChainError>;

    /// The number of the published block with this hash.
    fn block_number(&self, hash: &B256) -> Result<Option<u64>, ChainError>;

    /// The hash of a published block.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError>;

    /// The receipts of a published block, one for each transaction.
    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<TxReceipt>>>, ChainError>;

    /// Block number and index of a published transaction.
    fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, usize)>, ChainError>;

    /// Numbers in `from..=to`, ascending, of blocks that may hold a log from one of `addresses`
    /// (any, when empty) with each position of `topics` one of the listed (any, when empty): a
    /// superset, by bloom filter. At most `limit` of them, and the block to go on from if there
    /// are more.
    fn log_candidates(
        &self,
        from: u64,
        to: u64,
        addresses: &[Address],
        topics: &[Vec<B256>],
        limit: usize,
    ) -> Result<(Vec<u64>, Option<u64>), ChainError>;

    /// The state after block `number`.
    ///
    /// # Errors
    /// [`ChainError::StatePruned`], [`ChainError::UnknownBlock`].
    fn state_at(&self, number: u64) -> Result<Arc<dyn StateView>, ChainError>;

    /// Merkle proof of an account and some of its slots against the state root of block `number`.
    ///
    /// # Errors
    /// As [`ChainApi::state_at`].
    fn proof(
        &self,
        address: Address,
        slots: &[U256],
        number: u64,
    ) -> Result<AccountProof, ChainError>;

    /// The root that the state after block `number` would have with `diff` applied, which is
    /// computed and thrown away. An account's `after` and the slots' `after` count.
    ///
    /// # Errors
    /// As [`ChainApi::state_at`].
    fn state_root_after(&self, number: u64, diff: &StateDiff) -> Result<B256, ChainError>;

    /// Numbers of blocks in `from..=to` (inclusive) that changed the account at `address` or its
    /// storage, ascending, or descending if `descending`; the first `limit` of them.
    ///
    /// # Errors
    /// The store failed, or it keeps no history of accounts that far back.
    fn account_change_blocks(
        &self,
        address: &Address,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ChainError>;

    /// Hashes of earlier blocks for the BLOCKHASH opcode.
    fn hashes(&self) -> Arc<dyn BlockHashes>;

    /// Header fields that the block after `latest` would have now.
    fn next_block_env(&self) -> BlockEnv;

    /// Puts raw signed transactions into the pool, in their order, and returns their hashes in the
    /// same order. The returned future completes when the pool has decided on all of them.
    fn submit_many(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>>;

    /// The same for one transaction.
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, SubmitError>> {
        Box::pin(async move {
            let answer = self.submit_many(vec![raw]).await.pop();
            let none = || SubmitError { code: INTERNAL_ERROR, message: "no answer".into() };
            answer.unwrap_or_else(|| Err(none()))
        })
    }

    /// The sender's nonce after its pending transactions in the pool, if it has any there.
    fn pool_nonce(&self, sender: &Address) -> Option<u64>;

    /// A transaction in the pool.
    fn pool_get(&self, hash: &B256) -> Option<Arc<RecoveredTx>>;

    /// How many transactions the pool holds.
    fn pool_status(&self) -> PoolStatus;

    /// All that the pool holds; of `sender` alone if given.
    fn pool_content(&self, sender: Option<&Address>) -> PoolContent;

    /// Published blocks from now on.
    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome>;

    /// Transactions that enter the pool from now on.
    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>>;

    /// The rollup's side; `None` without an L1.
    fn rollup(&self) -> Option<Arc<dyn RollupApi>> {
        None
    }

    /// How far the node is behind the chain that it follows; `None` if it makes the chain, or
    /// follows it without delay.
    fn syncing(&self) -> Option<SyncStatus> {
        None
    }

    /// The controls of a development chain; `None` on any other.
    fn dev(&self) -> Option<&dyn DevApi> {
        None
    }
}

/// How to mine on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MineOptions {
    /// How many blocks.
    pub blocks: u64,
    /// Seconds between their timestamps.
    pub interval_s: Option<u64>,
    /// Timestamp of the first.
    pub timestamp: Option<u64>,
}

/// A reorg: which blocks go and what comes instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReorgOptions {
    /// How many blocks go; as many come.
    pub depth: u64,
    /// Signed transactions of the new blocks, each with the place of its block, from 0.
    pub transactions: Vec<(Bytes, u64)>,
    /// Forget the transactions of the blocks that go, which otherwise return to the pool.
    pub forget: bool,
}

/// Controls of a development chain. Each takes effect before it returns: a changed account is
/// visible to the next call.
pub trait DevApi: Send + Sync {
    /// Accounts that the node signs for.
    fn accounts(&self) -> Vec<Address>;

    /// The secret key of an account of [`DevApi::accounts`].
    fn secret_key(&self, address: &Address) -> Option<B256>;

    /// Seals blocks now, transactions or not.
    ///
    /// # Errors
    /// The pipeline failed. So in every method.
    fn mine(&self, options: MineOptions) -> Result<(), ChainError>;

    /// Whether transactions are sealed as they arrive.
    fn automine(&self) -> bool;

    /// Turns sealing on arrival on or off.
    fn set_automine(&self, on: bool) -> Result<(), ChainError>;

    /// Seals a block each `interval`, transactions or not; zero stops that.
    fn set_interval(&self, interval: Duration) -> Result<(), ChainError>;

    /// Remembers this moment; the id is for [`DevApi::revert`].
    fn snapshot(&self) -> Result<u64, ChainError>;

    /// Goes back to a snapshot and forgets it and the later ones; false if there is none such.
    fn revert(&self, id: u64) -> Result<bool, ChainError>;

    /// Goes back to the first block, with an empty pool, real time and the settings that the chain
    /// was started with; forgets every snapshot.
    ///
    /// # Errors
    /// The first block's state is pruned.
    fn reset(&self) -> Result<(), ChainError>;

    /// Moves the clock by `seconds` and returns the whole offset so far.
    fn increase_time(&self, seconds: u64) -> Result<i64, ChainError>;

    /// Sets the timestamp of the next block.
    ///
    /// # Errors
    /// It lies before the latest block's.
    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), ChainError>;

    /// Sets the clock to `timestamp` (seconds) and returns the offset against real time.
    fn set_time(&self, timestamp: u64) -> Result<i64, ChainError>;

    /// Replaces an account; its code too if `code` is given.
    fn set_account(
        &self,
        address: Address,
        account: Account,
        code: Option<Bytes>,
    ) -> Result<(), ChainError>;

    /// Sets a storage slot.
    fn set_storage(&self, address: Address, slot: U256, value: U256) -> Result<(), ChainError>;

    /// Sets the base fee of the next block, in wei.
    fn set_next_base_fee(&self, wei: u64) -> Result<(), ChainError>;

    /// Sets the blob base fee of the next block, in wei, to the lowest possible one from `wei` on.
    ///
    /// # Errors
    /// The chain has no blobs.
    fn set_next_blob_base_fee(&self, wei: u64) -> Result<(), ChainError>;

    /// Takes the last blocks back and builds others in their place.
    ///
    /// # Errors
    /// There are not so many blocks, or a transaction is refused.
    fn reorg(&self, options: ReorgOptions) -> Result<(), ChainError>;

    /// Sets how many blocks `safe` and `finalized` are behind the last block.
    ///
    /// # Errors
    /// The tags follow something else.
    fn set_finality(&self, safe_depth: u64, finalized_depth: u64) -> Result<(), ChainError>;

    /// Sets the fee recipient.
    fn set_coinbase(&self, address: Address) -> Result<(), ChainError>;

    /// Sets the gas limit of later blocks.
    fn set_block_gas_limit(&self, gas: u64) -> Result<(), ChainError>;

    /// Sets PREVRANDAO of the next block.
    fn set_prev_randao(&self, value: B256) -> Result<(), ChainError>;

    /// Lets `eth_sendTransaction` act for `address` without its key, or no longer.
    fn impersonate(&self, address: Address, on: bool) -> Result<(), ChainError>;

    /// Lets it act for every address, or no longer.
    fn auto_impersonate(&self, on: bool) -> Result<(), ChainError>;

    /// Whether `address` is impersonated.
    fn is_impersonated(&self, address: &Address) -> bool;

    /// Puts an unsigned transaction of an impersonated sender into the pool.
    fn submit_impersonated(&self, tx: RecoveredTx) -> Result<B256, SubmitError>;

    /// Drops a transaction from the pool; whether it was there.
    fn drop_transaction(&self, hash: &B256) -> Result<bool, ChainError>;

    /// Drops every transaction from the pool.
    fn drop_all_transactions(&self) -> Result<(), ChainError>;
}
