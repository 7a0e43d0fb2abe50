//! The chain: everything that its parts share.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use alloy_primitives::B256;
use jovay_state::{StateTrie, StoreError};
use jovay_types::{SealedBlock, TxReceipt};
use parking_lot::{Condvar, Mutex};
use quick_cache::{Weighter, sync::Cache};

use crate::kv::KeyValue;
use crate::log::Log;
use crate::nodes::HeadNodes;
use crate::pipeline::Pipeline;
use crate::states::States;
use crate::{ChainError, Config};

/// Blocks that a cache's index is made for at first.
const BLOCKS_EXPECTED: usize = 256;

/// Old blocks read back from the tables.
pub(crate) type BlockCache = Cache<u64, Arc<SealedBlock>, BlockSize>;
/// Their receipts.
pub(crate) type ReceiptCache = Cache<u64, Arc<Vec<TxReceipt>>, BlockSize>;

/// About how much memory a block takes.
#[derive(Clone)]
pub(crate) struct BlockSize;

impl Weighter<u64, Arc<SealedBlock>> for BlockSize {
    fn weight(&self, _: &u64, block: &Arc<SealedBlock>) -> u64 {
        let transactions = block.transactions.iter().map(|tx| tx.input().len() + 512);
        1024 + transactions.sum::<usize>() as u64
    }
}

impl Weighter<u64, Arc<Vec<TxReceipt>>> for BlockSize {
    fn weight(&self, _: &u64, receipts: &Arc<Vec<TxReceipt>>) -> u64 {
        let logs = receipts.iter().flat_map(|receipt| &receipt.receipt.logs);
        let logs = logs.map(|log| log.data.data.len() + 192).sum::<usize>();
        (128 + 128 * receipts.len() + logs) as u64
    }
}

/// What the flusher has been told.
#[derive(Default)]
pub(crate) struct Wake {
    pub(crate) stop: bool,
    pub(crate) due: bool,
}

/// What the chain's threads share. Locks are taken in the order `flushing`, `trie`, `pipeline`,
/// `log`, and then those inside `states` and `nodes`.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn KeyValue>,
    /// `None` in memory.
    pub(crate) log: Option<Mutex<Log>>,
    /// The last log record's number, for a chain without a log.
    pub(crate) sequence: AtomicU64,
    pub(crate) states: Arc<States>,
    pub(crate) nodes: Arc<HeadNodes>,
    /// The state of the last sealed block.
    pub(crate) trie: Mutex<StateTrie>,
    pub(crate) pipeline: Mutex<Pipeline>,
    /// Signals that a flush made room in `pipeline`.
    pub(crate) room: Condvar,
    /// Held by whoever changes the tables.
    pub(crate) flushing: Mutex<()>,
    pub(crate) wake: Mutex<Wake>,
    pub(crate) woken: Condvar,
    pub(crate) blocks: BlockCache,
    pub(crate) receipts: ReceiptCache,
    /// Keeps other processes out.
    pub(crate) _lock: Option<File>,
}

impl Shared {
    /// Stops the chain: nothing later may be acknowledged.
    pub(crate) fn fail(&self, error: &dyn std::fmt::Display) {
        let mut pipeline = self.pipeline.lock();
        if pipeline.failure.is_none() {
            tracing::error!(%error, "the chain store failed");
            pipeline.failure = Some(error.to_string());
        }
        self.room.notify_all();
    }

    /// Passes a result on, and stops the chain if it is an error.
    pub(crate) fn fatal<T>(&self, result: Result<T, ChainError>) -> Result<T, StoreError> {
        result.map_err(|error| {
            self.fail(&error);
            error.into()
        })
    }

    /// Tells the flusher to look whether a flush is due.
    pub(crate) fn wake_flusher(&self) {
        self.wake.lock().due = true;
        self.woken.notify_one();
    }
}

/// Block caches within `bytes`.
pub(crate) fn block_caches(bytes: u64) -> (BlockCache, ReceiptCache) {
    let half = bytes / 2;
    (
        Cache::with_weighter(BLOCKS_EXPECTED, half, BlockSize),
        Cache::with_weighter(BLOCKS_EXPECTED, half, BlockSize),
    )
}

/// The chain on disk or in memory: see the crate's documentation.
///
/// It implements [`jovay_state::ChainStore`] for the pipeline that extends it. Its own methods
/// answer what the RPC server asks; all of them see published blocks only.
///
/// Dropping it loses nothing, but leaves the newest blocks to be replayed from the log at the
/// next opening; [`close`](Self::close) moves them into the tables first.
pub struct Chain {
    pub(crate) shared: Arc<Shared>,
    flusher: Option<JoinHandle<()>>,
}

impl Chain {
    pub(crate) fn start(shared: Shared) -> Result<Self, ChainError> {
        let shared = Arc::new(shared);
        let flushed = shared.clone();
        let flusher = std::thread::Builder::new()
            .name("flusher".into())
            .spawn(move || crate::flush::run(&flushed))
            .map_err(|error| ChainError::Backend(format!("flusher thread: {error}")))?;
        Ok(Self { shared, flusher: Some(flusher) })
    }

    /// The genesis block's hash.
    pub fn genesis_hash(&self) -> B256 {
        self.shared.states.epoch().position.genesis_hash
    }

    /// Moves every published block into the tables.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&self) -> Result<(), ChainError> {
        while self.shared.flush_some()? {}
        Ok(())
    }

    /// Moves every published block into the tables and closes the chain.
    ///
    /// # Errors
    /// The disk failed.
    pub fn close(self) -> Result<(), ChainError> {
        self.flush()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.shared.wake.lock().stop = true;
        self.shared.woken.notify_all();
        if let Some(flusher) = self.flusher.take()
            && flusher.join().is_err()
        {
            tracing::error!("the flusher panicked");
        }
    }
}
