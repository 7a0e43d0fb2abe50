//! `eth_simulateV1`: blocks that might follow, with true headers.

mod answer;
mod calls;
mod chain;
mod payload;
mod transfers;

use serde_json::Value;

use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError, param_by_serde};
use chain::{Options, Simulator};
use payload::SimulatePayload;

param_by_serde!(SimulatePayload);

/// The declaration of this module.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_simulateV1", "Executes calls in blocks that might follow.")
            .param("payload", schema::object())
            .optional("block", schema::block_id())
            .returns("simulated blocks", schema::array(schema::object()))
            .error(payload::CLIENT_LIMIT, "too many blocks")
            .blocking(simulate),
    ]
}

fn simulate(context: &Context, params: &Params<'_>) -> Result<Vec<Value>, RpcError> {
    let payload: SimulatePayload = params.get(0)?;
    let base = context.require_block(params.block(1)?)?;
    let placed = payload::place(&base.header, payload.block_state_calls)?;
    let options =
        Options { trace_transfers: payload.trace_transfers, validation: payload.validation };
    let mut simulator = Simulator::new(context, &base, options)?;
    let mut answers = Vec::with_capacity(placed.len());
    let (mut parent, mut parent_hash) = (base.header.clone(), base.hash);
    for block in placed {
        let simulated = simulator.block(block, &parent, parent_hash)?;
        answers.push(answer::block(
            &simulated.block,
            &simulated.calls,
            payload.return_full_transactions,
        )?);
        (parent, parent_hash) = (simulated.block.header, simulated.block.hash);
    }
    Ok(answers)
}
