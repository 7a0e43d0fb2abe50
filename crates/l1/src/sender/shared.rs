//! What the sender's handle and its loop share: the book, and the journal that is written first.

use std::sync::Arc;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{B256, U256};
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use super::book::{Book, Entry, Open};
use super::journal::{Content, Journal, Record, VERSION};
use super::report::Report;
use super::{IntentStatus, SenderConfig, SenderError};
use crate::{FeeReading, Signer};

/// Changes of status that a slow subscriber may be behind.
const EVENTS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) signer: Signer,
    pub(super) chain_id: u64,
    pub(super) config: SenderConfig,
    pub(super) report: Report,
    /// Something was submitted.
    pub(super) wake: Notify,
    pub(super) events: broadcast::Sender<(String, IntentStatus)>,
    /// Locked for as long as the disk takes, and always before `book`.
    journal: Mutex<Journal>,
    /// Locked for moments.
    book: Mutex<Book>,
    reading: Mutex<Option<(FeeReading, U256)>>,
}

impl Shared {
    pub(super) fn new(
        signer: Signer,
        chain_id: u64,
        config: SenderConfig,
        journal: Journal,
        book: Book,
    ) -> Self {
        Self {
            report: Report::new(&config.name),
            signer,
            chain_id,
            config,
            wake: Notify::new(),
            events: broadcast::channel(EVENTS).0,
            journal: Mutex::new(journal),
            book: Mutex::new(book),
            reading: Mutex::new(None),
        }
    }

    pub(super) fn header(chain_id: u64, signer: &Signer) -> Record {
        Record::Header { version: VERSION, chain_id, address: signer.address() }
    }

    /// Reads the book.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.lock())
    }

    /// Changes the book: `decide` looks at it and says which records follow. They are on disk
    /// before they count. Blocks.
    pub(super) fn write<T>(
        &self,
        decide: impl FnOnce(&Book) -> Result<(Vec<Record>, T), SenderError>,
    ) -> Result<T, SenderError> {
        self.write_after(decide, |_, _| Ok(()))
    }

    /// [`Self::write`], with something to do between deciding and writing.
    pub(super) fn write_after<T>(
        &self,
        decide: impl FnOnce(&Book) -> Result<(Vec<Record>, T), SenderError>,
        prepare: impl FnOnce(&mut Journal, &T) -> Result<(), SenderError>,
    ) -> Result<T, SenderError> {
        let mut journal = self.journal.lock();
        // Nothing else changes the book while the journal is locked.
        let (records, out) = {
            let book = self.book.lock();
            let (mut records, out) = decide(&book)?;
            self.trim(&book, &mut records);
            (records, out)
        };
        prepare(&mut journal, &out)?;
        journal.append(&records)?;
        let mut changed = Vec::new();
        {
            let mut book = self.book.lock();
            for record in records {
                let (id, is_done) = subject(&record);
                if let Some(id) = id.filter(|_| is_done) {
                    journal.remove_sidecar(id);
                }
                changed.extend(id);
                if let Err(message) = book.apply(record) {
                    tracing::error!(message, "L1 sender: a record does not follow; this is a bug");
                }
            }
        }
        changed.dedup();
        changed.into_iter().for_each(|id| self.announce(id));
        if let Err(error) = journal.compact(|| self.live()) {
            tracing::warn!(%error, "L1 sender: the journal could not be rewritten; it grows");
        }
        Ok(out)
    }

    /// Adds to `records` what forgets the oldest of those at their end.
    fn trim(&self, book: &Book, records: &mut Vec<Record>) {
        let settles = records.iter().any(|record| matches!(record, Record::Settled { .. }));
        if settles {
            let ids: Vec<u64> = book.settled_ids().collect();
            let excess = ids.len().saturating_sub(self.config.remembered_max);
            records.extend(ids.into_iter().take(excess).map(|id| Record::Forgotten { id }));
        }
    }

    fn live(&self) -> Vec<Record> {
        let mut records = vec![Self::header(self.chain_id, &self.signer)];
        records.extend(self.book.lock().records());
        records
    }

    /// Changes what the journal does not hold, and tells subscribers if that shows.
    pub(super) fn note(&self, id: u64, change: impl FnOnce(&mut Open)) {
        let changed = {
            let mut book = self.book.lock();
            let Some(before) = book.get(id).map(Entry::status) else { return };
            if let Some(open) = book.open_mut(id) {
                change(open);
            }
            book.get(id).is_some_and(|entry| entry.status() != before)
        };
        if changed {
            self.announce(id);
        }
    }

    fn announce(&self, id: u64) {
        let status = self.read(|book| Some((book.get(id)?.key.clone(), book.get(id)?.status())));
        if let Some((key, status)) = status {
            self.report.status(&key, &status);
            // No subscriber is no error.
            let _ = self.events.send((key, status));
        }
    }

    /// The blobs of an intent. Blocks.
    pub(super) fn sidecar(&self, content: &Content) -> Option<Arc<BlobTransactionSidecarEip7594>> {
        let hashes: &[B256] = &content.versioned_hashes;
        self.journal.lock().sidecar(content.id, hashes)
    }

    pub(super) fn set_reading(&self, reading: FeeReading, balance: U256) {
        *self.reading.lock() = Some((reading, balance));
    }

    pub(super) fn reading(&self) -> Option<(FeeReading, U256)> {
        *self.reading.lock()
    }
}

/// Whom a record is about, and whether that intent's blobs are needed no more.
fn subject(record: &Record) -> (Option<u64>, bool) {
    match record {
        Record::Header { .. } => (None, false),
        Record::Submitted(content) => (Some(content.id), false),
        Record::Signed { id, .. } | Record::Voided { id } => (Some(*id), false),
        Record::Settled { id, .. } | Record::Forgotten { id } => (Some(*id), true),
    }
}
