//! Several changes as one.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_types::{Account, AccountChange, Code, SlotChange, StateDiff};

/// Collects the changes of consecutive blocks into one, oldest first.
#[derive(Default)]
pub(crate) struct DiffMerge {
    accounts: BTreeMap<Address, Merged>,
    codes: BTreeMap<B256, Bytes>,
}

struct Merged {
    before: Option<Account>,
    after: Option<Account>,
    slots: BTreeMap<U256, (U256, U256)>,
}

impl DiffMerge {
    /// Adds the changes that follow those added so far.
    pub(crate) fn push(&mut self, diff: &StateDiff) {
        for change in &diff.accounts {
            let entry = self.accounts.entry(change.address).or_insert_with(|| Merged {
                before: change.before,
                after: change.after,
                slots: BTreeMap::new(),
            });
            entry.after = change.after;
            for slot in &change.slots {
                entry.slots.entry(slot.slot).or_insert((slot.before, slot.after)).1 = slot.after;
            }
        }
        for code in &diff.codes {
            self.codes.entry(code.hash).or_insert_with(|| code.bytes.clone());
        }
    }

    /// What changed from before the first to after the last; what came back is left out.
    pub(crate) fn finish(self) -> StateDiff {
        let changes = self.accounts.into_iter().filter_map(|(address, merged)| {
            let changed = merged.slots.into_iter().filter(|(_, (before, after))| before != after);
            let slots: Vec<SlotChange> =
                changed.map(|(slot, (before, after))| SlotChange { slot, before, after }).collect();
            let Merged { before, after, .. } = merged;
            let differs = before != after || !slots.is_empty();
            differs.then_some(AccountChange { address, before, after, slots })
        });
        let accounts = changes.collect();
        let codes = self.codes.into_iter().map(|(hash, bytes)| Code { hash, bytes }).collect();
        StateDiff { accounts, codes }
    }
}

/// Two consecutive changes as one.
pub(crate) fn merge(first: &StateDiff, second: &StateDiff) -> StateDiff {
    let mut merge = DiffMerge::default();
    merge.push(first);
    merge.push(second);
    merge.finish()
}

/// About how much memory `diff` takes.
pub(crate) fn memory_bytes(diff: &StateDiff) -> usize {
    let accounts = diff.accounts.len() * size_of::<AccountChange>();
    let slots: usize = diff.accounts.iter().map(|change| change.slots.len()).sum();
    let codes: usize = diff.codes.iter().map(|code| code.bytes.len() + 64).sum();
    accounts + slots * size_of::<SlotChange>() + codes
}
