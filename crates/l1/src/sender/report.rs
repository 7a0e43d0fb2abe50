//! What the sender says in logs and metrics.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, U256};
use metrics::{Counter, Gauge, counter, gauge};
use parking_lot::Mutex;

use super::IntentStatus;
use super::journal::Attempt;
use super::offer::gwei;
use crate::FeeReading;

/// What an operator should act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The balance is below what is configured.
    Balance,
    /// Something cannot be sent for lack of funds.
    Funds,
    /// The node does not answer.
    Node,
    /// A deadline has passed and the prices are still too high.
    Price,
    /// The node refuses a transaction, for reasons that only a person may understand.
    Refused,
    /// Another program sends with the same key.
    Foreign,
    /// The journal cannot be written.
    Journal,
}

const ALARMS: usize = 7;
/// How often the log repeats what an intent waits for.
const SAY_AGAIN: Duration = Duration::from_secs(60);
const NAMES: [&str; ALARMS] =
    ["balance", "funds", "node", "price", "refused", "foreign", "journal"];

/// Metrics of one sender; label `sender`.
pub(super) struct Report {
    name: String,
    /// Each with its message while it lasts.
    alarms: [(Gauge, Mutex<Option<String>>); ALARMS],
    /// Whose waiting was last logged, and when.
    said: Mutex<Option<(String, Instant)>>,
    waiting: Gauge,
    in_flight: Gauge,
    included: Gauge,
    oldest_seconds: Gauge,
    balance: Gauge,
    base_fee: Gauge,
    blob_base_fee: Gauge,
    sent: Counter,
    resent: Counter,
    replaced: Counter,
    reorged: Counter,
    finalized: Counter,
    failed: Counter,
    cost_gwei: Counter,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How many intents are where, and how old the oldest is that no block has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Census {
    pub(super) waiting: usize,
    pub(super) in_flight: usize,
    pub(super) included: usize,
    pub(super) oldest_seconds: u64,
}

impl Report {
    pub(super) fn new(name: &str) -> Self {
        let sender = || name.to_owned();
        let intents =
            |state| gauge!("jovay_l1_sender_intents", "sender" => sender(), "state" => state);
        Self {
            alarms: NAMES.map(|kind| {
                let gauge = gauge!("jovay_l1_sender_alarm", "sender" => sender(), "kind" => kind);
                (gauge, Mutex::new(None))
            }),
            said: Mutex::new(None),
            waiting: intents("waiting"),
            in_flight: intents("in_flight"),
            included: intents("included"),
            oldest_seconds: gauge!("jovay_l1_sender_oldest_seconds", "sender" => sender()),
            balance: gauge!("jovay_l1_sender_balance_ether", "sender" => sender()),
            base_fee: gauge!("jovay_l1_sender_next_base_fee_wei", "sender" => sender()),
            blob_base_fee: gauge!("jovay_l1_sender_next_blob_base_fee_wei", "sender" => sender()),
            sent: counter!("jovay_l1_sender_sent_total", "sender" => sender()),
            resent: counter!("jovay_l1_sender_resent_total", "sender" => sender()),
            replaced: counter!("jovay_l1_sender_replaced_total", "sender" => sender()),
            reorged: counter!("jovay_l1_sender_reorged_total", "sender" => sender()),
            finalized: counter!("jovay_l1_sender_final_total", "sender" => sender()),
            failed: counter!("jovay_l1_sender_failed_total", "sender" => sender()),
            cost_gwei: counter!("jovay_l1_sender_cost_gwei_total", "sender" => sender()),
            name: name.to_owned(),
        }
    }

    /// Raises an alarm. Only the first time in a row is logged.
    pub(super) fn raise(&self, alarm: Alarm, message: &str) {
        let Some((gauge, on)) = self.alarms.get(alarm as usize) else { return };
        gauge.set(1.0);
        if on.lock().replace(message.to_owned()).is_none() {
            tracing::error!(sender = self.name, "L1 sender, alarm {alarm:?}: {message}");
        }
    }

    /// Ends an alarm.
    pub(super) fn clear(&self, alarm: Alarm) {
        let Some((gauge, on)) = self.alarms.get(alarm as usize) else { return };
        gauge.set(0.0);
        if on.lock().take().is_some() {
            tracing::info!(sender = self.name, "L1 sender, alarm {alarm:?} is over");
        }
    }

    /// The messages of the alarms that last.
    pub(super) fn alarms(&self) -> Vec<String> {
        self.alarms.iter().filter_map(|(_, on)| on.lock().clone()).collect()
    }

    /// Says now and then what the next intent waits for.
    pub(super) fn waits(&self, key: &str, reason: &str) {
        let mut said = self.said.lock();
        let is_new = |(of, at): &(String, Instant)| of != key || at.elapsed() >= SAY_AGAIN;
        if said.as_ref().is_none_or(is_new) {
            *said = Some((key.to_owned(), Instant::now()));
            tracing::info!(sender = self.name, "{key} waits: {reason}");
        }
    }

    pub(super) fn census(&self, census: &Census) {
        self.waiting.set(census.waiting as f64);
        self.in_flight.set(census.in_flight as f64);
        self.included.set(census.included as f64);
        self.oldest_seconds.set(census.oldest_seconds as f64);
    }

    pub(super) fn head(&self, reading: &FeeReading, balance: U256) {
        self.base_fee.set(reading.next_base_fee as f64);
        self.blob_base_fee.set(reading.next_blob_base_fee as f64);
        self.balance.set(balance.saturating_to::<u128>() as f64 / 1e18);
    }

    pub(super) fn sent(&self, key: &str, attempt: &Attempt) {
        self.sent.increment(1);
        let (hash, nonce) = (attempt.hash, attempt.nonce);
        let fees = self.fees(attempt);
        tracing::info!(sender = self.name, "{key}: sent to L1 as {hash}, nonce {nonce}, {fees}");
    }

    pub(super) fn resent(&self, key: &str, hash: B256) {
        self.resent.increment(1);
        tracing::warn!(sender = self.name, "{key}: L1's node has lost {hash}; it gets it again");
    }

    pub(super) fn replaced(&self, key: &str, attempt: &Attempt, why: &str) {
        self.replaced.increment(1);
        let (hash, fees) = (attempt.hash, self.fees(attempt));
        tracing::warn!(sender = self.name, "{key}: {why}; replaced by {hash}, {fees}");
    }

    pub(super) fn reorged(&self, key: &str, block: u64) {
        self.reorged.increment(1);
        tracing::warn!(
            sender = self.name,
            "{key}: an L1 reorg took it out of block {block}; it is in flight again"
        );
    }

    pub(super) fn foreign(&self, key: &str, nonce: u64, is_final: bool) {
        let then = match is_final {
            true => "it gets another nonce",
            false => "once that is final, it gets another nonce",
        };
        self.raise(Alarm::Foreign, "another program sends with this key; it must have its own");
        tracing::warn!(
            sender = self.name,
            "{key}: nonce {nonce} is used by a transaction that is not ours; {then}"
        );
    }

    pub(super) fn filled(&self, nonce: u64) {
        tracing::warn!(
            sender = self.name,
            "nonce {nonce} is unused and later ones wait for it: filled with an empty transaction"
        );
    }

    fn fees(&self, attempt: &Attempt) -> String {
        let offer = &attempt.offer;
        let blobs = offer
            .blob_fee
            .map_or(String::new(), |fee| format!(", up to {} per blob gas", gwei(fee)));
        format!("up to {} per gas (tip {}){blobs}", gwei(offer.max_fee), gwei(offer.tip))
    }

    /// A status has changed.
    pub(super) fn status(&self, key: &str, status: &IntentStatus) {
        let sender = &self.name;
        match status {
            IntentStatus::Waiting { .. } | IntentStatus::InFlight { .. } => {}
            IntentStatus::Included { receipt, confirmations: 1 } => {
                let outcome = if receipt.succeeded() { "included" } else { "REVERTED" };
                let (block, gas) = (receipt.block_number, receipt.gas_used);
                tracing::info!(sender, "{key}: {outcome} in L1 block {block}, {gas} gas");
            }
            IntentStatus::Included { .. } => {}
            IntentStatus::Final { receipt } => {
                self.finalized.increment(1);
                let cost = receipt.cost() / U256::from(1_000_000_000);
                self.cost_gwei.increment(cost.saturating_to());
                let block = receipt.block_number;
                tracing::info!(sender, "{key}: final in L1 block {block}, cost {cost} gwei");
            }
            IntentStatus::Failed { reason } => {
                self.failed.increment(1);
                tracing::error!(sender, "{key}: failed: {reason}");
            }
        }
    }

    /// Something that an operator should know of.
    pub(super) fn warn(&self, key: &str, message: &str) {
        tracing::warn!(sender = self.name, "{key}: {message}");
    }
}
