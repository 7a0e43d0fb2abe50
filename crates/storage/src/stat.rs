//! How much there is.

use crate::ChainError;
use crate::chain::Chain;
use crate::kv::Table;

/// One table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStat {
    /// Its name.
    pub name: &'static str,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Bytes that it takes where it is kept.
    pub stored_bytes: u64,
}

/// The whole chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Each table.
    pub tables: Vec<TableStat>,
    /// The last published block.
    pub head: u64,
    /// The block up to which everything is in the tables.
    pub flushed: u64,
    /// The oldest block whose state can be read.
    pub oldest_state: u64,
    /// Bytes of the block log.
    pub log_bytes: u64,
}

impl Chain {
    /// Counts what there is. Reads every row.
    ///
    /// # Errors
    /// The disk failed.
    pub fn stat(&self) -> Result<Stat, ChainError> {
        let epoch = self.shared.states.epoch();
        let tables = Table::ALL.into_iter().map(|table| {
            let (mut rows, mut bytes) = (0, 0);
            for row in epoch.snapshot.all(table) {
                let (key, value) = row?;
                rows += 1;
                bytes += (key.len() + value.len()) as u64;
            }
            let stored_bytes = self.shared.store.bytes(table);
            Ok(TableStat { name: table.name(), rows, bytes, stored_bytes })
        });
        Ok(Stat {
            tables: tables.collect::<Result<_, ChainError>>()?,
            head: self.shared.pipeline.lock().published,
            flushed: epoch.position.flushed,
            oldest_state: epoch.position.oldest,
            log_bytes: self.shared.log.as_ref().map_or(0, |log| log.lock().bytes()),
        })
    }
}
