//! The state of every block that can be read: tables, what is not in them yet, and caches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressMap};
use jovay_types::{Account, SlotChange};
use parking_lot::{Condvar, Mutex, RwLock};
use quick_cache::{Weighter, sync::Cache};

use crate::ChainError;
use crate::config::Config;
use crate::tables::Epoch;
use crate::versions::VersionMap;

/// How long a read of a parent's hash waits for that block to be sealed.
const SEAL_WAIT_MAX: Duration = Duration::from_secs(60);
/// Codes that the cache's index is made for at first.
const CODES_EXPECTED: usize = 1024;

#[derive(Clone)]
struct ByLength;

impl Weighter<B256, Bytes> for ByLength {
    fn weight(&self, _: &B256, code: &Bytes) -> u64 {
        code.len() as u64 + 100
    }
}

/// Reads of state at any block, consistent with flushes and reverts that go on meanwhile.
///
/// A flush replaces the epoch first, then brings the caches up to date, and only then forgets
/// the values it moved; every read of the tables' current values ends by checking that the epoch
/// is still the one it began with, and caches are filled only under a lock that keeps it so.
pub(crate) struct States {
    epoch: RwLock<Arc<Epoch>>,
    /// The epoch's generation. Written under `epoch`'s lock.
    generation: AtomicU64,
    pub(crate) versions: VersionMap,
    accounts: Cache<Address, Option<Account>>,
    slots: Cache<(Address, U256), U256>,
    codes: Cache<B256, Bytes, ByLength>,
    /// Slots of the EIP-2935 contract whose value, the hash of a block, is not known yet, with
    /// the block that sets them.
    awaited: Mutex<HashMap<U256, u64>>,
    sealed: Condvar,
    /// The block that each revert went back to.
    reverts: RwLock<Vec<u64>>,
    /// The length of `reverts`.
    revert_count: AtomicU64,
}

impl States {
    pub(crate) fn new(config: &Config, epoch: Epoch) -> Self {
        Self {
            generation: AtomicU64::new(epoch.generation),
            epoch: RwLock::new(Arc::new(epoch)),
            versions: VersionMap::new(),
            accounts: Cache::new(config.account_cache),
            slots: Cache::new(config.slot_cache),
            codes: Cache::with_weighter(CODES_EXPECTED, config.code_cache_bytes, ByLength),
            awaited: Mutex::default(),
            sealed: Condvar::new(),
            reverts: RwLock::default(),
            revert_count: AtomicU64::new(0),
        }
    }

    /// The tables as they are now.
    pub(crate) fn epoch(&self) -> Arc<Epoch> {
        self.epoch.read().clone()
    }

    /// Whether `epoch` is still current. What was read from memory before this says so belongs
    /// to `epoch` (Acquire: pairs with the store in [`Self::replace`]).
    pub(crate) fn is_current(&self, epoch: &Epoch) -> bool {
        self.generation.load(Ordering::Acquire) == epoch.generation
    }

    /// Makes `epoch` current.
    pub(crate) fn replace(&self, epoch: Epoch) {
        let mut current = self.epoch.write();
        self.generation.store(epoch.generation, Ordering::Release);
        *current = Arc::new(epoch);
    }

    /// Runs `fill`, which puts what was read from `epoch` into a cache, if it is still current.
    pub(crate) fn fill(&self, epoch: &Epoch, fill: impl FnOnce()) {
        let current = self.epoch.read();
        if current.generation == epoch.generation {
            fill();
        }
    }

    /// Brings the caches up to date with what a flush wrote.
    pub(crate) fn refresh(&self, written: &AddressMap<crate::flush::Written>) {
        for (address, written) in written {
            if let Some(account) = written.account {
                // Only what is cached already: a block must not push out what is read often.
                let _ = self.accounts.replace(*address, account, true);
            }
            for (slot, value) in &written.slots {
                let _ = self.slots.replace((*address, *slot), *value, true);
            }
        }
    }

    /// Empties the caches of accounts and slots.
    pub(crate) fn clear(&self) {
        self.accounts.clear();
        self.slots.clear();
        self.versions.clear();
        self.awaited.lock().clear();
    }

    pub(crate) fn account_at(
        &self,
        held: &Epoch,
        address: &Address,
        number: u64,
    ) -> Result<Option<Account>, ChainError> {
        if held.position.flushed >= number && !self.is_flushed_head(held, number) {
            return held.account_at(address, number);
        }
        let mut newer;
        let mut epoch = held;
        loop {
            if !self.is_current(epoch) {
                newer = self.epoch();
                epoch = &newer;
                if epoch.holds(number)? && epoch.position.flushed > number {
                    return epoch.account_at(address, number);
                }
            }
            if let Some(account) = self.versions.account(address, number) {
                return Ok(account);
            }
            let account = match self.accounts.get(address) {
                Some(account) => account,
                None => {
                    let account = epoch.account(address)?;
                    self.fill(epoch, || self.accounts.insert(*address, account));
                    account
                }
            };
            if self.is_current(epoch) {
                return Ok(account);
            }
        }
    }

    pub(crate) fn slot_at(
        &self,
        held: &Epoch,
        address: &Address,
        slot: &U256,
        number: u64,
    ) -> Result<U256, ChainError> {
        if *address == HISTORY_STORAGE_ADDRESS {
            self.wait_for_hash(slot, number)?;
        }
        if held.position.flushed >= number && !self.is_flushed_head(held, number) {
            return held.slot_at(address, slot, number);
        }
        let mut newer;
        let mut epoch = held;
        loop {
            if !self.is_current(epoch) {
                newer = self.epoch();
                epoch = &newer;
                if epoch.holds(number)? && epoch.position.flushed > number {
                    return epoch.slot_at(address, slot, number);
                }
            }
            if let Some(value) = self.versions.slot(address, slot, number) {
                return Ok(value);
            }
            let key = (*address, *slot);
            let value = match self.slots.get(&key) {
                Some(value) => value,
                None => {
                    let value = epoch.slot(address, slot)?;
                    self.fill(epoch, || self.slots.insert(key, value));
                    value
                }
            };
            if self.is_current(epoch) {
                return Ok(value);
            }
        }
    }

    /// Whether `number` is the last block in the tables, whose values the caches hold.
    fn is_flushed_head(&self, epoch: &Epoch, number: u64) -> bool {
        epoch.position.flushed == number && self.is_current(epoch)
    }

    pub(crate) fn slots_of(
        &self,
        address: &Address,
        number: u64,
    ) -> Result<Vec<(U256, U256)>, ChainError> {
        if *address == HISTORY_STORAGE_ADDRESS {
            self.wait_for_hashes(number)?;
        }
        loop {
            let epoch = self.epoch();
            let held = epoch.holds(number)?;
            let mut slots = epoch.slots_at(address, number)?;
            if !held {
                self.versions.write_slots(address, number, &mut slots);
                slots.retain(|_, value| !value.is_zero());
            }
            if held || self.is_current(&epoch) {
                return Ok(slots.into_iter().collect());
            }
        }
    }

    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, ChainError> {
        if let Some(code) = self.codes.get(hash) {
            return Ok(Some(code));
        }
        // A flush moves code from the one to the other in between.
        let code = match self.versions.code(hash) {
            Some(code) => Some(code),
            None => self.epoch().code(hash)?,
        };
        if let Some(code) = &code {
            self.codes.insert(*hash, code.clone());
        }
        Ok(code)
    }

    /// Notes that block `number` will set the EIP-2935 `slot` when it is sealed.
    pub(crate) fn await_hash(&self, slot: U256, number: u64) {
        self.awaited.lock().insert(slot, number);
    }

    /// Sets what [`Self::await_hash`] announced.
    pub(crate) fn hash_known(&self, slot: &SlotChange, number: u64) {
        let mut awaited = self.awaited.lock();
        self.versions.insert_late(number, &HISTORY_STORAGE_ADDRESS, slot);
        if awaited.get(&slot.slot) == Some(&number) {
            awaited.remove(&slot.slot);
        }
        self.sealed.notify_all();
    }

    fn wait_for_hash(&self, slot: &U256, number: u64) -> Result<(), ChainError> {
        self.wait(number, |awaited| awaited.get(slot).is_some_and(|set| *set <= number))
    }

    fn wait_for_hashes(&self, number: u64) -> Result<(), ChainError> {
        self.wait(number, |awaited| awaited.values().any(|set| *set <= number))
    }

    fn wait(
        &self,
        number: u64,
        waits: impl Fn(&HashMap<U256, u64>) -> bool,
    ) -> Result<(), ChainError> {
        let mut awaited = self.awaited.lock();
        let mut late = false;
        while waits(&awaited) {
            if late {
                let message = format!("a block up to {number} was not sealed in {SEAL_WAIT_MAX:?}");
                return Err(ChainError::Backend(message));
            }
            late = self.sealed.wait_for(&mut awaited, SEAL_WAIT_MAX).timed_out();
        }
        Ok(())
    }

    /// How many reverts there were.
    pub(crate) fn revert_count(&self) -> u64 {
        self.revert_count.load(Ordering::Acquire)
    }

    /// Notes a revert to `number`, before it changes anything.
    pub(crate) fn note_revert(&self, number: u64) {
        let mut reverts = self.reverts.write();
        reverts.push(number);
        self.revert_count.store(reverts.len() as u64, Ordering::Release);
    }

    /// Whether block `number`, as it was when there had been `since` reverts, is still there.
    pub(crate) fn survives(&self, number: u64, since: u64) -> bool {
        if self.revert_count() == since {
            return true;
        }
        let reverts = self.reverts.read();
        reverts.iter().skip(since as usize).all(|target| number <= *target)
    }
}
