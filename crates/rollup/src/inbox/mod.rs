//! Messages from L1: read at a settable confirmation, checked, and queued for the block builder.
//!
//! What was read is never believed by itself: every message must hash to what L1's event says, and
//! the queue's rolling hash must be the one that `L1Mailbox` has in its state.

mod message;
mod reader;
mod status;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use jovay_l1::{BlockTag, Deployment, L1Client};
use jovay_sequencer::L1Queue;
use tokio::sync::watch;

pub use message::{MessageError, QueuedMessage, queued_in};
pub use status::{InboxAlarm, InboxStatus};

use crate::ranges::RANGE_MAX;
use reader::Reader;
use status::Shared;

/// The longest wait between two attempts when L1 does not answer.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// How L1 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxConfig {
    /// Messages are taken from blocks up to this one: latest, safe or finalized.
    pub tag: BlockTag,
    /// How many more blocks must have followed a message's.
    pub confirmations: u64,
    /// How often L1 is asked.
    pub poll: Duration,
    /// Most blocks in one request for logs.
    pub range_max: u64,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self {
            tag: BlockTag::Safe,
            confirmations: 0,
            poll: Duration::from_secs(2),
            range_max: RANGE_MAX,
        }
    }
}

/// The running reader of `L1Mailbox`.
pub struct Inbox {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

impl Inbox {
    /// Starts reading where `queue` stands, and goes on until [`Inbox::stop`]. An L1 that does not
    /// answer is asked again and again. Needs a tokio runtime.
    pub fn start(
        config: InboxConfig,
        client: L1Client,
        deployment: &Deployment,
        queue: Arc<L1Queue>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = watch::channel(false);
        let reader = Reader::new(config, client, deployment, queue, shared.clone());
        tokio::spawn(run(reader, config.poll, stopped));
        Self { shared, stop }
    }

    /// Where it stands.
    pub fn status(&self) -> InboxStatus {
        self.shared.status.read().clone()
    }

    /// A message that was read lately, by its queue index.
    pub fn seen(&self, queue_index: u64) -> Option<QueuedMessage> {
        self.shared.seen.read().get(&queue_index).cloned()
    }

    /// A message that was read lately, by its transaction hash on L2.
    pub fn seen_hash(&self, hash: &B256) -> Option<QueuedMessage> {
        self.shared.seen.read().values().find(|message| message.hash == *hash).cloned()
    }

    /// Why no messages are taken although L1 answers; see [`InboxAlarm`].
    pub fn failure(&self) -> Option<InboxAlarm> {
        self.shared.status.read().alarm.clone()
    }

    /// Stops reading, and waits until it has.
    pub async fn stop(&self) {
        let _ = self.stop.send(true);
        // The task has the only receiver.
        self.stop.closed().await;
    }
}

async fn run(mut reader: Reader, poll: Duration, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0u32;
    loop {
        let wait = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            step = reader.step() => match step {
                Ok(()) => {
                    failures = 0;
                    poll
                }
                Err(error) => {
                    failures += 1;
                    metrics::counter!("jovay_inbox_errors_total").increment(1);
                    tracing::warn!(%error, failures, "deposits wait: L1 cannot be read");
                    poll.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX.max(poll))
                }
            },
        };
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}
