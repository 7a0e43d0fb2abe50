//! Controls of a development chain. Each takes effect before it returns.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use jovay_state::StateView;
use jovay_types::{Account, AccountChange, Code, RecoveredTx, SlotChange, StateDiff};

use crate::clock::Moved;
use crate::ingest::check;
use crate::pipeline::{Builder, HeaderSettings};
use crate::pool::NewTx;
use crate::schedule::Schedule;
use crate::{PoolError, Sequencer, SequencerError};

/// Blocks mined in one call.
const MINE_MAX: u64 = 100_000;
/// Snapshots kept; the oldest is forgotten beyond that.
const SNAPSHOTS_MAX: usize = 1_024;
/// Above the address in the `r` of an impersonated transaction: marks it, and keeps `r` from zero.
const IMPERSONATION_MARK: U256 = U256::from_limbs([0, 0, 0xdead_0000_0000, 0]);

/// How to mine on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MineRequest {
    /// How many blocks.
    pub blocks: u64,
    /// Seconds between their timestamps.
    pub interval_s: Option<u64>,
    /// Timestamp of the first.
    pub timestamp: Option<u64>,
}

/// Moments to go back to.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    next_id: u64,
    kept: Vec<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    id: u64,
    block: u64,
    clock: Moved,
    settings: HeaderSettings,
    /// Changes made since the block, not yet in one.
    patches: Vec<StateDiff>,
    /// What waited in the pool, and whether the journal had it.
    waiting: Vec<(NewTx, bool)>,
}

/// The signature of an unsigned transaction of an impersonated `sender`: the address stands in
/// `r`, so equal transactions of different senders differ in their hash.
pub fn impersonation_signature(sender: Address) -> Signature {
    let r = U256::from_be_slice(sender.as_slice()) | IMPERSONATION_MARK;
    Signature::new(r, U256::ONE, false)
}

impl Sequencer {
    /// Seals blocks now, each with the best transactions of the pool or none, and returns when
    /// they are published.
    ///
    /// # Errors
    /// Too many blocks, a timestamp before the head's, or the pipeline failed. The last one is
    /// possible in every method here.
    pub fn mine(&self, request: MineRequest) -> Result<(), SequencerError> {
        let MineRequest { blocks, interval_s, timestamp } = request;
        if blocks > MINE_MAX {
            return Err(SequencerError::TooManyBlocks { blocks, limit: MINE_MAX });
        }
        self.on_builder(move |builder| {
            if let Some(timestamp) = timestamp {
                set_next_timestamp(builder, timestamp)?;
            }
            for number in 0..blocks {
                if let Some(interval) = interval_s.filter(|_| number > 0) {
                    builder.clock.set_next(builder.parent.timestamp.saturating_add(interval));
                }
                builder.build_now()?;
            }
            builder.quiesce()
        })
    }

    /// Whether transactions are sealed as they arrive.
    ///
    /// # Errors
    /// See [`Sequencer::mine`]; so in every method.
    pub fn automine(&self) -> Result<bool, SequencerError> {
        self.on_builder(|builder| Ok(builder.schedule.automine))
    }

    /// Turns sealing on arrival on or off.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_automine(&self, on: bool) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.schedule.automine = on;
            Ok(())
        })
    }

    /// Seals a block each `interval`, transactions or not; zero stops that. Transactions that
    /// are sealed as they arrive still are.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_interval(&self, interval: Duration) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.schedule.interval = (!interval.is_zero()).then_some(interval);
            Ok(())
        })
    }

    /// Moves the clock by `seconds` and returns the whole offset in seconds.
    pub fn increase_time(&self, seconds: u64) -> i64 {
        self.clock.increase(seconds)
    }

    /// Sets the clock and returns its offset against real time in seconds.
    pub fn set_time(&self, timestamp: u64) -> i64 {
        self.clock.set(timestamp)
    }

    /// Sets the timestamp of the next block; the clock goes on from there.
    ///
    /// # Errors
    /// It is before the latest block's; see [`Sequencer::mine`].
    pub fn set_next_timestamp(&self, timestamp: u64) -> Result<(), SequencerError> {
        self.on_builder(move |builder| set_next_timestamp(builder, timestamp))
    }

    /// Sets the base fee of the next block, in wei per gas.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_next_base_fee(&self, wei: u64) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.settings.write().next_base_fee = Some(wei);
            refresh_fees(builder);
            Ok(())
        })
    }

    /// Sets the blob base fee of the next block to the lowest possible price from `wei` per blob
    /// gas on; later blocks follow from it as on any chain.
    ///
    /// # Errors
    /// The chain has no blobs; see [`Sequencer::mine`].
    pub fn set_next_blob_base_fee(&self, wei: u64) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            let excess = excess_blob_gas_for(builder, wei).ok_or(SequencerError::NoBlobs)?;
            builder.settings.write().next_excess_blob_gas = Some(excess);
            refresh_fees(builder);
            Ok(())
        })
    }

    /// Sets the beneficiary of later blocks.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_coinbase(&self, address: Address) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.settings.write().beneficiary = address;
            Ok(())
        })
    }

    /// Sets the gas limit of later blocks.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_block_gas_limit(&self, gas: u64) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.set_gas_limit(gas);
            Ok(())
        })
    }

    /// Sets PREVRANDAO of the next block.
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn set_prev_randao(&self, value: B256) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            builder.settings.write().next_prev_randao = Some(value);
            Ok(())
        })
    }

    /// Replaces an account, its code too if `code` is given; without, the code hash of `account`
    /// is ignored and the code stays.
    ///
    /// # Errors
    /// The state could not be read; see [`Sequencer::mine`].
    pub fn set_account(
        &self,
        address: Address,
        account: Account,
        code: Option<Bytes>,
    ) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            patch(builder, |state| account_patch(state, address, account, code))
        })
    }

    /// Sets a storage slot.
    ///
    /// # Errors
    /// The state could not be read; see [`Sequencer::mine`].
    pub fn set_storage(
        &self,
        address: Address,
        slot: U256,
        value: U256,
    ) -> Result<(), SequencerError> {
        self.on_builder(move |builder| {
            patch(builder, |state| slot_patch(state, address, slot, value))
        })
    }

    /// Puts a transaction with a sender given by [`RecoveredTx::with_sender`] into the pool; its
    /// signature should be [`impersonation_signature`].
    ///
    /// # Errors
    /// Why it was refused.
    pub fn submit_impersonated(&self, tx: RecoveredTx) -> Result<B256, PoolError> {
        self.progress.accepting()?;
        check(tx.tx(), &self.checker.context())?;
        if tx.tx_type() == alloy_consensus::constants::EIP4844_TX_TYPE_ID {
            return Err(PoolError::MissingSidecar);
        }
        let answer = self.pool.add(vec![Arc::new(tx)], false).pop();
        answer.unwrap_or_else(|| Err(PoolError::Stopped("no answer".into())))
    }

    /// Remembers this moment: chain, pool, clock and settings. The id is for
    /// [`Sequencer::revert`].
    ///
    /// # Errors
    /// See [`Sequencer::mine`].
    pub fn snapshot(&self) -> Result<u64, SequencerError> {
        let mut snapshot = self.on_builder(|builder| {
            builder.quiesce()?;
            Ok(Snapshot {
                id: 0,
                block: builder.parent.number,
                clock: builder.clock.moved(),
                settings: builder.settings.read().clone(),
                patches: builder.patches.clone(),
                waiting: builder.pool.waiting(),
            })
        })?;
        let mut snapshots = self.snapshots.lock();
        snapshots.next_id += 1;
        snapshot.id = snapshots.next_id;
        let id = snapshot.id;
        if snapshots.kept.len() >= SNAPSHOTS_MAX {
            snapshots.kept.remove(0);
        }
        snapshots.kept.push(snapshot);
        Ok(id)
    }

    /// Goes back to a snapshot and forgets it and the later ones; false if there is none such.
    /// The L1 queue goes back with the chain: whoever reads L1 pushes what was in the blocks again.
    ///
    /// # Errors
    /// [`SequencerError::Promised`], or the store failed; see [`Sequencer::mine`].
    pub fn revert(&self, id: u64) -> Result<bool, SequencerError> {
        let snapshot = {
            let mut snapshots = self.snapshots.lock();
            let Some(at) = snapshots.kept.iter().position(|snapshot| snapshot.id == id) else {
                return Ok(false);
            };
            self.check_promised(snapshots.kept[at].block)?;
            snapshots.kept.drain(at..).next()
        };
        let Some(snapshot) = snapshot else { return Ok(false) };
        self.on_builder(move |builder| revert(builder, snapshot))?;
        Ok(true)
    }

    /// Goes back to the first block, with an empty pool, real time and the settings that the
    /// chain was started with; forgets every snapshot.
    ///
    /// # Errors
    /// [`SequencerError::Promised`], or the first block's state is pruned; see
    /// [`Sequencer::mine`].
    pub fn reset(&self) -> Result<(), SequencerError> {
        self.check_promised(0)?;
        self.snapshots.lock().kept.clear();
        self.on_builder(|builder| {
            let first = Snapshot {
                id: 0,
                block: 0,
                clock: Moved::default(),
                settings: HeaderSettings::new(&builder.config, &builder.spec),
                patches: Vec::new(),
                waiting: Vec::new(),
            };
            revert(builder, first)?;
            builder.schedule = Schedule::new(&builder.config);
            Ok(())
        })
    }

    /// From now on the blocks up to `block` are not taken back: L1 will have them.
    pub fn promise(&self, block: u64) {
        self.promised.fetch_max(block, Ordering::Relaxed);
    }

    fn check_promised(&self, target: u64) -> Result<(), SequencerError> {
        let block = self.promised.load(Ordering::Relaxed);
        if target < block { Err(SequencerError::Promised { block }) } else { Ok(()) }
    }
}

fn set_next_timestamp(builder: &Builder, timestamp: u64) -> Result<(), SequencerError> {
    let latest = builder.parent.timestamp;
    if timestamp < latest {
        return Err(SequencerError::TimestampTooLow { timestamp, latest });
    }
    builder.clock.set_next(timestamp);
    Ok(())
}

/// The least excess blob gas at which blob gas costs `wei`; `None` where there are no blobs.
fn excess_blob_gas_for(builder: &Builder, wei: u64) -> Option<u64> {
    let (spec, time) = (&builder.spec, builder.parent.timestamp);
    let params = spec.blob_params(time).filter(|_| !spec.is_l2())?;
    // The price is e^(excess / fraction), and e^45 is above 2^64.
    let most = u64::try_from(params.update_fraction).ok()?.checked_mul(45)?;
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if params.calc_blob_fee(middle) < u128::from(wei) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// Tells the pool what the next block asks for.
pub(crate) fn refresh_fees(builder: &Builder) {
    let fees = builder.settings.read().fees(&builder.parent, &builder.spec);
    builder.pool.set_fees(fees);
}

impl Snapshots {
    /// The blocks after `number` are no longer those that later snapshots mean.
    pub(crate) fn forget_after(&mut self, number: u64) {
        self.kept.retain(|snapshot| snapshot.block <= number);
    }
}

impl Builder {
    /// Back to the state that the head's block left.
    pub(crate) fn drop_patches(&mut self) -> Result<(), SequencerError> {
        for patch in std::mem::take(&mut self.patches).into_iter().rev() {
            self.store.patch(undone(patch))?;
        }
        Ok(())
    }
}

fn revert(builder: &mut Builder, snapshot: Snapshot) -> Result<(), SequencerError> {
    builder.quiesce()?;
    builder.pool.clear();
    builder.drop_patches()?;
    builder.store.revert_to(snapshot.block)?;
    builder.restart_from_head()?;
    for patch in snapshot.patches {
        builder.store.patch(patch.clone())?;
        builder.patches.push(patch);
    }
    builder.clock.restore(snapshot.clock);
    builder.set_gas_limit(snapshot.settings.gas_limit);
    *builder.settings.write() = snapshot.settings;
    refresh_fees(builder);
    for (tx, journaled) in snapshot.waiting {
        // What no longer fits was in the pool by grace of a later state.
        let _ = builder.pool.add(vec![tx], journaled);
    }
    builder.pool.rewrite_journal();
    Ok(())
}

/// The change that takes `patch` back.
fn undone(mut patch: StateDiff) -> StateDiff {
    for change in &mut patch.accounts {
        std::mem::swap(&mut change.before, &mut change.after);
        for slot in &mut change.slots {
            std::mem::swap(&mut slot.before, &mut slot.after);
        }
    }
    patch
}

/// Applies the change that `make` finds, if it is one.
fn patch(
    builder: &mut Builder,
    make: impl FnOnce(&dyn StateView) -> Result<StateDiff, jovay_state::StateError>,
) -> Result<(), SequencerError> {
    builder.quiesce()?;
    let state = builder.store.staged_state();
    let diff = make(&*state).map_err(jovay_state::StoreError::from)?;
    if diff.is_empty() {
        return Ok(());
    }
    builder.store.patch(diff.clone())?;
    builder.pool.patched(&diff);
    builder.patches.push(diff);
    Ok(())
}

fn account_patch(
    state: &dyn StateView,
    address: Address,
    mut account: Account,
    code: Option<Bytes>,
) -> Result<StateDiff, jovay_state::StateError> {
    let before = state.account(&address)?;
    account.code_hash = match &code {
        Some(code) => keccak256(code),
        None => before.unwrap_or_default().code_hash,
    };
    let after = Some(account);
    if before == after {
        return Ok(StateDiff::default());
    }
    let codes = code
        .filter(|code| !code.is_empty())
        .map(|bytes| Code { hash: account.code_hash, bytes })
        .into_iter()
        .collect();
    let change = AccountChange { address, before, after, slots: Vec::new() };
    Ok(StateDiff { accounts: vec![change], codes })
}

fn slot_patch(
    state: &dyn StateView,
    address: Address,
    slot: U256,
    after: U256,
) -> Result<StateDiff, jovay_state::StateError> {
    let account = state.account(&address)?;
    let before = state.storage(&address, &slot)?;
    if before == after {
        return Ok(StateDiff::default());
    }
    let slots = vec![SlotChange { slot, before, after }];
    // Storage belongs to an account, if need be to an empty one.
    let after = Some(account.unwrap_or_default());
    let change = AccountChange { address, before: account, after, slots };
    Ok(StateDiff { accounts: vec![change], codes: Vec::new() })
}
