//! Ordered tables with atomic batches and consistent snapshots: the seam under the chain.
//!
//! Two implementations: [`disk`] on fjall, [`memory`] for chains without a data directory.

mod creation;
pub(crate) mod disk;
pub(crate) mod memory;

pub use creation::create_folder;

use std::ops::Bound;
use std::sync::Arc;

use crate::ChainError;

/// The tables. Keys are big-endian, so that byte order is the natural order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Table {
    /// Name → value: format version, flushed block, log position, oldest state.
    Meta,
    /// Address → account after the flushed block.
    Accounts,
    /// Address, slot → value after the flushed block.
    Slots,
    /// Code hash → code.
    Codes,
    /// Owner, path → trie node after the flushed block.
    Trie,
    /// Number → hash and header.
    Headers,
    /// Number → transactions with senders, uncles, withdrawals.
    Bodies,
    /// Number → receipts.
    Receipts,
    /// Block hash → number.
    Numbers,
    /// Transaction hash → block number and index.
    Transactions,
    /// Level, section → union of the section's log blooms.
    Blooms,
    /// Address, number → the account before that block.
    AccountHistory,
    /// Address, slot, number → the slot before that block.
    SlotHistory,
    /// Number → the block's state changes, without code.
    Diffs,
    /// Number, descending → how far the L1 queue is taken after that block; blocks with L1
    /// messages only.
    L1Positions,
}

impl Table {
    /// Every table.
    pub(crate) const ALL: [Self; 15] = [
        Self::Accounts,
        Self::Slots,
        Self::Codes,
        Self::Trie,
        Self::Headers,
        Self::Bodies,
        Self::Receipts,
        Self::Numbers,
        Self::Transactions,
        Self::Blooms,
        Self::AccountHistory,
        Self::SlotHistory,
        Self::Diffs,
        Self::L1Positions,
        Self::Meta,
    ];

    /// Its name on disk.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Accounts => "accounts",
            Self::Slots => "slots",
            Self::Codes => "codes",
            Self::Trie => "trie",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::Numbers => "numbers",
            Self::Transactions => "transactions",
            Self::Blooms => "blooms",
            Self::AccountHistory => "account_history",
            Self::SlotHistory => "slot_history",
            Self::Diffs => "diffs",
            Self::L1Positions => "l1_positions",
        }
    }

    /// The table with this number.
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| *table as u8 == id)
    }
}

/// A change of one key: the new value, or `None` to remove it.
pub(crate) type Change = (Table, Vec<u8>, Option<Vec<u8>>);

/// Changes that become visible and durable together. A later change of a key wins.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) changes: Vec<Change>,
}

impl Batch {
    pub(crate) fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.changes.push((table, key.into(), Some(value)));
    }

    pub(crate) fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.changes.push((table, key.into(), None));
    }

    /// Puts `value`, or deletes when it is `None`.
    pub(crate) fn set(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Option<Vec<u8>>) {
        self.changes.push((table, key.into(), value));
    }
}

/// A key with its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Rows in key order; ends after an error.
pub(crate) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, ChainError>> + 'a>;

/// The tables at one moment.
pub(crate) trait Snapshot: Send + Sync {
    /// The value of `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError>;

    /// The rows between two bounds, ascending.
    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Rows<'a>;

    /// The rows whose key begins with `prefix`, ascending.
    fn prefix<'a>(&'a self, table: Table, prefix: &[u8]) -> Rows<'a> {
        match after_prefix(prefix) {
            Some(end) => {
                self.range(table, Bound::Included(prefix), Bound::Excluded(end.as_slice()))
            }
            None => self.range(table, Bound::Included(prefix), Bound::Unbounded),
        }
    }

    /// All rows, ascending.
    fn all<'a>(&'a self, table: Table) -> Rows<'a> {
        self.range(table, Bound::Unbounded, Bound::Unbounded)
    }
}

/// A store of tables.
pub(crate) trait KeyValue: Send + Sync {
    /// The tables as they are now, whatever is committed later.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// Makes the changes of `batch`, all or none, durable before it returns.
    fn commit(&self, batch: Batch) -> Result<(), ChainError>;

    /// Bytes that `table` takes on disk or in memory.
    fn bytes(&self, table: Table) -> u64;
}

/// The first key after all keys that begin with `prefix`; `None` if there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests;
