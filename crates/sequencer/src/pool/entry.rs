//! A transaction in the pool.

use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::Transaction as _;
use alloy_primitives::U256;
use jovay_types::RecoveredTx;

/// A transaction with what the pool compares it by.
#[derive(Clone, Debug)]
pub(crate) struct PoolTx {
    pub(crate) tx: Arc<RecoveredTx>,
    /// Wei per gas, at most.
    pub(crate) fee_cap: u128,
    /// Wei per gas for the fee recipient, at most; of a legacy transaction its gas price.
    pub(crate) tip_cap: u128,
    /// Wei that it may cost: gas at the fee cap, value, L1 data fee.
    pub(crate) cost: U256,
    /// Bytes of its encoding.
    pub(crate) size: usize,
    /// Order of arrival.
    pub(crate) arrival: u64,
    pub(crate) added: Instant,
    /// Whether the journal keeps it; an impersonated transaction has no signature to check again.
    pub(crate) journaled: bool,
}

impl PoolTx {
    pub(crate) fn new(tx: Arc<RecoveredTx>, l1_fee: U256, journaled: bool) -> Self {
        let fee_cap = tx.max_fee_per_gas();
        let tip_cap = tx.as_ethereum().map_or(0, |tx| tx.priority_fee_or_price());
        let cost = U256::from(fee_cap)
            .saturating_mul(U256::from(tx.gas_limit()))
            .saturating_add(tx.value())
            .saturating_add(l1_fee);
        let size = tx.encode_2718_len();
        Self { tx, fee_cap, tip_cap, cost, size, arrival: 0, added: Instant::now(), journaled }
    }

    /// Wei per gas for the fee recipient at `base_fee`; `None` below it.
    pub(crate) fn tip_at(&self, base_fee: u64) -> Option<u128> {
        Some(self.fee_cap.checked_sub(u128::from(base_fee))?.min(self.tip_cap))
    }

    /// Whether it raises both fees of `old` by at least `percent`.
    pub(crate) fn replaces(&self, old: &Self, percent: u128) -> bool {
        let raised = |new: u128, old: u128| {
            let old = U256::from(old);
            // Rounded down as in geth; equal fees are never a raise.
            let needed = old * U256::from(100 + percent) / U256::from(100);
            U256::from(new) > old && U256::from(new) >= needed
        };
        raised(self.fee_cap, old.fee_cap) && raised(self.tip_cap, old.tip_cap)
    }
}
