//! The `debug` namespace: traces in geth's formats, and raw data.

pub(crate) mod options;
mod raw;
pub(crate) mod replay;

use std::ops::ControlFlow;
use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_trace::geth::GethTrace;
use jovay_types::{Block, SealedBlock};
use revm::context_interface::result::ResultAndState;
use revm_inspectors::tracing::TransactionContext;
use serde::Serialize;
use serde_json::Value;

use crate::call::call_schema;
use crate::call::request::CallRequest;
use crate::call::run::CallRun;
use crate::params::{BlockId, BlockNumber, Params, Strict};
use crate::registry::{Method, schema};
use crate::{Context, RpcError, param_by_serde};
use options::{CallTraceOptions, TraceOptions, tracer_error};
use replay::{Replay, Replayed};

param_by_serde!(TraceOptions, CallTraceOptions);

/// The declarations of this module.
pub(crate) fn methods() -> Vec<Method> {
    let mut methods = traces();
    methods.extend([
        Method::new("debug_getRawBlock", "A block as RLP.")
            .param("block", schema::block_id())
            .returns("RLP", schema::bytes())
            .blocking(raw::block),
        Method::new("debug_getRawHeader", "A header as RLP.")
            .param("block", schema::block_id())
            .returns("RLP", schema::bytes())
            .blocking(raw::header),
        Method::new("debug_getRawReceipts", "The receipts of a block, EIP-2718 encoded.")
            .param("block", schema::block_id())
            .returns("receipts", schema::array(schema::bytes()))
            .blocking(raw::receipts),
        Method::new("debug_getRawTransaction", "A transaction, EIP-2718 encoded.")
            .param("hash", schema::hash())
            .returns("transaction", schema::bytes())
            .blocking(raw::transaction),
        Method::new("debug_getBadBlocks", "Invalid blocks seen; a sequencer's chain has none.")
            .returns("blocks", schema::array(schema::object()))
            .light(|_, _| Ok(Vec::<Value>::new())),
    ]);
    methods
}

fn traces() -> Vec<Method> {
    let trace = schema::object;
    let of_block = || schema::array(trace());
    vec![
        Method::new("debug_traceTransaction", "Traces a published transaction.")
            .param("hash", schema::hash())
            .optional("options", schema::object())
            .returns("trace", trace())
            .blocking(trace_transaction),
        Method::new("debug_traceCall", "Traces a call.")
            .param("transaction", call_schema())
            .optional("block", schema::block_id())
            .optional("options", schema::object())
            .returns("trace", trace())
            .blocking(trace_call),
        Method::new("debug_traceBlockByNumber", "Traces all transactions of a block.")
            .param("block", schema::block_number())
            .optional("options", schema::object())
            .returns("traces", of_block())
            .blocking(trace_block_by_number),
        Method::new("debug_traceBlockByHash", "Traces all transactions of a block.")
            .param("hash", schema::hash())
            .optional("options", schema::object())
            .returns("traces", of_block())
            .blocking(trace_block_by_hash),
        Method::new("debug_traceBlock", "Traces all transactions of a given block.")
            .param("RLP", schema::bytes())
            .optional("options", schema::object())
            .returns("traces", of_block())
            .blocking(trace_raw_block),
    ]
}

/// A transaction's trace among those of its block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockEntry {
    tx_hash: B256,
    result: GethTrace,
}

fn trace_transaction(context: &Context, params: &Params<'_>) -> Result<GethTrace, RpcError> {
    let hash: B256 = params.get(0)?;
    let options: TraceOptions = params.opt(1)?.unwrap_or_default();
    let (number, index) = context
        .chain
        .transaction_location(&hash)?
        .ok_or_else(|| RpcError::server("transaction not found"))?;
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let deadline = options.deadline(context.config.call_timeout)?;
    let replay = Replay::new(context, block, deadline)?;
    let traces = traces_of(replay, index..index + 1, &options)?;
    let trace = traces.into_iter().next().map(|entry| entry.result);
    trace.ok_or_else(|| RpcError::internal("transaction index beyond its block"))
}

fn trace_block_by_number(
    context: &Context,
    params: &Params<'_>,
) -> Result<Vec<BlockEntry>, RpcError> {
    let number: BlockNumber = params.get(0)?;
    trace_known_block(context, number.into(), params)
}

fn trace_block_by_hash(
    context: &Context,
    params: &Params<'_>,
) -> Result<Vec<BlockEntry>, RpcError> {
    let hash: B256 = params.get(0)?;
    trace_known_block(context, hash.into(), params)
}

fn trace_known_block(
    context: &Context,
    block: BlockId,
    params: &Params<'_>,
) -> Result<Vec<BlockEntry>, RpcError> {
    let options: TraceOptions = params.opt(1)?.unwrap_or_default();
    let block = context.find_block(block)?.ok_or_else(|| RpcError::server("block not found"))?;
    trace_block(context, block, &options)
}

fn trace_raw_block(context: &Context, params: &Params<'_>) -> Result<Vec<BlockEntry>, RpcError> {
    let raw: Bytes = params.get(0)?;
    let options: TraceOptions = params.opt(1)?.unwrap_or_default();
    let invalid = |error: &dyn core::fmt::Display| {
        RpcError::server(format!("could not decode block: {error}"))
    };
    let block = Block::decode_exact(&raw).map_err(|error| invalid(&error))?;
    let block = block.recover().map_err(|error| invalid(&error))?;
    let parent = context.chain.block_number(&block.header.parent_hash)?;
    if parent.is_none_or(|parent| parent.checked_add(1) != Some(block.number())) {
        return Err(RpcError::server(format!("parent {} not found", block.header.parent_hash)));
    }
    trace_block(context, Arc::new(block), &options)
}

fn trace_block(
    context: &Context,
    block: Arc<SealedBlock>,
    options: &TraceOptions,
) -> Result<Vec<BlockEntry>, RpcError> {
    let all = 0..block.transactions.len();
    let replay = Replay::new(context, block, options.block_deadline()?)?;
    traces_of(replay, all, options)
}

fn traces_of(
    replay: Replay,
    range: core::ops::Range<usize>,
    options: &TraceOptions,
) -> Result<Vec<BlockEntry>, RpcError> {
    let (memory, _place) = options.step_memory()?.unzip();
    let replay = replay.with_step_memory(memory);
    let block_hash = replay.block().hash;
    // One that fails to be made fails here, before anything runs.
    let prototype = options.inspector()?;
    let mut entries = Vec::with_capacity(range.len());
    let fresh = || prototype.try_clone().or_else(|_| options.inspector());
    let mut failed = None;
    let make = || match fresh() {
        Ok(inspector) => inspector,
        Err(error) => {
            failed = Some(error);
            revm_inspectors::tracing::DebugInspector::Noop(revm::inspector::NoOpInspector)
        }
    };
    replay.range(range, make, |replayed| {
        let Replayed { index, tx, result, mut inspector, db, tx_env, block_env, .. } = replayed;
        let place = TransactionContext {
            block_hash: Some(block_hash),
            tx_hash: Some(tx.hash()),
            tx_index: Some(index),
        };
        let trace = inspector
            .get_result(Some(place), tx_env, block_env, result, &mut &*db)
            .map_err(tracer_error)?;
        entries.push(BlockEntry { tx_hash: tx.hash(), result: trace });
        Ok(ControlFlow::Continue(()))
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(entries),
    }
}

fn trace_call(context: &Context, params: &Params<'_>) -> Result<GethTrace, RpcError> {
    let request: CallRequest = params.get(0)?;
    let block = context.require_block(params.block(1)?)?;
    let options: CallTraceOptions = params.opt(2)?.unwrap_or_default();
    let deadline = options.trace.deadline(context.config.call_timeout)?;
    let (state, overrides) = (options.state_overrides.as_ref(), options.block_overrides.as_ref());
    let mut run = match options.tx_index {
        // In the middle of a block: after its first transactions.
        Some(Strict(index)) => {
            let count = usize::try_from(index)
                .ok()
                .filter(|index| *index <= block.transactions.len())
                .ok_or_else(|| {
                    RpcError::server(format!(
                        "transaction index {index} out of range for block {}",
                        block.hash
                    ))
                })?;
            let replay = Replay::new(context, block.clone(), deadline)?;
            let diff = replay.diff_before(count)?;
            let env = jovay_evm::BlockEnv::from(&block.header);
            let parent = context.chain.state_at(block.number() - 1)?;
            let mut run = CallRun::over(context, parent, env);
            run.apply(&diff);
            run.override_with(state, overrides)?;
            run
        }
        None => CallRun::new(context, block.number().into(), state, overrides)?,
    };
    run.set_deadline(deadline);
    let message = run.resolve(&request)?;
    let (memory, _place) = options.trace.step_memory()?.unzip();
    let mut evm = run.evm(options.trace.inspector()?);
    evm.inspector_mut().set_step_memory(memory);
    let outcome =
        run.transact(&mut evm, &message).map_err(|failure| failure.into_error(message.gas))?;
    let result = ResultAndState::new(outcome.result, outcome.state);
    let tx_env = message.env(run.chain_id());
    let block_env = evm.block_mut().clone();
    let (db, mut guard) = evm.into_parts();
    guard.inner.get_result(None, &tx_env, &block_env, &result, &mut &db).map_err(tracer_error)
}
