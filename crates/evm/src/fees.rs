//! What a block costs to be in: base fee and blob base fee of the next block.

use alloy_consensus::Header;

use crate::{BaseFeeRules, ChainSpec, Fork};

impl BaseFeeRules {
    /// The base fee, in wei per gas, after a block with these header fields (EIP-1559).
    pub fn next(&self, gas_used: u64, gas_limit: u64, base_fee: u64) -> u64 {
        let target = gas_limit / self.elasticity.max(1);
        let moved = self.moved(gas_used, target, base_fee);
        moved.max(self.floor)
    }

    fn moved(&self, gas_used: u64, target: u64, base_fee: u64) -> u64 {
        // Without a target there is nothing to be above or below of.
        if gas_used == target || target == 0 {
            return base_fee;
        }
        let step = |gas: u64| {
            let delta = u128::from(base_fee) * u128::from(gas)
                / u128::from(target)
                / u128::from(self.denominator.max(1));
            u64::try_from(delta).unwrap_or(u64::MAX)
        };
        if gas_used > target {
            base_fee.saturating_add(step(gas_used - target).max(1))
        } else {
            base_fee.saturating_sub(step(target - gas_used))
        }
    }
}

impl ChainSpec {
    /// The base fee, in wei per gas, of the block after `parent` at `timestamp` (seconds);
    /// `None` before London.
    pub fn next_base_fee(&self, parent: &Header, timestamp: u64) -> Option<u64> {
        let number = parent.number.saturating_add(1);
        if !self.is_london(number, timestamp, parent) {
            return None;
        }
        let fee = match parent.base_fee_per_gas {
            Some(base_fee) => self.base_fee.next(parent.gas_used, parent.gas_limit, base_fee),
            None => self.initial_base_fee.max(self.base_fee.floor),
        };
        Some(fee)
    }

    fn is_london(&self, number: u64, timestamp: u64, parent: &Header) -> bool {
        parent.base_fee_per_gas.is_some()
            || self.forks.fork(number, timestamp, false) >= Fork::London
    }

    /// Excess blob gas of the block after `parent` at `timestamp` (EIP-4844, EIP-7918);
    /// `None` before Cancun.
    pub fn next_excess_blob_gas(&self, parent: &Header, timestamp: u64) -> Option<u64> {
        let params = self.blob_params(timestamp)?;
        if self.is_l2() {
            return Some(0);
        }
        let excess = parent.excess_blob_gas.unwrap_or(0);
        let used = parent.blob_gas_used.unwrap_or(0);
        let target = params.target_blob_gas_per_block();
        let next = u128::from(excess) + u128::from(used);
        if next < u128::from(target) {
            return Some(0);
        }
        // EIP-7918 compares the price of a blob with that of the execution gas behind it.
        let reserve = u128::from(params.blob_base_cost)
            .saturating_mul(u128::from(parent.base_fee_per_gas.unwrap_or(0)));
        let blob = u128::from(alloy_eips::eip4844::DATA_GAS_PER_BLOB)
            .saturating_mul(params.calc_blob_fee(excess));
        let next = if reserve > blob && params.max_blob_count > 0 {
            let over = params.max_blob_count.saturating_sub(params.target_blob_count);
            u128::from(excess)
                + u128::from(used) * u128::from(over) / u128::from(params.max_blob_count)
        } else {
            next - u128::from(target)
        };
        Some(u64::try_from(next).unwrap_or(u64::MAX))
    }

    /// Wei per blob gas at `excess_blob_gas` and `timestamp`; `None` before Cancun.
    pub fn blob_base_fee(&self, excess_blob_gas: u64, timestamp: u64) -> Option<u128> {
        Some(self.blob_params(timestamp)?.calc_blob_fee(excess_blob_gas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethereum_moves_by_an_eighth() {
        let rules = BaseFeeRules::ETHEREUM;
        assert_eq!(rules.next(30_000_000, 30_000_000, 800), 900);
        assert_eq!(rules.next(0, 30_000_000, 800), 700);
        assert_eq!(rules.next(15_000_000, 30_000_000, 800), 800);
        assert_eq!(rules.next(15_000_001, 30_000_000, 7), 8);
    }

    #[test]
    fn the_l2_moves_by_an_eighth_in_twelve_seconds_and_keeps_its_floor() {
        let rules = BaseFeeRules::l2(200);
        let start = 480_000_000_000;
        assert_eq!(rules.next(120_000_000, 120_000_000, start), start + start / 480);
        let mut fee = start;
        for _ in 0..60 {
            fee = rules.next(120_000_000, 120_000_000, fee);
        }
        let ratio = fee as f64 / start as f64;
        assert!((1.125..1.14).contains(&ratio), "{ratio}");
        assert_eq!(rules.next(0, 120_000_000, 1_000_000), 1_000_000);
        assert_eq!(rules.next(0, 120_000_000, 1_000_100), 1_000_000);
        assert_eq!(rules.next(30_000_000, 120_000_000, 5_000_000), 5_000_000);
    }

    #[test]
    fn extreme_headers_do_not_overflow() {
        for rules in [BaseFeeRules::ETHEREUM, BaseFeeRules::l2(0), BaseFeeRules::l2(u64::MAX)] {
            for (used, limit, fee) in
                [(u64::MAX, 1, u64::MAX), (0, u64::MAX, u64::MAX), (5, 0, 7), (u64::MAX, 8, 0)]
            {
                rules.next(used, limit, fee);
            }
        }
    }
}
