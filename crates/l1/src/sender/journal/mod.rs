//! The write-ahead journal: an append-only file that is rewritten when most of it is history.

mod frame;
mod record;
mod sidecars;

pub(super) use record::{Attempt, Content, Outcome, Record, VERSION};

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{Address, B256};

use super::SenderError;
use super::book::Book;
use sidecars::Sidecars;

/// The file may grow by so many bytes beyond twice what is live before it is rewritten.
const SLACK_BYTES: u64 = 1 << 20;
/// Most bytes of the file.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// Where records go.
#[derive(Debug)]
pub(super) struct Journal {
    /// `None`: memory only.
    file: Option<JournalFile>,
    sidecars: Sidecars,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: File,
    /// Bytes that are whole records, on disk.
    length: u64,
    /// `length` when it was last rewritten.
    compacted: u64,
    /// Held for the life of the process.
    _lock: File,
}

fn file_error(path: &Path, source: std::io::Error) -> SenderError {
    SenderError::File { path: path.into(), source }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Journal {
    /// A journal that forgets at the end of the process.
    pub(super) fn memory() -> Self {
        Self { file: None, sidecars: Sidecars::Memory(Default::default()) }
    }

    /// Opens or creates the file, and reads what it says. `identity` is what the caller knows of
    /// the chain: `None` takes the journal's word.
    pub(super) fn open(
        path: PathBuf,
        chain_id: Option<u64>,
        address: Address,
    ) -> Result<(Self, Option<(u64, Book)>), SenderError> {
        let error = |source| file_error(&path, source);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(error)?;
        }
        let lock = lock(&path)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(error)?;
        if file.metadata().map_err(error)?.len() > JOURNAL_BYTES_MAX {
            return Err(too_large(&path));
        }
        let bytes = fs::read(&path).map_err(error)?;
        let damaged = |offset: usize, message: String| SenderError::Damaged {
            path: path.clone(),
            offset: offset as u64,
            message,
        };
        let (payloads, length) =
            frame::read(&bytes).map_err(|damage| damaged(damage.offset, damage.message.into()))?;
        let mut records = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let offset = payload.as_ptr() as usize - bytes.as_ptr() as usize;
            let record = serde_json::from_slice(payload);
            records.push(record.map_err(|error| damaged(offset, error.to_string()))?);
        }
        let replayed = match records.split_first() {
            None => None,
            Some((Record::Header { version, chain_id: wrote, address: account }, rest)) => {
                if *version != VERSION {
                    return Err(damaged(0, format!("version {version} is not known here")));
                }
                if *account != address {
                    let (path, wrote, have) = (path.clone(), *account, address);
                    return Err(SenderError::WrongSigner { path, wrote, have });
                }
                if let Some(expected) = chain_id.filter(|expected| expected != wrote) {
                    return Err(SenderError::WrongChain { expected, have: *wrote });
                }
                let mut book = Book::default();
                for record in rest {
                    book.apply(record.clone()).map_err(|message| damaged(length, message))?;
                }
                Some((*wrote, book))
            }
            Some(_) => return Err(damaged(0, "the first record is no header".into())),
        };
        let open = replayed.iter().flat_map(|(_, book)| book.open_ids()).collect::<HashSet<_>>();
        let sidecars = Sidecars::folder(beside(&path, ".sidecars"), &open)?;
        let length = length as u64;
        let mut file = JournalFile { path, file, length, compacted: 0, _lock: lock };
        file.cut()?;
        Ok((Self { file: Some(file), sidecars }, replayed))
    }

    /// Appends records. Once this returns they survive a crash; if it fails, none is there.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), SenderError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let bytes = encode(&file.path, records)?;
        if file.length + bytes.len() as u64 > JOURNAL_BYTES_MAX {
            return Err(too_large(&file.path));
        }
        let done = file.file.write_all(&bytes).and_then(|()| file.file.sync_data());
        if let Err(source) = done {
            let error = file_error(&file.path, source);
            // What was half written must not stand before what comes next.
            file.cut()?;
            return Err(error);
        }
        file.length += bytes.len() as u64;
        Ok(())
    }

    /// Rewrites the file if most of it is history: as `live`, which starts with the header.
    pub(super) fn compact(
        &mut self,
        live: impl FnOnce() -> Vec<Record>,
    ) -> Result<(), SenderError> {
        match &mut self.file {
            Some(file) if file.length > 2 * file.compacted + SLACK_BYTES => file.rewrite(&live()),
            _ => Ok(()),
        }
    }

    pub(super) fn save_sidecar(
        &mut self,
        id: u64,
        sidecar: &Arc<BlobTransactionSidecarEip7594>,
    ) -> Result<(), SenderError> {
        self.sidecars.save(id, sidecar)
    }

    pub(super) fn sidecar(
        &self,
        id: u64,
        hashes: &[B256],
    ) -> Option<Arc<BlobTransactionSidecarEip7594>> {
        self.sidecars.load(id, hashes)
    }

    pub(super) fn remove_sidecar(&mut self, id: u64) {
        self.sidecars.remove(id);
    }
}

fn lock(path: &Path) -> Result<File, SenderError> {
    let path = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|source| file_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SenderError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(file_error(&path, source)),
    }
}

fn too_large(path: &Path) -> SenderError {
    let message = format!("more than {JOURNAL_BYTES_MAX} bytes");
    file_error(path, std::io::Error::other(message))
}

fn encode(path: &Path, records: &[Record]) -> Result<Vec<u8>, SenderError> {
    let mut bytes = Vec::new();
    for record in records {
        let payload = serde_json::to_vec(record)
            .map_err(|error| file_error(path, std::io::Error::other(error)))?;
        if payload.len() > frame::RECORD_BYTES_MAX {
            let message = format!("a record of {} bytes is too long", payload.len());
            return Err(file_error(path, std::io::Error::other(message)));
        }
        frame::write(&payload, &mut bytes);
    }
    Ok(bytes)
}

impl JournalFile {
    /// Drops everything after the last whole record and goes to the end.
    fn cut(&mut self) -> Result<(), SenderError> {
        let cut = self.file.set_len(self.length).and_then(|()| self.file.sync_data());
        let cut = cut.and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
        cut.map(|_| ()).map_err(|source| file_error(&self.path, source))
    }

    fn rewrite(&mut self, live: &[Record]) -> Result<(), SenderError> {
        let bytes = encode(&self.path, live)?;
        let draft = beside(&self.path, ".draft");
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            if let Some(folder) = self.path.parent().filter(|path| !path.as_os_str().is_empty()) {
                File::open(folder)?.sync_all()?;
            }
            Ok(file)
        };
        self.file = write().map_err(|source| file_error(&self.path, source))?;
        self.length = bytes.len() as u64;
        self.compacted = self.length;
        Ok(())
    }
}
