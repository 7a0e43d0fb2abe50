//! The running node.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jovay_evm::{ChainSpec, CodeCache, SerialExecutor};
use jovay_rpc::{
    ChainApi, Context, Dispatcher, Registry, RollupApi, RpcConfig, RpcServer, TagSource,
};
use jovay_sequencer::{
    BlobConfig, BlockConfig, IngestConfig, L1Queue, PoolConfig, Sequencer, SequencerConfig,
};
use jovay_state::ChainStore;
use jovay_storage::{Chain, Config as StoreConfig};
use tokio::net::TcpListener;

use crate::chain::NodeChain;
use crate::dev::DevChain;
use crate::feed::Feed;
use crate::finality::DepthTags;
use crate::front::SequencerFront;
use crate::start::TX_BYTES_UNLIMITED;
use crate::telemetry::{self, Health};
use crate::{ChainStart, NodeConfig, NodeError, import};

/// What a development chain's version starts with: Hardhat's helpers (snapshots, time, accounts)
/// refuse every node whose version does not start with the name of one that they know.
const DEV_CLIENT: &str = "HardhatNetwork-compatible";
/// How often [`Node::failed`] looks.
const FAILURE_POLL: Duration = Duration::from_millis(200);

/// Blobs kept on disk: 4 GiB.
const BLOBS_ON_DISK_MAX: usize = 32_768;

/// A running node: the chain, and the server in front of it.
pub struct Node {
    core: Core,
    server: RpcServer,
}

impl Node {
    /// Opens the chain that `config` names, imports what it names, and serves.
    ///
    /// # Errors
    /// See [`NodeError`]. Nothing runs on then.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        // The port first: that it is taken is the likeliest failure and the cheapest to find.
        let listener = Self::listen(&config).await?;
        let opening = tokio::task::spawn_blocking(move || {
            let start = ChainStart::new(&config)?;
            Core::open(&config, start)
        });
        let core = opening.await.map_err(|error| NodeError::Store(error.to_string()))??;
        Self::serve(core, listener, axum::Router::new())
    }

    /// Takes the port that `config` names.
    ///
    /// # Errors
    /// [`NodeError::Listen`].
    pub async fn listen(config: &NodeConfig) -> Result<TcpListener, NodeError> {
        let address = SocketAddr::new(config.host, config.port);
        TcpListener::bind(address).await.map_err(|source| NodeError::Listen { address, source })
    }

    /// Serves `core`, and `extra` beside JSON-RPC, on `listener`.
    ///
    /// # Errors
    /// [`NodeError::Listen`].
    pub fn serve(
        core: Core,
        listener: TcpListener,
        extra: axum::Router,
    ) -> Result<Self, NodeError> {
        let health = {
            let (chain_id, store) = (core.chain_id, core.store.clone());
            let (sequencer, chain) = (core.sequencer.clone(), core.chain.clone());
            move || Health {
                chain_id,
                latest_block: store.head().number(),
                failure: sequencer.failure(),
                alarms: chain.rollup.get().map(|rollup| rollup.alarms()).unwrap_or_default(),
                sync: None,
            }
        };
        let unknown = |_| SocketAddr::from(([0, 0, 0, 0], 0));
        let address = listener.local_addr().unwrap_or_else(unknown);
        let router = telemetry::router(health).merge(core.feed.router()).merge(extra);
        let server = RpcServer::start(listener, core.dispatcher(), router)
            .map_err(|source| NodeError::Listen { address, source })?;
        let head = core.store.head();
        let ms = core.begun.elapsed().as_millis() as u64;
        tracing::info!(block = head.number(), hash = %head.hash, ms, "ready");
        Ok(Self { core, server })
    }

    /// The chain and the sequencer that are served.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Where JSON-RPC is served.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Chain id (EIP-155).
    pub fn chain_id(&self) -> u64 {
        self.core.chain_id
    }

    /// Returns when the chain has failed, with the reason; never while it runs.
    pub async fn failed(&self) -> String {
        loop {
            if let Some(reason) = self.core.sequencer.failure() {
                return reason;
            }
            tokio::time::sleep(FAILURE_POLL).await;
        }
    }

    /// Stops in order: no more requests, blocks under way finished, everything on disk.
    pub async fn stop(self) {
        self.server.stop().await;
        let core = self.core;
        core.feed.stop().await;
        if let Err(error) = tokio::task::spawn_blocking(move || core.close()).await {
            tracing::error!(%error, "stopping failed");
        }
    }
}

/// The chain with its sequencer, without a port: what a node serves.
pub struct Core {
    chain_id: u64,
    begun: Instant,
    development: bool,
    store: Arc<Chain>,
    sequencer: Arc<Sequencer>,
    chain: Arc<NodeChain>,
    l1: Arc<L1Queue>,
    feed: Feed,
    rpc: RpcConfig,
}

impl Core {
    /// Opens the chain that begins with `start`, imports what `config` names, and starts the
    /// sequencer. Takes as long as the import does: not for an async thread.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub fn open(config: &NodeConfig, start: ChainStart) -> Result<Self, NodeError> {
        let begun = Instant::now();
        telemetry::start();
        // The shared threads hash tries. That they exist already, of an earlier node, is no harm.
        let threads = rayon::ThreadPoolBuilder::new().thread_name(|index| format!("root-{index}"));
        let _ = threads.build_global();
        let store = Chain::open(store_config(config), &start.genesis)
            .map_err(|error| NodeError::Store(error.to_string()))?;
        let store = Arc::new(store);
        if !config.import.is_empty() {
            let blocks = import::import(Path::new(&config.import), &start.spec, &store)?;
            tracing::info!(blocks, "imported");
        }
        let taken = store.l1_position().map_err(|error| NodeError::Store(error.to_string()))?;
        let l1 = Arc::new(L1Queue::new(taken.next, taken.rolling_hash));
        let codes = Arc::new(CodeCache::default());
        let executor = SerialExecutor::with_code_cache(start.spec.clone(), codes);
        let sequencer = Sequencer::start(
            sequencer_config(config, &start),
            start.spec.clone(),
            store.clone(),
            Box::new(executor),
            l1.clone(),
        )
        .map_err(|error| NodeError::Sequencer(error.to_string()))?;
        let sequencer = Arc::new(sequencer);
        let chain_id = start.spec.chain_id;
        let finality = start
            .slots
            .map(|slots| Arc::new(DepthTags::new(slots.safe_depth, slots.finalized_depth)));
        let instant = config.block_time == 0.0;
        let dev = start
            .development
            .then(|| DevChain::new(sequencer.clone(), config.accounts, instant, finality.clone()));
        let chain = Arc::new(NodeChain {
            spec: start.spec,
            store: store.clone(),
            front: Box::new(SequencerFront { sequencer: sequencer.clone(), dev }),
            tags: OnceLock::new(),
            rollup: OnceLock::new(),
        });
        if let Some(finality) = finality {
            let _ = chain.tags.set(finality);
        }
        let feed = {
            let sequencer = sequencer.clone();
            Feed::new(chain_id, store.clone(), move || sequencer.subscribe_blocks())
        };
        let mut rpc = rpc_config(config);
        if start.development {
            rpc.client_version = format!("{DEV_CLIENT}/{}", rpc.client_version);
        }
        let development = start.development;
        Ok(Self { chain_id, begun, development, store, sequencer, chain, l1, feed, rpc })
    }

    /// The chain on disk.
    pub fn store(&self) -> &Arc<Chain> {
        &self.store
    }

    /// The sequencer.
    pub fn sequencer(&self) -> &Arc<Sequencer> {
        &self.sequencer
    }

    /// Where messages from L1 go.
    pub fn l1_queue(&self) -> &Arc<L1Queue> {
        &self.l1
    }

    /// The rules of the chain.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.chain.spec
    }

    /// Lets `source` say from now on what is safe and final. Only the first call counts.
    pub fn set_tags(&self, source: Arc<dyn TagSource>) {
        let _ = self.chain.tags.set(source);
    }

    /// Serves the `jovay` namespace from `rollup`, and shows its alarms at `/health`. Only the first
    /// call counts.
    pub fn set_rollup(&self, rollup: Arc<dyn RollupApi>) {
        let _ = self.chain.rollup.set(rollup);
    }

    /// The chain as JSON-RPC sees it.
    pub fn chain(&self) -> Arc<dyn ChainApi> {
        self.chain.clone()
    }

    /// What answers JSON-RPC requests for this chain. Filters belong to one dispatcher.
    pub fn dispatcher(&self) -> Dispatcher {
        let context = Context::new(self.chain.clone(), self.rpc.clone());
        Dispatcher::new(context, Registry::new(self.development))
    }

    /// Finishes the blocks under way and puts everything on disk. Blocks the thread.
    pub fn close(self) {
        self.sequencer.stop();
        let head = self.store.head();
        if let Err(error) = self.store.flush() {
            tracing::error!(%error, "the last blocks stay in the log until the next start");
        }
        tracing::info!(block = head.number(), hash = %head.hash, "stopped");
    }
}

pub(crate) fn store_config(config: &NodeConfig) -> StoreConfig {
    StoreConfig {
        datadir: (!config.datadir.is_empty()).then(|| PathBuf::from(&config.datadir)),
        history_blocks: config.history_blocks,
        archive: config.archive,
        ..StoreConfig::default()
    }
}

fn sequencer_config(config: &NodeConfig, start: &ChainStart) -> SequencerConfig {
    let heartbeat = (config.heartbeat > 0.0).then(|| Duration::from_secs_f64(config.heartbeat));
    let journal =
        (!config.datadir.is_empty()).then(|| Path::new(&config.datadir).join("pool.journal"));
    // A chain from a genesis file keeps the gas limit that it has; Ethereum's moves slowly.
    let block_time = Duration::from_secs_f64(config.block_time);
    let interval = start.slots.map(|_| block_time).filter(|time| !time.is_zero());
    let gas_limit =
        if start.spec.is_l2() { config.gas_limit } else { start.genesis.header.gas_limit };
    let mut ingest = IngestConfig { allow_unprotected: start.development, ..Default::default() };
    if config.disable_code_size_limit {
        ingest.tx_bytes_max = TX_BYTES_UNLIMITED;
    }
    let defaults = BlockConfig::default();
    SequencerConfig {
        ingest,
        pool: PoolConfig {
            txs_max: config.pool_max,
            account_txs_max: config.pool_account_max,
            fee_cap_min: u128::from(start.spec.base_fee.floor),
            journal,
            blobs: blob_config(config),
            ..Default::default()
        },
        blocks: BlockConfig {
            block_time: Duration::from_secs_f64(config.block_time),
            heartbeat: heartbeat.filter(|_| start.slots.is_none()),
            gas_limit,
            automine: !start.no_mining(config) && interval.is_none(),
            interval: interval.filter(|_| !start.no_mining(config)),
            beacon_roots: start.slots.is_some(),
            bytes_max: start.block_bytes_max.unwrap_or(defaults.bytes_max),
            ..defaults
        },
    }
}

/// Blobs on disk, where there is a disk.
fn blob_config(config: &NodeConfig) -> BlobConfig {
    let defaults = BlobConfig::default();
    if config.datadir.is_empty() {
        return defaults;
    }
    let folder = Some(Path::new(&config.datadir).join("blobs"));
    BlobConfig { folder, kept_blobs_max: BLOBS_ON_DISK_MAX, ..defaults }
}

pub(crate) fn rpc_config(config: &NodeConfig) -> RpcConfig {
    let list = |text: &str| {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let defaults = RpcConfig::default();
    RpcConfig {
        body_limit_bytes: config.rpc_body_max,
        response_limit_bytes: config.rpc_response_max,
        batch_limit: config.rpc_batch_max,
        connection_limit: config.rpc_connections_max,
        log_range_limit: config.rpc_log_range_max,
        call_gas_cap: config.rpc_gas_cap,
        hosts: list(&config.hosts),
        cors_origins: list(&config.cors),
        ..defaults
    }
}
