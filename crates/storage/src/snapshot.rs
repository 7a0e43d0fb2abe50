//! Copies of the whole chain in one file.
//!
//! A header names the chain and its head. Frames of rows follow, each with its length and
//! checksum, zstd-compressed; then an empty frame and the count of rows. A directory into which a
//! snapshot is being restored is marked until it is complete, and cannot be opened before.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use alloy_primitives::B256;

use crate::chain::Chain;
use crate::codec::{self, ENCODED_BYTES_MAX};
use crate::kv::{Batch, KeyValue, Table, disk::DiskStore};
use crate::log::sync_dir;
use crate::open::{RESTORING_FILE, TABLES_DIR, lock};
use crate::{ChainError, tables};

/// First bytes of a snapshot, with the version of its format.
const MAGIC: [u8; 8] = *b"JVSNAP\0\x01";
/// A frame is closed when its rows take so many bytes.
const FRAME_BYTES: usize = 4 << 20;
/// A longer frame is not read.
const FRAME_BYTES_MAX: usize = ENCODED_BYTES_MAX;
/// Page cache while restoring.
const PAGE_CACHE_BYTES: u64 = 8 << 20;

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Hash of the genesis block.
    pub genesis: B256,
    /// Number of the last block.
    pub head: u64,
    /// Its hash.
    pub head_hash: B256,
    /// Rows of all tables.
    pub rows: u64,
}

impl Chain {
    /// Writes a copy of the chain at its head to the file `dest`, which must not exist. The chain
    /// goes on meanwhile.
    ///
    /// # Errors
    /// `dest` exists, or a disk failed.
    pub fn snapshot(&self, dest: &Path) -> Result<SnapshotInfo, ChainError> {
        if dest.exists() {
            return Err(ChainError::Unusable(format!("{} exists already", dest.display())));
        }
        self.flush()?;
        let epoch = self.shared.states.epoch();
        let head = epoch.position.flushed;
        let head_hash = epoch.known_header(head)?.0;
        let genesis = epoch.position.genesis_hash;
        let partial = dest.with_extension("partial");
        let failed = |error| ChainError::io(&partial, &error);
        let mut out = BufWriter::new(File::create(&partial).map_err(failed)?);
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(genesis.as_slice());
        header.extend_from_slice(&head.to_be_bytes());
        header.extend_from_slice(head_hash.as_slice());
        header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
        out.write_all(&header).map_err(failed)?;
        let (mut frame, mut rows) = (Vec::new(), 0u64);
        for table in Table::ALL {
            for row in epoch.snapshot.all(table) {
                let (key, value) = row?;
                frame.push(table as u8);
                frame.extend_from_slice(&(key.len() as u32).to_be_bytes());
                frame.extend_from_slice(&key);
                frame.extend_from_slice(&(value.len() as u32).to_be_bytes());
                frame.extend_from_slice(&value);
                rows += 1;
                if frame.len() >= FRAME_BYTES {
                    write_frame(&mut out, &frame).map_err(failed)?;
                    frame.clear();
                }
            }
        }
        if !frame.is_empty() {
            write_frame(&mut out, &frame).map_err(failed)?;
        }
        write_frame(&mut out, &[]).map_err(failed)?;
        out.write_all(&rows.to_be_bytes()).map_err(failed)?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&partial, dest).map_err(failed)?;
        if let Some(dir) = dest.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            sync_dir(dir)?;
        }
        Ok(SnapshotInfo { genesis, head, head_hash, rows })
    }
}

/// Length, checksum, compressed rows.
fn write_frame(out: &mut impl Write, rows: &[u8]) -> std::io::Result<()> {
    let packed = match rows {
        [] => Vec::new(),
        rows => codec::compress(rows).map_err(std::io::Error::other)?,
    };
    out.write_all(&(packed.len() as u32).to_be_bytes())?;
    out.write_all(&crc32fast::hash(&packed).to_be_bytes())?;
    out.write_all(&packed)
}

/// Makes a data directory from the snapshot in the file `src`. `datadir` must be empty or not
/// exist.
///
/// # Errors
/// `datadir` has something in it, the file is damaged, or a disk failed. A directory that was not
/// completed cannot be opened as a chain.
pub fn restore(src: &Path, datadir: &Path) -> Result<SnapshotInfo, ChainError> {
    let occupied = std::fs::read_dir(datadir).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(ChainError::Unusable(format!("{} is not empty", datadir.display())));
    }
    let file = File::open(src).map_err(|error| ChainError::io(src, &error))?;
    let mut reader = Reader { place: src, file: BufReader::new(file), read: 0 };
    let mut info = reader.header()?;
    let _lock = lock(datadir)?;
    let marker = datadir.join(RESTORING_FILE);
    File::create(&marker).map_err(|error| ChainError::io(&marker, &error))?;
    sync_dir(datadir)?;
    let store = DiskStore::open(&datadir.join(TABLES_DIR), PAGE_CACHE_BYTES)?;
    while let Some(rows) = reader.frame()? {
        let batch = reader.rows(&rows)?;
        info.rows += batch.changes.len() as u64;
        store.commit(batch)?;
    }
    if u64::from_be_bytes(reader.bytes()?) != info.rows {
        return Err(reader.damaged("rows are missing"));
    }
    let position = tables::position(&*store.snapshot())?;
    if position.is_none_or(|position| position.flushed != info.head) {
        return Err(reader.damaged("the tables end at another block than the snapshot says"));
    }
    drop(store);
    std::fs::remove_file(&marker).map_err(|error| ChainError::io(&marker, &error))?;
    sync_dir(datadir)?;
    Ok(info)
}

struct Reader<'a> {
    place: &'a Path,
    file: BufReader<File>,
    read: u64,
}

impl Reader<'_> {
    fn damaged(&self, what: &str) -> ChainError {
        ChainError::corrupt(format!("{} before byte {}", self.place.display(), self.read), what)
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<(), ChainError> {
        self.file.read_exact(buf).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("the snapshot ends too early"),
            _ => ChainError::io(self.place, &error),
        })?;
        self.read += buf.len() as u64;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ChainError> {
        let mut buf = [0; N];
        self.fill(&mut buf)?;
        Ok(buf)
    }

    fn header(&mut self) -> Result<SnapshotInfo, ChainError> {
        let magic = self.bytes::<8>()?;
        if magic != MAGIC {
            return Err(self.damaged("not a snapshot of this version"));
        }
        let (genesis, head, hash) = (self.bytes::<32>()?, self.bytes::<8>()?, self.bytes::<32>()?);
        let checksum = crc32fast::hash(&[&magic[..], &genesis, &head, &hash].concat());
        if self.bytes()? != checksum.to_be_bytes() {
            return Err(self.damaged("damaged header"));
        }
        let head = u64::from_be_bytes(head);
        Ok(SnapshotInfo { genesis: genesis.into(), head, head_hash: hash.into(), rows: 0 })
    }

    /// The rows of the next frame; `None` at the end.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, ChainError> {
        let length = u32::from_be_bytes(self.bytes()?) as usize;
        let checksum = u32::from_be_bytes(self.bytes()?);
        if length > FRAME_BYTES_MAX {
            return Err(self.damaged("a frame is too long"));
        }
        let mut packed = vec![0; length];
        self.fill(&mut packed)?;
        if crc32fast::hash(&packed) != checksum {
            return Err(self.damaged("damaged frame"));
        }
        if packed.is_empty() {
            return Ok(None);
        }
        let rows = codec::decompress(&packed).map_err(|_| self.damaged("damaged frame"))?;
        Ok(Some(rows))
    }

    fn rows(&self, mut bytes: &[u8]) -> Result<Batch, ChainError> {
        let mut batch = Batch::default();
        while !bytes.is_empty() {
            let row = split_row(&mut bytes).ok_or_else(|| self.damaged("damaged row"))?;
            batch.put(row.0, row.1, row.2.to_vec());
        }
        Ok(batch)
    }
}

/// Takes one row off the front.
fn split_row<'a>(bytes: &mut &'a [u8]) -> Option<(Table, &'a [u8], &'a [u8])> {
    let (table, rest) = bytes.split_first()?;
    *bytes = rest;
    let mut part = || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *bytes = rest;
        Some(part)
    };
    Some((Table::from_id(*table)?, part()?, part()?))
}
