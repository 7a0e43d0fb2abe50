//! The loop: looks where the chain stands, follows what is in flight, sends what is next.
//!
//! It may be dropped at any point, as by a crash: whatever is handed to the node was written down
//! before, and what was handed over is found again by its hash, its receipt and its nonce.

mod dispatch;
mod follow;
mod gap;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy_primitives::{Bytes, U256};

use super::draft::{self, Draft};
use super::exchange::Handed;
use super::journal::{Content, Outcome, Record};
use super::node::{Head, Node, Trouble};
use super::offer::Offer;
use super::report::{Alarm, Census};
use super::shared::Shared;
use super::{Failure, SenderError};
use crate::{L1Client, L1Receipt};

/// Most transactions that are signed for one intent. Raising 100-fold by 10 % takes 49.
const ATTEMPTS_MAX: usize = 64;
/// The pool is asked for a transaction once in so many rounds, and at every new block.
const POOL_CHECK_ROUNDS: u32 = 5;

/// What the loop remembers of an intent on its way.
#[derive(Debug, Default)]
struct Track {
    /// When the pool was last asked for it.
    checked: Option<Instant>,
    /// The block from which on it could have been included.
    eligible_since: Option<u64>,
    /// The node wants more for it.
    is_underpriced: bool,
    /// The node may have one of its transactions, or had. After a restart nobody knows.
    was_never_out: bool,
    /// Nothing is tried again before.
    hold_until: Option<Instant>,
    /// How often in a row the node refused it.
    refusals: u32,
    /// A message was given already about its nonce.
    is_foreign_known: bool,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    node: Node,
    tracks: HashMap<u64, Track>,
    /// A nonce that is missing, and for how many rounds it has been.
    gap: Option<(u64, u32)>,
}

/// Seconds since 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, client: L1Client) -> Self {
        Self { shared, node: Node::new(client), tracks: HashMap::new(), gap: None }
    }

    /// Works until it is dropped, or finds that it cannot.
    pub(super) async fn run(mut self) -> SenderError {
        let poll = self.shared.config.poll_interval;
        let mut trouble: Option<Duration> = None;
        loop {
            match self.round().await {
                Ok(()) => {
                    trouble = None;
                    self.shared.report.clear(Alarm::Node);
                    self.shared.report.clear(Alarm::Journal);
                    let _ = tokio::time::timeout(poll, self.shared.wake.notified()).await;
                }
                Err(Trouble::Sender(error @ SenderError::WrongChain { .. })) => return error,
                Err(error) => {
                    let pause = trouble.unwrap_or(poll);
                    self.trouble(&error);
                    tokio::time::sleep(pause).await;
                    trouble = Some((pause * 2).min(self.shared.config.backoff_max));
                }
            }
        }
    }

    fn trouble(&mut self, trouble: &Trouble) {
        self.node.forget();
        match trouble {
            Trouble::Node(error) => self.shared.report.raise(Alarm::Node, &error.to_string()),
            Trouble::Sender(error) => self.shared.report.raise(Alarm::Journal, &error.to_string()),
        }
    }

    async fn round(&mut self) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let is_idle = shared.read(|book| book.open().next().is_none());
        let head = self.node.head(&shared, is_idle).await?;
        if head.is_new {
            shared.set_reading(head.reading, head.balance);
            shared.report.head(&head.reading, head.balance);
        }
        let least = shared.config.balance_alarm;
        if head.is_new && head.balance < U256::from(least) {
            let (address, balance) = (shared.signer.address(), head.balance);
            let message = format!("{address} has {balance} wei, less than {least}: top it up");
            shared.report.raise(Alarm::Balance, &message);
        } else if head.is_new {
            shared.report.clear(Alarm::Balance);
        }
        if is_idle {
            self.tracks.clear();
            shared.report.census(&Census::default());
            return Ok(());
        }
        self.follow(&head).await?;
        self.close_gap(&head).await?;
        self.dispatch(&head).await?;
        self.take_census();
        Ok(())
    }

    fn take_census(&mut self) {
        let now = unix_now();
        let mut census = Census::default();
        let mut open = std::collections::HashSet::new();
        self.shared.read(|book| {
            for intent in book.open() {
                open.insert(intent.content.id);
                match (&intent.inclusion, intent.attempts.is_empty()) {
                    (Some(_), _) => census.included += 1,
                    (None, false) => census.in_flight += 1,
                    (None, true) => census.waiting += 1,
                }
                if intent.inclusion.is_none() {
                    let age = now.saturating_sub(intent.content.submitted_at);
                    census.oldest_seconds = census.oldest_seconds.max(age);
                }
            }
        });
        self.tracks.retain(|id, _| open.contains(id));
        self.shared.report.census(&census);
    }

    fn track(&mut self, id: u64) -> &mut Track {
        self.tracks.entry(id).or_default()
    }

    /// Signs a transaction, off the asynchronous threads: blobs are large.
    async fn sign(
        &self,
        content: &Content,
        nonce: u64,
        gas_limit: u64,
        offer: Offer,
    ) -> Result<Option<Draft>, Trouble> {
        let (shared, content) = (Arc::clone(&self.shared), content.clone());
        self.blocking(move || {
            let sidecar = content.has_blobs().then(|| shared.sidecar(&content)).flatten();
            let (signer, chain_id) = (&shared.signer, shared.chain_id);
            draft::sign(signer, chain_id, &content, sidecar.as_deref(), nonce, gas_limit, offer)
        })
        .await
    }

    /// Runs something that takes the disk's time.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            Trouble::Sender(SenderError::Config(format!("a thread of the sender ended: {error}")))
        })
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        self.blocking(move || shared.write(|_| Ok((records, ())))).await??;
        Ok(())
    }

    /// Hands over what is written down already, and judges the answer.
    async fn hand(&mut self, head: &Head, content: &Content, draft: &Draft) -> Result<(), Trouble> {
        let id = content.id;
        let (value, blobs) = (content.value, content.versioned_hashes.len());
        let attempt = &draft.attempt;
        let cost = attempt.offer.cost_max(value, attempt.gas_limit, blobs);
        let address = self.shared.signer.address();
        self.track(id).checked = Some(Instant::now());
        let handed = match self.node.hand(address, attempt, cost, &draft.raw).await {
            Ok(handed) => handed,
            Err(error) => {
                // It may have arrived: the next round looks.
                let track = self.track(id);
                (track.checked, track.was_never_out) = (None, false);
                return Err(error.into());
            }
        };
        let is_refused = !matches!(handed, Handed::Taken | Handed::NonceUsed);
        let backoff = self.backoff(id);
        let first_in_line = attempt.nonce == head.nonce;
        let track = self.track(id);
        if !is_refused {
            track.was_never_out = false;
            track.eligible_since = first_in_line.then_some(head.block.number);
            (track.refusals, track.hold_until, track.is_underpriced) = (0, None, false);
            self.shared.report.clear(Alarm::Refused);
            self.shared.report.clear(Alarm::Funds);
            return Ok(());
        }
        track.refusals = track.refusals.saturating_add(1);
        track.hold_until = Some(Instant::now() + backoff);
        let was_never_out = track.was_never_out;
        self.refused(content, handed, was_never_out).await
    }

    async fn refused(
        &mut self,
        content: &Content,
        handed: Handed,
        was_never_out: bool,
    ) -> Result<(), Trouble> {
        let report = &self.shared.report;
        let key = &content.key;
        match handed {
            Handed::Taken | Handed::NonceUsed => {}
            Handed::NoFunds(message) => report.raise(Alarm::Funds, &format!("{key}: {message}")),
            Handed::Underpriced(message) => {
                report.warn(key, &message);
                self.track(content.id).is_underpriced = true;
            }
            Handed::Invalid(message) if was_never_out => {
                self.fail(content, message, None, None).await?;
            }
            Handed::Busy(message) | Handed::Invalid(message) => {
                report.raise(Alarm::Refused, &format!("{key}: {message}"));
            }
        }
        Ok(())
    }

    /// Ends an intent that can never take effect.
    async fn fail(
        &self,
        content: &Content,
        message: String,
        revert: Option<Bytes>,
        receipt: Option<L1Receipt>,
    ) -> Result<(), Trouble> {
        let failure = Failure { message, revert, receipt };
        self.settle(content, Outcome::Failed(failure)).await
    }

    async fn settle(&self, content: &Content, outcome: Outcome) -> Result<(), Trouble> {
        let (id, key, digest) = (content.id, content.key.clone(), content.digest());
        let mut records = vec![Record::Settled { id, key, digest, outcome }];
        if content.filler {
            records.push(Record::Forgotten { id });
        }
        self.write(records).await
    }

    /// How long to leave a refused transaction alone.
    fn backoff(&self, id: u64) -> Duration {
        let refusals = self.tracks.get(&id).map_or(0, |track| track.refusals);
        let pause = self.shared.config.poll_interval.saturating_mul(1 << refusals.min(16));
        pause.min(self.shared.config.backoff_max)
    }
}
