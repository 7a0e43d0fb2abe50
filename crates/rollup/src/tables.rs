//! A few small tables with atomic, durable changes: on disk by fjall, in memory without a folder.

use std::collections::BTreeMap;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::RwLock;

/// Writes of one table kept in memory before they are sorted onto disk. Records are small, and
/// what is large is written once.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// fjall's own journal, which makes changes atomic, is cut at this size. It must hold two
/// memtables of every table at least.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Pages kept in memory.
const CACHE_BYTES: u64 = 4 << 20;

/// A key with its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Changes that become visible and durable together. A key may occur once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    list: Vec<(usize, Vec<u8>, Option<Vec<u8>>)>,
}

impl Changes {
    pub(crate) fn put(&mut self, table: usize, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.list.push((table, key.into(), Some(value.into())));
    }

    pub(crate) fn delete(&mut self, table: usize, key: impl Into<Vec<u8>>) {
        self.list.push((table, key.into(), None));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Tables known by their position in the list of names that they were opened with.
pub(crate) enum Tables {
    /// In a folder.
    Disk {
        /// fjall's database.
        database: Database,
        /// One for each table.
        tables: Vec<Keyspace>,
    },
    /// Gone with the process.
    Memory(RwLock<Vec<BTreeMap<Vec<u8>, Vec<u8>>>>),
}

impl Tables {
    /// Opens or creates the tables `names` in `folder`, or makes them in memory.
    pub(crate) fn open(folder: Option<&Path>, names: &[&str]) -> Result<Self, fjall::Error> {
        let Some(folder) = folder else {
            return Ok(Self::Memory(RwLock::new(vec![BTreeMap::new(); names.len()])));
        };
        jovay_storage::create_folder(folder, |draft| -> Result<(), fjall::Error> {
            Self::open_in(draft, names).map(|_| ())
        })?;
        Self::open_in(folder, names)
    }

    fn open_in(folder: &Path, names: &[&str]) -> Result<Self, fjall::Error> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let tables = names.iter().map(|name| database.keyspace(name, options));
        let tables = tables.collect::<Result<_, _>>()?;
        Ok(Self::Disk { database, tables })
    }

    pub(crate) fn get(&self, table: usize, key: &[u8]) -> Result<Option<Vec<u8>>, fjall::Error> {
        match self {
            Self::Disk { tables, .. } => Ok(tables[table].get(key)?.map(|value| value.to_vec())),
            Self::Memory(tables) => Ok(tables.read()[table].get(key).cloned()),
        }
    }

    /// Up to `limit` rows from `key` on, ascending.
    pub(crate) fn from(
        &self,
        table: usize,
        key: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, fjall::Error> {
        match self {
            Self::Disk { tables, .. } => {
                let rows = tables[table].range(key.to_vec()..).take(limit);
                rows.map(|row| row.into_inner().map(|(key, value)| (key.to_vec(), value.to_vec())))
                    .collect()
            }
            Self::Memory(tables) => {
                let tables = tables.read();
                let rows = tables[table].range(key.to_vec()..).take(limit);
                Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
        }
    }

    /// The row with the last key.
    pub(crate) fn last(&self, table: usize) -> Result<Option<Row>, fjall::Error> {
        match self {
            Self::Disk { tables, .. } => {
                let row = tables[table].last_key_value().map(|row| row.into_inner()).transpose()?;
                Ok(row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            }
            Self::Memory(tables) => {
                let tables = tables.read();
                Ok(tables[table].last_key_value().map(|(key, value)| (key.clone(), value.clone())))
            }
        }
    }

    /// Makes `changes`, all or none; on disk when it returns.
    pub(crate) fn commit(&self, changes: Changes) -> Result<(), fjall::Error> {
        match self {
            Self::Disk { database, tables } => {
                let mut batch =
                    fjall::OwnedWriteBatch::with_capacity(database.clone(), changes.list.len())
                        .durability(Some(PersistMode::SyncAll));
                for (table, key, value) in changes.list {
                    match value {
                        Some(value) => batch.insert(&tables[table], key, value),
                        None => batch.remove(&tables[table], key),
                    }
                }
                batch.commit()
            }
            Self::Memory(tables) => {
                let mut tables = tables.write();
                for (table, key, value) in changes.list {
                    match value {
                        Some(value) => tables[table].insert(key, value),
                        None => tables[table].remove(&key),
                    };
                }
                Ok(())
            }
        }
    }
}
