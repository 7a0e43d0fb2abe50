//! Blocks laid over a state.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map, HashMap},
};
use jovay_types::{Account, StateDiff};

use crate::{StateError, StateView};

/// So many runs of one tier are merged into one of the next.
const FAN_IN: usize = 8;

/// A state with the changes of later blocks laid over it, without copying the state.
///
/// Immutable: [`push`](Self::push) gives a new one and shares everything with the old. Changes
/// are kept as in a log-structured merge tree, eight runs of a tier merged into one of the next,
/// so a look-up probes `O(log blocks)` hash maps however many blocks there are. A push indexes
/// its block's accounts; each eighth also merges, copying every change of those eight blocks.
/// [`rebase`](Self::rebase) often enough to keep fewer than eight, and nothing is ever merged.
#[derive(Clone)]
pub struct Overlay {
    base: Arc<dyn StateView>,
    /// Oldest first; tiers descend.
    runs: Vec<Run>,
    /// Blocks ever pushed; the sequence number of the next.
    next: u64,
}

#[derive(Clone)]
struct Run {
    tier: u32,
    /// Sequence number of its newest block.
    last: u64,
    changes: Changes,
}

#[derive(Clone)]
enum Changes {
    /// One block, with the places of its accounts.
    Block(Arc<StateDiff>, Arc<AddressMap<usize>>),
    Merged(Arc<Merged>),
}

#[derive(Default)]
struct Merged {
    accounts: AddressMap<MergedAccount>,
    codes: B256Map<Bytes>,
}

#[derive(Clone, Default)]
struct MergedAccount {
    account: Option<Account>,
    slots: HashMap<U256, U256>,
}

impl Overlay {
    /// `base` with nothing over it.
    pub fn new(base: Arc<dyn StateView>) -> Self {
        Self { base, runs: Vec::new(), next: 0 }
    }

    /// `base` with `layers` over it, oldest first.
    pub fn with_layers(
        base: Arc<dyn StateView>,
        layers: impl IntoIterator<Item = Arc<StateDiff>>,
    ) -> Self {
        layers.into_iter().fold(Self::new(base), |overlay, diff| overlay.push(diff))
    }

    /// This state with one more block over it.
    #[must_use]
    pub fn push(&self, diff: Arc<StateDiff>) -> Self {
        let places =
            diff.accounts.iter().enumerate().map(|(at, change)| (change.address, at)).collect();
        let mut runs = self.runs.clone();
        runs.push(Run {
            tier: 0,
            last: self.next,
            changes: Changes::Block(diff, Arc::new(places)),
        });
        while let Some(start) = full_tier(&runs) {
            let newest = &runs[runs.len() - 1];
            let (tier, last) = (newest.tier + 1, newest.last);
            let merged = Changes::Merged(Arc::new(merge(&runs[start..])));
            runs.truncate(start);
            runs.push(Run { tier, last, changes: merged });
        }
        Self { base: self.base.clone(), runs, next: self.next + 1 }
    }

    /// The same state over a newer `base` that has all but the newest `unsaved` blocks in it.
    ///
    /// Older blocks that were merged with newer ones stay for now, which changes no answer: they
    /// and the newer ones say together what the state is.
    #[must_use]
    pub fn rebase(&self, base: Arc<dyn StateView>, unsaved: u64) -> Self {
        let first = self.next.saturating_sub(unsaved);
        let runs = self.runs.iter().filter(|run| run.last >= first).cloned().collect();
        Self { base, runs, next: self.next }
    }

    /// The state underneath.
    pub fn base(&self) -> &Arc<dyn StateView> {
        &self.base
    }
}

/// Where the newest tier begins, when it is full.
fn full_tier(runs: &[Run]) -> Option<usize> {
    let start = runs.len().checked_sub(FAN_IN)?;
    let tier = runs.last()?.tier;
    runs[start..].iter().all(|run| run.tier == tier).then_some(start)
}

fn merge(runs: &[Run]) -> Merged {
    let mut merged = Merged::default();
    for run in runs {
        match &run.changes {
            Changes::Block(diff, _) => {
                for change in &diff.accounts {
                    let entry = merged.accounts.entry(change.address).or_default();
                    entry.account = change.after;
                    entry.slots.extend(change.slots.iter().map(|slot| (slot.slot, slot.after)));
                }
                let codes = diff.codes.iter().map(|code| (code.hash, code.bytes.clone()));
                merged.codes.extend(codes);
            }
            Changes::Merged(older) => {
                for (address, change) in &older.accounts {
                    let entry = merged.accounts.entry(*address).or_default();
                    entry.account = change.account;
                    entry.slots.extend(&change.slots);
                }
                let codes = older.codes.iter().map(|(hash, code)| (*hash, code.clone()));
                merged.codes.extend(codes);
            }
        }
    }
    merged
}

impl Changes {
    fn account(&self, address: &Address) -> Option<Option<Account>> {
        match self {
            Self::Block(diff, places) => places.get(address).map(|at| diff.accounts[*at].after),
            Self::Merged(merged) => merged.accounts.get(address).map(|change| change.account),
        }
    }

    fn slot(&self, address: &Address, slot: &U256) -> Option<U256> {
        match self {
            Self::Block(diff, places) => {
                let change = &diff.accounts[*places.get(address)?];
                change.slot(slot).map(|change| change.after)
            }
            Self::Merged(merged) => merged.accounts.get(address)?.slots.get(slot).copied(),
        }
    }

    fn code(&self, hash: &B256) -> Option<Bytes> {
        match self {
            Self::Block(diff, _) => {
                let at = diff.codes.binary_search_by(|code| code.hash.cmp(hash)).ok()?;
                Some(diff.codes[at].bytes.clone())
            }
            Self::Merged(merged) => merged.codes.get(hash).cloned(),
        }
    }

    fn write_slots(&self, address: &Address, slots: &mut BTreeMap<U256, U256>) {
        match self {
            Self::Block(diff, places) => {
                let change = places.get(address).map(|at| &diff.accounts[*at]);
                let changed = change.into_iter().flat_map(|change| &change.slots);
                slots.extend(changed.map(|slot| (slot.slot, slot.after)));
            }
            Self::Merged(merged) => {
                let change = merged.accounts.get(address);
                slots.extend(change.into_iter().flat_map(|change| &change.slots));
            }
        }
    }
}

impl StateView for Overlay {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let over = self.runs.iter().rev().find_map(|run| run.changes.account(address));
        over.map_or_else(|| self.base.account(address), Ok)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let over = self.runs.iter().rev().find_map(|run| run.changes.slot(address, slot));
        over.map_or_else(|| self.base.storage(address, slot), Ok)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StateError> {
        let over = self.runs.iter().rev().find_map(|run| run.changes.code(code_hash));
        over.map_or_else(|| self.base.code(code_hash), Ok)
    }

    fn storage_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StateError> {
        let mut slots: BTreeMap<_, _> = self.base.storage_of(address)?.into_iter().collect();
        for run in &self.runs {
            run.changes.write_slots(address, &mut slots);
        }
        Ok(slots.into_iter().filter(|(_, value)| !value.is_zero()).collect())
    }
}
