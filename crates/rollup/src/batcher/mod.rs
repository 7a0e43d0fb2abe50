//! From published blocks to batches on L1.
//!
//! Three tasks that share a [`BatchStore`] and nothing that a crash could lose:
//! - *sealing* follows the chain, closes batches and keeps them with their data. From then on a
//!   batch is promised.
//! - *committing* compares what L1 has with what is kept, whenever L1 has a new block, and does what
//!   makes them equal. It knows nothing that it could not find out again.
//! - *archiving* copies blobs to where they outlive Ethereum's nodes.
//!
//! Blocks that are in no sealed batch are read again after a restart: they are the sealer's state.

mod archive;
mod blocks;
mod commit;
mod config;
mod data;
mod error;
mod open_blocks;
mod report;
mod sealing;

pub use config::BatcherConfig;
pub use error::BatcherError;
pub use report::BatcherStatus;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use jovay_da::{BlobArchive, DataLayer};
use jovay_l1::{Deployment, L1Client, Sender};
use jovay_state::SealOutcome;
use jovay_storage::Chain;
use tokio::sync::{Notify, broadcast, watch};

use crate::store::BatchStore;
use data::Attachments;

/// Says why nothing may be committed at present, in words; `None` if nothing speaks against it.
/// Asked at every look at L1: it must be quick.
pub type CommitGate = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What a batcher works with.
pub struct BatcherParts {
    /// The chain whose blocks are batched.
    pub chain: Arc<Chain>,
    /// Announces its published blocks (`Sequencer::subscribe_blocks`).
    pub new_blocks: broadcast::Receiver<SealOutcome>,
    /// Where batches are kept.
    pub store: Arc<BatchStore>,
    /// Where their data becomes available.
    pub layer: Arc<dyn DataLayer>,
    /// Where blobs are kept for good, if anywhere.
    pub archive: Option<BlobArchive>,
    /// L1.
    pub client: L1Client,
    /// Sends the commitments. Whoever makes it runs it.
    pub sender: Arc<Sender>,
    /// The contracts.
    pub deployment: Deployment,
    /// What may forbid to commit beyond what the batcher sees itself: an inbox whose L1 has taken
    /// executed deposits back.
    pub gate: CommitGate,
}

/// Seals batches and brings them to L1. See the module.
pub struct Batcher {
    shared: Arc<Shared>,
    new_blocks: broadcast::Receiver<SealOutcome>,
}

/// What the tasks share.
struct Shared {
    chain: Arc<Chain>,
    store: Arc<BatchStore>,
    layer: Arc<dyn DataLayer>,
    archive: Option<BlobArchive>,
    client: L1Client,
    sender: Arc<Sender>,
    deployment: Deployment,
    gate: CommitGate,
    config: BatcherConfig,
    attachments: Attachments,
    status: watch::Sender<BatcherStatus>,
    /// The first L1 message that must be in a batch soon; `u64::MAX` for none. Relaxed: a
    /// look later is early enough, and nothing else hangs on it.
    urgent_message: AtomicU64,
    /// The last batch whose blobs are archived. Relaxed, as above.
    archived: AtomicU64,
    /// Whether the open batch is to close now.
    asked: AtomicBool,
    /// Wakes the sealing task.
    wake: Notify,
}

/// Closes the open batch when asked to. Clones ask the same batcher.
#[derive(Clone)]
pub struct BatchCloser(Arc<Shared>);

impl BatchCloser {
    /// Closes the open batch as soon as every published block is in it.
    pub fn close(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
    }
}

impl Batcher {
    /// Puts a batcher together. Nothing happens before [`Batcher::run`].
    ///
    /// # Errors
    /// The configuration contradicts itself, the store belongs to another chain, or chain and
    /// store do not go together.
    pub fn new(parts: BatcherParts, config: BatcherConfig) -> Result<Self, BatcherError> {
        config.check(parts.layer.as_ref())?;
        let BatcherParts { chain, new_blocks, store, layer, archive, .. } = parts;
        let BatcherParts { client, sender, deployment, gate, .. } = parts;
        store.bind(deployment.l1_chain_id, deployment.rollup, chain.genesis_hash())?;
        let last = store.last_sealed()?;
        blocks::Blocks::behind(chain.clone(), &last)?;
        let committed = store.last_committed()?.map_or(0, |record| record.index);
        let status =
            BatcherStatus { sealed: last.index, committed, committed_final: 0, blocked: None };
        let archived = AtomicU64::new(store.archived()?);
        let shared = Arc::new(Shared {
            chain,
            store,
            layer,
            archive,
            client,
            sender,
            deployment,
            gate,
            config,
            attachments: Attachments::default(),
            status: watch::Sender::new(status),
            urgent_message: AtomicU64::new(u64::MAX),
            archived,
            asked: AtomicBool::new(false),
            wake: Notify::new(),
        });
        Ok(Self { shared, new_blocks })
    }

    /// How far it is, now and from now on.
    pub fn status(&self) -> watch::Receiver<BatcherStatus> {
        self.shared.status.subscribe()
    }

    /// What closes the open batch before its time.
    pub fn closer(&self) -> BatchCloser {
        BatchCloser(self.shared.clone())
    }

    /// Works until `shutdown` resolves. Stopping loses nothing, at whatever point.
    ///
    /// # Errors
    /// What does not pass by itself: see [`BatcherError`]. Among it, at the start only, what L1
    /// has that does not go with what is kept; later that is waited out, and reported.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), BatcherError> {
        let Self { shared, new_blocks } = self;
        if shared.archive.is_some() && shared.layer.kind() != jovay_da::DataLayerKind::Blobs {
            tracing::warn!("this chain has no blobs: the blob archive stays empty");
        }
        tokio::select! {
            () = shutdown => Ok(()),
            error = sealing::run(shared.clone(), new_blocks) => Err(error),
            error = commit::run(shared.clone()) => Err(error),
            error = archive::run(shared.clone()) => Err(error),
        }
    }
}

impl Shared {
    /// Changes the status, and tells those who follow it if it is another one then.
    fn report(&self, change: impl FnOnce(&mut BatcherStatus)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }

    fn committed(&self) -> u64 {
        self.status.borrow().committed
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Pauses that double up to a limit.
struct Backoff {
    next: Duration,
    least: Duration,
    most: Duration,
}

impl Backoff {
    fn new(least: Duration, most: Duration) -> Self {
        Self { next: least, least, most: most.max(least) }
    }

    fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.most);
        pause
    }

    fn reset(&mut self) {
        self.next = self.least;
    }
}

/// A block of L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct L1Place {
    number: u64,
    hash: B256,
    timestamp: u64,
}
