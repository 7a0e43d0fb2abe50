//! What tools ask to find out on what they run.

use std::sync::OnceLock;

use alloy_primitives::{B256, U64, keccak256};
use serde_json::{Value, json};

use super::{aliases, dev};
use crate::fresh_id::fresh_id;
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(aliases(&["hardhat_metadata", "anvil_metadata"], |name| {
        Method::new(name, "Chain, client and instance.")
            .returns("metadata", schema::object())
            .ordered(metadata)
    }));
    methods.extend(aliases(&["anvil_setLoggingEnabled", "hardhat_setLoggingEnabled"], |name| {
        // Requests are not logged, so there is nothing to silence and nothing to show.
        Method::new(name, "Accepted, because tools send it; requests are never logged.")
            .param("on", schema::boolean())
            .ordered(|_, params| params.get::<bool>(0).map(|_| true))
    }));
    methods.push(
        Method::new("anvil_nodeInfo", "Head, fees and rules of the node.")
            .returns("info", schema::object())
            .ordered(node_info),
    );
    methods
}

/// The same for the life of the process.
fn instance_id() -> B256 {
    static ID: OnceLock<B256> = OnceLock::new();
    *ID.get_or_init(|| keccak256(fresh_id()))
}

fn metadata(context: &Context, _: &Params<'_>) -> Result<Value, RpcError> {
    let latest = context.require_block(Default::default())?;
    Ok(json!({
        "clientVersion": context.config.client_version,
        "chainId": context.chain.spec().chain_id,
        "instanceId": instance_id(),
        "latestBlockNumber": latest.header.number,
        "latestBlockHash": latest.hash,
    }))
}

fn node_info(context: &Context, _: &Params<'_>) -> Result<Value, RpcError> {
    let latest = context.require_block(Default::default())?;
    let env = context.chain.next_block_env();
    let spec = context.chain.spec();
    Ok(json!({
        "currentBlockNumber": U64::from(latest.header.number),
        "currentBlockTimestamp": latest.header.timestamp,
        "currentBlockHash": latest.hash,
        "hardFork": spec.fork_of_header(&latest.header).name(),
        "transactionOrder": "fees",
        "environment": {
            "baseFee": U64::from(env.base_fee.unwrap_or(0)),
            "chainId": spec.chain_id,
            "gasLimit": U64::from(env.gas_limit),
            "gasPrice": U64::from(env.base_fee.unwrap_or(0)),
        },
        "automine": dev(context)?.automine(),
    }))
}
