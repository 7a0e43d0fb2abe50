//! Where L1 stands with the chain's batches: what is `safe`, what is `finalized`, and in which L1
//! transactions batches were committed and proven.
//!
//! The tags come from the contract's state at L1's own tags, checked against the hashes of our
//! batches, so they are right after every reorganization and every revert. The events only add
//! where things happened.

mod events;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use jovay_l1::{BlockTag, Deployment, L1Block, L1Client};
use jovay_rpc::jovay::{BatchStage, L1Place};
use jovay_rpc::{BlockTags, TagSource};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ranges::RANGE_MAX;
use crate::store::{BatchRecord, BatchStore, BatchStoreError};
use events::Events;
use tags::Tags;

/// The longest wait between two attempts when L1 does not answer.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// How L1 is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The L1 block in which a batch's data must be to be `safe`: latest, safe or finalized.
    pub safe: BlockTag,
    /// How often L1 is asked.
    pub poll: Duration,
    /// Most blocks in one request for logs.
    pub range_max: u64,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self { safe: BlockTag::Safe, poll: Duration::from_secs(2), range_max: RANGE_MAX }
    }
}

/// What is known of L1, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct TrackerStatus {
    /// The last L1 block.
    pub latest: Option<L1Block>,
    /// The last safe L1 block.
    pub safe: Option<L1Block>,
    /// The last final L1 block.
    pub finalized: Option<L1Block>,
    /// The last batch in the latest L1 block.
    pub committed_batch: Option<u64>,
    /// The last batch that `Rollup` has accepted a proof of, in the latest L1 block.
    pub proven_batch: Option<u64>,
    /// The same in the last final L1 block.
    pub final_batch: Option<u64>,
    /// The last L2 block whose batch is in the configured L1 block.
    pub safe_block: u64,
    /// The last L2 block whose batch is in the last final L1 block.
    pub finalized_block: u64,
    /// What an operator must look at.
    pub alarm: Option<String>,
    /// Why L1 could not be asked the last time.
    pub error: Option<String>,
}

/// What the follower knows, and who asks reads.
#[derive(Default)]
struct Shared {
    status: RwLock<TrackerStatus>,
    events: RwLock<Events>,
}

/// The running follower of `Rollup`. Clones share it.
#[derive(Clone)]
pub struct Tracker {
    shared: Arc<Shared>,
}

/// Ends the follower.
pub struct TrackerHandle {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl TrackerHandle {
    /// Stops following.
    pub async fn stop(self) {
        // The task may have ended with the runtime.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

impl Tracker {
    /// Looks at L1 once, so that the tags do not begin at genesis if L1 answers, and then follows
    /// it until the handle stops it. Needs a tokio runtime.
    pub async fn start(
        config: TrackerConfig,
        client: L1Client,
        deployment: &Deployment,
        store: Arc<BatchStore>,
    ) -> (Self, TrackerHandle) {
        let shared = Arc::new(Shared::default());
        let tags = Tags::new(config, client.clone(), deployment.rollup, store);
        let reader = events::Reader::new(config, client, deployment);
        let mut follower = Follower { shared: shared.clone(), tags, reader };
        follower.step().await;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(follower.run(config.poll, stopped));
        (Self { shared }, TrackerHandle { stop, task })
    }

    /// Where L1 stands.
    pub fn status(&self) -> TrackerStatus {
        self.shared.status.read().clone()
    }

    /// What an operator must look at.
    pub fn failure(&self) -> Option<String> {
        self.shared.status.read().alarm.clone()
    }

    /// How far a sealed batch has come.
    pub fn stage(&self, record: &BatchRecord) -> BatchStage {
        let status = self.shared.status.read();
        let reached = |batch: Option<u64>| batch.is_some_and(|batch| record.index <= batch);
        if reached(status.final_batch) {
            BatchStage::Final
        } else if reached(status.proven_batch) {
            BatchStage::Proven
        } else if reached(status.committed_batch) {
            BatchStage::Committed
        } else {
            BatchStage::Sealed
        }
    }

    /// Where a batch was committed.
    pub fn committed(&self, record: &BatchRecord) -> Option<L1Place> {
        let events = self.shared.events.read();
        let seen = events.commit(record.index).filter(|commit| commit.hash == record.hash);
        let place = seen.map(|commit| commit.place).or_else(|| {
            let commit = record.commit.as_ref()?;
            Some(L1Place {
                transaction_hash: commit.transaction,
                block_number: commit.l1_block,
                block_hash: commit.l1_block_hash,
                is_final: false,
            })
        });
        place.map(|place| self.with_finality(place))
    }

    /// Where a proof of a batch was accepted, if that was seen.
    pub fn proven(&self, record: &BatchRecord) -> Option<L1Place> {
        let place = self.shared.events.read().proof(record.index)?;
        Some(self.with_finality(place))
    }

    fn with_finality(&self, place: L1Place) -> L1Place {
        let status = self.shared.status.read();
        let finalized = status.finalized.as_ref().map(|block| block.number);
        L1Place { is_final: finalized.is_some_and(|last| place.block_number <= last), ..place }
    }
}

impl TagSource for Tracker {
    fn tags(&self, latest: u64) -> BlockTags {
        let status = self.shared.status.read();
        let finalized = status.finalized_block.min(latest);
        BlockTags { latest, safe: status.safe_block.max(finalized).min(latest), finalized }
    }
}

/// Why a look at L1 came to nothing. The next one may do better.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    L1(#[from] jovay_l1::L1Error),
    #[error(transparent)]
    Store(#[from] BatchStoreError),
    #[error("L1 node: no {0} block")]
    NoBlock(BlockTag),
    #[error("L1 node: its chain changed while it was read")]
    Changed,
}

struct Follower {
    shared: Arc<Shared>,
    tags: Tags,
    reader: events::Reader,
}

impl Follower {
    /// Looks at L1 once; whether it answered.
    async fn step(&mut self) -> bool {
        let result = self.look().await;
        let mut status = self.shared.status.write();
        status.error = result.as_ref().err().map(ToString::to_string);
        metrics::gauge!("jovay_tracker_safe_block").set(status.safe_block as f64);
        metrics::gauge!("jovay_tracker_finalized_block").set(status.finalized_block as f64);
        metrics::gauge!("jovay_tracker_alarm").set(f64::from(u8::from(status.alarm.is_some())));
        if let Err(error) = &result {
            metrics::counter!("jovay_tracker_errors_total").increment(1);
            tracing::warn!(%error, "safe and finalized wait: L1 cannot be read");
        }
        result.is_ok()
    }

    async fn look(&mut self) -> Result<(), StepError> {
        let before = self.shared.status.read().clone();
        let now = self.tags.look(&before).await?;
        if let Some(alarm) = now.alarm.as_ref().filter(|_| before.alarm.is_none()) {
            tracing::error!(%alarm, "L1 disagrees with this chain");
        }
        if now.safe_block < before.safe_block {
            let (from, to) = (before.safe_block, now.safe_block);
            tracing::warn!(from, to, "safe goes back: L1 has lost batches");
        }
        let latest = now.latest.clone();
        *self.shared.status.write() = now;
        match latest {
            Some(latest) => self.reader.read(&latest, &self.shared.events).await,
            None => Ok(()),
        }
    }

    async fn run(mut self, poll: Duration, mut stopped: watch::Receiver<bool>) {
        let mut failures = 0_u32;
        loop {
            let wait = match failures {
                0 => poll,
                _ => poll.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX.max(poll)),
            };
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let answered = tokio::select! {
                _ = stopped.changed() => return,
                answered = self.step() => answered,
            };
            failures = if answered { 0 } else { failures + 1 };
        }
    }
}
