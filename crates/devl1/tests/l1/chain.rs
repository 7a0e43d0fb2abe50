//! What the chain is, and what its blocks say.

use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, U256, address};
use jovay_l1::BlockTag;
use jovay_node::DEV_ACCOUNTS;
use serde_json::json;

use crate::support::L1;

/// Where every chain has the deterministic deployer.
const CREATE2_FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

pub(crate) async fn identity(l1: &L1) {
    assert_eq!(l1.client.chain_id().await.unwrap(), l1.chain_id);
    assert_eq!(l1.call("net_version", json!([])).await, json!("31337"));
    let ether = U256::from(10).pow(U256::from(18));
    for (address, _) in &DEV_ACCOUNTS[..10] {
        let balance = l1.client.balance(*address, BlockTag::Number(0)).await.unwrap();
        assert_eq!(balance, U256::from(10_000) * ether);
    }
}

/// Contracts of Ethereum's rules hold what they should, and the usual factory is there.
pub(crate) async fn system_contracts(l1: &L1) {
    l1.mine(3).await;
    let head = l1.block(BlockTag::Latest).await;
    let parent = U256::from(head.number - 1).to_be_bytes::<32>().to_vec();
    let hash = l1.eth_call(HISTORY_STORAGE_ADDRESS, parent).await;
    assert_eq!(hash[..], head.parent_hash[..], "EIP-2935 has the parent's hash");
    let code = l1.client.code(CREATE2_FACTORY, BlockTag::Latest).await.unwrap();
    assert!(!code.is_empty());
    let code = l1.client.code(BEACON_ROOTS_ADDRESS, BlockTag::Latest).await.unwrap();
    assert_eq!(!code.is_empty(), l1.ways.beacon_roots);
    if l1.ways.beacon_roots {
        let timestamp = U256::from(head.timestamp).to_be_bytes::<32>().to_vec();
        let root = B256::from_slice(&l1.eth_call(BEACON_ROOTS_ADDRESS, timestamp).await);
        assert_eq!(Some(root), head.parent_beacon_block_root, "EIP-4788 has the parent's root");
        let parent = l1.block(BlockTag::Number(head.number - 1)).await;
        assert_ne!(parent.parent_beacon_block_root, head.parent_beacon_block_root);
        // The root is that of the block before, under which the beacon API knows it.
        let answer = l1.beacon(&format!("/eth/v1/beacon/headers/{root}")).await;
        assert_eq!(answer.status, 200);
        let slot = l1.slot(&parent).await.to_string();
        assert_eq!(answer.body["data"]["header"]["message"]["slot"], json!(slot));
        let of_head = format!("/eth/v1/beacon/headers/{}", l1.slot(&head).await);
        let of_head = l1.beacon(&of_head).await.body;
        assert_eq!(of_head["data"]["header"]["message"]["parent_root"], json!(root));
    }
}

/// Blocks have the fields of every fork up to Osaka.
pub(crate) async fn block_fields(l1: &L1) {
    let block = l1.call("eth_getBlockByNumber", json!(["latest", true])).await;
    for field in [
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "withdrawals",
        "withdrawalsRoot",
        "requestsHash",
        "stateRoot",
        "mixHash",
    ] {
        assert!(!block[field].is_null(), "{field} is missing");
    }
    let by_hash = l1.call("eth_getBlockByHash", json!([block["hash"], true])).await;
    assert_eq!(by_hash, block);
    let (head, before) = {
        let head = l1.block(BlockTag::Latest).await;
        let before = l1.block(BlockTag::Number(head.number - 1)).await;
        (head, before)
    };
    assert_eq!(head.parent_hash, before.hash);
    assert!(head.timestamp >= before.timestamp + u64::from(l1.ways.timestamps_rise));
    assert!(l1.client.block(BlockTag::Number(head.number + 1)).await.unwrap().is_none());
}

/// `safe` and `finalized` follow one and two blocks behind.
pub(crate) async fn tags(l1: &L1) {
    l1.mine(3).await;
    let number = async |tag| l1.block(tag).await.number;
    let latest = number(BlockTag::Latest).await;
    assert_eq!(number(BlockTag::Safe).await, latest - 1);
    assert_eq!(number(BlockTag::Finalized).await, latest - 2);
}
