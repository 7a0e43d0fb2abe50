//! How a replica stands towards the chain that it follows.

use std::time::{Duration, Instant};

use jovay_rpc::{BlockTags, SyncStatus, TagSource};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::telemetry::SyncHealth;

/// A feed, or L1, that was not heard for this long is not known to be followed.
const FEED_STALE: Duration = Duration::from_secs(5);
/// L1 has a block every 12 seconds; several may be missed.
const L1_STALE: Duration = Duration::from_secs(60);
/// Blocks that are on their way at any moment.
const UNDER_WAY: u64 = 5;

/// Shared by all parts of a replica.
#[derive(Debug)]
pub(crate) struct Status {
    state: Mutex<State>,
    failure: watch::Sender<Option<String>>,
    has_feed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The head when catching up began.
    starting: u64,
    /// The feed's head, and when it was last heard.
    feed: Option<(u64, Instant)>,
    /// The last block of L1's batches, and when L1 was last read without an error.
    l1: Option<(u64, Instant)>,
    safe: u64,
    finalized: u64,
}

impl Status {
    pub(crate) fn new(head: u64, has_feed: bool) -> Self {
        let state = State { starting: head, ..State::default() };
        Self { state: Mutex::new(state), failure: watch::Sender::new(None), has_feed }
    }

    /// Halts the replica; the first reason counts.
    pub(crate) fn halt(&self, reason: String) {
        self.failure.send_if_modified(|failure| {
            if failure.is_some() {
                return false;
            }
            tracing::error!(%reason, "the replica halts");
            metrics::gauge!("jovay_replica_halted").set(1.0);
            *failure = Some(reason);
            true
        });
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    pub(crate) async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // `self` holds the sender.
            Err(_) => std::future::pending().await,
        }
    }

    /// The feed's chain has reached block `head`.
    pub(crate) fn heard(&self, head: u64) {
        self.state.lock().feed = Some((head, Instant::now()));
        metrics::gauge!("jovay_replica_feed_head").set(head as f64);
    }

    /// L1 was read: the chain up to `safe` is there and equal, up to `finalized` for good.
    pub(crate) fn checked(&self, safe: u64, finalized: u64) {
        let mut state = self.state.lock();
        (state.safe, state.finalized) = (safe, finalized);
        state.l1 = Some((safe, Instant::now()));
        metrics::gauge!("jovay_replica_safe_block").set(safe as f64);
        metrics::gauge!("jovay_replica_finalized_block").set(finalized as f64);
    }

    /// How far a chain with the head `head` is behind.
    pub(crate) fn syncing(&self, head: u64) -> Option<SyncStatus> {
        let mut state = self.state.lock();
        let (source, stale) =
            if self.has_feed { (state.feed, FEED_STALE) } else { (state.l1, L1_STALE) };
        let highest = source.map_or(head, |(highest, _)| highest.max(head));
        let fresh = source.is_some_and(|(_, heard)| heard.elapsed() < stale);
        if fresh && highest - head <= UNDER_WAY && self.failure.borrow().is_none() {
            state.starting = head;
            return None;
        }
        Some(SyncStatus { starting: state.starting, current: head, highest })
    }

    pub(crate) fn sync_health(&self, head: u64) -> SyncHealth {
        let syncing = self.syncing(head).is_some();
        let state = self.state.lock();
        SyncHealth {
            syncing,
            feed_head: state.feed.map(|(head, _)| head),
            feed_age_s: state.feed.map(|(_, heard)| heard.elapsed().as_secs()),
            l1_age_s: state.l1.map(|(_, read)| read.elapsed().as_secs()),
            safe_block: state.safe,
            finalized_block: state.finalized,
        }
    }
}

impl TagSource for Status {
    fn tags(&self, latest: u64) -> BlockTags {
        let state = self.state.lock();
        let safe = state.safe.min(latest);
        BlockTags { latest, safe, finalized: state.finalized.min(safe) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_synced_only_near_a_head_that_was_just_heard() {
        let status = Status::new(3, true);
        let behind = |highest| Some(SyncStatus { starting: 3, current: 3, highest });
        assert_eq!(status.syncing(3), behind(3));
        status.heard(100);
        assert_eq!(status.syncing(3), behind(100));
        assert_eq!(status.syncing(96), None);
        status.state.lock().feed = Some((100, Instant::now() - FEED_STALE));
        let lost = SyncStatus { starting: 96, current: 100, highest: 100 };
        assert_eq!(status.syncing(100), Some(lost));
        status.heard(101);
        assert_eq!(status.syncing(101), None);
        status.halt("why".into());
        status.halt("later".into());
        assert!(status.syncing(101).is_some());
        assert_eq!(status.failure().as_deref(), Some("why"));
    }

    #[test]
    fn without_a_feed_l1_says_where_the_chain_is() {
        let status = Status::new(0, false);
        status.heard(50);
        assert!(status.syncing(0).is_some());
        status.checked(40, 30);
        assert!(status.syncing(40).is_none());
        let tags = BlockTags { latest: 35, safe: 35, finalized: 30 };
        assert_eq!(status.tags(35), tags);
    }
}
