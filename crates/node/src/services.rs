//! What joins a sequencer's chain with L1: deposits in, batches and prices out, what is safe.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jovay_da::{
    AnchoredLayer, BlobArchive, BlobLayer, CalldataLayer, DataLayer, DataLayerKind,
    open_object_store,
};
use jovay_l1::{
    BeaconBlobSource, BlockTag, Deployment, L1CalldataSource, L1Client, Sender, SenderConfig,
    Signer,
};
use jovay_rollup::store::{BatchStore, BatchStoreError};
use jovay_rollup::{
    Alarms, Batcher, BatcherConfig, BatcherParts, BatcherStatus, CommitGate, Inbox, InboxConfig,
    MessageIndex, OracleConfig, OracleFeeder, OracleParts, RollupNode, RollupParts, Tracker,
    TrackerConfig, TrackerHandle, oracle,
};
use jovay_sequencer::Sequencer;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Core, NodeConfig, NodeError};

/// Under the data folder: batches.
const BATCHES: &str = "rollup";
/// Under the data folder: messages to L1.
const MESSAGES: &str = "messages";
/// Under the data folder: the journal of L1 transactions.
const JOURNAL: &str = "l1-transactions";

/// How soon things happen that a network does at leisure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// On a development L1 with blocks every second: what a person watches happens in seconds.
    Development,
    /// On a network that charges for everything.
    Network,
}

/// The keys of a sequencer.
#[derive(Debug)]
pub struct SequencerKeys {
    /// Commits batches on L1.
    pub batcher: Signer,
    /// Reports L1's prices on L2.
    pub feeder: Signer,
}

/// The running services. Stopping loses nothing, at whatever point.
pub struct L1Services {
    inbox: Arc<Inbox>,
    tracker: TrackerHandle,
    oracle: OracleFeeder,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl L1Services {
    /// Starts everything for `core`, whose chain began with `deployment`, and lets `core` serve the
    /// tags and the `jovay` namespace from it.
    ///
    /// # Errors
    /// [`NodeError::L1`]: a setting, key or file cannot be used, or the L1 is another one.
    pub async fn start(
        core: &Core,
        config: &NodeConfig,
        deployment: &Deployment,
        keys: SequencerKeys,
        pace: Pace,
    ) -> Result<Self, NodeError> {
        let client = L1Client::new(&config.l1_rpc).map_err(l1)?;
        let batches = Arc::new(BatchStore::open(folder(config, BATCHES).as_deref()).map_err(l1)?);
        let messages = MessageIndex::open(folder(config, MESSAGES).as_deref()).map_err(l1)?;
        let sender = Sender::open(
            client.clone(),
            keys.batcher,
            folder(config, JOURNAL),
            sender_config(deployment, pace),
        );
        let sender = sender.await.map_err(l1)?;
        let inbox_config = inbox_config(config, pace)?;
        let layer = data_layer(config, deployment, &client)?;
        let archive = archive(config)?;
        // What can be refused is behind us but the batcher's own look at what is kept.
        let queue = core.l1_queue().clone();
        let inbox = Inbox::start(inbox_config, client.clone(), deployment, queue.clone());
        let inbox = Arc::new(inbox);
        let batcher = Batcher::new(
            BatcherParts {
                chain: core.store().clone(),
                new_blocks: core.sequencer().subscribe_blocks(),
                store: batches.clone(),
                layer,
                archive,
                client: client.clone(),
                sender: sender.clone(),
                deployment: deployment.clone(),
                gate: gate(inbox.clone()),
            },
            batcher_config(config, pace),
        );
        let batcher = match batcher {
            Ok(batcher) => batcher,
            Err(error) => {
                inbox.stop().await;
                return Err(l1(error));
            }
        };
        let tracker_config = tracker_config(pace);
        let (tracker, tracker_handle) =
            Tracker::start(tracker_config, client.clone(), deployment, batches.clone()).await;
        core.set_tags(Arc::new(tracker.clone()));
        let oracle = OracleFeeder::start(
            oracle_config(pace),
            OracleParts {
                chain: core.store().clone(),
                sequencer: core.sequencer().clone(),
                chain_id: deployment.l2_chain_id,
                signer: keys.feeder,
                prices: oracle::node_prices(client.clone()),
            },
        );
        let promising = promise(core.sequencer().clone(), batches.clone());
        let ended = Ended::default();
        core.set_rollup(RollupNode::new(RollupParts {
            chain: core.store().clone(),
            queue,
            batches,
            messages,
            client,
            deployment: deployment.clone(),
            inbox: inbox.clone(),
            inbox_config,
            tracker,
            alarms: alarms(ended.clone(), batcher.status(), sender.clone()),
        }));
        let (stop, stopped) = watch::channel(false);
        let sending = ended.clone().tell("the L1 sender", sender.run(until(stopped.clone())));
        let batching = ended.clone().tell("the batcher", batcher.run(until(stopped.clone())));
        let promising = ended.tell("the watch over sealed batches", promising);
        let promising = async move {
            tokio::select! {
                () = promising => {}
                () = until(stopped) => {}
            }
        };
        let tasks = vec![tokio::spawn(sending), tokio::spawn(batching), tokio::spawn(promising)];
        Ok(Self { inbox, tracker: tracker_handle, oracle, stop, tasks })
    }

    /// Stops everything and waits until it has.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        self.inbox.stop().await;
        self.tracker.stop().await;
        self.oracle.stop().await;
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a service towards L1 ended badly");
            }
        }
    }
}

fn l1(error: impl std::fmt::Display) -> NodeError {
    NodeError::L1(error.to_string())
}

/// Services that have ended by themselves, in words.
#[derive(Clone, Default)]
struct Ended(Arc<RwLock<Vec<String>>>);

impl Ended {
    /// Runs a service and tells if it ends by itself. The chain goes on: what it would have done
    /// waits.
    async fn tell<E: std::fmt::Display>(
        self,
        name: &'static str,
        service: impl Future<Output = Result<(), E>>,
    ) {
        let Err(error) = service.await else { return };
        metrics::counter!("jovay_l1_services_failed_total", "service" => name).increment(1);
        tracing::error!(%error, "{name} has stopped; restart the node when the cause is gone");
        self.0.write().push(format!("{name} has stopped: {error}"));
    }
}

/// Keeps a development chain from going back behind a batch that is sealed.
async fn promise(
    sequencer: Arc<Sequencer>,
    batches: Arc<BatchStore>,
) -> Result<(), BatchStoreError> {
    let mut changes = batches.subscribe();
    loop {
        sequencer.promise(batches.last_sealed()?.last_block);
        if changes.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Deposits that L1 has taken back would make everything built on them wrong, also batches without
/// any.
fn gate(inbox: Arc<Inbox>) -> CommitGate {
    Arc::new(move || inbox.failure().map(|alarm| alarm.to_string()))
}

fn alarms(ended: Ended, batcher: watch::Receiver<BatcherStatus>, sender: Arc<Sender>) -> Alarms {
    Arc::new(move || {
        let mut alarms = ended.0.read().clone();
        let blocked = batcher.borrow().blocked.clone();
        alarms.extend(blocked.map(|why| format!("no batch is committed: {why}")));
        alarms.extend(sender.alarms().into_iter().map(|why| format!("L1 sender: {why}")));
        alarms
    })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // That the sender is gone means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn folder(config: &NodeConfig, name: &str) -> Option<PathBuf> {
    (!config.datadir.is_empty()).then(|| Path::new(&config.datadir).join(name))
}

/// How often a development L1 is looked at, which has a block every second.
const DEVELOPMENT_POLL: Duration = Duration::from_millis(250);

fn inbox_config(config: &NodeConfig, pace: Pace) -> Result<InboxConfig, NodeError> {
    let defaults = InboxConfig::default();
    let poll = if pace == Pace::Development { DEVELOPMENT_POLL } else { defaults.poll };
    let tag = config.l1_tag.parse().map_err(l1)?;
    Ok(InboxConfig { tag, confirmations: config.l1_confirmations, poll, ..defaults })
}

fn tracker_config(pace: Pace) -> TrackerConfig {
    let defaults = TrackerConfig::default();
    match pace {
        Pace::Development => {
            TrackerConfig { safe: BlockTag::Latest, poll: DEVELOPMENT_POLL, ..defaults }
        }
        Pace::Network => defaults,
    }
}

fn oracle_config(pace: Pace) -> OracleConfig {
    let defaults = OracleConfig::default();
    match pace {
        Pace::Development => OracleConfig { poll: Duration::from_secs(2), ..defaults },
        Pace::Network => defaults,
    }
}

fn sender_config(deployment: &Deployment, pace: Pace) -> SenderConfig {
    let config = match pace {
        Pace::Development => SenderConfig::dev(),
        Pace::Network => SenderConfig::default(),
    };
    SenderConfig { chain_id: Some(deployment.l1_chain_id), name: "data".into(), ..config }
}

fn batcher_config(config: &NodeConfig, pace: Pace) -> BatcherConfig {
    let defaults = match pace {
        Pace::Development => BatcherConfig::dev(),
        Pace::Network => BatcherConfig::default(),
    };
    let age_max = Duration::from_secs(config.batch_age);
    let idle_age_max = defaults.idle_age_max.max(age_max);
    BatcherConfig { blobs_max: config.batch_blobs, age_max, idle_age_max, ..defaults }
}

/// Most bytes of a block whose batches go into a layer of this `kind`.
pub(crate) fn block_bytes_max(config: &NodeConfig, kind: DataLayerKind) -> usize {
    batcher_config(config, Pace::Network).block_bytes_max(kind)
}

fn data_layer(
    config: &NodeConfig,
    deployment: &Deployment,
    client: &L1Client,
) -> Result<Arc<dyn DataLayer>, NodeError> {
    Ok(match deployment.data_layer {
        DataLayerKind::Blobs => {
            let beacon = BeaconBlobSource::new(&config.l1_beacon).map_err(l1)?;
            Arc::new(BlobLayer::new(Arc::new(beacon), config.batch_blobs))
        }
        DataLayerKind::Calldata => {
            let source = L1CalldataSource::new(client.clone(), deployment.rollup);
            Arc::new(CalldataLayer::new(Arc::new(source)))
        }
        DataLayerKind::Anchored if config.data_store.is_empty() => {
            return Err(l1("this chain keeps its data in an object store: set data_store"));
        }
        DataLayerKind::Anchored => {
            let (store, prefix) = open_object_store(&config.data_store).map_err(l1)?;
            Arc::new(AnchoredLayer::new(store, prefix))
        }
    })
}

fn archive(config: &NodeConfig) -> Result<Option<BlobArchive>, NodeError> {
    if config.blob_archive.is_empty() {
        return Ok(None);
    }
    let (store, prefix) = open_object_store(&config.blob_archive).map_err(l1)?;
    Ok(Some(BlobArchive::new(store, prefix)))
}
