//! The state's changes that are not in the tables yet: of each key the values by block.

use std::collections::BTreeMap;

use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_types::{Account, SlotChange, StateDiff};
use parking_lot::RwLock;

/// Parts with a lock each, so that readers and the pipeline seldom meet.
const SHARDS: usize = 64;

/// Values by the block that set them, ascending.
type Versions<T> = Vec<(u64, T)>;

#[derive(Default)]
struct AccountVersions {
    account: Versions<Option<Account>>,
    slots: HashMap<U256, Versions<U256>>,
}

/// Values of blocks after the flushed one. Reads give the last value set up to a block.
pub(crate) struct VersionMap {
    shards: Vec<RwLock<AddressMap<AccountVersions>>>,
    codes: RwLock<B256Map<(u64, Bytes)>>,
}

fn at<T: Copy>(versions: &Versions<T>, number: u64) -> Option<T> {
    // The newest is asked for most: look from the end.
    versions.iter().rev().find(|(set, _)| *set <= number).map(|(_, value)| *value)
}

fn set<T>(versions: &mut Versions<T>, number: u64, value: T) {
    match versions.last_mut() {
        Some(last) if last.0 == number => last.1 = value,
        _ => versions.push((number, value)),
    }
}

impl VersionMap {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), codes: RwLock::default() }
    }

    fn shard(&self, address: &Address) -> &RwLock<AddressMap<AccountVersions>> {
        // Contracts and keys alike have random last bytes; precompiles differ in them.
        &self.shards[usize::from(address[19] ^ address[7]) % SHARDS]
    }

    /// Adds what block `number` changed; not less than any number added before.
    pub(crate) fn insert(&self, number: u64, diff: &StateDiff) {
        let mut codes = self.codes.write();
        for code in &diff.codes {
            codes.entry(code.hash).or_insert_with(|| (number, code.bytes.clone()));
        }
        drop(codes);
        for change in &diff.accounts {
            let mut shard = self.shard(&change.address).write();
            let entry = shard.entry(change.address).or_default();
            if change.before != change.after {
                set(&mut entry.account, number, change.after);
            }
            for slot in &change.slots {
                set(entry.slots.entry(slot.slot).or_default(), number, slot.after);
            }
        }
    }

    /// Adds a slot that block `number` sets when later blocks may have been added already.
    pub(crate) fn insert_late(&self, number: u64, address: &Address, slot: &SlotChange) {
        let mut shard = self.shard(address).write();
        let versions = shard.entry(*address).or_default().slots.entry(slot.slot).or_default();
        let at = versions.partition_point(|(set, _)| *set < number);
        match versions.get_mut(at) {
            Some(same) if same.0 == number => same.1 = slot.after,
            _ => versions.insert(at, (number, slot.after)),
        }
    }

    /// The account as a block up to `number` set it; `None` if none did.
    pub(crate) fn account(&self, address: &Address, number: u64) -> Option<Option<Account>> {
        at(&self.shard(address).read().get(address)?.account, number)
    }

    /// The slot as a block up to `number` set it.
    pub(crate) fn slot(&self, address: &Address, slot: &U256, number: u64) -> Option<U256> {
        at(self.shard(address).read().get(address)?.slots.get(slot)?, number)
    }

    pub(crate) fn code(&self, hash: &B256) -> Option<Bytes> {
        self.codes.read().get(hash).map(|(_, bytes)| bytes.clone())
    }

    /// Writes the slots of `address` that blocks up to `number` set over `slots`.
    pub(crate) fn write_slots(
        &self,
        address: &Address,
        number: u64,
        slots: &mut BTreeMap<U256, U256>,
    ) {
        let shard = self.shard(address).read();
        let Some(entry) = shard.get(address) else { return };
        slots.extend(entry.slots.iter().filter_map(|(slot, set)| Some((*slot, at(set, number)?))));
    }

    /// Forgets the values that blocks up to `through` gave to what `diff` changed: they are in
    /// the tables.
    pub(crate) fn flushed(&self, through: u64, diff: &StateDiff) {
        self.retain(diff, |number| number > through);
    }

    /// Forgets the values that blocks after `number` gave to what `diff` changed.
    pub(crate) fn reverted(&self, number: u64, diff: &StateDiff) {
        self.retain(diff, |set| set <= number);
    }

    fn retain(&self, diff: &StateDiff, keep: impl Fn(u64) -> bool) {
        if !diff.codes.is_empty() {
            let mut codes = self.codes.write();
            for code in &diff.codes {
                if codes.get(&code.hash).is_some_and(|(number, _)| !keep(*number)) {
                    codes.remove(&code.hash);
                }
            }
        }
        for change in &diff.accounts {
            let mut shard = self.shard(&change.address).write();
            let Some(entry) = shard.get_mut(&change.address) else { continue };
            entry.account.retain(|(number, _)| keep(*number));
            for slot in &change.slots {
                if let Some(versions) = entry.slots.get_mut(&slot.slot) {
                    versions.retain(|(number, _)| keep(*number));
                    if versions.is_empty() {
                        entry.slots.remove(&slot.slot);
                    }
                }
            }
            if entry.account.is_empty() && entry.slots.is_empty() {
                shard.remove(&change.address);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.codes.write().clear();
        for shard in &self.shards {
            shard.write().clear();
        }
    }
}
