//! The sender's settings.

use std::time::Duration;

use super::SenderError;
use crate::BlobSchedule;

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// How prices decide whether to send. `price` is what the next block asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceZones {
    /// Up to here (wei) intents are sent at once: green.
    pub green_max: u128,
    /// Up to here they wait until [`SenderConfig::yellow_lead`] before their deadline: yellow.
    /// Above it they wait for the deadline: red.
    pub yellow_max: u128,
    /// No transaction ever offers more, whatever the deadline.
    pub hard_max: u128,
}

/// When a transaction is taken for final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// So many blocks from its own on, its own included.
    Confirmations(u64),
    /// Its block is not above the node's `finalized`.
    Finalized,
}

/// Settings of a [`Sender`](super::Sender).
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// L1's chain id. `None`: ask the node when opening, which must then be there.
    pub chain_id: Option<u64>,
    /// Blob parameters by time. `None`: the known network's, or what the node says
    /// (`eth_config`, EIP-7910).
    pub blob_schedule: Option<BlobSchedule>,
    /// Zones of the base fee per gas, in wei.
    pub base_fee: PriceZones,
    /// Zones of the base fee per blob gas, in wei.
    pub blob_fee: PriceZones,
    /// How long an intent without a deadline may wait for lower prices.
    pub patience: Duration,
    /// How long before the deadline the yellow zone's prices are accepted.
    pub yellow_lead: Duration,
    /// The fee caps of a transaction stand so many full blocks in a row.
    pub blocks_ahead: u32,
    /// Least tip (wei per gas). Not zero: doubling it must raise it.
    pub tip_min: u128,
    /// Most tip (wei per gas), whatever the node suggests.
    pub tip_max: u128,
    /// Blocks that a transaction could have been in before its fees are raised.
    pub bump_after_blocks: u64,
    /// Most transactions of this account at once with the nodes. geth's blob pool takes 16.
    pub in_flight_max: usize,
    /// Percent added to the node's estimate of gas.
    pub gas_margin_percent: u64,
    /// Most gas of a transaction: 2^24 since Osaka (EIP-7825).
    pub gas_limit_max: u64,
    /// When a transaction is taken for final, and its intent may be forgotten.
    pub finality: Finality,
    /// How often the node is asked when nothing happens.
    pub poll_interval: Duration,
    /// Longest pause between questions to a node that does not answer.
    pub backoff_max: Duration,
    /// Below this balance (wei) an alarm is raised.
    pub balance_alarm: u128,
    /// Most intents that are not final.
    pub open_max: usize,
    /// How many final and failed intents are remembered, so that the same key is not sent again.
    pub remembered_max: usize,
    /// Names the sender in logs and metrics: `data`, `proofs`.
    pub name: String,
}

impl Default for SenderConfig {
    /// For Ethereum's mainnet: final when `finalized`.
    fn default() -> Self {
        Self {
            chain_id: None,
            blob_schedule: None,
            base_fee: PriceZones {
                green_max: 20 * GWEI,
                yellow_max: 60 * GWEI,
                hard_max: 500 * GWEI,
            },
            blob_fee: PriceZones {
                green_max: 5 * GWEI,
                yellow_max: 30 * GWEI,
                hard_max: 500 * GWEI,
            },
            patience: Duration::from_secs(3_600),
            yellow_lead: Duration::from_secs(900),
            blocks_ahead: 5,
            tip_min: GWEI / 1_000,
            tip_max: 10 * GWEI,
            bump_after_blocks: 4,
            in_flight_max: 8,
            gas_margin_percent: 20,
            gas_limit_max: 1 << 24,
            finality: Finality::Finalized,
            poll_interval: Duration::from_secs(3),
            backoff_max: Duration::from_secs(60),
            balance_alarm: GWEI * GWEI / 10,
            open_max: 4_096,
            remembered_max: 4_096,
            name: "l1".into(),
        }
    }
}

impl SenderConfig {
    /// For development networks with blocks every second or on demand: quick.
    pub fn dev() -> Self {
        Self {
            poll_interval: Duration::from_millis(200),
            backoff_max: Duration::from_secs(2),
            bump_after_blocks: 3,
            ..Self::default()
        }
    }

    /// Says what contradicts itself.
    ///
    /// # Errors
    /// [`SenderError::Config`].
    pub fn check(&self) -> Result<(), SenderError> {
        let no = |message: &str| Err(SenderError::Config(message.into()));
        for zones in [self.base_fee, self.blob_fee] {
            if !(zones.green_max <= zones.yellow_max && zones.yellow_max <= zones.hard_max) {
                return no("price zones must rise: green_max <= yellow_max <= hard_max");
            }
        }
        if self.tip_min == 0 || self.tip_min > self.tip_max {
            return no("tip_min must be above zero and at most tip_max");
        }
        if self.tip_max > self.base_fee.hard_max {
            return no("tip_max must not be above base_fee.hard_max");
        }
        if !(1..=16).contains(&self.in_flight_max) {
            return no("in_flight_max must be 1 to 16");
        }
        if self.finality == Finality::Confirmations(0) {
            return no("finality needs at least one confirmation");
        }
        if self.gas_limit_max < 21_000 || self.open_max == 0 || self.poll_interval.is_zero() {
            return no("gas_limit_max, open_max and poll_interval must not be (near) zero");
        }
        if self.blocks_ahead == 0 || self.blocks_ahead > 64 {
            return no("blocks_ahead must be 1 to 64");
        }
        Ok(())
    }
}
