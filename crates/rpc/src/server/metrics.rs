//! Metrics of the server, under a label per declared method: outsiders cannot add labels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use metrics::{Counter, Histogram, counter, gauge, histogram};

use crate::Registry;
use crate::registry::Answer;

/// Handles of one method's metrics.
pub(crate) struct MethodMetrics {
    requests: Counter,
    errors: Counter,
    seconds: Histogram,
}

impl MethodMetrics {
    fn new(method: &'static str) -> Self {
        Self {
            requests: counter!("jovay_rpc_requests_total", "method" => method),
            errors: counter!("jovay_rpc_errors_total", "method" => method),
            seconds: histogram!("jovay_rpc_request_seconds", "method" => method),
        }
    }

    /// Counts a request that began at `start` and ended in `answer`.
    pub(crate) fn record(&self, start: Instant, answer: &Answer) {
        self.requests.increment(1);
        if answer.is_err() {
            self.errors.increment(1);
        }
        self.seconds.record(start.elapsed().as_secs_f64());
    }
}

/// Handles of all methods' metrics.
#[derive(Clone)]
pub(crate) struct ServerMetrics {
    by_method: Arc<HashMap<&'static str, MethodMetrics>>,
    /// Requests that reached no method.
    pub(crate) refused: Counter,
}

impl ServerMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let by_method = registry
            .sorted()
            .into_iter()
            .map(|method| (method.name, MethodMetrics::new(method.name)))
            .collect();
        Self { by_method: Arc::new(by_method), refused: counter!("jovay_rpc_refused_total") }
    }

    /// Counts a request to the method `name`.
    pub(crate) fn record(&self, name: &str, start: Instant, answer: &Answer) {
        if let Some(metrics) = self.by_method.get(name) {
            metrics.record(start, answer);
        }
    }
}

/// Counts one open thing of a kind for as long as it lives.
pub(crate) struct Open(&'static str);

impl Open {
    pub(crate) fn new(gauge: &'static str) -> Self {
        gauge!(gauge).increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}
