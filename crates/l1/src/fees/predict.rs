//! Fees of blocks to come.

use alloy_eips::eip1559::BaseFeeParams;
use alloy_eips::eip1559::calc_next_block_base_fee;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;

use super::BlobSchedule;
use crate::L1Block;

/// Seconds between slots, for the timestamps of blocks to come.
const SLOT_SECONDS: u64 = 12;
/// Fees, gas and blob gas above these are no network's: a node that names them is not believed,
/// so that nothing overflows.
const PLAUSIBLE_FEE_MAX: u64 = 1 << 50;
const PLAUSIBLE_GAS_MAX: u64 = 1 << 40;

/// What decides the fees of the block after: a header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeState {
    /// The block.
    pub number: u64,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// Gas that it may use.
    pub gas_limit: u64,
    /// Gas that it used.
    pub gas_used: u64,
    /// Wei per gas.
    pub base_fee: u64,
    /// EIP-4844; zero before Cancun.
    pub excess_blob_gas: u64,
    /// EIP-4844; zero before Cancun.
    pub blob_gas_used: u64,
}

/// What blocks to come are assumed to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// As much as the last block did.
    AsLast,
    /// As much as they may: the worst case, which nobody can exceed.
    Full,
    /// Exactly the target: prices stay.
    Target,
}

impl FeeState {
    /// The state that a block leaves behind; `None` if its figures are no network's.
    pub fn of(block: &L1Block) -> Option<Self> {
        let state = Self {
            number: block.number,
            timestamp: block.timestamp,
            gas_limit: block.gas_limit,
            gas_used: block.gas_used,
            base_fee: block.base_fee_per_gas,
            excess_blob_gas: block.excess_blob_gas.unwrap_or_default(),
            blob_gas_used: block.blob_gas_used.unwrap_or_default(),
        };
        let plausible = state.base_fee <= PLAUSIBLE_FEE_MAX
            && state.gas_used <= state.gas_limit
            && state.gas_limit <= PLAUSIBLE_GAS_MAX
            && state.excess_blob_gas <= PLAUSIBLE_GAS_MAX
            && state.blob_gas_used <= PLAUSIBLE_GAS_MAX;
        plausible.then_some(state)
    }

    /// The base fee of the next block, in wei per gas (EIP-1559).
    pub fn next_base_fee(&self) -> u64 {
        let params = BaseFeeParams::ethereum();
        calc_next_block_base_fee(self.gas_used, self.gas_limit, self.base_fee, params)
    }

    /// The excess blob gas of a next block at `timestamp`: by its own parameters, not its
    /// parent's (EIP-4844, EIP-7918).
    pub fn next_excess_blob_gas(&self, schedule: &BlobSchedule, timestamp: u64) -> u64 {
        schedule.at(timestamp).next_block_excess_blob_gas_osaka(
            self.excess_blob_gas,
            self.blob_gas_used,
            self.base_fee,
        )
    }

    /// Wei per blob gas in this block.
    pub fn blob_base_fee(&self, schedule: &BlobSchedule) -> u128 {
        schedule.at(self.timestamp).calc_blob_fee(self.excess_blob_gas)
    }

    /// The state after one more block.
    fn after(&self, schedule: &BlobSchedule, load: Load) -> Self {
        let timestamp = self.timestamp + SLOT_SECONDS;
        let params = schedule.at(timestamp);
        let (gas_used, blob_gas_used) = match load {
            Load::AsLast => (self.gas_used, self.blob_gas_used),
            Load::Full => (self.gas_limit, params.max_blob_gas_per_block()),
            Load::Target => (self.gas_limit / 2, params.target_blob_gas_per_block()),
        };
        Self {
            number: self.number + 1,
            timestamp,
            gas_limit: self.gas_limit,
            gas_used,
            base_fee: self.next_base_fee(),
            excess_blob_gas: self.next_excess_blob_gas(schedule, timestamp),
            blob_gas_used,
        }
    }

    /// Base fee and blob base fee of the block that is `blocks` after this one, if those between
    /// hold `load`. One block ahead they are certain, unless that slot is empty over a fork.
    pub fn ahead(&self, schedule: &BlobSchedule, blocks: u32, load: Load) -> (u128, u128) {
        let state = (0..blocks).fold(*self, |state, _| state.after(schedule, load));
        (state.base_fee.into(), state.blob_base_fee(schedule))
    }
}

/// L1's prices at a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeReading {
    /// The block.
    pub block: u64,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// Wei per gas in it.
    pub base_fee: u128,
    /// Wei per blob gas in it.
    pub blob_base_fee: u128,
    /// Wei per gas in the next block.
    pub next_base_fee: u128,
    /// Wei per blob gas in the next block.
    pub next_blob_base_fee: u128,
    /// Wei per gas that go to the proposer.
    pub tip: u128,
}

impl FeeReading {
    /// The prices after `state`.
    pub fn new(state: &FeeState, schedule: &BlobSchedule, tip: u128) -> Self {
        let (next_base_fee, next_blob_base_fee) = state.ahead(schedule, 1, Load::AsLast);
        Self {
            block: state.number,
            timestamp: state.timestamp,
            base_fee: state.base_fee.into(),
            blob_base_fee: state.blob_base_fee(schedule),
            next_base_fee,
            next_blob_base_fee,
            tip,
        }
    }

    /// What the batch sealer's cost target counts with: the next block's prices.
    pub fn sealing(&self) -> jovay_da::L1Prices {
        jovay_da::L1Prices {
            gas: self.next_base_fee.saturating_add(self.tip),
            blob_gas: self.next_blob_base_fee,
        }
    }
}

/// Blob gas of so many blobs.
pub(crate) const fn blob_gas(blobs: usize) -> u64 {
    blobs as u64 * DATA_GAS_PER_BLOB
}
