//! What committing a batch costs on L1.

use crate::{BLOB_BYTES, blobs_needed};

/// L1's prices at one moment, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Prices {
    /// Per gas, priority fee included.
    pub gas: u128,
    /// Per blob gas; a blob is 131,072 of it.
    pub blob_gas: u128,
}

/// When a batch is cheap enough to be committed early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostTarget {
    /// Most wei that a transaction's share may cost.
    pub wei_per_transaction: u128,
    /// L1 gas of a commitment that does not depend on its size.
    pub commit_gas: u64,
    /// L1 gas for each blob, besides blob gas.
    pub gas_per_blob: u64,
}

impl CostTarget {
    /// Wei that `data_bytes` in blobs cost to commit.
    pub fn commit_cost(&self, prices: &L1Prices, data_bytes: usize) -> u128 {
        let blobs = blobs_needed(data_bytes) as u128;
        let gas = u128::from(self.commit_gas) + blobs * u128::from(self.gas_per_blob);
        let blob_gas = blobs * BLOB_BYTES as u128;
        gas.saturating_mul(prices.gas).saturating_add(blob_gas.saturating_mul(prices.blob_gas))
    }

    /// Whether each of `transactions` costs at most the target.
    pub fn is_met(&self, prices: &L1Prices, data_bytes: usize, transactions: u64) -> bool {
        let allowed = self.wei_per_transaction.saturating_mul(transactions.into());
        transactions > 0 && self.commit_cost(prices, data_bytes) <= allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cheap_enough_once_its_fixed_cost_is_shared() {
        let target =
            CostTarget { wei_per_transaction: 1_000_000, commit_gas: 100_000, gas_per_blob: 5_000 };
        let prices = L1Prices { gas: 1_000, blob_gas: 10 };
        // 105,000 gas at 1,000 wei and one blob at 10 wei per blob gas.
        assert_eq!(target.commit_cost(&prices, 100), 105_000_000 + 1_310_720);
        assert!(!target.is_met(&prices, 100, 106));
        assert!(target.is_met(&prices, 100, 107));
        // The second blob has its price.
        assert_eq!(target.commit_cost(&prices, 126_977), 110_000_000 + 2_621_440);
        assert!(!target.is_met(&prices, 0, 0));
    }
}
