//! A transaction in the pool.

use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::Transaction as _;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::U256;
use jovay_types::RecoveredTx;

use crate::blobs::SharedSidecar;

/// A transaction on its way into the pool: a blob transaction comes with its sidecar, which no
/// block holds.
#[derive(Clone, Debug)]
pub(crate) struct NewTx {
    pub(crate) tx: Arc<RecoveredTx>,
    /// Checked against the transaction.
    pub(crate) sidecar: Option<SharedSidecar>,
}

impl From<Arc<RecoveredTx>> for NewTx {
    fn from(tx: Arc<RecoveredTx>) -> Self {
        Self { tx, sidecar: None }
    }
}

/// What a block asks for its two kinds of gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fees {
    /// Wei per gas.
    pub(crate) base: u64,
    /// Wei per blob gas.
    pub(crate) blob: u128,
}

impl From<u64> for Fees {
    fn from(base: u64) -> Self {
        Self { base, blob: 0 }
    }
}

/// A transaction with what the pool compares it by.
#[derive(Clone, Debug)]
pub(crate) struct PoolTx {
    pub(crate) tx: Arc<RecoveredTx>,
    /// Wei per gas, at most.
    pub(crate) fee_cap: u128,
    /// Wei per gas for the fee recipient, at most; of a legacy transaction its gas price.
    pub(crate) tip_cap: u128,
    /// Wei per blob gas, at most; `None` without blobs.
    pub(crate) blob_fee_cap: Option<u128>,
    /// Wei that it may cost: gas and blob gas at their caps, value, L1 data fee.
    pub(crate) cost: U256,
    /// Bytes of its encoding, without a sidecar.
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
        let hashes = tx.as_ethereum().and_then(|tx| tx.blob_versioned_hashes());
        let blob_gas = hashes.map_or(0, |hashes| hashes.len() as u64 * DATA_GAS_PER_BLOB);
        let blob_fee_cap = tx.as_ethereum().and_then(|tx| tx.max_fee_per_blob_gas());
        let blob_cost = U256::from(blob_fee_cap.unwrap_or(0)).saturating_mul(U256::from(blob_gas));
        let cost = U256::from(fee_cap)
            .saturating_mul(U256::from(tx.gas_limit()))
            .saturating_add(blob_cost)
            .saturating_add(tx.value())
            .saturating_add(l1_fee);
        Self {
            fee_cap,
            tip_cap,
            blob_fee_cap,
            cost,
            size: tx.encode_2718_len(),
            arrival: 0,
            added: Instant::now(),
            journaled,
            tx,
        }
    }

    /// Whether it carries blobs.
    pub(crate) fn has_blobs(&self) -> bool {
        self.blob_fee_cap.is_some()
    }

    /// Wei per gas for the fee recipient at `base_fee`; `None` below it.
    pub(crate) fn tip_at(&self, base_fee: u64) -> Option<u128> {
        Some(self.fee_cap.checked_sub(u128::from(base_fee))?.min(self.tip_cap))
    }

    /// Whether it pays at least `blob_fee`, in wei per blob gas, or has no blobs.
    pub(crate) fn pays_blobs(&self, blob_fee: u128) -> bool {
        self.blob_fee_cap.is_none_or(|cap| cap >= blob_fee)
    }

    /// Whether it raises all fees of `old` by at least `percent`.
    pub(crate) fn replaces(&self, old: &Self, percent: u128) -> bool {
        let raised = |new: u128, old: u128| {
            let old = U256::from(old);
            // Rounded down as in geth; equal fees are never a raise.
            let needed = old * U256::from(100 + percent) / U256::from(100);
            U256::from(new) > old && U256::from(new) >= needed
        };
        let blobs = match (self.blob_fee_cap, old.blob_fee_cap) {
            (Some(new), Some(old)) => raised(new, old),
            _ => true,
        };
        raised(self.fee_cap, old.fee_cap) && raised(self.tip_cap, old.tip_cap) && blobs
    }
}
