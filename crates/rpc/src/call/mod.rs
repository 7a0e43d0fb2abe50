//! `eth_call`, `eth_estimateGas`, `eth_createAccessList`, and what simulations and traces share
//! with them.

mod access_list;
mod estimate;
pub(crate) mod guard;
pub(crate) mod invalid;
pub(crate) mod outcome;
pub(crate) mod overrides;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod scratch;

use alloy_primitives::Bytes;
use serde_json::Value;

use crate::params::{BlockId, BlockNumber, FromParam, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError, param_by_serde};
use access_list::AccessListAnswer;
use overrides::{BlockOverrides, StateOverrides};
use request::CallRequest;
use run::CallRun;

param_by_serde!(CallRequest, BlockOverrides);

/// State overrides as a parameter.
pub(crate) struct StateOverridesParam(pub(crate) StateOverrides);

impl FromParam for StateOverridesParam {
    fn from_param(raw: &serde_json::value::RawValue) -> Result<Self, String> {
        crate::params::from_json(raw).map(Self)
    }
}

/// The declarations of this module.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        with_call("eth_call", "Executes a call without creating a transaction.")
            .returns("return data", schema::bytes())
            .error(crate::error::REVERTED, "execution reverted")
            .blocking(call),
        with_call("eth_estimateGas", "Gas limit with which a transaction would succeed.")
            .returns("gas", schema::quantity())
            .error(crate::error::REVERTED, "execution reverted")
            .blocking(estimate_gas),
        with_call("eth_createAccessList", "Access list that a transaction should name.")
            .returns("access list, gas used and error", schema::object())
            .blocking(create_access_list),
    ]
}

fn with_call(name: &'static str, summary: &'static str) -> Method {
    Method::new(name, summary)
        .param("transaction", call_schema())
        .optional("block", schema::block_id())
        .optional("state overrides", schema::object())
        .optional("block overrides", schema::object())
}

/// The schema of a transaction that need not be complete.
pub(crate) fn call_schema() -> Value {
    let quantity = schema::quantity;
    serde_json::json!({
        "type": "object",
        "properties": {
            "from": schema::address(),
            "to": schema::nullable(schema::address()),
            "gas": quantity(),
            "gasPrice": quantity(),
            "maxFeePerGas": quantity(),
            "maxPriorityFeePerGas": quantity(),
            "maxFeePerBlobGas": quantity(),
            "value": quantity(),
            "nonce": quantity(),
            "input": schema::bytes(),
            "data": schema::bytes(),
            "chainId": quantity(),
            "accessList": schema::array(schema::object()),
            "blobVersionedHashes": schema::array(schema::hash()),
            "authorizationList": schema::array(schema::object()),
        },
    })
}

/// The parameters that all three methods have.
fn prepare(
    context: &Context,
    params: &Params<'_>,
    default_block: BlockId,
) -> Result<(CallRun, request::CallMessage), RpcError> {
    let request: CallRequest = params.get(0)?;
    let block = params.opt(1)?.unwrap_or(default_block);
    let state: Option<StateOverridesParam> = params.opt(2)?;
    let overrides: Option<BlockOverrides> = params.opt(3)?;
    let state = state.map(|param| param.0);
    let run = CallRun::new(context, block, state.as_ref(), overrides.as_ref())?;
    let message = run.resolve(&request)?;
    Ok((run, message))
}

fn call(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let (run, message) = prepare(context, params, BlockId::default())?;
    let result = run.call(&message).map_err(|failure| failure.into_error(message.gas))?;
    outcome::returned(result)
}

fn estimate_gas(context: &Context, params: &Params<'_>) -> Result<Value, RpcError> {
    let request: CallRequest = params.get(0)?;
    // What is estimated is meant for the next block, whose time is not the latest's.
    let (run, mut message) = prepare(context, params, PENDING)?;
    if request.gas.is_none() {
        // Not asked for: the block's limit counts, not the cap.
        message.gas = 0;
    }
    let gas = estimate::estimate(&run, &message, run.gas_cap())?;
    Ok(format!("{gas:#x}").into())
}

/// The next block on top of the latest state.
const PENDING: BlockId = BlockId::Number(BlockNumber::Pending);

/// The gas limit with which a transaction as in `request` succeeds in the next block.
///
/// # Errors
/// It fails with any gas, or its fields contradict each other.
pub(crate) fn estimate_request(context: &Context, request: &CallRequest) -> Result<u64, RpcError> {
    let run = CallRun::new(context, PENDING, None, None)?;
    let mut message = run.resolve(request)?;
    message.gas = request.gas.map_or(0, |gas| gas.0);
    estimate::estimate(&run, &message, run.gas_cap())
}

fn create_access_list(
    context: &Context,
    params: &Params<'_>,
) -> Result<AccessListAnswer, RpcError> {
    let (run, message) = prepare(context, params, BlockId::default())?;
    access_list::create(&run, message)
}
