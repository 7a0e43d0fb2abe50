//! Tables on disk: log-structured merge trees of fjall.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};

use super::{Batch, KeyValue, Rows, Snapshot, Table};
use crate::ChainError;

/// Writes of one table kept in memory before they are sorted onto disk.
const MEMTABLE_BYTES: u64 = 8 << 20;
/// fjall's own journal, which makes batches atomic, is cut at this size.
const JOURNAL_BYTES: u64 = 128 << 20;
/// Threads that sort and merge in the background.
const WORKERS: usize = 2;

/// Tables in a directory.
pub(crate) struct DiskStore {
    database: Database,
    tables: Arc<BTreeMap<Table, Keyspace>>,
}

fn failed(error: fjall::Error) -> ChainError {
    ChainError::Backend(format!("tables: {error}"))
}

impl DiskStore {
    /// Opens or creates the tables in `dir`.
    pub(crate) fn open(dir: &Path, page_cache_bytes: u64) -> Result<Self, ChainError> {
        super::create_folder(dir, |draft| -> Result<(), fjall::Error> {
            Self::open_in(draft, page_cache_bytes).map(|_| ())
        })
        .and_then(|()| Self::open_in(dir, page_cache_bytes))
        .map_err(failed)
    }

    fn open_in(dir: &Path, page_cache_bytes: u64) -> Result<Self, fjall::Error> {
        let database = Database::builder(dir)
            .cache_size(page_cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(WORKERS)
            .manual_journal_persist(true)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let tables = Table::ALL
            .into_iter()
            .map(|table| Ok((table, database.keyspace(table.name(), options)?)))
            .collect::<Result<_, fjall::Error>>()?;
        Ok(Self { database, tables: Arc::new(tables) })
    }
}

impl KeyValue for DiskStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        let snapshot = self.database.snapshot();
        Arc::new(DiskSnapshot { snapshot, tables: self.tables.clone() })
    }

    fn commit(&self, batch: Batch) -> Result<(), ChainError> {
        let mut out =
            fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.changes.len())
                .durability(Some(PersistMode::SyncAll));
        // fjall gives every change of a batch the same sequence number, so a key may occur once.
        for (table, key, value) in last_changes(batch) {
            let keyspace = &self.tables[&table];
            match value {
                Some(value) => out.insert(keyspace, key, value),
                None => out.remove(keyspace, key),
            }
        }
        out.commit().map_err(failed)
    }

    fn bytes(&self, table: Table) -> u64 {
        self.tables[&table].disk_space()
    }
}

/// The last change of each key, in key order.
fn last_changes(mut batch: Batch) -> Vec<super::Change> {
    // A stable sort keeps the changes of one key in their order; reversed, the last comes first.
    batch.changes.reverse();
    batch.changes.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    batch.changes.dedup_by(|later, first| later.0 == first.0 && later.1 == first.1);
    batch.changes
}

struct DiskSnapshot {
    snapshot: fjall::Snapshot,
    tables: Arc<BTreeMap<Table, Keyspace>>,
}

impl Snapshot for DiskSnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let value = self.snapshot.get(&self.tables[&table], key).map_err(failed)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Rows<'a> {
        let range = (from.map(<[u8]>::to_vec), to.map(<[u8]>::to_vec));
        let rows = self.snapshot.range(&self.tables[&table], range);
        Box::new(rows.map(|row| {
            let (key, value) = row.into_inner().map_err(failed)?;
            Ok((key.to_vec(), value.to_vec()))
        }))
    }
}
