//! The running node.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jovay_evm::{CodeCache, SerialExecutor};
use jovay_rpc::{Context, Dispatcher, Registry, RpcConfig, RpcServer};
use jovay_sequencer::{BlockConfig, IngestConfig, L1Queue, PoolConfig, Sequencer, SequencerConfig};
use jovay_state::ChainStore;
use jovay_storage::{Chain, Config as StoreConfig};
use tokio::net::TcpListener;

use crate::chain::NodeChain;
use crate::dev::DevChain;
use crate::start::TX_BYTES_UNLIMITED;
use crate::telemetry::{self, Health};
use crate::{ChainStart, NodeConfig, NodeError, import};

/// What a development chain's version starts with: Hardhat's helpers (snapshots, time, accounts)
/// refuse every node whose version does not start with the name of one that they know.
const DEV_CLIENT: &str = "HardhatNetwork-compatible";
/// How often [`Node::failed`] looks.
const FAILURE_POLL: Duration = Duration::from_millis(200);

/// A running node: the chain, and the server in front of it.
pub struct Node {
    core: Core,
    server: RpcServer,
}

impl Node {
    /// Opens the chain, imports what `config` names, and serves.
    ///
    /// # Errors
    /// See [`NodeError`]. Nothing runs on then.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let begun = Instant::now();
        telemetry::start();
        // The shared threads hash tries. That they exist already, of an earlier node, is no harm.
        let threads = rayon::ThreadPoolBuilder::new().thread_name(|index| format!("root-{index}"));
        let _ = threads.build_global();
        // The port first: that it is taken is the likeliest failure and the cheapest to find.
        let address = SocketAddr::new(config.host, config.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| NodeError::Listen { address, source })?;
        let opening = tokio::task::spawn_blocking(move || Core::open(&config));
        let core = opening.await.map_err(|error| NodeError::Store(error.to_string()))??;
        let health = {
            let (chain_id, store) = (core.chain_id, core.store.clone());
            let sequencer = core.sequencer.clone();
            move || Health {
                chain_id,
                latest_block: store.head().number(),
                failure: sequencer.failure(),
            }
        };
        let server = RpcServer::start(listener, core.dispatcher(), telemetry::router(health))
            .map_err(|source| NodeError::Listen { address, source })?;
        let head = core.store.head();
        tracing::info!(
            block = head.number(), hash = %head.hash, ms = begun.elapsed().as_millis() as u64,
            "ready"
        );
        Ok(Self { core, server })
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
        if let Err(error) = tokio::task::spawn_blocking(move || core.close()).await {
            tracing::error!(%error, "stopping failed");
        }
    }
}

/// The chain with its sequencer, without a port: what a node serves.
pub struct Core {
    chain_id: u64,
    store: Arc<Chain>,
    sequencer: Arc<Sequencer>,
    chain: Arc<NodeChain>,
    rpc: RpcConfig,
}

impl Core {
    /// Opens the chain, imports what `config` names, and starts the sequencer. Takes as long as
    /// the import does: not for an async thread.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub fn open(config: &NodeConfig) -> Result<Self, NodeError> {
        let start = ChainStart::new(config)?;
        let store = Chain::open(store_config(config), &start.genesis)
            .map_err(|error| NodeError::Store(error.to_string()))?;
        let store = Arc::new(store);
        if !config.import.is_empty() {
            let blocks = import::import(Path::new(&config.import), &start.spec, &store)?;
            tracing::info!(blocks, "imported");
        }
        let codes = Arc::new(CodeCache::default());
        let executor = SerialExecutor::with_code_cache(start.spec.clone(), codes);
        let sequencer = Sequencer::start(
            sequencer_config(config, &start),
            start.spec.clone(),
            store.clone(),
            Box::new(executor),
            Arc::new(L1Queue::default()),
        )
        .map_err(|error| NodeError::Sequencer(error.to_string()))?;
        let sequencer = Arc::new(sequencer);
        let chain_id = start.spec.chain_id;
        let dev = DevChain::new(sequencer.clone(), config.accounts, config.block_time == 0.0);
        let chain = Arc::new(NodeChain {
            spec: start.spec,
            store: store.clone(),
            sequencer: sequencer.clone(),
            dev: Some(dev),
        });
        Ok(Self { chain_id, store, sequencer, chain, rpc: rpc_config(config) })
    }

    /// What answers JSON-RPC requests for this chain. Filters belong to one dispatcher.
    pub fn dispatcher(&self) -> Dispatcher {
        let context = Context::new(self.chain.clone(), self.rpc.clone());
        Dispatcher::new(context, Registry::new(true))
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
    let gas_limit =
        if start.spec.is_l2() { config.gas_limit } else { start.genesis.header.gas_limit };
    let mut ingest = IngestConfig { allow_unprotected: true, ..Default::default() };
    if config.disable_code_size_limit {
        ingest.tx_bytes_max = TX_BYTES_UNLIMITED;
    }
    SequencerConfig {
        ingest,
        pool: PoolConfig {
            txs_max: config.pool_max,
            account_txs_max: config.pool_account_max,
            fee_cap_min: u128::from(start.spec.base_fee.floor),
            journal,
            ..Default::default()
        },
        blocks: BlockConfig {
            block_time: Duration::from_secs_f64(config.block_time),
            heartbeat,
            gas_limit,
            automine: !start.no_mining(config),
            ..Default::default()
        },
    }
}

fn rpc_config(config: &NodeConfig) -> RpcConfig {
    let list = |text: &str| {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let defaults = RpcConfig::default();
    RpcConfig {
        client_version: format!("{DEV_CLIENT}/{}", defaults.client_version),
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
