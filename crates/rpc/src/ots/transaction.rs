//! What Otterscan asks about one transaction.

use std::ops::ControlFlow;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame};
use alloy_rpc_types_trace::otterscan::InternalOperation;
use jovay_evm::JovayContext;
use revm::Inspector;
use revm::context_interface::result::ExecutionResult;
use revm::inspector::NoOpInspector;
use revm_inspectors::otterscan::InternalOperationsInspector;
use revm_inspectors::tracing::{
    TraceLimitBehavior, TraceLimits, TracingInspector, TracingInspectorConfig,
};
use serde::Serialize;

use crate::call::guard::Deadline;
use crate::debug::options::RECORDED_BYTES_MAX;
use crate::debug::replay::{Replay, Replayed};
use crate::{Context, RpcError};

/// A call in the flat tree of a transaction's calls.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TraceEntry {
    r#type: String,
    depth: u32,
    from: Address,
    to: Option<Address>,
    value: Option<U256>,
    input: Bytes,
    output: Option<Bytes>,
}

/// Executes the published transaction `hash` again and hands it to `each`.
fn replayed<I: for<'a> Inspector<JovayContext<'a>>, T>(
    context: &Context,
    hash: &B256,
    make: impl FnMut() -> I,
    mut each: impl FnMut(Replayed<'_, I>) -> T,
) -> Result<T, RpcError> {
    let not_found = || RpcError::server("transaction not found");
    let (number, index) = context.chain.transaction_location(hash)?.ok_or_else(not_found)?;
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let replay = Replay::new(context, block, Deadline::after(context.config.call_timeout))?;
    let mut answer = None;
    replay.range(index..index + 1, make, |replayed| {
        answer = Some(each(replayed));
        Ok(ControlFlow::Break(()))
    })?;
    answer.ok_or_else(not_found)
}

/// Transfers, creations and destructions below the transaction itself.
///
/// # Errors
/// There is no such transaction or no state before it. So in every function.
pub(super) fn internal_operations(
    context: &Context,
    hash: &B256,
) -> Result<Vec<InternalOperation>, RpcError> {
    replayed(context, hash, InternalOperationsInspector::default, |replayed| {
        replayed.inspector.into_operations()
    })
}

/// The revert data; empty if it succeeded or failed without.
pub(super) fn error(context: &Context, hash: &B256) -> Result<Bytes, RpcError> {
    replayed(
        context,
        hash,
        || NoOpInspector,
        |replayed| match &replayed.result.result {
            ExecutionResult::Revert { output, .. } => output.clone(),
            _ => Bytes::new(),
        },
    )
}

/// The tree of calls in order of execution.
pub(super) fn trace(context: &Context, hash: &B256) -> Result<Vec<TraceEntry>, RpcError> {
    let config = CallConfig::default();
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(RECORDED_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    let make = || {
        let config = TracingInspectorConfig::from_geth_call_config(&config);
        TracingInspector::new(config).with_limits(limits)
    };
    let root = replayed(context, hash, make, |replayed| {
        let gas_used = replayed.result.result.tx_gas_used();
        replayed.inspector.geth_builder().geth_call_traces(config, gas_used)
    })?;
    Ok(flatten(root))
}

/// Depth first, without recursion: calls nest a thousand deep.
fn flatten(root: CallFrame) -> Vec<TraceEntry> {
    let mut entries = Vec::new();
    let mut open = vec![(0, root)];
    while let Some((depth, mut frame)) = open.pop() {
        let calls = core::mem::take(&mut frame.calls);
        open.extend(calls.into_iter().rev().map(|call| (depth + 1, call)));
        entries.push(TraceEntry {
            r#type: frame.typ,
            depth,
            from: frame.from,
            to: frame.to,
            value: frame.value,
            input: frame.input,
            output: frame.output,
        });
    }
    entries
}
