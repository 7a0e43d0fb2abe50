//! How to trace: the options of `debug_trace*`, and their limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_rpc_types_trace::geth::{
    GethDebugTracerType, GethDebugTracingOptions, GethDefaultTracingOptions,
};
use revm_inspectors::tracing::{
    DebugInspector, DebugInspectorError, TraceLimitBehavior, TraceLimits,
};
use serde::Deserialize;

use crate::RpcError;
use crate::call::guard::{Deadline, StepMemory};
use crate::call::overrides::{BlockOverrides, StateOverrides};
use crate::params::Strict;

/// Longest time that a client may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Time for a whole block, when the client asks for none.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Memory of recorded steps, in bytes: what would not fit into an answer need not be kept.
pub(crate) const STEP_MEMORY_BYTES: usize = 64 << 20;
/// Memory of recorded call data and memory snapshots, in bytes.
pub(crate) const RECORDED_BYTES_MAX: usize = 64 << 20;
/// Traces of steps that run together.
const STEP_TRACES_MAX: usize = 4;

/// The options of `debug_traceTransaction` and `debug_traceBlock*`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct TraceOptions(GethDebugTracingOptions);

/// The options of `debug_traceCall`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CallTraceOptions {
    #[serde(flatten)]
    pub(super) trace: TraceOptions,
    pub(super) state_overrides: Option<StateOverrides>,
    pub(super) block_overrides: Option<BlockOverrides>,
    pub(super) tx_index: Option<Strict<u64>>,
}

impl TraceOptions {
    /// An inspector for one transaction.
    ///
    /// # Errors
    /// There is no such tracer, or its configuration makes no sense.
    pub(super) fn inspector(&self) -> Result<DebugInspector, RpcError> {
        if let Some(GethDebugTracerType::JsTracer(name)) = &self.0.tracer
            && !name.is_empty()
        {
            let name: String = name.chars().take(64).collect();
            return Err(RpcError::server(format!(
                "tracer not found: {name:?} (JavaScript tracers are not supported)"
            )));
        }
        let inspector = DebugInspector::new(self.0.clone()).map_err(tracer_error)?;
        Ok(limited(inspector))
    }

    /// Whether single steps are recorded.
    fn records_steps(&self) -> bool {
        match &self.0.tracer {
            None => true,
            Some(GethDebugTracerType::JsTracer(name)) => name.is_empty(),
            Some(GethDebugTracerType::BuiltInTracer(tracer)) => {
                use alloy_rpc_types_trace::geth::GethDebugBuiltInTracerType as T;
                matches!(tracer, T::Erc7562Tracer | T::MuxTracer)
            }
        }
    }

    /// The bound on recorded steps, if steps are recorded, and a place among the traces that do.
    ///
    /// # Errors
    /// Too many such traces run already.
    pub(super) fn step_memory(&self) -> Result<Option<(StepMemory, StepTrace)>, RpcError> {
        if !self.records_steps() {
            return Ok(None);
        }
        let GethDefaultTracingOptions { limit, .. } = self.0.config;
        let memory = StepMemory::new(
            STEP_MEMORY_BYTES,
            limit.unwrap_or(0),
            self.0.config.is_stack_enabled(),
            self.0.config.is_storage_enabled(),
        );
        Ok(Some((memory, StepTrace::enter()?)))
    }

    /// Until when a transaction must be traced; `default` if the client says nothing.
    ///
    /// # Errors
    /// The timeout is not a duration.
    pub(super) fn deadline(&self, default: Duration) -> Result<Deadline, RpcError> {
        let time = match &self.0.timeout {
            Some(text) => duration(text).ok_or_else(|| {
                RpcError::server(format!("time: invalid duration {:?}", clipped(text)))
            })?,
            None => default,
        };
        Ok(Deadline::after(time.min(TIMEOUT_MAX)))
    }

    /// Until when a block must be traced.
    ///
    /// # Errors
    /// The timeout is not a duration.
    pub(super) fn block_deadline(&self) -> Result<Deadline, RpcError> {
        self.deadline(BLOCK_TIMEOUT)
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The error of a tracer that cannot be made or whose result cannot.
pub(super) fn tracer_error<E: core::fmt::Display>(error: DebugInspectorError<E>) -> RpcError {
    match error {
        DebugInspectorError::Database(error) => RpcError::internal(error),
        other => RpcError::server(other.to_string()),
    }
}

/// Bounds what the inspector copies: call data, memory.
fn limited(inspector: DebugInspector) -> DebugInspector {
    use DebugInspector as D;
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(RECORDED_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    match inspector {
        D::CallTracer(inner, config) => D::CallTracer(inner.with_limits(limits), config),
        D::PreStateTracer(inner, config) => D::PreStateTracer(inner.with_limits(limits), config),
        D::FlatCallTracer(inner) => D::FlatCallTracer(inner.with_limits(limits)),
        D::Erc7562Tracer(inner, config) => D::Erc7562Tracer(inner.with_limits(limits), config),
        D::Default(inner, config) => D::Default(inner.with_limits(limits), config),
        other => other,
    }
}

/// A Go duration: numbers with units, such as `1m30s` or `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[end..];
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
    }
    Some(total)
}

/// A place among the traces that record steps; left when dropped.
#[derive(Debug)]
pub(crate) struct StepTrace(());

static STEP_TRACES: AtomicUsize = AtomicUsize::new(0);

impl StepTrace {
    /// Enters, if there is a place.
    ///
    /// # Errors
    /// Too many run already.
    pub(crate) fn enter() -> Result<Self, RpcError> {
        // Relaxed: a counter that guards nothing but itself.
        let entered = Self(());
        if STEP_TRACES.fetch_add(1, Ordering::Relaxed) >= STEP_TRACES_MAX {
            return Err(RpcError::limit("server busy: too many traces run"));
        }
        Ok(entered)
    }
}

impl Drop for StepTrace {
    fn drop(&mut self) {
        STEP_TRACES.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("1.5h"), Some(Duration::from_secs(5400)));
        for bad in ["", "10", "s", "-1s", "1x", "1e400h", "999999999999999999999h", "."] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn unknown_tracers_are_refused() {
        let options: TraceOptions = serde_json::from_str(r#"{"tracer":"nosuch"}"#).unwrap();
        let message = options.inspector().unwrap_err().message;
        assert!(message.contains("tracer not found"), "{message}");
    }
}
