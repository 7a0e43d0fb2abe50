//! All intents, as the journal's records and L1's receipts say.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::B256;

use super::journal::{Attempt, Content, Outcome, Record};
use super::{Intent, IntentStatus};
use crate::L1Receipt;

/// The intents by id, which is their order of submission, and by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<u64, Entry>,
    by_key: HashMap<String, u64>,
    next_id: u64,
}

/// One intent.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) digest: B256,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    Open(Box<Open>),
    Settled(Box<Outcome>),
}

/// An intent that is on its way.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) content: Content,
    /// All with the same nonce, oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// Where it is in a block, as far as is known. Not in the journal: L1 knows.
    pub(super) inclusion: Option<Inclusion>,
    /// What it waits for. Not in the journal.
    pub(super) note: String,
}

#[derive(Clone, Debug)]
pub(super) struct Inclusion {
    pub(super) receipt: L1Receipt,
    pub(super) confirmations: u64,
}

/// What an intent waits for when nothing else is known.
const ITS_TURN: &str = "waits for its turn";

impl Open {
    pub(super) fn nonce(&self) -> Option<u64> {
        self.attempts.last().map(|attempt| attempt.nonce)
    }

    /// It may be with the nodes, and is not in a block.
    pub(super) fn is_in_flight(&self) -> bool {
        !self.attempts.is_empty() && self.inclusion.is_none()
    }
}

impl Entry {
    pub(super) fn open(&self) -> Option<&Open> {
        match &self.stage {
            Stage::Open(open) => Some(open),
            Stage::Settled(_) => None,
        }
    }

    pub(super) fn status(&self) -> IntentStatus {
        match &self.stage {
            Stage::Settled(outcome) => match outcome.as_ref() {
                Outcome::Final(receipt) => IntentStatus::Final { receipt: receipt.clone() },
                Outcome::Failed(reason) => IntentStatus::Failed { reason: reason.clone() },
            },
            Stage::Open(open) => match (&open.inclusion, open.attempts.last()) {
                (Some(Inclusion { receipt, confirmations }), _) => IntentStatus::Included {
                    receipt: receipt.clone(),
                    confirmations: *confirmations,
                },
                (None, Some(attempt)) => {
                    IntentStatus::InFlight { transaction: attempt.hash, nonce: attempt.nonce }
                }
                (None, None) => IntentStatus::Waiting { reason: open.note.clone() },
            },
        }
    }
}

impl Book {
    /// Takes a record of the journal.
    ///
    /// # Errors
    /// It does not follow from those before.
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Header { .. } => return Err("a second header".into()),
            Record::Submitted(content) => {
                let (id, key, digest) = (content.id, content.key.clone(), content.digest());
                let note = ITS_TURN.into();
                let open = Open { content, attempts: Vec::new(), inclusion: None, note };
                self.insert(id, key, digest, Stage::Open(Box::new(open)))?;
            }
            Record::Signed { id, attempt } => {
                let open = self.open_mut(id).ok_or_else(|| unknown("signed", id))?;
                if open.nonce().is_some_and(|nonce| nonce != attempt.nonce) {
                    return Err(format!("intent {id} has transactions with two nonces"));
                }
                open.attempts.push(attempt);
            }
            Record::Voided { id } => {
                let open = self.open_mut(id).ok_or_else(|| unknown("voided", id))?;
                open.attempts.clear();
                open.note = ITS_TURN.into();
            }
            Record::Settled { id, key, digest, outcome } => {
                let stage = Stage::Settled(Box::new(outcome));
                match self.entries.get_mut(&id) {
                    Some(entry) => entry.stage = stage,
                    None => self.insert(id, key, digest, stage)?,
                }
            }
            Record::Forgotten { id } => {
                let entry = self.entries.remove(&id).ok_or_else(|| unknown("forgotten", id))?;
                self.by_key.remove(&entry.key);
            }
        }
        Ok(())
    }

    fn insert(&mut self, id: u64, key: String, digest: B256, stage: Stage) -> Result<(), String> {
        if self.by_key.contains_key(&key) || self.entries.contains_key(&id) {
            return Err(format!("intent {key:?} ({id}) is there twice"));
        }
        self.next_id = self.next_id.max(id.saturating_add(1));
        self.by_key.insert(key.clone(), id);
        self.entries.insert(id, Entry { key, digest, stage });
        Ok(())
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    pub(super) fn id(&self, key: &str) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn by_key(&self, key: &str) -> Option<(u64, &Entry)> {
        let id = self.id(key)?;
        Some((id, self.entries.get(&id)?))
    }

    pub(super) fn open_mut(&mut self, id: u64) -> Option<&mut Open> {
        match &mut self.entries.get_mut(&id)?.stage {
            Stage::Open(open) => Some(open),
            Stage::Settled(_) => None,
        }
    }

    /// Those on their way, in order of submission.
    pub(super) fn open(&self) -> impl Iterator<Item = &Open> {
        self.entries.values().filter_map(Entry::open)
    }

    pub(super) fn open_ids(&self) -> impl Iterator<Item = u64> {
        self.open().map(|open| open.content.id)
    }

    /// Ids of those at their end, oldest first.
    pub(super) fn settled_ids(&self) -> impl Iterator<Item = u64> {
        let settled = self.entries.iter().filter(|(_, entry)| entry.open().is_none());
        settled.map(|(id, _)| *id)
    }

    /// The records that lead to this book, without its history.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (&id, entry) in &self.entries {
            match &entry.stage {
                Stage::Open(open) => {
                    records.push(Record::Submitted(open.content.clone()));
                    let attempts = open.attempts.iter();
                    records.extend(attempts.map(|&attempt| Record::Signed { id, attempt }));
                }
                Stage::Settled(outcome) => records.push(Record::Settled {
                    id,
                    key: entry.key.clone(),
                    digest: entry.digest,
                    outcome: outcome.as_ref().clone(),
                }),
            }
        }
        records
    }
}

fn unknown(what: &str, id: u64) -> String {
    format!("intent {id} was {what} and is not open")
}

/// An intent as it is written down.
pub(super) fn content(intent: &Intent, id: u64, submitted_at: u64) -> Content {
    let sidecar = intent.sidecar.iter();
    Content {
        id,
        key: intent.key.clone(),
        to: intent.to,
        value: intent.value,
        data: intent.data.clone(),
        versioned_hashes: sidecar.flat_map(|sidecar| sidecar.versioned_hashes()).collect(),
        deadline: intent.deadline,
        submitted_at,
        filler: false,
    }
}
