//! Tables in memory: each key keeps the values that a living snapshot may still read.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::{Batch, KeyValue, Row, Rows, Snapshot, Table};
use crate::ChainError;

/// Rows that a range fetches under one lock.
const RANGE_CHUNK: usize = 256;

/// Values by the commit that set them, ascending; `None` is a removal.
type Versions = Vec<(u64, Option<Vec<u8>>)>;

/// A key of a table.
type Place = (Table, Vec<u8>);

#[derive(Default)]
struct Tables {
    rows: BTreeMap<Place, Versions>,
    /// Number of the last commit.
    commit: u64,
    /// Keys whose values before a commit are of no use once no snapshot is older than it.
    outdated: VecDeque<(u64, Vec<Place>)>,
}

/// Tables in memory.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    tables: Arc<RwLock<Tables>>,
    /// Living snapshots by commit. Locked before `tables`.
    living: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Tables {
    /// Forgets values that no snapshot from `oldest` on can see.
    fn forget(&mut self, oldest: u64) {
        while self.outdated.front().is_some_and(|(commit, _)| *commit <= oldest) {
            let Some((_, keys)) = self.outdated.pop_front() else { return };
            for key in keys {
                let Some(versions) = self.rows.get_mut(&key) else { continue };
                let seen = versions.partition_point(|(commit, _)| *commit <= oldest);
                versions.drain(..seen.saturating_sub(1));
                if matches!(versions.as_slice(), [(commit, None)] if *commit <= oldest) {
                    self.rows.remove(&key);
                }
            }
        }
    }
}

/// The value that was set last at or before `commit`.
fn at(versions: &Versions, commit: u64) -> Option<&Vec<u8>> {
    let seen = versions.partition_point(|(set, _)| *set <= commit);
    versions[..seen].last()?.1.as_ref()
}

impl KeyValue for MemoryStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        let mut living = self.living.lock();
        let commit = self.tables.read().commit;
        *living.entry(commit).or_default() += 1;
        Arc::new(MemorySnapshot { store: self.clone(), commit })
    }

    fn commit(&self, batch: Batch) -> Result<(), ChainError> {
        let living = self.living.lock();
        let mut tables = self.tables.write();
        let commit = tables.commit + 1;
        tables.commit = commit;
        let mut outdated = Vec::with_capacity(batch.changes.len());
        for (table, key, value) in batch.changes {
            let versions = tables.rows.entry((table, key.clone())).or_default();
            match versions.last_mut() {
                Some(last) if last.0 == commit => last.1 = value,
                _ => versions.push((commit, value)),
            }
            outdated.push((table, key));
        }
        tables.outdated.push_back((commit, outdated));
        let oldest = living.keys().next().copied().unwrap_or(commit);
        tables.forget(oldest);
        Ok(())
    }

    fn bytes(&self, table: Table) -> u64 {
        let tables = self.tables.read();
        let rows = tables.rows.range((table, Vec::new())..).take_while(|(key, _)| key.0 == table);
        rows.map(|((_, key), versions)| {
            let values: usize = versions.iter().flat_map(|(_, value)| value).map(Vec::len).sum();
            (key.len() + values) as u64
        })
        .sum()
    }
}

struct MemorySnapshot {
    store: MemoryStore,
    commit: u64,
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        let mut living = self.store.living.lock();
        if let Some(count) = living.get_mut(&self.commit) {
            *count -= 1;
            if *count == 0 {
                living.remove(&self.commit);
            }
        }
    }
}

impl MemorySnapshot {
    /// Up to [`RANGE_CHUNK`] rows, and whether there may be more.
    fn chunk(&self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> (Vec<Row>, bool) {
        let tables = self.store.tables.read();
        let from = match from {
            Bound::Included(key) => Bound::Included((table, key.to_vec())),
            Bound::Excluded(key) => Bound::Excluded((table, key.to_vec())),
            Bound::Unbounded => Bound::Included((table, Vec::new())),
        };
        let inside = |key: &[u8]| match to {
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
            Bound::Unbounded => true,
        };
        let mut rows = Vec::new();
        for ((of, key), versions) in tables.rows.range((from, Bound::Unbounded)) {
            if *of != table || !inside(key) {
                return (rows, false);
            }
            if let Some(value) = at(versions, self.commit) {
                rows.push((key.clone(), value.clone()));
                if rows.len() == RANGE_CHUNK {
                    return (rows, true);
                }
            }
        }
        (rows, false)
    }
}

impl Snapshot for MemorySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let tables = self.store.tables.read();
        let versions = tables.rows.get(&(table, key.to_vec()));
        Ok(versions.and_then(|versions| at(versions, self.commit)).cloned())
    }

    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Rows<'a> {
        let mut from = from.map(<[u8]>::to_vec);
        let to = to.map(<[u8]>::to_vec);
        let mut more = true;
        let chunks = std::iter::from_fn(move || {
            if !more {
                return None;
            }
            let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            let (rows, again) = self.chunk(table, bounds.0, bounds.1);
            more = again;
            if let Some((key, _)) = rows.last() {
                from = Bound::Excluded(key.clone());
            }
            Some(rows)
        });
        Box::new(chunks.flatten().map(Ok))
    }
}
