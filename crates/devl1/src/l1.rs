//! The running L1.

use std::net::SocketAddr;

use jovay_node::{ChainStart, Core, Node, Slots};

use crate::beacon::Beacon;
use crate::genesis::genesis;
use crate::{DevL1Config, DevL1Error};

/// A running development L1: an Ethereum of one node, with JSON-RPC and the beacon API on one port.
pub struct DevL1 {
    node: Node,
}

impl DevL1 {
    /// Opens the chain that `config` describes, or begins it, and serves.
    ///
    /// # Errors
    /// See [`DevL1Error`]. Nothing runs on then.
    pub async fn start(config: DevL1Config) -> Result<Self, DevL1Error> {
        config.check()?;
        let node = config.node();
        let listener = Node::listen(&node).await?;
        // Long before the first blob: it takes a while, and blob transactions would wait for it.
        drop(tokio::task::spawn_blocking(jovay_da::load_trusted_setup));
        let opening = tokio::task::spawn_blocking(move || {
            let slots =
                Slots { safe_depth: config.safe_depth, finalized_depth: config.finalized_depth };
            let start = ChainStart::from_genesis(genesis(&config));
            // What its threads log is marked as L1's.
            tracing::info_span!("l1")
                .in_scope(|| Core::open(&node, ChainStart { slots: Some(slots), ..start }))
        });
        let core = opening.await.map_err(|error| DevL1Error::Opening(error.to_string()))??;
        let beacon = Beacon::new(core.chain(), core.sequencer().blobs().clone());
        let node =
            tracing::info_span!("l1").in_scope(|| Node::serve(core, listener, beacon.router()))?;
        Ok(Self { node })
    }

    /// Where JSON-RPC and the beacon API are served.
    pub fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// The same as a URL, for JSON-RPC clients and, without a path, for clients of the beacon API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Chain id (EIP-155).
    pub fn chain_id(&self) -> u64 {
        self.node.chain_id()
    }

    /// The node behind it. What works on any L1 goes through JSON-RPC instead.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns when the chain has failed, with the reason; never while it runs.
    pub async fn failed(&self) -> String {
        self.node.failed().await
    }

    /// Stops in order: no more requests, blocks under way finished, everything on disk.
    pub async fn stop(self) {
        self.node.stop().await;
    }
}
