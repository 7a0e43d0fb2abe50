//! A node that follows a chain and makes no blocks.

mod feed;
mod follow;
mod front;
mod sequencer;
mod status;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jovay_derive::{
    BatchSource, DataAddresses, Derivation, DerivationConfig, OnDifference, Records, RollupL1,
    RpcL1,
};
use jovay_l1::{Deployment, L1Client};
use jovay_rpc::{Context, Dispatcher, Registry, RpcServer};
use jovay_state::ChainStore;
use jovay_storage::Chain;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use self::follow::FeedFollower;
use self::front::ReplicaFront;
use self::sequencer::SequencerRpc;
use self::status::Status;
use self::watch::L1Watch;
use crate::chain::NodeChain;
use crate::import::Importer;
use crate::node::{rpc_config, store_config};
use crate::telemetry::{self, Health};
use crate::{ChainStart, NodeConfig, NodeError};

/// Published blocks that a slow subscriber may lag behind before it misses some.
const BLOCK_NOTICES_MAX: usize = 64;
/// How long the data of a batch that does not come is asked for before the next look at L1.
const DATA_PATIENCE: Duration = Duration::from_secs(20);

/// Whom a replica follows, beside L1.
#[derive(Clone, Debug, Default)]
pub struct ReplicaOptions {
    /// The sequencer's feed (`ws://host:port`); without, L1 alone is followed.
    pub feed: Option<String>,
    /// JSON-RPC to which transactions are forwarded; without, the feed's host and port.
    pub sequencer_rpc: Option<String>,
}

/// A running replica: it follows the sequencer's feed, executes every block itself, checks every
/// batch on L1 against what it has, and serves JSON-RPC.
pub struct Replica {
    store: Arc<Chain>,
    server: RpcServer,
    status: Arc<Status>,
    tasks: Vec<JoinHandle<()>>,
}

impl Replica {
    /// Opens the chain and begins to follow and to serve.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn start(config: NodeConfig, options: ReplicaOptions) -> Result<Self, NodeError> {
        telemetry::start();
        let unusable = |message: &dyn std::fmt::Display| NodeError::Replica(message.to_string());
        for (value, flag) in [(&config.l1_rpc, "--l1-rpc"), (&config.addresses, "--addresses")] {
            if value.is_empty() {
                return Err(unusable(&format_args!("{flag} is missing")));
            }
        }
        let tag = config.l1_tag.parse().map_err(|error: String| unusable(&error))?;
        let deployment =
            Deployment::read(Path::new(&config.addresses)).map_err(|error| unusable(&error))?;
        let start = ChainStart::deployed(&config, &deployment)?;
        let address = SocketAddr::new(config.host, config.port);
        let busy = |source| NodeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(busy)?;

        let opening = {
            let (config, genesis) = (store_config(&config), start.genesis);
            tokio::task::spawn_blocking(move || Chain::open(config, &genesis))
        };
        let opened = opening.await.map_err(|error| NodeError::Store(error.to_string()))?;
        let store = Arc::new(opened.map_err(|error| NodeError::Store(error.to_string()))?);
        let (blocks, _) = broadcast::channel(BLOCK_NOTICES_MAX);
        let feed = options.feed.as_deref().map(feed::FeedAddress::new).transpose();
        let feed = feed.map_err(|error| unusable(&error))?;
        let status = Arc::new(Status::new(store.head().number(), feed.is_some()));

        let derivation = derive(&config, &deployment, &start.spec, &store, tag).await;
        let mut derivation = derivation.map_err(|error| unusable(&error))?;
        let told = blocks.clone();
        derivation.on_block(move |outcome| drop(told.send(outcome)));
        let mut tasks = Vec::new();
        if let Some(feed) = &feed {
            let importer = Importer::new(start.spec.clone(), store.clone(), blocks.clone());
            let follower = FeedFollower {
                feed: feed.clone(),
                chain_id: start.spec.chain_id,
                store: store.clone(),
                importer: Arc::new(parking_lot::Mutex::new(importer)),
                writing: derivation.writing(),
                status: status.clone(),
            };
            tasks.push(tokio::spawn(follower.run()));
        }
        let watch = L1Watch { derivation, status: status.clone() };
        tasks.push(tokio::spawn(watch.run()));

        let sequencer = options.sequencer_rpc.or_else(|| feed.map(|feed| feed.rpc_url()));
        let sequencer = sequencer.map(|url| L1Client::new(&url)).transpose();
        let sequencer = sequencer.map_err(|error| unusable(&error))?;
        let sequencer = Arc::new(SequencerRpc::new(sequencer));
        let front = ReplicaFront {
            spec: start.spec.clone(),
            store: store.clone(),
            blocks,
            sequencer: sequencer.clone(),
            status: status.clone(),
        };
        let chain = Arc::new(NodeChain {
            spec: start.spec.clone(),
            store: store.clone(),
            front: Box::new(front),
            tags: OnceLock::from(status.clone() as Arc<dyn jovay_rpc::TagSource>),
            rollup: OnceLock::new(),
        });
        let registry =
            Registry::new(false).following(&(sequencer as Arc<dyn jovay_rpc::jovay::SequencerApi>));
        let dispatcher = Dispatcher::new(Context::new(chain, rpc_config(&config)), registry);
        let health = {
            let (chain_id, store, status) = (start.spec.chain_id, store.clone(), status.clone());
            move || {
                let latest_block = store.head().number();
                let sync = Some(status.sync_health(latest_block));
                let failure = status.failure();
                Health { chain_id, latest_block, failure, alarms: Vec::new(), sync }
            }
        };
        let server = RpcServer::start(listener, dispatcher, telemetry::router(health));
        let server = server.map_err(busy)?;
        let head = store.head();
        tracing::info!(block = head.number(), hash = %head.hash, "replica ready");
        Ok(Self { store, server, status, tasks })
    }

    /// Where JSON-RPC is served.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns when the replica has halted, with the reason; never while it follows.
    pub async fn failed(&self) -> String {
        self.status.failed().await
    }

    /// Stops in order; everything that was taken is on disk.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // That it was aborted is no news.
            let _ = task.await;
        }
        self.server.stop().await;
        let store = self.store;
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::error!(%error, "the last blocks stay in the log until the next start");
        }
    }
}

async fn derive(
    config: &NodeConfig,
    deployment: &Deployment,
    spec: &Arc<jovay_evm::ChainSpec>,
    store: &Arc<Chain>,
    tag: jovay_l1::BlockTag,
) -> Result<Derivation, jovay_derive::DeriveError> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let records = match given(&config.datadir).map(PathBuf::from) {
        Some(datadir) => Records::in_folder(&datadir, deployment)?,
        None => Records::in_memory(),
    };
    let client = L1Client::new(&config.l1_rpc)?;
    let l1: Arc<dyn RollupL1> = Arc::new(RpcL1::new(client, deployment));
    let addresses = DataAddresses {
        beacon: given(&config.l1_beacon),
        blob_archive: given(&config.blob_archive),
        data_store: given(&config.data_store),
        patience: DATA_PATIENCE,
    };
    let source = Arc::new(BatchSource::open(l1.clone(), deployment.data_layer, &addresses)?);
    let config = DerivationConfig {
        deployment: deployment.clone(),
        tag,
        until: None,
        on_difference: OnDifference::Halt,
    };
    Derivation::open(config, l1, source, store.clone(), spec.clone(), records).await
}
