//! Makes L1 have what is sealed.
//!
//! Whenever L1 has a new head, or something else has changed, [`Committing::look`] compares the
//! contract's state at that head with the store. Everything follows from the comparison: what L1
//! has is adopted, what it lost (by a reorg, by the operator) is cleared, and what it lacks is
//! handed to the sender unless that is under way. No event has to be caught, and a crash at any
//! point leaves nothing that the next look does not find.

mod adopt;
mod submit;
mod view;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jovay_l1::{BlockTag, L1Error};

use super::error::Hold;
use super::{Backoff, BatcherError, L1Place, Shared, unix_s};
use crate::store::BatchRecord;
use view::L1State;

/// How often the same hold is logged again.
const SAY_AGAIN_S: u64 = 60;
/// Failures of L1 in a row that are worth telling.
const L1_FAILURES_SAID: u32 = 3;

pub(super) async fn run(shared: Arc<Shared>) -> BatcherError {
    let config = &shared.config;
    let mut committing = Committing {
        backoff: Backoff::new(config.poll_interval, config.backoff_max),
        retry: Backoff::new(config.poll_interval, config.backoff_max),
        shared: shared.clone(),
        agreed: false,
        verified: None,
        done: None,
        not_before: None,
        handed_over: 0,
        l1_failures: 0,
        held: None,
    };
    let mut sealed = shared.status.subscribe();
    let mut sent = shared.sender.subscribe();
    let mut poll = tokio::time::interval(config.poll_interval);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut polled = false;
    loop {
        sealed.mark_unchanged();
        let pause = match committing.look(polled).await {
            Ok(()) => {
                committing.go_on();
                None
            }
            Err(Hold::Fatal(error)) => return error,
            Err(Hold::L1(error)) => {
                committing.l1_fails(&error);
                Some(committing.backoff.pause())
            }
            Err(Hold::Blocked(kind, why)) => {
                committing.hold(kind, why);
                None
            }
        };
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
            continue;
        }
        polled = tokio::select! {
            _ = poll.tick() => true,
            _ = sealed.changed() => false,
            // A receiver that lags has missed what the look finds out anyway.
            _ = sent.recv() => false,
        };
    }
}

/// The committing task.
struct Committing {
    shared: Arc<Shared>,
    /// Whether L1 was once seen to go with the store.
    agreed: bool,
    /// The last head whose chain holds every known commitment.
    verified: Option<L1Place>,
    /// The head at which L1 had everything.
    done: Option<L1Place>,
    /// Nothing is submitted again before this moment.
    not_before: Option<Instant>,
    /// The last batch that this process has handed to the sender.
    handed_over: u64,
    /// Looks in a row that L1 did not answer.
    l1_failures: u32,
    /// Pauses after L1 did not answer.
    backoff: Backoff,
    /// Pauses after commitments failed.
    retry: Backoff,
    /// Why nothing is committed, and when that was logged.
    held: Option<(&'static str, String, u64)>,
}

impl Committing {
    /// One comparison of L1 with the store, and what follows from it. `polled` if nothing is known
    /// to have changed since the last.
    async fn look(&mut self, polled: bool) -> Result<(), Hold> {
        let head = self.head().await?;
        if polled && self.done == Some(head) {
            return Ok(());
        }
        // Also if this look leads to nothing: L1 may go back to that very head.
        self.done = None;
        let state = L1State::read(&self.shared, head).await?;
        if state.last_hash.is_zero() {
            // The contract has no such batch: the node's answers are of different moments.
            let message = format!("batch {} is committed and unknown", state.last_committed);
            return Err(L1Error::Malformed { method: "eth_call".into(), message }.into());
        }
        let last = self.shared.store.last_sealed()?;
        self.agree(&state, &last)?;
        self.adopt(&state).await?;
        self.finish(&state).await?;
        self.measure(&state)?;
        self.submit(&state, last.index).await?;
        // With a batch on its way there may be something to do at any time.
        self.done = (state.last_committed == last.index).then_some(head);
        Ok(())
    }

    async fn head(&self) -> Result<L1Place, L1Error> {
        let missing = || L1Error::Malformed {
            method: "eth_getBlockByNumber".into(),
            message: "there is no latest block".into(),
        };
        let block = self.shared.client.block(BlockTag::Latest).await?.ok_or_else(missing)?;
        Ok(L1Place { number: block.number, hash: block.hash, timestamp: block.timestamp })
    }

    /// Whether the last batch of L1 is ours. What differs at the start is an error; later it is
    /// waited out, since a reorg may undo it.
    fn agree(&mut self, state: &L1State, last: &BatchRecord) -> Result<(), Hold> {
        let refuse = |error: BatcherError| match self.agreed {
            true => Hold::Blocked("foreign", error.to_string()),
            false => Hold::Fatal(error),
        };
        if let Some(error) = state.wrong_layer(&self.shared) {
            return Err(refuse(error));
        }
        let (l1, own) = (state.last_committed, last.index);
        if l1 > own {
            return Err(refuse(BatcherError::Behind { l1, own }));
        }
        let ours = self.shared.store.get(l1)?;
        let own = ours.map(|record| record.hash).unwrap_or_default();
        if own != state.last_hash {
            let error = BatcherError::Foreign { index: l1, l1: state.last_hash, own };
            return Err(refuse(error));
        }
        self.agreed = true;
        Ok(())
    }

    fn measure(&self, state: &L1State) -> Result<(), Hold> {
        let shared = &self.shared;
        let oldest = match shared.store.get(state.last_committed + 1)? {
            Some(record) => unix_s().saturating_sub(record.first_timestamp),
            None => 0,
        };
        metrics::gauge!("jovay_batch_oldest_uncommitted_seconds").set(oldest as f64);
        let sealed = shared.status.borrow().sealed;
        metrics::gauge!("jovay_batches_pending")
            .set(sealed.saturating_sub(state.last_committed) as f64);
        Ok(())
    }

    /// All is well.
    fn go_on(&mut self) {
        self.backoff.reset();
        self.l1_failures = 0;
        if let Some((kind, ..)) = self.held.take() {
            tracing::info!("committing goes on");
            metrics::gauge!("jovay_batcher_blocked", "reason" => kind).set(0.0);
            self.shared.report(|status| status.blocked = None);
        }
    }

    /// One failure is no news: the block that was asked about may be gone.
    fn l1_fails(&mut self, error: &L1Error) {
        metrics::counter!("jovay_batcher_l1_errors_total").increment(1);
        self.l1_failures += 1;
        if self.l1_failures < L1_FAILURES_SAID {
            tracing::debug!(%error, "L1 is asked again");
        } else {
            self.hold("l1", error.to_string());
        }
    }

    /// Says loudly, but not at every look, why nothing is committed.
    fn hold(&mut self, kind: &'static str, why: String) {
        let now = unix_s();
        let said = match &self.held {
            Some((was, _, at)) if *was == kind => Some(*at),
            Some((was, ..)) => {
                if *was != kind {
                    metrics::gauge!("jovay_batcher_blocked", "reason" => *was).set(0.0);
                }
                None
            }
            None => None,
        };
        if said.is_some_and(|at| now < at + SAY_AGAIN_S) {
            self.shared.report(|status| status.blocked = Some(why));
            return;
        }
        tracing::error!("no batch is committed: {why}");
        metrics::gauge!("jovay_batcher_blocked", "reason" => kind).set(1.0);
        self.shared.report(|status| status.blocked = Some(why.clone()));
        self.held = Some((kind, why, now));
    }

    /// Tells the sealing task which L1 message has to be in a batch soon, if one has.
    fn warn_of_deadline(&self, state: &L1State) {
        let near = state.near_deadline(self.shared.config.deadline_lead.as_secs());
        let urgent = if near.is_some() { state.next_message } else { u64::MAX };
        if self.shared.urgent_message.swap(urgent, Ordering::Relaxed) != urgent && near.is_some() {
            tracing::warn!(
                message = state.next_message,
                "this L1 message must be on L1 in a batch soon: closing the batch that has it"
            );
            self.shared.wake.notify_one();
        }
    }
}
