//! What a transaction offers to pay, and whether now is the time.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use super::{PriceZones, SenderConfig};
use crate::fees::{BlobSchedule, FeeState, Load, blob_gas};

/// The fee caps of a transaction, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// Most per gas, tip included.
    #[serde(with = "alloy_serde::quantity")]
    pub(crate) max_fee: u128,
    /// To the proposer, per gas.
    #[serde(with = "alloy_serde::quantity")]
    pub(crate) tip: u128,
    /// Most per blob gas; `None` without blobs.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub(crate) blob_fee: Option<u128>,
}

/// Percent by which a replacement must offer more: geth's pool, and its blob pool.
const BUMP_PERCENT: u128 = 10;
const BLOB_BUMP_PERCENT: u128 = 100;

impl Offer {
    /// Most wei that the transaction can cost. Nodes ask for this balance.
    pub(super) fn cost_max(&self, value: U256, gas_limit: u64, blobs: usize) -> U256 {
        let gas = U256::from(gas_limit).saturating_mul(U256::from(self.max_fee));
        let blob_fee = U256::from(self.blob_fee.unwrap_or_default());
        let blobs = U256::from(blob_gas(blobs)).saturating_mul(blob_fee);
        value.saturating_add(gas).saturating_add(blobs)
    }

    /// Whether a block with these base fees could hold it.
    pub(super) fn is_enough(&self, base_fee: u128, blob_base_fee: u128) -> bool {
        self.max_fee >= base_fee && self.blob_fee.is_none_or(|fee| fee >= blob_base_fee)
    }

    /// The least offer that nodes take in place of this one: every part must rise.
    fn least_replacement(&self) -> Self {
        let percent = if self.blob_fee.is_some() { BLOB_BUMP_PERCENT } else { BUMP_PERCENT };
        let raise = |fee: u128| (fee.saturating_mul(100 + percent) / 100).saturating_add(1);
        Self {
            max_fee: raise(self.max_fee),
            tip: raise(self.tip),
            blob_fee: self.blob_fee.map(raise),
        }
    }

    /// What to offer in place of `self` when a new transaction would offer `wanted`.
    ///
    /// # Errors
    /// In words: that would be above the hard maximum.
    pub(super) fn replacement(&self, wanted: &Self, config: &SenderConfig) -> Result<Self, String> {
        let least = self.least_replacement();
        let tip = least.tip.max(wanted.tip);
        let offer = Self {
            max_fee: least.max_fee.max(wanted.max_fee).max(tip),
            tip,
            blob_fee: least.blob_fee.map(|fee| fee.max(wanted.blob_fee.unwrap_or_default())),
        };
        let blob_fee = offer.blob_fee.unwrap_or_default();
        if offer.max_fee > config.base_fee.hard_max || blob_fee > config.blob_fee.hard_max {
            return Err(format!(
                "nodes take a replacement only from {} per gas{} on, above the hard maximum",
                gwei(offer.max_fee),
                offer
                    .blob_fee
                    .map_or(String::new(), |fee| format!(" and {} per blob gas", gwei(fee))),
            ));
        }
        Ok(offer)
    }
}

/// How a price stands to the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Zone {
    Green,
    Yellow,
    Red,
    Never,
}

impl PriceZones {
    fn zone(&self, price: u128) -> Zone {
        match price {
            price if price <= self.green_max => Zone::Green,
            price if price <= self.yellow_max => Zone::Yellow,
            price if price <= self.hard_max => Zone::Red,
            _ => Zone::Never,
        }
    }
}

/// L1's prices as a decision needs them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Market<'a> {
    pub(super) fees: &'a FeeState,
    pub(super) schedule: &'a BlobSchedule,
    /// What proposers are given at present, wei per gas.
    pub(super) tip: u128,
}

/// Decides at `now` whether to send something with `deadline` (both Unix seconds), and for how
/// much.
///
/// # Errors
/// In words: what it waits for.
pub(super) fn decide(
    config: &SenderConfig,
    market: &Market<'_>,
    with_blobs: bool,
    deadline: u64,
    now: u64,
) -> Result<Offer, String> {
    let (base_fee, blob_fee) = market.fees.ahead(market.schedule, 1, Load::AsLast);
    let tip = market.tip.clamp(config.tip_min, config.tip_max);
    let gas_zone = config.base_fee.zone(base_fee.saturating_add(tip));
    let blob_zone = if with_blobs { config.blob_fee.zone(blob_fee) } else { Zone::Green };
    let zone = gas_zone.max(blob_zone);
    let left = deadline.saturating_sub(now);
    let patient = match zone {
        Zone::Green => false,
        Zone::Yellow => left > config.yellow_lead.as_secs(),
        Zone::Red => left > 0,
        Zone::Never => true,
    };
    if patient {
        let (price, of) = match blob_zone > gas_zone {
            true => (gwei(blob_fee), "per blob gas"),
            false => (gwei(base_fee), "per gas"),
        };
        let until = match zone {
            Zone::Never => "above the hard maximum".into(),
            Zone::Red => format!("red zone, waits for the deadline in {left} s"),
            _ => format!("yellow zone, {left} s before the deadline"),
        };
        return Err(format!("L1 asks {price} {of}: {until}"));
    }
    let (worst_base, worst_blob) =
        market.fees.ahead(market.schedule, config.blocks_ahead, Load::Full);
    let max_fee = worst_base.saturating_add(tip).min(config.base_fee.hard_max);
    let blob_fee = with_blobs.then(|| worst_blob.min(config.blob_fee.hard_max));
    Ok(Offer { max_fee, tip, blob_fee })
}

/// A price for people.
pub(super) fn gwei(wei: u128) -> String {
    const GWEI: u128 = 1_000_000_000;
    match wei {
        0..1_000 => format!("{wei} wei"),
        _ => format!("{}.{:06} gwei", wei / GWEI, wei % GWEI / 1_000),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const GWEI: u128 = 1_000_000_000;

    /// Blocks at their targets, so that the next costs the same.
    fn market(base_fee: u64, excess_blob_gas: u64) -> (FeeState, BlobSchedule) {
        let fees = FeeState {
            number: 1,
            timestamp: 1,
            gas_limit: 60_000_000,
            gas_used: 30_000_000,
            base_fee,
            excess_blob_gas,
            blob_gas_used: 6 << 17,
        };
        (fees, BlobSchedule::osaka())
    }

    fn config() -> SenderConfig {
        let zones = |green, yellow, hard| PriceZones {
            green_max: green * GWEI,
            yellow_max: yellow * GWEI,
            hard_max: hard * GWEI,
        };
        let (base_fee, blob_fee) = (zones(10, 30, 100), zones(5, 10, 50));
        SenderConfig { base_fee, blob_fee, ..SenderConfig::default() }
    }

    fn decision(base_gwei: u64, left: u64) -> Result<Offer, String> {
        let (fees, schedule) = market(base_gwei * 1_000_000_000, 0);
        let market = Market { fees: &fees, schedule: &schedule, tip: GWEI };
        decide(&config(), &market, false, 10_000 + left, 10_000)
    }

    #[test]
    fn zones_open_as_the_deadline_comes_near() {
        // The lead is 900 s. Prices are with the tip of 1 gwei.
        for (price, left, is_sent) in [
            (9, 100_000, true),
            (10, 100_000, false),
            (10, 901, false),
            (10, 900, true),
            (29, 0, true),
            (30, 900, false),
            (30, 1, false),
            (30, 0, true),
            (99, 0, true),
            (100, 0, false),
        ] {
            assert_eq!(decision(price, left).is_ok(), is_sent, "{price} gwei, {left} s left");
        }
        assert!(decision(10, 1_000).unwrap_err().contains("yellow"));
        assert!(decision(30, 1_000).unwrap_err().contains("red"));
        assert!(decision(100, 0).unwrap_err().contains("hard maximum"));
    }

    #[test]
    fn blobs_have_zones_of_their_own() {
        // An excess of 115,000,000 is about 9.4 gwei by Osaka's update fraction.
        let (fees, schedule) = market(1_000_000_000, 115_000_000);
        let market = Market { fees: &fees, schedule: &schedule, tip: GWEI };
        assert!(decide(&config(), &market, false, 99_999, 0).is_ok());
        let reason = decide(&config(), &market, true, 99_999, 0).unwrap_err();
        assert!(reason.contains("per blob gas"), "{reason}");
        let offer = decide(&config(), &market, true, 900, 0).unwrap();
        assert!(offer.blob_fee.unwrap() > 9 * GWEI);
    }

    #[test]
    fn an_offer_stands_so_many_full_blocks() {
        let offer = decision(8, 0).unwrap();
        // Five blocks ahead, of which the first is known and four rise by an eighth.
        let (mut worst, mut blocks) = (8 * GWEI, 1);
        while blocks < 5 {
            worst += worst / 8;
            blocks += 1;
        }
        assert_eq!(offer, Offer { max_fee: worst + GWEI, tip: GWEI, blob_fee: None });
    }

    proptest! {
        /// What geth's pools ask of a replacement: a tenth more; with blobs, twice as much.
        #[test]
        fn replacements_are_taken_or_too_dear(
            max_fee in 1..200 * GWEI, tip in 1..20 * GWEI, blob_fee in 0..60 * GWEI,
            wanted_fee in 1..200 * GWEI, has_blobs: bool,
        ) {
            let config = config();
            let tip = tip.min(max_fee);
            let blob_fee = has_blobs.then_some(blob_fee);
            let old = Offer { max_fee, tip, blob_fee };
            let wanted = Offer { max_fee: wanted_fee, tip: 1.min(wanted_fee), blob_fee };
            let (numerator, denominator) = if has_blobs { (2, 1) } else { (11, 10) };
            let enough = |new: u128, old: u128| new > old && new >= old * numerator / denominator;
            match old.replacement(&wanted, &config) {
                Ok(new) => {
                    prop_assert!(enough(new.max_fee, old.max_fee) && enough(new.tip, old.tip));
                    prop_assert!(new.tip <= new.max_fee && new.max_fee <= config.base_fee.hard_max);
                    prop_assert!(new.max_fee >= wanted.max_fee);
                    if let (Some(new), Some(old)) = (new.blob_fee, old.blob_fee) {
                        prop_assert!(enough(new, old) && new <= config.blob_fee.hard_max);
                    }
                }
                Err(_) => {
                    let least = old.max_fee * numerator / denominator + 1;
                    let blob = old.blob_fee.unwrap_or_default() * 2 + 1;
                    prop_assert!(
                        least.max(wanted.max_fee) > config.base_fee.hard_max
                            || blob > config.blob_fee.hard_max
                    );
                }
            }
        }

        /// Nothing ever offers more than the hard maximum.
        #[test]
        fn the_hard_maximum_holds(
            base_fee in 1..u64::MAX >> 20, excess in 0..200_000_000_u64, tip: u128, now: u64,
        ) {
            let (fees, schedule) = market(base_fee, excess);
            let market = Market { fees: &fees, schedule: &schedule, tip };
            let config = config();
            if let Ok(offer) = decide(&config, &market, true, 0, now) {
                prop_assert!(offer.max_fee <= config.base_fee.hard_max);
                prop_assert!(offer.blob_fee.unwrap() <= config.blob_fee.hard_max);
                prop_assert!(offer.tip <= offer.max_fee);
                let next = fees.ahead(&schedule, 1, Load::AsLast);
                prop_assert!(offer.is_enough(next.0, next.1));
            }
        }
    }
}
