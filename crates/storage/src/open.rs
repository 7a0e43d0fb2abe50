//! Opening a chain: its genesis when it is new, otherwise the tables and then the log.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use alloy_primitives::B256;
use alloy_primitives::map::AddressMap;
use alloy_trie::EMPTY_ROOT_HASH;
use jovay_state::{SealOutcome, StateTrie};
use jovay_types::{AccountChange, Code, SealedBlock, SlotChange, StateDiff};
use parking_lot::{Condvar, Mutex};

use crate::chain::{Chain, Shared, Wake, block_caches};
use crate::codec;
use crate::flush;
use crate::kv::{Batch, KeyValue, Table, disk::DiskStore, memory::MemoryStore};
use crate::log::{Kind, Log, Record};
use crate::nodes::HeadNodes;
use crate::pipeline::{Pipeline, SealedLayer};
use crate::seal;
use crate::states::States;
use crate::tables::{self, Epoch, Position};
use crate::{ChainError, Config, Genesis};

/// Tables inside the data directory.
pub(crate) const TABLES_DIR: &str = "tables";
/// The log inside the data directory.
const LOG_DIR: &str = "log";
/// The file that a process which has the directory open holds locked.
const LOCK_FILE: &str = "LOCK";

impl Chain {
    /// Opens the chain that begins with `genesis`, and makes it if the data directory is empty.
    ///
    /// # Errors
    /// [`ChainError::GenesisMismatch`], [`ChainError::InUse`], [`ChainError::Format`], damage, or
    /// the disk failed.
    pub fn open(config: Config, genesis: &Genesis) -> Result<Self, ChainError> {
        open(config, Some(genesis))
    }

    /// Opens the chain in a data directory, whatever its genesis is.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ChainError::Unusable`] if there is no chain.
    pub fn open_existing(config: Config) -> Result<Self, ChainError> {
        let tables = config.datadir.as_ref().map(|dir| dir.join(TABLES_DIR));
        match tables {
            Some(tables) if tables.is_dir() => open(config, None),
            _ => Err(ChainError::Unusable("there is no chain in the data directory".into())),
        }
    }
}

/// The file that marks a directory into which a snapshot is being restored.
pub(crate) const RESTORING_FILE: &str = "RESTORING";

/// Takes the data directory for this process. It is let go when the file is dropped.
pub(crate) fn lock(datadir: &Path) -> Result<File, ChainError> {
    std::fs::create_dir_all(datadir).map_err(|error| ChainError::io(datadir, &error))?;
    let path = datadir.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| ChainError::io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ChainError::InUse(datadir.display().to_string())),
        Err(TryLockError::Error(error)) => Err(ChainError::io(&path, &error)),
    }
}

fn open(config: Config, genesis: Option<&Genesis>) -> Result<Chain, ChainError> {
    let (lock_file, store): (_, Arc<dyn KeyValue>) = match &config.datadir {
        Some(dir) => {
            let lock_file = lock(dir)?;
            if dir.join(RESTORING_FILE).exists() {
                let message = "the data directory was not completely restored: restore it again";
                return Err(ChainError::Unusable(message.into()));
            }
            let store = DiskStore::open(&dir.join(TABLES_DIR), config.page_cache_bytes)?;
            (Some(lock_file), Arc::new(store))
        }
        None => (None, Arc::new(MemoryStore::default())),
    };
    let position = position_or_genesis(&*store, genesis)?;
    let epoch = Epoch { generation: 0, position, snapshot: store.snapshot() };
    let head = epoch.block(position.flushed)?;
    let head = head.ok_or_else(|| tables::missing(Table::Headers, position.flushed))?;
    let root = head.header.state_root;
    let states = Arc::new(States::new(&config, epoch));
    let nodes = Arc::new(HeadNodes::new(states.clone()));
    let (blocks, receipts) = block_caches(config.block_cache_bytes);
    let mut shared = Shared {
        trie: Mutex::new(StateTrie::new(nodes.clone(), root)),
        pipeline: Mutex::new(Pipeline::new(Arc::new(head))),
        sequence: AtomicU64::new(position.log_sequence),
        room: Condvar::new(),
        flushing: Mutex::default(),
        wake: Mutex::new(Wake::default()),
        woken: Condvar::new(),
        log: None,
        _lock: lock_file,
        config,
        store,
        states,
        nodes,
        blocks,
        receipts,
    };
    if let Some(dir) = &shared.config.datadir {
        let (dir, bytes) = (dir.join(LOG_DIR), shared.config.log_segment_bytes);
        let after = position.log_sequence;
        let log = Log::open(&dir, bytes, after, &mut |record| shared.replay(record))?;
        shared.log = Some(Mutex::new(log));
    }
    let head = shared.pipeline.lock().published;
    tracing::info!(head, flushed = position.flushed, oldest = position.oldest, "chain opened");
    Chain::start(shared)
}

impl Shared {
    /// Does again what a log record says was done.
    fn replay(&self, record: Record<'_>) -> Result<(), ChainError> {
        let damaged = |what: &dyn std::fmt::Display| {
            ChainError::corrupt(format!("log record {}", record.sequence), what.to_string())
        };
        match record.kind {
            Kind::Block => {
                let block = codec::decode_executed(record.payload).map_err(|e| damaged(&e))?;
                // Nothing else flushes yet: keep within the limits that hold in operation.
                while self.is_due() && self.flush_some()? {}
                let replayed = self.stage(Arc::new(block)).and_then(|()| {
                    self.note_logged(record.sequence, 1);
                    self.seal_next()
                });
                let sealed = replayed.map_err(|error| damaged(&error))?;
                let mut pipeline = self.pipeline.lock();
                pipeline.published = sealed.block.number();
                pipeline.head = sealed.block;
            }
            Kind::Revert => {
                let number = tables::decode_number(record.payload).map_err(|e| damaged(&e))?;
                let _flushing = self.flushing.lock();
                let mut trie = self.trie.lock();
                let mut pipeline = self.pipeline.lock();
                self.drop_after(number, record.sequence, &mut trie, &mut pipeline)?;
            }
        }
        Ok(())
    }
}

/// Where the tables stand; new tables get the genesis block first.
fn position_or_genesis(
    store: &dyn KeyValue,
    genesis: Option<&Genesis>,
) -> Result<Position, ChainError> {
    let found = tables::position(&*store.snapshot())?;
    let built = genesis.map(build_genesis).transpose()?;
    match (found, built) {
        (Some(position), Some(built)) if built.outcome.block.hash != position.genesis_hash => {
            Err(ChainError::GenesisMismatch {
                found: position.genesis_hash,
                expected: built.outcome.block.hash,
            })
        }
        (Some(position), _) => Ok(position),
        (None, Some(built)) => write_genesis(store, &built),
        (None, None) => Err(ChainError::Unusable("there is no chain in the data directory".into())),
    }
}

impl Genesis {
    /// The genesis block, sealed: what every chain that begins with it has as block 0.
    ///
    /// # Errors
    /// [`ChainError::Unusable`]: the header and the accounts do not fit together.
    pub fn sealed(&self) -> Result<Arc<SealedBlock>, ChainError> {
        Ok(build_genesis(self)?.outcome.block.clone())
    }
}

fn build_genesis(genesis: &Genesis) -> Result<SealedLayer, ChainError> {
    let diff = genesis_diff(genesis)?;
    let mut trie = StateTrie::empty();
    let state_root = trie.apply(&diff)?;
    let mut header = genesis.header.clone();
    if [B256::ZERO, EMPTY_ROOT_HASH].contains(&header.state_root) {
        header.state_root = state_root;
    } else if header.state_root != state_root {
        let wanted = header.state_root;
        let message = format!("genesis header has state root {wanted}, its accounts {state_root}");
        return Err(ChainError::Unusable(message));
    }
    let withdrawals = header.withdrawals_root.map(|_| Vec::new());
    let empty = (seal::transactions_root(&[]), seal::receipts_root(&[]).0, seal::ommers_hash(&[]));
    if (header.transactions_root, header.receipts_root, header.ommers_hash) != empty {
        return Err(ChainError::Unusable("the genesis block must be empty".into()));
    }
    let block = SealedBlock {
        hash: header.hash_slow(),
        header,
        transactions: Vec::new(),
        ommers: Vec::new(),
        withdrawals,
    };
    let outcome =
        SealOutcome { block: Arc::new(block), receipts: Arc::default(), diff: Arc::new(diff) };
    Ok(SealedLayer { outcome, nodes: Arc::new(trie.take_updates()?) })
}

/// The change from nothing to the genesis state.
fn genesis_diff(genesis: &Genesis) -> Result<StateDiff, ChainError> {
    let mut diff = StateDiff::default();
    for entry in &genesis.alloc {
        let hash = alloy_primitives::keccak256(&entry.code);
        if hash != entry.account.code_hash {
            let message = format!("genesis account {} has another code hash", entry.address);
            return Err(ChainError::Unusable(message));
        }
        if !entry.code.is_empty() {
            diff.codes.push(Code { hash, bytes: entry.code.clone() });
        }
        let filled = entry.slots.iter().filter(|(_, value)| !value.is_zero());
        let mut slots: Vec<SlotChange> = filled
            .map(|(slot, after)| SlotChange {
                slot: *slot,
                before: Default::default(),
                after: *after,
            })
            .collect();
        slots.sort_by_key(|slot| slot.slot);
        if slots.windows(2).any(|pair| pair[0].slot == pair[1].slot) {
            let message = format!("genesis account {} has a slot twice", entry.address);
            return Err(ChainError::Unusable(message));
        }
        let after = Some(entry.account);
        diff.accounts.push(AccountChange { address: entry.address, before: None, after, slots });
    }
    diff.accounts.sort_by_key(|change| change.address);
    if let Some(pair) = diff.accounts.windows(2).find(|pair| pair[0].address == pair[1].address) {
        let message = format!("genesis account {} is there twice", pair[0].address);
        return Err(ChainError::Unusable(message));
    }
    diff.codes.sort_by_key(|code| code.hash);
    diff.codes.dedup_by_key(|code| code.hash);
    Ok(diff)
}

fn write_genesis(store: &dyn KeyValue, genesis: &SealedLayer) -> Result<Position, ChainError> {
    let block = &genesis.outcome.block;
    let mut batch = Batch::default();
    flush::put_block(&mut batch, genesis)?;
    let mut written = AddressMap::default();
    flush::collect(&mut written, &genesis.outcome.diff);
    flush::put_state(&mut batch, &written);
    for update in &*genesis.nodes {
        let key = tables::node_key(update.owner.as_ref(), &update.path);
        batch.set(Table::Trie, key, update.node.as_ref().map(|node| node.to_vec()));
    }
    let position = Position {
        genesis_number: block.number(),
        genesis_hash: block.hash,
        flushed: block.number(),
        log_sequence: 0,
        oldest: block.number(),
    };
    tables::put_position(&mut batch, &position);
    store.commit(batch)?;
    Ok(position)
}
