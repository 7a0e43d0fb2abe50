//! L1's prices on L2: reports to `L1GasOracle`, from which every transaction's L1 data fee follows.
//!
//! What is reported is an exponential average of L1's prices over the time in which a batch is
//! filled and brought to L1. An average is late, but not wrong: over time users pay what L1 asked,
//! and a spike of minutes neither multiplies their fees nor is lost to the operator. There is
//! no cap but the contract's own. See docs/decisions/0012.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use futures_util::future::BoxFuture;
use jovay_evm::predeploys::{L1_BASE_FEE_SLOT, L1_BLOB_BASE_FEE_SLOT, L1_GAS_ORACLE};
use jovay_l1::bindings::L1GasOracle;
use jovay_l1::{L1Error, Signer};
use jovay_sequencer::Sequencer;
use jovay_state::{ChainStore, StateError};
use jovay_storage::{Chain, ChainError};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Gas of a report: 21,000, two slots, an event; with room.
const REPORT_GAS: u64 = 120_000;
/// The highest price that the contract takes, in wei.
const PRICE_MAX: u128 = 1_000_000_000_000_000;
/// How long a report may take to be in a block.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// When prices are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleConfig {
    /// How often L1's prices are read.
    pub poll: Duration,
    /// Over how long they are averaged: after a step, 63 % of it is in after this time.
    pub smoothing: Duration,
    /// A price that has moved by so many percent is reported.
    pub threshold_percent: u32,
    /// Any change is reported after this time.
    pub report_after: Duration,
    /// The shortest time between two reports.
    pub report_min: Duration,
    /// Added to what is reported, in percent: for what L1 takes beyond the data, such as batches that
    /// go out half full.
    pub margin_percent: u32,
}

impl Default for OracleConfig {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(6),
            smoothing: Duration::from_secs(300),
            threshold_percent: 10,
            report_after: Duration::from_secs(3_600),
            report_min: Duration::from_secs(12),
            margin_percent: 0,
        }
    }
}

/// Wei per gas and wei per blob gas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// L1's base fee.
    pub base_fee: f64,
    /// L1's blob base fee.
    pub blob_base_fee: f64,
}

/// Reads L1's prices for the next block: of the sender, or of a node.
pub type PriceSource = Box<dyn Fn() -> BoxFuture<'static, Result<Prices, L1Error>> + Send + Sync>;

/// Prices as `client` predicts them for the next block (`eth_feeHistory`).
pub fn node_prices(client: jovay_l1::L1Client) -> PriceSource {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FeeHistory {
        base_fee_per_gas: Vec<U256>,
        #[serde(default)]
        base_fee_per_blob_gas: Vec<U256>,
    }
    Box::new(move || {
        let client = client.clone();
        Box::pin(async move {
            let params = serde_json::json!(["0x1", "latest", []]);
            let history: FeeHistory = client.request("eth_feeHistory", params).await?;
            let last = |fees: &[U256]| fees.last().map(|fee| fee.saturating_to::<u128>() as f64);
            let base_fee = last(&history.base_fee_per_gas).ok_or_else(|| L1Error::Malformed {
                method: "eth_feeHistory".into(),
                message: "no base fee".into(),
            })?;
            let blob_base_fee = last(&history.base_fee_per_blob_gas).unwrap_or(0.0);
            Ok(Prices { base_fee, blob_base_fee })
        })
    })
}

/// Decides what to report and when; no clock of its own.
#[derive(Clone, Debug)]
pub struct Smoother {
    config: OracleConfig,
    average: Option<Prices>,
    /// Since the last report, or since the start.
    since_report: Duration,
}

impl Smoother {
    /// Has seen nothing yet.
    pub fn new(config: OracleConfig) -> Self {
        // The first difference is reported at once.
        Self { config, average: None, since_report: config.report_min }
    }

    /// Takes in prices that L1 had for `elapsed`, and says what to report given what L2 has; `None`
    /// for nothing.
    pub fn take(
        &mut self,
        now: Prices,
        elapsed: Duration,
        on_l2: (u128, u128),
    ) -> Option<(u128, u128)> {
        let weight = 1.0 - (-elapsed.as_secs_f64() / self.config.smoothing.as_secs_f64()).exp();
        let blend = |old: f64, new: f64| old + (new - old) * weight.clamp(0.0, 1.0);
        let average = match self.average {
            // What L2 charges is what was averaged before a restart, unless it never was.
            None if on_l2 != (0, 0) => {
                let margin = 1.0 + f64::from(self.config.margin_percent) / 100.0;
                let old = (on_l2.0 as f64 / margin, on_l2.1 as f64 / margin);
                Prices {
                    base_fee: blend(old.0, now.base_fee),
                    blob_base_fee: blend(old.1, now.blob_base_fee),
                }
            }
            None => now,
            Some(old) => Prices {
                base_fee: blend(old.base_fee, now.base_fee),
                blob_base_fee: blend(old.blob_base_fee, now.blob_base_fee),
            },
        };
        self.average = Some(average);
        self.since_report = self.since_report.saturating_add(elapsed);
        let wanted = (self.charged(average.base_fee), self.charged(average.blob_base_fee));
        let moved = self.has_moved(on_l2.0, wanted.0) || self.has_moved(on_l2.1, wanted.1);
        let old = self.since_report >= self.config.report_after && wanted != on_l2;
        ((moved || old) && self.since_report >= self.config.report_min).then_some(wanted)
    }

    /// A report is in a block.
    pub fn reported(&mut self) {
        self.since_report = Duration::ZERO;
    }

    fn charged(&self, price: f64) -> u128 {
        let margin = 1.0 + f64::from(self.config.margin_percent) / 100.0;
        ((price * margin).ceil() as u128).clamp(1, PRICE_MAX)
    }

    fn has_moved(&self, from: u128, to: u128) -> bool {
        let change = from.abs_diff(to).saturating_mul(100);
        change > from.saturating_mul(self.config.threshold_percent.into())
    }
}

/// What the feeder tells about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OracleStatus {
    /// L1's prices at the last look.
    pub prices: Prices,
    /// What L2 charges with: base fee, blob base fee.
    pub on_l2: (u128, u128),
    /// Reports that were executed since the start.
    pub reports: u64,
    /// Why the last look or report came to nothing.
    pub error: Option<String>,
}

/// Why prices were not reported this time.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    L1(#[from] L1Error),
    #[error("chain: {0}")]
    Chain(#[from] ChainError),
    #[error("chain: {0}")]
    State(#[from] StateError),
    #[error("report of L1's prices refused: {0}")]
    Report(String),
}

/// The running feeder.
pub struct OracleFeeder {
    status: Arc<RwLock<OracleStatus>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the feeder works with.
pub struct OracleParts {
    /// The chain that is fed.
    pub chain: Arc<Chain>,
    /// Takes the reports as transactions like any other.
    pub sequencer: Arc<Sequencer>,
    /// Chain id of L2.
    pub chain_id: u64,
    /// `L1GasOracle`'s feeder; pays for the reports on L2.
    pub signer: Signer,
    /// L1's prices.
    pub prices: PriceSource,
}

impl OracleFeeder {
    /// Feeds until [`OracleFeeder::stop`]. Needs a tokio runtime.
    pub fn start(config: OracleConfig, parts: OracleParts) -> Self {
        let status = Arc::new(RwLock::new(OracleStatus::default()));
        let (stop, mut stopped) = watch::channel(false);
        let shown = status.clone();
        let task = tokio::spawn(async move {
            let mut smoother = Smoother::new(config);
            let mut last = Instant::now();
            loop {
                let elapsed = last.elapsed();
                last = Instant::now();
                let fed = tokio::select! {
                    _ = stopped.changed() => return,
                    fed = parts.feed(&mut smoother, elapsed, &shown) => fed,
                };
                let error = fed.err();
                if let Some(error) = &error {
                    metrics::counter!("jovay_oracle_errors_total").increment(1);
                    tracing::warn!(%error, "L1's prices on L2 stay as they are");
                }
                shown.write().error = error.map(|error| error.to_string());
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(config.poll) => {}
                }
            }
        });
        Self { status, stop, task }
    }

    /// Where it stands.
    pub fn status(&self) -> OracleStatus {
        self.status.read().clone()
    }

    /// Stops feeding.
    pub async fn stop(self) {
        // The task may have ended with the runtime.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

impl OracleParts {
    async fn feed(
        &self,
        smoother: &mut Smoother,
        elapsed: Duration,
        status: &RwLock<OracleStatus>,
    ) -> Result<(), FeedError> {
        let prices = (self.prices)().await?;
        let on_l2 = self.on_l2()?;
        {
            let mut status = status.write();
            (status.prices, status.on_l2) = (prices, on_l2);
        }
        metrics::gauge!("jovay_oracle_l1_base_fee_wei").set(prices.base_fee);
        metrics::gauge!("jovay_oracle_l1_blob_base_fee_wei").set(prices.blob_base_fee);
        let Some(wanted) = smoother.take(prices, elapsed, on_l2) else { return Ok(()) };
        self.report(wanted).await?;
        smoother.reported();
        let mut status = status.write();
        status.on_l2 = wanted;
        status.reports += 1;
        metrics::counter!("jovay_oracle_reports_total").increment(1);
        let (base_fee, blob_base_fee) = wanted;
        tracing::info!(base_fee, blob_base_fee, "reported L1's prices to L2, in wei");
        Ok(())
    }

    /// What L2 charges with.
    fn on_l2(&self) -> Result<(u128, u128), FeedError> {
        let state = self.chain.state_at(self.chain.head().number())?;
        let slot = |slot| state.storage(&L1_GAS_ORACLE, slot);
        let (base, blob) = (slot(&L1_BASE_FEE_SLOT)?, slot(&L1_BLOB_BASE_FEE_SLOT)?);
        Ok((base.saturating_to(), blob.saturating_to()))
    }

    async fn report(&self, prices: (u128, u128)) -> Result<(), FeedError> {
        let refused = |error: &dyn std::fmt::Display| FeedError::Report(error.to_string());
        let feeder = self.signer.address();
        let pooled = self.sequencer.pool().next_nonce(&feeder);
        let nonce = match pooled {
            Some(nonce) => nonce,
            None => {
                let state = self.chain.state_at(self.chain.head().number())?;
                state.account(&feeder)?.unwrap_or_default().nonce
            }
        };
        let call = L1GasOracle::setFeesCall {
            newL1BaseFee: U256::from(prices.0),
            newL1BlobBaseFee: U256::from(prices.1),
        };
        let base_fee = u128::from(self.sequencer.next_block_env().base_fee.unwrap_or(0));
        let tip = (base_fee / 10).max(1);
        let (_, raw) = self.signer.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: REPORT_GAS,
            max_fee_per_gas: base_fee.saturating_mul(4).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(L1_GAS_ORACLE),
            value: U256::ZERO,
            access_list: Default::default(),
            input: call.abi_encode().into(),
        });
        let included = self.sequencer.submit_and_wait(Bytes::from(raw), REPORT_TIMEOUT).await;
        let included = included.map_err(|error| refused(&error))?;
        let receipt = included.outcome.receipts.get(included.index);
        match receipt.is_some_and(|receipt| receipt.receipt.status.coerce_status()) {
            true => Ok(()),
            false => Err(refused(&format!("{feeder} is not the oracle's feeder"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: f64 = 1e9;

    fn smoother() -> Smoother {
        Smoother::new(OracleConfig::default())
    }

    fn at(base_fee: f64) -> Prices {
        Prices { base_fee, blob_base_fee: base_fee / 16.0 }
    }

    /// Feeds a price for each of `steps` intervals of 12 seconds; the charged price after each.
    fn run(smoother: &mut Smoother, charged: &mut (u128, u128), prices: &[f64]) -> Vec<u128> {
        let step = Duration::from_secs(12);
        let mut history = Vec::new();
        for price in prices {
            if let Some(report) = smoother.take(at(*price), step, *charged) {
                smoother.reported();
                *charged = report;
            }
            history.push(charged.0);
        }
        history
    }

    #[test]
    fn a_new_chain_is_charged_at_once_and_a_steady_price_is_reported_once() {
        let (mut smoother, mut charged) = (smoother(), (0, 0));
        let history = run(&mut smoother, &mut charged, &[20.0 * GWEI; 50]);
        assert!(history.iter().all(|price| *price == 20_000_000_000), "{history:?}");
        assert_eq!(charged.1, 1_250_000_000);
    }

    #[test]
    fn a_spike_is_spread_and_no_wei_of_it_is_lost() {
        let (mut smoother, mut charged) = (smoother(), (0, 0));
        let mut prices = vec![10.0 * GWEI; 100];
        prices.extend([500.0 * GWEI; 5]);
        prices.extend([10.0 * GWEI; 400]);
        let history = run(&mut smoother, &mut charged, &prices);
        let highest = *history.iter().max().unwrap_or(&0) as f64;
        assert!(highest < 120.0 * GWEI, "a minute at 500 gwei was charged at {highest}");
        assert!(highest > 50.0 * GWEI, "and it was charged");
        // A constant load pays within a few percent what L1 asked.
        let paid: f64 = history.iter().map(|price| *price as f64).sum();
        let asked: f64 = prices.iter().sum();
        assert!((paid / asked - 1.0).abs() < 0.1, "paid {paid}, asked {asked}");
    }

    #[test]
    fn a_lasting_rise_is_followed_without_a_cap() {
        let (mut smoother, mut charged) = (smoother(), (0, 0));
        let mut prices = vec![GWEI; 10];
        prices.extend([300.0 * GWEI; 200]);
        let history = run(&mut smoother, &mut charged, &prices);
        assert!(*history.last().unwrap_or(&0) as f64 > 270.0 * GWEI);
        // After the time of the average, 63 percent of the step.
        assert!((history[10 + 25] as f64) > 150.0 * GWEI, "{}", history[35]);
    }

    #[test]
    fn reports_are_bounded_in_rate_and_in_height() {
        let (mut smoother, mut charged) = (smoother(), (0, 0));
        let mut reports = 0;
        for second in 0..600_u32 {
            let price = if second % 2 == 0 { GWEI } else { 900.0 * GWEI };
            if smoother.take(at(price), Duration::from_secs(1), charged).is_some_and(|report| {
                charged = report;
                true
            }) {
                smoother.reported();
                reports += 1;
            }
        }
        assert!(reports <= 600 / 12 + 1, "{reports}");
        let mut smoother = super::Smoother::new(OracleConfig::default());
        let report = smoother.take(at(1e30), Duration::from_secs(12), (0, 0));
        assert_eq!(report, Some((PRICE_MAX, PRICE_MAX)));
    }

    #[test]
    fn a_restart_goes_on_from_what_is_charged() {
        let mut smoother = smoother();
        let charged = (100_000_000_000, 6_250_000_000);
        // One look at a tenth of the price changes little.
        let report = smoother.take(at(10.0 * GWEI), Duration::from_secs(12), charged);
        assert_eq!(report, None);
    }
}
