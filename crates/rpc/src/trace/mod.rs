//! The `trace` namespace: traces in Parity's formats.

mod filter;
mod parity;

use std::collections::HashSet as StdHashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use alloy_primitives::{B256, Bytes, map::HashSet};
use alloy_rpc_types_trace::parity::{
    LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType,
};
use jovay_types::{RecoveredTx, Transaction};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::call::call_schema;
use crate::call::overrides::BlockOverrides;
use crate::call::request::CallRequest;
use crate::call::run::CallRun;
use crate::call::{StateOverridesParam, guard::Deadline};
use crate::params::{FromParam, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError, param_by_serde};
use filter::FilterParam;
use parity::{BLOCK_TIMEOUT, TraceTypes};

/// Calls in one `trace_callMany`.
const CALLS_MAX: usize = 1000;

param_by_serde!(FilterParam);

/// Wanted parts as a parameter.
struct TypesParam(HashSet<TraceType>);

impl FromParam for TypesParam {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        let types: StdHashSet<TraceType> = crate::params::from_json(raw)?;
        Ok(Self(types.into_iter().collect()))
    }
}

#[derive(Deserialize)]
struct CallsParam(Vec<(CallRequest, StdHashSet<TraceType>)>);

param_by_serde!(CallsParam);

/// The declarations of this module.
pub(crate) fn methods() -> Vec<Method> {
    let traces = || schema::array(schema::object());
    let types = || schema::array(schema::string());
    vec![
        Method::new("trace_block", "The call traces of a block.")
            .param("block", schema::block_id())
            .returns("traces", schema::nullable(traces()))
            .blocking(trace_block),
        Method::new("trace_transaction", "The call traces of a transaction.")
            .param("hash", schema::hash())
            .returns("traces", schema::nullable(traces()))
            .blocking(trace_transaction),
        Method::new("trace_get", "The call trace at a place in a transaction's tree of calls.")
            .param("hash", schema::hash())
            .param("path", schema::array(schema::quantity()))
            .returns("trace", schema::nullable(schema::object()))
            .blocking(trace_get),
        Method::new("trace_replayTransaction", "Executes a transaction again and traces it.")
            .param("hash", schema::hash())
            .param("trace types", types())
            .returns("trace", schema::object())
            .blocking(replay_transaction),
        Method::new("trace_replayBlockTransactions", "Executes a block again and traces it.")
            .param("block", schema::block_id())
            .param("trace types", types())
            .returns("traces", schema::nullable(traces()))
            .blocking(replay_block),
        Method::new("trace_filter", "The call traces in a range of blocks that match a filter.")
            .param("filter", schema::object())
            .returns("traces", traces())
            .blocking(trace_filter),
        Method::new("trace_call", "Executes a call and traces it.")
            .param("transaction", call_schema())
            .param("trace types", types())
            .optional("block", schema::block_id())
            .optional("state overrides", schema::object())
            .optional("block overrides", schema::object())
            .returns("trace", schema::object())
            .blocking(trace_call),
        Method::new("trace_callMany", "Executes calls one after the other and traces them.")
            .param("calls and trace types", schema::array(schema::array(schema::any())))
            .optional("block", schema::block_id())
            .returns("traces", traces())
            .blocking(trace_call_many),
        Method::new("trace_rawTransaction", "Executes a signed transaction without publishing it.")
            .param("transaction", schema::bytes())
            .param("trace types", types())
            .returns("trace", schema::object())
            .blocking(trace_raw),
    ]
}

type Traces = Vec<LocalizedTransactionTrace>;

fn trace_block(context: &Context, params: &Params<'_>) -> Result<Option<Traces>, RpcError> {
    let Some(block) = context.find_block(params.get(0)?)? else { return Ok(None) };
    parity::block_traces(context, &block, Deadline::after(BLOCK_TIMEOUT)).map(Some)
}

fn trace_transaction(context: &Context, params: &Params<'_>) -> Result<Option<Traces>, RpcError> {
    parity::transaction_traces(context, &params.get(0)?)
}

fn trace_get(
    context: &Context,
    params: &Params<'_>,
) -> Result<Option<LocalizedTransactionTrace>, RpcError> {
    let hash: B256 = params.get(0)?;
    let path: Vec<u64> = params.get(1)?;
    let traces = parity::transaction_traces(context, &hash)?.unwrap_or_default();
    let at = |trace: &LocalizedTransactionTrace| {
        trace.trace.trace_address.iter().map(|index| *index as u64).eq(path.iter().copied())
    };
    Ok(traces.into_iter().find(at))
}

fn replay_transaction(context: &Context, params: &Params<'_>) -> Result<TraceResults, RpcError> {
    let hash: B256 = params.get(0)?;
    let TypesParam(types) = params.get(1)?;
    let not_found = || RpcError::server("transaction not found");
    let (number, index) = context.chain.transaction_location(&hash)?.ok_or_else(not_found)?;
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let types = TraceTypes::new(types)?;
    let mut results = Vec::new();
    parity::replay(context, &block, index..index + 1, &types, |_, result| {
        results.push(result);
        ControlFlow::Break(())
    })?;
    results.pop().ok_or_else(not_found)
}

fn replay_block(
    context: &Context,
    params: &Params<'_>,
) -> Result<Option<Vec<TraceResultsWithTransactionHash>>, RpcError> {
    let Some(block) = context.find_block(params.get(0)?)? else { return Ok(None) };
    let TypesParam(types) = params.get(1)?;
    let types = TraceTypes::new(types)?;
    let mut results = Vec::with_capacity(block.transactions.len());
    if block.number() > 0 {
        parity::replay(context, &block, 0..block.transactions.len(), &types, |hash, result| {
            results.push(TraceResultsWithTransactionHash {
                full_trace: result,
                transaction_hash: hash,
            });
            ControlFlow::Continue(())
        })?;
    }
    Ok(Some(results))
}

fn trace_filter(context: &Context, params: &Params<'_>) -> Result<Traces, RpcError> {
    filter::run(context, params.get::<FilterParam>(0)?)
}

fn trace_call(context: &Context, params: &Params<'_>) -> Result<TraceResults, RpcError> {
    let request: CallRequest = params.get(0)?;
    let TypesParam(types) = params.get(1)?;
    let state: Option<StateOverridesParam> = params.opt(3)?;
    let block: Option<BlockOverrides> = params.opt(4)?;
    let state = state.map(|param| param.0);
    let run = CallRun::new(context, params.block(2)?, state.as_ref(), block.as_ref())?;
    parity::call(&run, &run.resolve(&request)?, &TraceTypes::new(types)?).map(|(trace, _)| trace)
}

fn trace_call_many(context: &Context, params: &Params<'_>) -> Result<Vec<TraceResults>, RpcError> {
    let CallsParam(calls) = params.get(0)?;
    if calls.len() > CALLS_MAX {
        return Err(RpcError::limit(format!("too many calls: {} > {CALLS_MAX}", calls.len())));
    }
    let mut run = CallRun::new(context, params.block(1)?, None, None)?;
    let mut results = Vec::with_capacity(calls.len());
    for (request, types) in calls {
        let types = TraceTypes::new(types.into_iter().collect())?;
        let (trace, diff) = parity::call(&run, &run.resolve(&request)?, &types)?;
        run.apply(&diff);
        results.push(trace);
    }
    Ok(results)
}

fn trace_raw(context: &Context, params: &Params<'_>) -> Result<TraceResults, RpcError> {
    let raw: Bytes = params.get(0)?;
    let TypesParam(types) = params.get(1)?;
    let invalid =
        |error: &dyn core::fmt::Display| RpcError::server(format!("invalid transaction: {error}"));
    let tx = Transaction::decode_2718_exact(&raw).map_err(|error| invalid(&error))?;
    if tx.as_l1_message().is_some() {
        return Err(invalid(&"transaction type not supported"));
    }
    let tx = RecoveredTx::recover(tx).map_err(|error| invalid(&error))?;
    let run = CallRun::new(context, params.block(2)?, None, None)?;
    parity::transaction(&run, &Arc::new(tx), &TraceTypes::new(types)?)
}
