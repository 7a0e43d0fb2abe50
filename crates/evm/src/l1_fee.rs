//! The L1 data fee: what a transaction's bytes cost to publish on L1.

use alloy_primitives::U256;
use revm::Database;

use crate::predeploys::{
    L1_BASE_FEE_SLOT, L1_BLOB_BASE_FEE_SLOT, L1_FEE_SCALARS_SLOT, L1_GAS_ORACLE,
};

/// L1's prices as the `L1GasOracle` predeploy holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1GasPrices {
    /// Wei per gas.
    pub base_fee: U256,
    /// Wei per blob gas.
    pub blob_base_fee: U256,
    /// L1 execution gas for a million compressed bytes.
    pub exec_scalar: u64,
    /// L1 blob gas for a million compressed bytes.
    pub blob_scalar: u64,
}

impl L1GasPrices {
    /// Reads the oracle; all zero where it has no code.
    ///
    /// # Errors
    /// The state could not be read.
    pub fn read<DB: Database>(db: &mut DB) -> Result<Self, DB::Error> {
        let deployed = db.basic(L1_GAS_ORACLE)?.is_some_and(|info| !info.is_empty_code_hash());
        if !deployed {
            return Ok(Self::default());
        }
        let scalars = db.storage(L1_GAS_ORACLE, L1_FEE_SCALARS_SLOT)?;
        let [exec_scalar, blob_scalar, _, _] = *scalars.as_limbs();
        Ok(Self {
            base_fee: db.storage(L1_GAS_ORACLE, L1_BASE_FEE_SLOT)?,
            blob_base_fee: db.storage(L1_GAS_ORACLE, L1_BLOB_BASE_FEE_SLOT)?,
            exec_scalar,
            blob_scalar,
        })
    }

    /// Whether every transaction is free of the L1 data fee.
    pub fn is_free(&self) -> bool {
        let exec = self.exec_scalar == 0 || self.base_fee.is_zero();
        let blob = self.blob_scalar == 0 || self.blob_base_fee.is_zero();
        exec && blob
    }

    /// The fee in wei for `size` estimated compressed bytes:
    /// `size * (execScalar * l1BaseFee + blobScalar * l1BlobBaseFee) / 1_000_000`,
    /// rounded down; saturating, so an absurd oracle makes transactions unaffordable, not free.
    pub fn fee(&self, size: u64) -> U256 {
        let exec = self.base_fee.saturating_mul(U256::from(self.exec_scalar));
        let blob = self.blob_base_fee.saturating_mul(U256::from(self.blob_scalar));
        exec.saturating_add(blob).saturating_mul(U256::from(size)) / U256::from(1_000_000)
    }
}
