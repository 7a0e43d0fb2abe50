//! The sidecars of blob transactions: blobs, commitments and cell proofs, which no block holds.
//!
//! A sidecar is kept from the moment its transaction enters the pool, so that a crash cannot come
//! between a block and its blobs. It goes when the pool drops the transaction, or when its block
//! is too old.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable};
use parking_lot::Mutex;

use crate::BlobConfig;

/// A sidecar, shared between the pool, the store and those who read it.
pub type SharedSidecar = Arc<BlobTransactionSidecarEip7594>;

/// Longest file that is believed to be a sidecar, in bytes: above what six blobs need.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// Name of a file between its creation and its completion.
const UNFINISHED: &str = "unfinished";
/// In the name of the file of a transaction that no block holds yet, in place of the block.
const WAITING: &str = "waiting";

/// Keeps sidecars by the hash of their transaction, in memory or in a folder.
#[derive(Debug)]
pub struct BlobStore {
    config: BlobConfig,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_tx: HashMap<B256, Entry>,
    /// Those of published blocks, oldest first.
    by_block: BTreeSet<(u64, B256)>,
    blobs: usize,
}

#[derive(Debug)]
struct Entry {
    /// `None`: read it from its file.
    sidecar: Option<SharedSidecar>,
    blobs: usize,
    /// The published block with the transaction; `None` while it waits.
    block: Option<u64>,
}

impl BlobStore {
    /// Opens the folder, if there is one. Sidecars that have waited for a block, and may be in
    /// one that was logged last, count as those of block `head`.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(crate) fn open(config: BlobConfig, head: u64) -> io::Result<Self> {
        let mut inner = Inner::default();
        if let Some(folder) = &config.folder {
            fs::create_dir_all(folder)?;
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                let Some((block, tx)) = parse_name(&path) else { continue };
                let Ok(sidecar) = read(&path) else {
                    tracing::warn!(?path, "a damaged file of blobs is left alone");
                    continue;
                };
                if block.is_none() {
                    fs::rename(&path, folder.join(name(Some(head), &tx)))?;
                }
                let entry = Entry { sidecar: None, blobs: sidecar.blobs.len(), block: None };
                inner.insert(tx, entry);
                inner.set_block(tx, Some(block.unwrap_or(head)));
            }
        }
        Ok(Self { config, inner: Mutex::new(inner) })
    }

    /// Keeps the sidecar of a transaction that is about to enter the pool; whether it is new. A
    /// transaction that comes back from a block has its sidecar here already.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn insert(&self, tx: B256, sidecar: &SharedSidecar) -> io::Result<bool> {
        let mut inner = self.inner.lock();
        if inner.by_tx.contains_key(&tx) {
            return Ok(false);
        }
        if let Some(folder) = &self.config.folder {
            write(folder, &folder.join(name(None, &tx)), sidecar)?;
        }
        let blobs = sidecar.blobs.len();
        inner.insert(tx, Entry { sidecar: Some(sidecar.clone()), blobs, block: None });
        Ok(true)
    }

    /// The sidecar of a transaction in the pool or in a block that is not too old.
    pub fn get(&self, tx: &B256) -> Option<SharedSidecar> {
        let inner = self.inner.lock();
        let entry = inner.by_tx.get(tx)?;
        if let Some(sidecar) = &entry.sidecar {
            return Some(sidecar.clone());
        }
        let path = self.config.folder.as_ref()?.join(name(entry.block, tx));
        match read(&path) {
            Ok(sidecar) => Some(Arc::new(sidecar)),
            Err(error) => {
                tracing::error!(?path, %error, "blobs cannot be read");
                None
            }
        }
    }

    /// The pool has dropped a transaction.
    pub(crate) fn dropped(&self, tx: &B256) {
        let mut inner = self.inner.lock();
        if inner.by_tx.get(tx).is_some_and(|entry| entry.block.is_none()) {
            self.remove(&mut inner, tx);
        }
    }

    /// Block `number` is about to be published and holds `transactions`. Forgets what is too old.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn published(
        &self,
        number: u64,
        transactions: impl Iterator<Item = B256>,
    ) -> io::Result<()> {
        let mut inner = self.inner.lock();
        // Nearly every chain has no blobs at all.
        if inner.by_tx.is_empty() {
            return Ok(());
        }
        for tx in transactions {
            let Some(entry) = inner.by_tx.get_mut(&tx) else { continue };
            if let Some(folder) = &self.config.folder {
                let from = folder.join(name(entry.block, &tx));
                fs::rename(from, folder.join(name(Some(number), &tx)))?;
                entry.sidecar = None;
            }
            inner.set_block(tx, Some(number));
        }
        let oldest = number.saturating_sub(self.config.kept_blocks);
        while let Some((block, tx)) = inner.by_block.first().copied()
            && (block < oldest || inner.blobs > self.config.kept_blobs_max)
        {
            self.remove(&mut inner, &tx);
        }
        metrics::gauge!("jovay_blobs_kept").set(inner.blobs as f64);
        Ok(())
    }

    fn remove(&self, inner: &mut Inner, tx: &B256) {
        let Some(entry) = inner.remove(tx) else { return };
        let Some(folder) = &self.config.folder else { return };
        if let Err(error) = fs::remove_file(folder.join(name(entry.block, tx))) {
            tracing::warn!(%tx, %error, "an old file of blobs cannot be removed");
        }
    }
}

impl Inner {
    fn insert(&mut self, tx: B256, entry: Entry) {
        self.blobs += entry.blobs;
        self.by_tx.insert(tx, entry);
    }

    fn remove(&mut self, tx: &B256) -> Option<Entry> {
        let entry = self.by_tx.remove(tx)?;
        self.blobs -= entry.blobs;
        if let Some(block) = entry.block {
            self.by_block.remove(&(block, *tx));
        }
        Some(entry)
    }

    fn set_block(&mut self, tx: B256, block: Option<u64>) {
        let Some(entry) = self.by_tx.get_mut(&tx) else { return };
        if let Some(old) = std::mem::replace(&mut entry.block, block) {
            self.by_block.remove(&(old, tx));
        }
        self.by_block.extend(block.map(|block| (block, tx)));
    }
}

/// A file's name: its block and its transaction.
fn name(block: Option<u64>, tx: &B256) -> String {
    match block {
        Some(block) => format!("{block}-{tx}"),
        None => format!("{WAITING}-{tx}"),
    }
}

fn parse_name(path: &Path) -> Option<(Option<u64>, B256)> {
    let (block, tx) = path.file_name()?.to_str()?.split_once('-')?;
    let tx = tx.parse().ok()?;
    if block == WAITING { Some((None, tx)) } else { Some((Some(block.parse().ok()?), tx)) }
}

/// Whole or not at all: a crash leaves an unfinished file that nobody reads.
fn write(folder: &Path, path: &Path, sidecar: &BlobTransactionSidecarEip7594) -> io::Result<()> {
    let unfinished: PathBuf = folder.join(UNFINISHED);
    let mut bytes = Vec::with_capacity(sidecar.length());
    sidecar.encode(&mut bytes);
    let mut file = File::create(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_data()?;
    fs::rename(unfinished, path)
}

fn read(path: &Path) -> io::Result<BlobTransactionSidecarEip7594> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("too long for a sidecar"));
    }
    let bytes = fs::read(path)?;
    let mut rest = bytes.as_slice();
    let decoded = BlobTransactionSidecarEip7594::decode(&mut rest);
    let sidecar = decoded.map_err(|error| io::Error::other(error.to_string()))?;
    if rest.is_empty() { Ok(sidecar) } else { Err(io::Error::other("bytes left over")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_eips::eip4844::{Blob, Bytes48};

    use super::*;

    fn sidecar(byte: u8, blobs: usize) -> SharedSidecar {
        Arc::new(BlobTransactionSidecarEip7594 {
            blobs: vec![Blob::repeat_byte(byte); blobs],
            commitments: vec![Bytes48::repeat_byte(byte); blobs],
            cell_proofs: vec![Bytes48::repeat_byte(byte); blobs * 128],
        })
    }

    fn tx(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    #[test]
    fn goes_with_the_pool_or_with_age() {
        let config = BlobConfig { kept_blocks: 10, ..BlobConfig::default() };
        let store = BlobStore::open(config, 0).unwrap();
        store.insert(tx(1), &sidecar(1, 2)).unwrap();
        store.insert(tx(2), &sidecar(2, 1)).unwrap();
        store.dropped(&tx(2));
        assert!(store.get(&tx(2)).is_none());
        store.published(5, [tx(1)].into_iter()).unwrap();
        // Too late to drop it: its block is there.
        store.dropped(&tx(1));
        store.published(15, std::iter::empty()).unwrap();
        assert_eq!(store.get(&tx(1)).unwrap().blobs.len(), 2);
        store.published(16, std::iter::empty()).unwrap();
        assert!(store.get(&tx(1)).is_none());
    }

    #[test]
    fn holds_so_many_blobs_and_never_drops_what_waits() {
        let config = BlobConfig { kept_blobs_max: 3, ..BlobConfig::default() };
        let store = BlobStore::open(config, 0).unwrap();
        for byte in 1..=3 {
            store.insert(tx(byte), &sidecar(byte, 2)).unwrap();
        }
        store.published(1, [tx(1)].into_iter()).unwrap();
        assert!(store.get(&tx(1)).is_none());
        assert!(store.get(&tx(2)).is_some() && store.get(&tx(3)).is_some());
    }

    #[test]
    fn a_folder_survives() {
        let folder = tempfile::tempdir().unwrap();
        let config = || BlobConfig {
            folder: Some(folder.path().join("blobs")),
            kept_blocks: 10,
            ..BlobConfig::default()
        };
        let store = BlobStore::open(config(), 0).unwrap();
        for byte in 1..=3 {
            store.insert(tx(byte), &sidecar(byte, 1)).unwrap();
        }
        store.published(4, [tx(1)].into_iter()).unwrap();
        // Back in the pool after a reorg, and in another block.
        assert!(!store.insert(tx(1), &sidecar(1, 1)).unwrap());
        store.published(6, [tx(1)].into_iter()).unwrap();
        store.dropped(&tx(3));
        drop(store);
        let store = BlobStore::open(config(), 9).unwrap();
        assert_eq!(store.get(&tx(1)), Some(sidecar(1, 1)));
        assert_eq!(store.get(&tx(2)), Some(sidecar(2, 1)));
        assert!(store.get(&tx(3)).is_none());
        store.published(17, std::iter::empty()).unwrap();
        assert!(store.get(&tx(1)).is_none());
        assert!(store.get(&tx(2)).is_some());
        store.published(20, std::iter::empty()).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
    }
}
