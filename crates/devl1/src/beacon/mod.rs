//! The part of the beacon API that serves readers of blobs.
//!
//! Slots are seconds since the first block, so that a block's slot follows from its timestamp as on
//! any network; a slot without a block was missed. Paths, members and error bodies are those of
//! ethereum/beacon-APIs.

mod answer;
mod blobs;
mod block;
mod id;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use jovay_rpc::ChainApi;
use jovay_sequencer::BlobStore;

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Beacon {
    chain: Arc<dyn ChainApi>,
    blobs: Arc<BlobStore>,
}

impl Beacon {
    pub(crate) fn new(chain: Arc<dyn ChainApi>, blobs: Arc<BlobStore>) -> Self {
        Self { chain, blobs }
    }

    /// The routes, to be served beside JSON-RPC.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/eth/v1/beacon/genesis", get(routes::genesis))
            .route("/eth/v1/config/spec", get(routes::spec))
            .route("/eth/v1/node/version", get(routes::version))
            .route("/eth/v1/node/syncing", get(routes::syncing))
            .route("/eth/v1/beacon/headers", get(routes::head))
            .route("/eth/v1/beacon/headers/{id}", get(routes::header))
            .route("/eth/v1/beacon/blobs/{id}", get(blobs::blobs))
            .route("/eth/v1/beacon/blob_sidecars/{id}", get(routes::blob_sidecars))
            .with_state(self)
    }
}
