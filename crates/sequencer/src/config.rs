//! Settings with their defaults.

use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, Bytes};

use crate::pool::TX_OVERHEAD_BYTES;

/// All settings of the sequencer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequencerConfig {
    /// How transactions come in.
    pub ingest: IngestConfig,
    /// What the pool holds.
    pub pool: PoolConfig,
    /// When and how blocks are built.
    pub blocks: BlockConfig,
}

/// How transactions come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestConfig {
    /// Threads that recover senders; 0 for one per core.
    pub recovery_threads: usize,
    /// Bytes of transactions that may wait to be checked; submitters wait beyond that.
    pub waiting_bytes_max: usize,
    /// Largest transaction in bytes (geth's limit for all but blob transactions).
    pub tx_bytes_max: usize,
    /// Largest blob transaction in bytes, sidecar included (geth's limit: above six blobs).
    pub blob_tx_bytes_max: usize,
    /// Whether transactions signed without a chain id are taken. Needed for the deterministic
    /// deployment proxy, whose deployment is such a transaction.
    pub allow_unprotected: bool,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            recovery_threads: 0,
            waiting_bytes_max: 32 << 20,
            tx_bytes_max: 128 << 10,
            blob_tx_bytes_max: 1 << 20,
            allow_unprotected: false,
        }
    }
}

/// What the pool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Transactions altogether.
    pub txs_max: usize,
    /// Bytes of encoded transactions altogether.
    pub bytes_max: usize,
    /// Transactions of one sender.
    pub account_txs_max: usize,
    /// Transactions of one sender whose account has an EIP-7702 delegation: others can spend its
    /// balance, so its transactions may turn invalid all at once.
    pub delegated_txs_max: usize,
    /// Least tip, in wei per gas.
    pub tip_min: u128,
    /// Least fee cap, in wei per gas; the floor of the chain's base fee holds in any case.
    pub fee_cap_min: u128,
    /// Percent by which a replacement has to raise fee cap and tip.
    pub price_bump_percent: u128,
    /// How long a transaction may wait without being executable.
    pub queued_lifetime: Duration,
    /// The journal's file; without it the pool is forgotten at a restart.
    pub journal: Option<PathBuf>,
    /// Bytes beyond which the journal is rewritten with what is still in the pool.
    pub journal_bytes_max: u64,
    /// Blob transactions; Jovay's own chain takes none.
    pub blobs: BlobConfig,
}

/// Which blob transactions the pool holds, and how long their sidecars are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobConfig {
    /// Blob transactions altogether; each may have 824 KB of blobs and proofs.
    pub txs_max: usize,
    /// Blob transactions of one sender (geth's limit).
    pub account_txs_max: usize,
    /// Percent by which a replacement has to raise fee cap, tip and blob fee cap (geth's).
    pub price_bump_percent: u128,
    /// Whether a sender may not have transactions with and without blobs in the pool at the same
    /// time, as in geth, whose two pools share no accounts.
    pub exclusive: bool,
    /// Blocks for which the sidecars of a block stay readable: Ethereum's 4,096 epochs.
    pub kept_blocks: u64,
    /// Blobs kept altogether; the oldest go first.
    pub kept_blobs_max: usize,
    /// Where sidecars are kept over a restart; without, in memory.
    pub folder: Option<PathBuf>,
}

impl Default for BlobConfig {
    fn default() -> Self {
        Self {
            txs_max: 128,
            account_txs_max: 16,
            price_bump_percent: 100,
            exclusive: true,
            kept_blocks: 131_072,
            kept_blobs_max: 1_024,
            folder: None,
        }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            txs_max: 100_000,
            bytes_max: 128 << 20,
            account_txs_max: 4_096,
            delegated_txs_max: 16,
            tip_min: 0,
            fee_cap_min: 0,
            price_bump_percent: 10,
            queued_lifetime: Duration::from_secs(3 * 3600),
            journal: None,
            journal_bytes_max: 256 << 20,
            blobs: BlobConfig::default(),
        }
    }
}

/// When and how blocks are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// Time in which a transaction that has just missed a block is to be in a published one; zero
    /// seals every arrival at once. Blocks start at most this far apart while there is work, and
    /// earlier by what recent blocks took to be published, down to half of it.
    pub block_time: Duration,
    /// A block after this time without transactions; never in instant mode.
    pub heartbeat: Option<Duration>,
    /// How long one block may execute transactions; zero for 3/4 of the block time.
    pub build_budget: Duration,
    /// Gas of all transactions of a block.
    pub gas_limit: u64,
    /// Bytes that a block takes in a batch (`docs/spec/batch.md`): 40, and for each transaction that
    /// is no L1 message its encoding and 4. A block must fit a batch on its own, so a rollup's
    /// sequencer sets this to what a batch holds; larger transactions are refused.
    pub bytes_max: usize,
    /// Blocks that may be executed and not yet sealed; building waits beyond that.
    pub unsealed_blocks_max: u64,
    /// Whether transactions are sealed as they come; only development chains turn this off.
    pub automine: bool,
    /// A block each so often, with transactions or without: Ethereum's slots.
    pub interval: Option<Duration>,
    /// Whether headers name a beacon block as their parent's, [`crate::beacon_block_root`];
    /// otherwise the root is zero.
    pub beacon_roots: bool,
    /// Who receives the fees; without, the chain's fee vault.
    pub beneficiary: Option<Address>,
    /// The header's extra data, at most 32 bytes.
    pub extra_data: Bytes,
}

impl Default for BlockConfig {
    fn default() -> Self {
        Self {
            block_time: Duration::from_millis(200),
            heartbeat: Some(Duration::from_secs(10)),
            build_budget: Duration::ZERO,
            gas_limit: 120_000_000,
            bytes_max: 8 << 20,
            unsealed_blocks_max: 8,
            automine: true,
            interval: None,
            beacon_roots: false,
            beneficiary: None,
            extra_data: Bytes::from_static(jovay_evm::L2_EXTRA_DATA),
        }
    }
}

/// What a block takes in a batch besides its transactions (`docs/spec/batch.md`).
const BLOCK_OVERHEAD_BYTES: usize = 40;

impl BlockConfig {
    /// Bytes that a block has for transactions, each counted with [`TX_OVERHEAD_BYTES`].
    pub(crate) fn tx_room_bytes(&self) -> usize {
        self.bytes_max.saturating_sub(BLOCK_OVERHEAD_BYTES)
    }

    /// Encoding of the largest transaction that fits a block.
    pub(crate) fn tx_bytes_max(&self) -> usize {
        self.tx_room_bytes().saturating_sub(TX_OVERHEAD_BYTES)
    }

    /// How long a block may execute: long enough for real work in instant mode.
    pub(crate) fn budget(&self) -> Duration {
        if !self.build_budget.is_zero() {
            self.build_budget
        } else if let Some(interval) = self.interval {
            interval * 3 / 4
        } else if self.block_time.is_zero() {
            INSTANT_BUDGET
        } else {
            self.block_time * 3 / 4
        }
    }
}

/// Execution time of a block in instant mode: a caller who waits this long for one block
/// sees a slow block rather than many.
const INSTANT_BUDGET: Duration = Duration::from_secs(1);
