//! The batches that this node sealed: records, data, and where L1 has them.
//!
//! A batch is promised the moment [`BatchStore::put`] returns: its hash does not change any more,
//! whatever happens, and its data is kept with it, since compressing again could give other bytes.
//!
//! Tables: `batches` index → record; `ends` last block → index; `data` index → encoded data;
//! `submissions` first index → what was handed to the sender; `meta`.

mod error;
mod record;
mod submission;
#[cfg(test)]
mod tests;

pub use error::BatchStoreError;
pub use record::{BatchRecord, CommitRecord, SealReason};
pub use submission::Submission;

use std::path::Path;

use alloy_primitives::{Address, B256};
use jovay_da::BatchData;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::tables::{Changes, Tables};

/// Format of the tables.
const FORMAT: u64 = 1;
/// Rows that are removed together when data is pruned.
const PRUNE_MAX: usize = 256;

const BATCHES: usize = 0;
const ENDS: usize = 1;
const DATA: usize = 2;
const SUBMISSIONS: usize = 3;
const META: usize = 4;
const TABLES: [&str; 5] = ["batches", "ends", "data", "submissions", "meta"];

const KEY_FORMAT: &[u8] = b"format";
const KEY_CHAIN: &[u8] = b"chain";
const KEY_ARCHIVED: &[u8] = b"archived";
const KEY_SUBMITTED: &[u8] = b"submitted";

/// What makes the keys of submissions unique.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Submitted {
    /// The last batch that was ever submitted.
    last_index: u64,
    /// Submissions that began with a batch which had been submitted before.
    repeats: u32,
}

/// Keeps batches, in a folder or in memory. All methods may block on the disk for milliseconds.
pub struct BatchStore {
    tables: Tables,
    /// Held by whoever changes something that depends on what is there.
    writing: Mutex<()>,
    changes: watch::Sender<u64>,
}

impl std::fmt::Debug for BatchStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchStore").finish_non_exhaustive()
    }
}

impl BatchStore {
    /// Opens or creates the store in `folder` (by custom `<datadir>/rollup`); in memory without.
    /// A new store has the genesis batch.
    ///
    /// # Errors
    /// The disk fails, the folder is open elsewhere, or it has another format.
    pub fn open(folder: Option<&Path>) -> Result<Self, BatchStoreError> {
        let tables = Tables::open(folder, &TABLES)?;
        match tables.get(META, KEY_FORMAT)? {
            Some(found) if found == FORMAT.to_be_bytes() => {}
            Some(found) => {
                let found = alloy_primitives::hex::encode_prefixed(found);
                return Err(BatchStoreError::Format { expected: FORMAT, found });
            }
            None => {
                let mut changes = Changes::default();
                changes.put(META, KEY_FORMAT, FORMAT.to_be_bytes());
                add_record(&mut changes, &BatchRecord::genesis())?;
                changes.put(ENDS, key(0), key(0));
                tables.commit(changes)?;
            }
        }
        Ok(Self { tables, writing: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// Makes sure that the store serves this chain: the first call is remembered.
    ///
    /// # Errors
    /// [`BatchStoreError::OtherChain`].
    pub fn bind(
        &self,
        l1_chain_id: u64,
        rollup: Address,
        genesis_hash: B256,
    ) -> Result<(), BatchStoreError> {
        let given = format!("rollup {rollup} on L1 {l1_chain_id} with genesis {genesis_hash}");
        let _writing = self.writing.lock();
        match self.tables.get(META, KEY_CHAIN)? {
            Some(kept) if kept == given.as_bytes() => Ok(()),
            Some(kept) => {
                let kept = String::from_utf8_lossy(&kept).into_owned();
                Err(BatchStoreError::OtherChain { kept, given })
            }
            None => {
                let mut changes = Changes::default();
                changes.put(META, KEY_CHAIN, given);
                Ok(self.tables.commit(changes)?)
            }
        }
    }

    /// A number that grows with every change; wakes whoever follows the batches.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The batch `index`.
    ///
    /// # Errors
    /// The disk fails or the entry is damaged. So in every method that reads.
    pub fn get(&self, index: u64) -> Result<Option<BatchRecord>, BatchStoreError> {
        self.read(BATCHES, &key(index), || format!("batch {index}"))
    }

    /// The sealed batch that has block `number`.
    pub fn by_block(&self, number: u64) -> Result<Option<BatchRecord>, BatchStoreError> {
        let rows = self.tables.from(ENDS, &key(number), 1)?;
        let Some((_, index)) = rows.into_iter().next() else { return Ok(None) };
        self.get(number_of(&index, "an entry of the index by block")?)
    }

    /// The last sealed batch; genesis in a new store.
    pub fn last_sealed(&self) -> Result<BatchRecord, BatchStoreError> {
        let damaged = |message: &str| damaged("the list of batches", message);
        let (at, _) = self.tables.last(BATCHES)?.ok_or_else(|| damaged("it is empty"))?;
        let index = number_of(&at, "the last batch's index")?;
        self.get(index)?.ok_or_else(|| damaged("the last batch is missing"))
    }

    /// The last batch that L1 has, as far as is known.
    pub fn last_committed(&self) -> Result<Option<BatchRecord>, BatchStoreError> {
        let mut index = self.last_sealed()?.index;
        loop {
            match self.get(index)? {
                Some(record) if record.commit.is_some() => return Ok(Some(record)),
                _ if index == 0 => return Ok(None),
                _ => index -= 1,
            }
        }
    }

    /// Adds the next batch with its data. Durable when it returns. Without data it can only be
    /// committed again if L1, an archive or the blocks can give it back.
    ///
    /// # Errors
    /// It does not follow the last one.
    pub fn put(
        &self,
        record: &BatchRecord,
        data: Option<&BatchData>,
    ) -> Result<(), BatchStoreError> {
        let _writing = self.writing.lock();
        let last = self.last_sealed()?;
        let follows = record.index == last.index + 1
            && record.parent_hash == last.hash
            && record.first_block == last.last_block + 1
            && record.last_block >= record.first_block;
        if !follows {
            let what = format!(
                "blocks {}-{} on parent {} do not follow batch {} ({}), which ends at block {}",
                record.first_block,
                record.last_block,
                record.parent_hash,
                last.index,
                last.hash,
                last.last_block
            );
            return Err(BatchStoreError::OutOfOrder { index: record.index, what });
        }
        let mut changes = Changes::default();
        add_record(&mut changes, record)?;
        changes.put(ENDS, key(record.last_block), key(record.index));
        if let Some(data) = data {
            changes.put(DATA, key(record.index), data.encode());
        }
        self.commit(changes)
    }

    /// The data of a batch, if it is kept.
    pub fn data(&self, index: u64) -> Result<Option<BatchData>, BatchStoreError> {
        let Some(raw) = self.tables.get(DATA, &key(index))? else { return Ok(None) };
        let what = || format!("the data of batch {index}");
        BatchData::decode(&raw).map(Some).map_err(|error| damaged(what(), error))
    }

    /// Keeps the data of a batch again.
    pub fn put_data(&self, index: u64, data: &BatchData) -> Result<(), BatchStoreError> {
        let mut changes = Changes::default();
        changes.put(DATA, key(index), data.encode());
        self.commit(changes)
    }

    /// Remembers where L1 has the batch `index`.
    ///
    /// # Errors
    /// There is no such batch.
    pub fn set_commit(&self, index: u64, commit: CommitRecord) -> Result<(), BatchStoreError> {
        self.update(index, |record| record.commit = Some(commit))
    }

    /// Forgets that L1 has the batches from `index` on.
    pub fn clear_commits_from(&self, index: u64) -> Result<(), BatchStoreError> {
        let _writing = self.writing.lock();
        let last = self.last_sealed()?.index;
        let mut changes = Changes::default();
        for index in index..=last {
            if let Some(mut record) = self.get(index)?
                && record.commit.take().is_some()
            {
                add_record(&mut changes, &record)?;
            }
        }
        if changes.is_empty() { Ok(()) } else { self.commit(changes) }
    }

    /// Drops the data of the batches before `index`; how many there were.
    pub fn prune_data_before(&self, index: u64) -> Result<usize, BatchStoreError> {
        let mut pruned = 0;
        loop {
            let first = self.first_data()?;
            let Some(first) = first.filter(|first| *first < index) else { return Ok(pruned) };
            let end = index.min(first + PRUNE_MAX as u64);
            let mut changes = Changes::default();
            for index in first..end {
                changes.delete(DATA, key(index));
            }
            pruned += (end - first) as usize;
            self.commit(changes)?;
        }
    }

    /// The first batch whose data is kept.
    fn first_data(&self) -> Result<Option<u64>, BatchStoreError> {
        let rows = self.tables.from(DATA, &key(0), 1)?;
        rows.first().map(|(at, _)| number_of(at, "the index of kept data")).transpose()
    }

    /// The last batch whose blobs are archived; 0 if none is.
    pub fn archived(&self) -> Result<u64, BatchStoreError> {
        let kept = self.tables.get(META, KEY_ARCHIVED)?;
        Ok(kept.map(|kept| number_of(&kept, "the last archived batch")).transpose()?.unwrap_or(0))
    }

    /// Remembers that the blobs of every batch up to `index` are archived.
    pub fn set_archived(&self, index: u64) -> Result<(), BatchStoreError> {
        let mut changes = Changes::default();
        changes.put(META, KEY_ARCHIVED, key(index));
        Ok(self.tables.commit(changes)?)
    }

    /// What was handed to the sender last with `first_index` as its first batch.
    pub fn submission(&self, first_index: u64) -> Result<Option<Submission>, BatchStoreError> {
        self.read(SUBMISSIONS, &key(first_index), || format!("the submission of {first_index}"))
    }

    /// Submissions whose first batch is `from` or later, in order, at most `limit`.
    pub fn submissions(&self, from: u64, limit: usize) -> Result<Vec<Submission>, BatchStoreError> {
        let rows = self.tables.from(SUBMISSIONS, &key(from), limit)?;
        let decode = |(_, raw): (Vec<u8>, Vec<u8>)| decode(&raw, || "a submission".into());
        rows.into_iter().map(decode).collect()
    }

    /// Makes the submission of the batches `first_index` to `last_index`, in place of every one
    /// that has one of them. Its key was never used before.
    pub fn add_submission(
        &self,
        first_index: u64,
        last_index: u64,
        submitted_at: u64,
    ) -> Result<Submission, BatchStoreError> {
        let _writing = self.writing.lock();
        let submitted = self.read(META, KEY_SUBMITTED, || "the count of submissions".into())?;
        let mut submitted: Submitted = submitted.unwrap_or_default();
        let attempt = if first_index > submitted.last_index {
            0
        } else {
            submitted.repeats += 1;
            submitted.repeats
        };
        submitted.last_index = submitted.last_index.max(last_index);
        let made = Submission { first_index, last_index, attempt, submitted_at };
        let mut changes = Changes::default();
        for old in self.submissions(0, usize::MAX)? {
            if old.overlaps(&made) && old.first_index != first_index {
                changes.delete(SUBMISSIONS, key(old.first_index));
            }
        }
        changes.put(SUBMISSIONS, key(first_index), encode(&made)?);
        changes.put(META, KEY_SUBMITTED, encode(&submitted)?);
        self.commit(changes)?;
        Ok(made)
    }

    /// Forgets the submissions whose batches all come before `index`.
    pub fn prune_submissions_before(&self, index: u64) -> Result<(), BatchStoreError> {
        let _writing = self.writing.lock();
        let mut changes = Changes::default();
        for old in self.submissions(0, PRUNE_MAX)? {
            if old.last_index < index {
                changes.delete(SUBMISSIONS, key(old.first_index));
            }
        }
        if changes.is_empty() { Ok(()) } else { self.commit(changes) }
    }

    fn update(
        &self,
        index: u64,
        change: impl FnOnce(&mut BatchRecord),
    ) -> Result<(), BatchStoreError> {
        let _writing = self.writing.lock();
        let missing = || BatchStoreError::OutOfOrder { index, what: "it is not sealed".into() };
        let mut record = self.get(index)?.ok_or_else(missing)?;
        change(&mut record);
        let mut changes = Changes::default();
        add_record(&mut changes, &record)?;
        self.commit(changes)
    }

    fn read<T: DeserializeOwned>(
        &self,
        table: usize,
        key: &[u8],
        what: impl Fn() -> String,
    ) -> Result<Option<T>, BatchStoreError> {
        self.tables.get(table, key)?.map(|raw| decode(&raw, what)).transpose()
    }

    fn commit(&self, changes: Changes) -> Result<(), BatchStoreError> {
        self.tables.commit(changes)?;
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }
}

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn number_of(key: &[u8], what: &str) -> Result<u64, BatchStoreError> {
    let bytes = key.try_into().map_err(|_| damaged(what, "it is not eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn add_record(changes: &mut Changes, record: &BatchRecord) -> Result<(), BatchStoreError> {
    changes.put(BATCHES, key(record.index), encode(record)?);
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, BatchStoreError> {
    serde_json::to_vec(value).map_err(|error| damaged("an entry to be written", error))
}

fn decode<T: DeserializeOwned>(
    raw: &[u8],
    what: impl Fn() -> String,
) -> Result<T, BatchStoreError> {
    serde_json::from_slice(raw).map_err(|error| damaged(what(), error))
}

fn damaged(what: impl Into<String>, message: impl ToString) -> BatchStoreError {
    BatchStoreError::Damaged { what: what.into(), message: message.to_string() }
}
