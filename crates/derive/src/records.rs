//! Which batches are done, kept in a file so that a later run goes on behind them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::{B256, keccak256};
use jovay_l1::Deployment;

use crate::DeriveError;

/// Name of the file in a data folder.
pub const RECORDS_FILE: &str = "batches.derived";

/// What a file begins with; the version of its layout is in it.
const MAGIC: &[u8; 8] = b"jvderiv1";
/// The magic, then what identifies the chain.
const HEAD_BYTES: u64 = 8 + 32;
/// Fields, then the CRC-32 of them.
const RECORD_BYTES: usize = 5 * 8 + 4 * 32 + 4;

/// A batch whose blocks are all on disk, and where on L1 and in the queue it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchPlace {
    /// Its position.
    pub index: u64,
    /// Its hash.
    pub hash: B256,
    /// Its last block.
    pub last_block: u64,
    /// Hash of its last block.
    pub block_hash: B256,
    /// L1 messages taken up to its end.
    pub l1_message_count: u64,
    /// The queue's rolling hash after them.
    pub l1_rolling_hash: B256,
    /// L1 block with its commitment.
    pub l1_block: u64,
    /// Hash of that block.
    pub l1_block_hash: B256,
    /// L1 block in which the last message taken was queued: later ones are not before it.
    pub messages_from: u64,
}

impl BatchPlace {
    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut out = Vec::with_capacity(RECORD_BYTES);
        let numbers =
            [self.index, self.last_block, self.l1_message_count, self.l1_block, self.messages_from];
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        let hashes = [self.hash, self.block_hash, self.l1_rolling_hash, self.l1_block_hash];
        hashes.iter().for_each(|hash| out.extend_from_slice(hash.as_slice()));
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        let mut record = [0; RECORD_BYTES];
        record.copy_from_slice(&out);
        record
    }

    /// `None` if the record is torn or damaged.
    fn decode(raw: &[u8; RECORD_BYTES]) -> Option<Self> {
        let (fields, sum) = raw.split_last_chunk::<4>()?;
        if crc32fast::hash(fields) != u32::from_be_bytes(*sum) {
            return None;
        }
        let number = |at: usize| {
            let bytes = fields.get(8 * at..8 * at + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let hash = |at: usize| fields.get(40 + 32 * at..72 + 32 * at).map(B256::from_slice);
        Some(Self {
            index: number(0)?,
            last_block: number(1)?,
            l1_message_count: number(2)?,
            l1_block: number(3)?,
            messages_from: number(4)?,
            hash: hash(0)?,
            block_hash: hash(1)?,
            l1_rolling_hash: hash(2)?,
            l1_block_hash: hash(3)?,
        })
    }
}

/// The batches that are done, from 1 on without gaps; batch 0 is the genesis batch.
#[derive(Debug)]
pub struct Records {
    kept: Kept,
    count: u64,
}

#[derive(Debug)]
enum Kept {
    Memory(Vec<BatchPlace>),
    File(PathBuf, File),
}

impl Records {
    /// Records that are forgotten with the process, for a chain in memory.
    pub fn in_memory() -> Self {
        Self { kept: Kept::Memory(Vec::new()), count: 0 }
    }

    /// The records in the data folder `datadir` of the chain of `deployment`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn in_folder(datadir: &Path, deployment: &Deployment) -> Result<Self, DeriveError> {
        let path = datadir.join(RECORDS_FILE);
        std::fs::create_dir_all(datadir).map_err(|error| failed(&path, &error))?;
        let chain = [
            &deployment.l1_chain_id.to_be_bytes()[..],
            deployment.rollup.as_slice(),
            deployment.genesis_hash.as_slice(),
        ];
        Self::open(&path, keccak256(chain.concat()))
    }

    /// The records in the file `path` of the chain that `identity` stands for; makes the file if
    /// there is none. A record at the end that was not completely written is dropped.
    ///
    /// # Errors
    /// The file belongs to another chain, or the system refuses.
    pub fn open(path: &Path, identity: B256) -> Result<Self, DeriveError> {
        let wrong = |message: String| failed(path, &message);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(|error| failed(path, &error))?;
        let length = file.metadata().map_err(|error| failed(path, &error))?.len();
        if length < HEAD_BYTES {
            file.set_len(0).map_err(|error| failed(path, &error))?;
            let head = [&MAGIC[..], identity.as_slice()].concat();
            file.write_all(&head)
                .and_then(|()| file.sync_all())
                .map_err(|error| failed(path, &error))?;
        } else {
            let mut head = [0; HEAD_BYTES as usize];
            file.read_exact(&mut head).map_err(|error| failed(path, &error))?;
            if head[..8] != MAGIC[..] {
                return Err(wrong("not a record of derived batches of this version".into()));
            }
            if head[8..] != identity[..] {
                return Err(wrong("it belongs to another chain or deployment".into()));
            }
        }
        let count = length.saturating_sub(HEAD_BYTES) / RECORD_BYTES as u64;
        let mut records = Self { kept: Kept::File(path.into(), file), count };
        while records.count > 0 && records.get(records.count)?.is_none() {
            tracing::warn!(batch = records.count, "a record of a derived batch is damaged");
            records.count -= 1;
        }
        records.truncate(records.count)?;
        Ok(records)
    }

    /// How many batches are done: the index of the last.
    pub fn last_index(&self) -> u64 {
        self.count
    }

    /// The last batch that is done; `None` if there is only genesis.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn last(&mut self) -> Result<Option<BatchPlace>, DeriveError> {
        self.get(self.count)
    }

    /// Batch `index`; `None` if it is not done or its record is damaged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&mut self, index: u64) -> Result<Option<BatchPlace>, DeriveError> {
        if index == 0 || index > self.count {
            return Ok(None);
        }
        let place = match &mut self.kept {
            Kept::Memory(places) => places.get((index - 1) as usize).copied(),
            Kept::File(path, file) => {
                let mut raw = [0; RECORD_BYTES];
                file.seek(SeekFrom::Start(offset(index)))
                    .and_then(|_| file.read_exact(&mut raw))
                    .map_err(|error| failed(path, &error))?;
                BatchPlace::decode(&raw)
            }
        };
        Ok(place.filter(|place| place.index == index))
    }

    /// Adds the next batch. On disk when it returns.
    ///
    /// # Errors
    /// The system refuses.
    pub fn push(&mut self, place: BatchPlace) -> Result<(), DeriveError> {
        let index = self.count + 1;
        debug_assert_eq!(place.index, index, "batches are recorded in order");
        match &mut self.kept {
            Kept::Memory(places) => places.push(place),
            Kept::File(path, file) => file
                .seek(SeekFrom::Start(offset(index)))
                .and_then(|_| file.write_all(&place.encode()))
                .and_then(|()| file.sync_data())
                .map_err(|error| failed(path, &error))?,
        }
        self.count = index;
        Ok(())
    }

    /// Drops the batches behind `index`.
    ///
    /// # Errors
    /// The system refuses.
    pub fn truncate(&mut self, index: u64) -> Result<(), DeriveError> {
        self.count = self.count.min(index);
        match &mut self.kept {
            Kept::Memory(places) => places.truncate(self.count as usize),
            Kept::File(path, file) => file
                .set_len(offset(self.count + 1))
                .and_then(|()| file.sync_data())
                .map_err(|error| failed(path, &error))?,
        }
        Ok(())
    }
}

/// Where the record of batch `index`, from 1 on, begins.
fn offset(index: u64) -> u64 {
    HEAD_BYTES + (index - 1) * RECORD_BYTES as u64
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> DeriveError {
    DeriveError::Records { file: path.display().to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(index: u64) -> BatchPlace {
        BatchPlace {
            index,
            hash: B256::repeat_byte(index as u8),
            last_block: index * 10,
            block_hash: B256::repeat_byte(0xb0),
            l1_message_count: index * 3,
            l1_rolling_hash: B256::repeat_byte(0xc0),
            l1_block: index + 100,
            l1_block_hash: B256::repeat_byte(0xd0),
            messages_from: index + 90,
        }
    }

    #[test]
    fn what_was_pushed_is_there_again_and_a_torn_end_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        let identity = B256::repeat_byte(7);
        let mut records = Records::open(&path, identity).unwrap();
        assert_eq!(records.last().unwrap(), None);
        (1..=3).for_each(|index| records.push(place(index)).unwrap());
        drop(records);
        // A crash in the middle of the fourth record.
        let mut raw = std::fs::read(&path).unwrap();
        let whole = raw.len();
        raw.extend_from_slice(&place(4).encode()[..100]);
        std::fs::write(&path, &raw).unwrap();
        let mut records = Records::open(&path, identity).unwrap();
        assert_eq!(records.last().unwrap(), Some(place(3)));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole as u64);
        records.truncate(1).unwrap();
        records.push(place(2)).unwrap();
        drop(records);
        // Damage in the last record.
        let mut raw = std::fs::read(&path).unwrap();
        *raw.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &raw).unwrap();
        let mut records = Records::open(&path, identity).unwrap();
        assert_eq!(records.last_index(), 1);
        assert_eq!(records.get(1).unwrap(), Some(place(1)));
        let other = Records::open(&path, B256::ZERO).unwrap_err().to_string();
        assert!(other.contains("another chain"), "{other}");
    }
}
