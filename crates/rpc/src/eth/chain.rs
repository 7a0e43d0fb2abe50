//! What the chain is and where it stands.

use alloy_primitives::{Address, U64};
use serde::Serialize;
use serde_json::{Value, json};

use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_chainId", "The chain id (EIP-155).")
            .returns("chainId", schema::quantity())
            .light(|context, _| Ok(U64::from(context.chain.spec().chain_id))),
        Method::new("eth_blockNumber", "Number of the latest block.")
            .returns("number", schema::quantity())
            .light(|context, _| Ok(U64::from(context.chain.tags().latest))),
        Method::new("eth_syncing", "How far the node is behind, or false.")
            .returns("syncing", schema::any())
            .light(|context, _| Ok(syncing(context))),
        Method::new("eth_accounts", "Accounts that the node signs for.")
            .returns("accounts", schema::array(schema::address()))
            .light(accounts),
        Method::new("eth_coinbase", "Receiver of the fees of the next block.")
            .returns("address", schema::address())
            .light(|context, _| Ok(context.chain.next_block_env().beneficiary)),
        Method::new("eth_capabilities", "How far back the node can answer.")
            .returns("capabilities", schema::object())
            .light(capabilities),
        Method::new("net_version", "The network id: the chain id in decimal.")
            .returns("id", schema::string())
            .light(|context, _| Ok(context.chain.spec().chain_id.to_string())),
        Method::new("net_listening", "Whether the node accepts connections.")
            .returns("listening", schema::boolean())
            .light(|_, _| Ok(true)),
        Method::new("net_peerCount", "Zero: the node has no peer-to-peer network.")
            .returns("count", schema::quantity())
            .light(|_, _| Ok(U64::ZERO)),
    ]
}

/// `false` in a node that is where the chain is.
fn syncing(context: &Context) -> Value {
    let Some(status) = context.chain.syncing() else { return false.into() };
    json!({
        "startingBlock": U64::from(status.starting),
        "currentBlock": U64::from(status.current),
        "highestBlock": U64::from(status.highest),
    })
}

fn accounts(context: &Context, _: &Params<'_>) -> Result<Vec<Address>, RpcError> {
    Ok(context.chain.dev().map(|dev| dev.accounts()).unwrap_or_default())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    disabled: bool,
    oldest_block: U64,
}

fn capabilities(context: &Context, _: &Params<'_>) -> Result<Value, RpcError> {
    let number = context.chain.tags().latest;
    let hash = context.chain.block_hash(number)?.ok_or_else(RpcError::header_not_found)?;
    let kept = |oldest: u64| Kept { disabled: false, oldest_block: U64::from(oldest) };
    let state = context.chain.oldest_state();
    Ok(json!({
        "head": { "number": U64::from(number), "hash": hash },
        "state": kept(state),
        "stateproofs": kept(state),
        "tx": kept(0),
        "logs": kept(0),
        "receipts": kept(0),
        "blocks": kept(0),
    }))
}
