//! The block log: what makes a block durable before it is in the tables.
//!
//! Append-only files of records, each with a sequence number that never repeats. A group of
//! records is written at once and synced once; a record names the first of its group, so that at
//! opening a group that was being written when the machine stopped (to be dropped: nobody was told
//! that it is durable) is told from damage to an older one (an error: somebody was).

mod scan;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::ChainError;
use crate::codec::ENCODED_BYTES_MAX;

/// First bytes of a log file, with the version of the format.
const FILE_MAGIC: [u8; 8] = *b"JVLOG\0\0\x01";
/// Magic, then the sequence number of the first record, then the checksum of both.
const FILE_HEADER: usize = 8 + 8 + 4;
/// First bytes of a record, to find the next behind a damaged one.
const RECORD_MAGIC: [u8; 4] = [0xd5, b'J', b'R', 0x9c];
/// Magic, checksum of the rest, length, sequence number, first number of the group, kind.
const RECORD_HEADER: usize = 4 + 4 + 4 + 8 + 8 + 1;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The next block.
    Block = 1,
    /// Every block after a number was dropped.
    Revert = 2,
}

/// A record read back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
}

struct Segment {
    first: u64,
    path: PathBuf,
}

/// The log, open for appending.
pub(crate) struct Log {
    dir: PathBuf,
    segment_bytes_max: u64,
    /// Ascending; the last is being written.
    segments: Vec<Segment>,
    file: Option<File>,
    /// Length of the last file.
    length: u64,
    /// Length of the others together.
    length_closed: u64,
    next: u64,
    /// A write or sync failed: what the file holds now is unknown.
    failed: bool,
}

impl Log {
    /// Opens the log in `dir`, makes it if there is none, and hands every record after `after` to
    /// `replay`, in order. An unfinished group at the end is cut off.
    ///
    /// # Errors
    /// A damaged or missing record that had been durable, naming file and offset.
    pub(crate) fn open(
        dir: &Path,
        segment_bytes_max: u64,
        after: u64,
        replay: &mut dyn FnMut(Record<'_>) -> Result<(), ChainError>,
    ) -> Result<Self, ChainError> {
        std::fs::create_dir_all(dir).map_err(|error| ChainError::io(dir, &error))?;
        let found = scan::scan(dir, after, replay)?;
        let file = match found.segments.last() {
            Some(segment) => Some(
                OpenOptions::new()
                    .append(true)
                    .open(&segment.path)
                    .map_err(|error| ChainError::io(&segment.path, &error))?,
            ),
            None => None,
        };
        Ok(Self {
            dir: dir.to_owned(),
            segment_bytes_max,
            segments: found.segments,
            file,
            length: found.length_last,
            length_closed: found.length_closed,
            next: found.next,
            failed: false,
        })
    }

    /// Writes `payloads` as one group and returns, when they are on disk, the sequence number of
    /// the first.
    pub(crate) fn append(&mut self, payloads: &[(Kind, Vec<u8>)]) -> Result<u64, ChainError> {
        if self.failed {
            return Err(ChainError::Backend("the block log failed before".into()));
        }
        let group = self.next;
        let mut bytes = Vec::with_capacity(
            payloads.iter().map(|(_, payload)| RECORD_HEADER + payload.len()).sum(),
        );
        for (sequence, (kind, payload)) in (group..).zip(payloads) {
            if payload.len() > ENCODED_BYTES_MAX {
                let message =
                    format!("log record of {} bytes is over {ENCODED_BYTES_MAX}", payload.len());
                return Err(ChainError::Backend(message));
            }
            encode_record(sequence, group, *kind, payload, &mut bytes);
        }
        self.failed = true;
        if self.file.is_none() || self.length >= self.segment_bytes_max {
            self.rotate()?;
        }
        if let (Some(file), Some(segment)) = (&mut self.file, self.segments.last()) {
            let failed = |error| ChainError::io(&segment.path, &error);
            file.write_all(&bytes).map_err(failed)?;
            file.sync_data().map_err(failed)?;
        }
        self.failed = false;
        self.length += bytes.len() as u64;
        self.next += payloads.len() as u64;
        Ok(group)
    }

    /// Starts a new file. Its header and its name are on disk before a record goes into it.
    fn rotate(&mut self) -> Result<(), ChainError> {
        let path = self.dir.join(format!("{:020}.log", self.next));
        let failed = |error| ChainError::io(&path, &error);
        let mut header = FILE_MAGIC.to_vec();
        header.extend_from_slice(&self.next.to_be_bytes());
        header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
        let mut file =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(failed)?;
        file.write_all(&header).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        sync_dir(&self.dir)?;
        self.length_closed += if self.segments.is_empty() { 0 } else { self.length };
        self.length = FILE_HEADER as u64;
        self.file = Some(file);
        self.segments.push(Segment { first: self.next, path });
        Ok(())
    }

    /// Deletes files of which no record after `through` is needed.
    pub(crate) fn release(&mut self, through: u64) -> Result<(), ChainError> {
        while self.segments.len() > 1 && self.segments[1].first <= through + 1 {
            let path = self.segments.remove(0).path;
            let failed = |error| ChainError::io(&path, &error);
            self.length_closed -= std::fs::metadata(&path).map_err(failed)?.len();
            std::fs::remove_file(&path).map_err(failed)?;
        }
        Ok(())
    }

    /// Bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.length_closed + self.length
    }
}

fn encode_record(sequence: u64, group: u64, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&RECORD_MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&group.to_be_bytes());
    out.push(kind as u8);
    out.extend_from_slice(payload);
    let checksum = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

/// Makes names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), ChainError> {
    let failed = |error| ChainError::io(dir, &error);
    File::open(dir).map_err(failed)?.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests;
