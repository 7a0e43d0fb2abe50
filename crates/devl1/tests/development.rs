//! What only the development L1 does: slots, prices and finality on demand, blobs that survive.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use alloy_primitives::{B256, U256};
use futures_util::{SinkExt, StreamExt};
use jovay_devl1::{DevL1, DevL1Config};
use jovay_l1::BlockTag;
use serde_json::{Value, json};
use support::{GWEI, Wallet, blob_tx, sidecar, transfer, with_sidecar};
use tokio_tungstenite::tungstenite::Message;

/// Blocks come every second, empty or not; a transaction is in the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_in_every_slot() {
    let (node, l1) = support::devl1_with(DevL1Config::default()).await;
    let wallet = Wallet::dev(0);
    let hash = l1.client.send_raw(&wallet.sign(transfer(0))).await.unwrap();
    let receipt = l1.receipt(hash).await;
    while l1.head().await < receipt.block_number + 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let first = l1.block(BlockTag::Number(receipt.block_number)).await;
    let empty = l1.block(BlockTag::Number(receipt.block_number + 1)).await;
    assert!(first.gas_used > 0 && empty.gas_used == 0);
    assert!(empty.timestamp > first.timestamp && l1.slot(&empty).await > l1.slot(&first).await);
    // Defaults of the tags: one and three behind. More blocks may come between two questions.
    let latest = l1.head().await;
    assert!(l1.block(BlockTag::Finalized).await.number >= latest.saturating_sub(3));
    let (safe, latest) = (l1.block(BlockTag::Safe).await.number, l1.head().await);
    assert!(safe < latest);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finality_and_prices_on_demand() {
    let (node, l1) = support::devl1().await;
    l1.mine(20).await;
    l1.call("jovay_devSetFinality", json!([4, 10])).await;
    assert_eq!(l1.block(BlockTag::Safe).await.number, 16);
    assert_eq!(l1.block(BlockTag::Finalized).await.number, 10);
    // The head of the chain may be anything, the final block is not.
    let finalized = l1.beacon("/eth/v1/beacon/headers/finalized").await.body;
    assert_eq!(finalized["finalized"], json!(true));
    let head = l1.beacon("/eth/v1/beacon/headers/head").await.body;
    assert_eq!(head["finalized"], json!(false));

    // Blob gas a hundred times dearer than the transaction offers: it waits until that is over.
    l1.call("jovay_devSetNextBlobBaseFee", json!([format!("{:#x}", 100 * GWEI)])).await;
    l1.mine(1).await;
    let price = l1.blob_base_fee().await;
    assert!((100 * GWEI..101 * GWEI).contains(&price), "{price}");
    let wallet = Wallet::dev(1);
    let (blobs, hashes) = sidecar(1, 1);
    l1.call("evm_setAutomine", json!([false])).await;
    let tx = alloy_consensus::TxEip4844 { max_fee_per_blob_gas: GWEI, ..blob_tx(0, hashes) };
    let hash = l1.client.send_raw(&with_sidecar(&wallet, tx, &blobs)).await.unwrap();
    l1.mine(1).await;
    assert!(l1.client.receipt(hash).await.unwrap().is_none());
    // e^(14 * 131072 / 11684671) = 1.17: some thirty empty blocks bring it back.
    l1.mine(60).await;
    let receipt = l1.client.receipt(hash).await.unwrap().unwrap();
    assert!(receipt.blob_gas_price.unwrap() <= GWEI);
    // Base fee of the next block, as anvil names it.
    l1.call("anvil_setNextBlockBaseFeePerGas", json!([format!("{:#x}", 50 * GWEI)])).await;
    l1.mine(1).await;
    assert_eq!(u128::from(l1.block(BlockTag::Latest).await.base_fee_per_gas), 50 * GWEI);
    node.stop().await;
}

/// A block holds 21 blobs, and the price of the next rises when it does.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_obey_the_blob_schedule() {
    let (node, l1) = support::devl1().await;
    // The price at which EIP-7918 does not hold blob gas up.
    l1.call("jovay_devSetNextBlobBaseFee", json!(["0x3b9aca00"])).await;
    l1.call("evm_setAutomine", json!([false])).await;
    let (blobs, hashes) = sidecar(2, 6);
    for index in 0..4 {
        let wallet = Wallet::dev(index);
        let raw = with_sidecar(&wallet, blob_tx(0, hashes.clone()), &blobs);
        l1.client.send_raw(&raw).await.unwrap();
    }
    l1.mine(1).await;
    let full = l1.block(BlockTag::Latest).await;
    assert_eq!(full.blob_gas_used, Some(18 * 131_072));
    l1.mine(1).await;
    let next = l1.block(BlockTag::Latest).await;
    assert_eq!(next.blob_gas_used, Some(6 * 131_072));
    // EIP-4844: what is above the target of 14 carries over.
    let excess = full.excess_blob_gas.unwrap() + (18 - 14) * 131_072;
    assert_eq!(next.excess_blob_gas, Some(excess));
    node.stop().await;
}

/// What a reorg takes away can be forgotten, and what is dropped from the pool stays away.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_can_be_lost() {
    let (node, l1) = support::devl1().await;
    let wallet = Wallet::dev(0);
    let lost = l1.mined(&wallet.sign(transfer(0))).await.transaction_hash;
    l1.call("anvil_reorg", json!([1, [], {"dropTransactions": true}])).await;
    l1.mine(2).await;
    assert!(l1.client.transaction(lost).await.unwrap().is_none());

    let back = l1.mined(&wallet.sign(transfer(0))).await.transaction_hash;
    l1.call("evm_setAutomine", json!([false])).await;
    l1.call("anvil_reorg", json!([1, []])).await;
    let waiting = l1.client.transaction(back).await.unwrap().unwrap();
    assert_eq!(waiting.block_hash, None);
    assert_eq!(l1.call("anvil_dropTransaction", json!([back])).await, json!(true));
    l1.mine(1).await;
    assert!(l1.client.transaction(back).await.unwrap().is_none());
    node.stop().await;
}

/// Who has been told of blocks and logs that a reorg takes away is told so.
#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_of_a_reorg() {
    let (node, l1) = support::devl1().await;
    let wallet = Wallet::dev(0);
    // Creates a contract that logs one empty event: LOG0(0, 0).
    let create = alloy_consensus::TxEip1559 {
        to: alloy_primitives::TxKind::Create,
        input: alloy_primitives::bytes!("5f5fa0"),
        value: U256::ZERO,
        gas_limit: 100_000,
        ..transfer(0)
    };
    let (mut socket, _) =
        tokio_tungstenite::connect_async(l1.url.replace("http", "ws")).await.unwrap();
    for (id, what) in [(1, json!(["logs", {}])), (2, json!(["newHeads"]))] {
        let request =
            json!({"jsonrpc": "2.0", "id": id, "method": "eth_subscribe", "params": what});
        socket.send(Message::text(request.to_string())).await.unwrap();
    }
    let filter = l1.call("eth_newBlockFilter", json!([])).await;
    let receipt = l1.mined(&wallet.sign(create)).await;
    let old = l1.call("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(old, json!([receipt.block_hash]));
    l1.call("anvil_reorg", json!([1, []])).await;
    let new = l1.block(BlockTag::Number(1)).await.hash;
    let again = l1.receipt(receipt.transaction_hash).await.block_hash;
    let changes = l1.call("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes, json!([new, again]));

    let (mut heads, mut logs) = (Vec::new(), Vec::new());
    while heads.len() < 3 || logs.len() < 3 {
        let message = socket.next().await.unwrap().unwrap();
        // The server also asks whether the client is still there.
        let Message::Text(message) = message else { continue };
        let result = serde_json::from_str::<Value>(&message).unwrap()["params"]["result"].take();
        if result["topics"].is_array() {
            logs.push((result["blockHash"].clone(), result["removed"].clone()));
        } else if result["parentHash"].is_string() {
            heads.push(result["hash"].clone());
        }
    }
    assert_eq!(json!(heads), json!([receipt.block_hash, new, again]));
    let told = json!([[receipt.block_hash, false], [receipt.block_hash, true], [again, false]]);
    assert_eq!(json!(logs), told);
    node.stop().await;
}

/// A chain on disk has its blocks, its blobs and its pool after a restart, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = || DevL1Config {
        datadir: Some(folder.path().join("l1")),
        block_time_s: 0.0,
        ..DevL1Config::default()
    };
    let (node, l1) = support::devl1_with(config()).await;
    let wallet = Wallet::dev(0);
    let (blobs, hashes) = sidecar(3, 2);
    let mined = l1.mined(&with_sidecar(&wallet, blob_tx(0, hashes.clone()), &blobs)).await;
    l1.call("evm_setAutomine", json!([false])).await;
    let second = with_sidecar(&wallet, blob_tx(1, hashes.clone()), &blobs);
    let waiting = l1.client.send_raw(&second).await.unwrap();
    node.stop().await;

    let (node, l1) = support::devl1_with(config()).await;
    let found = async |hash: B256| {
        let receipt = l1.receipt(hash).await;
        let slot = l1.slot(&l1.block(BlockTag::Hash(receipt.block_hash)).await).await;
        let path = format!("/eth/v1/beacon/blobs/{slot}?versioned_hashes={}", hashes[1]);
        l1.beacon(&path).await.body["data"].clone()
    };
    let blob = json!([alloy_primitives::hex::encode_prefixed(blobs.blobs[1])]);
    assert_eq!(found(mined.transaction_hash).await, blob);
    assert_eq!(found(waiting).await, blob);
    node.stop().await;
}

/// What is signed for a development chain is never valid on Ethereum.
#[tokio::test]
async fn the_main_network_is_refused() {
    let config = DevL1Config { port: 0, chain_id: 1, ..DevL1Config::default() };
    let error = DevL1::start(config).await.err().unwrap().to_string();
    assert!(error.contains("chain_id"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_balances_are_settings() {
    let config = DevL1Config { accounts: 2, balance: 7, ..DevL1Config::default() };
    let (node, l1) = support::devl1_with(config).await;
    let balance = async |index: usize| {
        let address = Wallet::dev(index).address;
        l1.client.balance(address, BlockTag::Latest).await.unwrap()
    };
    let ether = U256::from(10).pow(U256::from(18));
    assert_eq!((balance(1).await, balance(2).await), (U256::from(7) * ether, U256::ZERO));
    node.stop().await;
}
