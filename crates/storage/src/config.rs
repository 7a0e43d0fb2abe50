//! What can be set.

use std::path::PathBuf;
use std::time::Duration;

/// The fewest blocks of history that can be kept: views of recent blocks live on it.
pub(crate) const HISTORY_BLOCKS_MIN: u64 = 16;

/// How the chain is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data directory; `None` keeps everything in memory, without a log.
    pub datadir: Option<PathBuf>,
    /// How many blocks behind the head state can be read and proven; at least 16.
    pub history_blocks: u64,
    /// Keeps the state of every block; `history_blocks` is then ignored.
    pub archive: bool,
    /// Moves blocks into the tables when this many wait,
    pub flush_blocks: usize,
    /// or when they take this many bytes,
    pub flush_bytes: usize,
    /// or when the oldest has waited this long.
    pub flush_interval: Duration,
    /// The pipeline waits while more blocks than this are not in the tables yet,
    pub unflushed_blocks_max: usize,
    /// or more bytes than this.
    pub unflushed_bytes_max: usize,
    /// A log file is closed and a new one started at this size.
    pub log_segment_bytes: u64,
    /// Accounts kept in memory for reading.
    pub account_cache: usize,
    /// Storage slots kept in memory for reading.
    pub slot_cache: usize,
    /// Bytes of contract code kept in memory.
    pub code_cache_bytes: u64,
    /// Bytes of old blocks and receipts kept in memory.
    pub block_cache_bytes: u64,
    /// Bytes of table pages kept in memory.
    pub page_cache_bytes: u64,
    /// Merkle trie nodes kept in memory after they are in the tables.
    pub trie_nodes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            datadir: None,
            history_blocks: 10_000,
            archive: false,
            flush_blocks: 128,
            flush_bytes: 32 << 20,
            flush_interval: Duration::from_secs(10),
            unflushed_blocks_max: 1024,
            unflushed_bytes_max: 256 << 20,
            log_segment_bytes: 64 << 20,
            account_cache: 256 << 10,
            slot_cache: 512 << 10,
            code_cache_bytes: 64 << 20,
            block_cache_bytes: 32 << 20,
            page_cache_bytes: 32 << 20,
            trie_nodes_max: 512 << 10,
        }
    }
}

impl Config {
    /// A chain in memory.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A chain on disk.
    pub fn on_disk(datadir: impl Into<PathBuf>) -> Self {
        Self { datadir: Some(datadir.into()), ..Self::default() }
    }

    /// Blocks of history to keep; `None` for all.
    pub(crate) fn window(&self) -> Option<u64> {
        (!self.archive).then(|| self.history_blocks.max(HISTORY_BLOCKS_MIN))
    }
}
