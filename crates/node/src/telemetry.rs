//! Prometheus metrics and the health answer, on the same port as JSON-RPC.

use std::sync::OnceLock;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Buckets of every histogram, in seconds: from a cheap call to a block that takes far too long.
const SECONDS: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The process-wide recorder; several nodes in one process share it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || PrometheusBuilder::new().set_buckets(SECONDS).ok()?.install_recorder().ok();
    RECORDER.get_or_init(install).as_ref()
}

/// Starts recording. Call before anything is measured.
pub(crate) fn start() {
    if recorder().is_none() {
        tracing::warn!("no metrics: another recorder is installed in this process");
    }
}

/// `/health` (200 while the chain runs, 503 once it has failed) and `/metrics`.
pub(crate) fn router(health: impl Fn() -> Health + Clone + Send + Sync + 'static) -> Router {
    let health = move || async move {
        let health = health();
        let status =
            if health.failure.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, axum_json(&health))
    };
    let metrics = || async {
        let text = recorder().map(|recorder| {
            recorder.run_upkeep();
            recorder.render()
        });
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text.unwrap_or_default())
    };
    Router::new().route("/health", get(health)).route("/metrics", get(metrics))
}

/// What `/health` says.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// Chain id.
    pub(crate) chain_id: u64,
    /// Number of the last published block.
    pub(crate) latest_block: u64,
    /// Why the chain has stopped; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// What an operator must look at although the chain runs, such as an L1 that took executed
    /// deposits back; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) alarms: Vec<String>,
    /// How a replica stands; absent where blocks are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync: Option<SyncHealth>,
}

/// How a replica stands towards the chain that it follows.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncHealth {
    /// Whether it is behind, or does not know.
    pub(crate) syncing: bool,
    /// The feed's last block.
    pub(crate) feed_head: Option<u64>,
    /// Seconds since the feed was heard.
    #[serde(rename = "feedAgeSeconds")]
    pub(crate) feed_age_s: Option<u64>,
    /// Seconds since L1 was read.
    #[serde(rename = "l1AgeSeconds")]
    pub(crate) l1_age_s: Option<u64>,
    /// The last block that L1 has and that is equal here.
    pub(crate) safe_block: u64,
    /// The same where L1 is final.
    pub(crate) finalized_block: u64,
}

fn axum_json(health: &Health) -> ([(header::HeaderName, &'static str); 1], String) {
    let text = serde_json::to_string(health).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text)
}
