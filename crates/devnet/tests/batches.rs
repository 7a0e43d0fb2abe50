//! Batches of a whole network, whatever happens to its L1 and to the account that pays.
#![allow(clippy::unwrap_used)]

mod support;

use jovay_devnet::Operator;
use jovay_l1::BlockTag;
use serde_json::{Value, json};
use support::{Network, config, eventually, quantity};

/// Up to this price per blob gas batches are sent at once; above it they wait.
const GREEN_MAX: u128 = 5_000_000_000;

/// The network's L1 has one block more.
async fn next_l1_block(network: &Network) {
    let number = async || network.l1.block(BlockTag::Latest).await.unwrap().unwrap().number;
    let before = number().await;
    eventually("an L1 block", async || (number().await > before).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_survive_fees_reorgs_poverty_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(config(folder.path(), "blobs")).await;
    network.deposit().await;
    let block = network.transfers().await;
    let first = network.committed(block).await;
    let price = async |commit: &Value| {
        let hash = serde_json::from_value(commit["transactionHash"].clone()).unwrap();
        network.l1.receipt(hash).await.unwrap().unwrap().blob_gas_price.unwrap()
    };
    let before = price(&first).await;

    // Far above what is paid at once, and so many times what it was.
    network.on_l1("jovay_devSetNextBlobBaseFee", json!(["0x2540be400"])).await;
    next_l1_block(&network).await;
    let block = network.transfers().await;
    let dear = price(&network.committed(block).await).await;
    assert!(dear > 100 * before && dear <= GREEN_MAX, "{before}, {dear}");

    // L1 forgets a commitment with its transaction.
    let block = network.transfers().await;
    let undone = network.committed(block).await;
    network.on_l1("anvil_reorg", json!([2, [], {"dropTransactions": true}])).await;
    eventually("another commitment", async || {
        let again = network.committed(block).await;
        (again["blockHash"] != undone["blockHash"]).then_some(())
    })
    .await;

    // Nobody pays.
    let batcher = Operator::Batcher.address();
    network.on_l1("anvil_setBalance", json!([batcher, "0x0"])).await;
    let block = network.transfers().await;
    eventually("the alarm", async || {
        network.alarms().await.iter().any(|why| why.contains("funds")).then_some(())
    })
    .await;
    assert!(network.health().await["alarms"].to_string().contains("funds"));
    let metric = network.metric("jovay_l1_sender_alarm").await;
    assert!(metric.contains("kind=\"funds\"} 1"), "{metric}");
    network.on_l1("anvil_setBalance", json!([batcher, "0x56bc75e2d63100000"])).await;
    network.committed(block).await;
    eventually("no alarm", async || network.alarms().await.is_empty().then_some(())).await;

    // Stopped with blocks in no batch, and perhaps a commitment under way.
    let block = network.transfers().await;
    let hash =
        network.ask("eth_getBlockByNumber", json!([quantity(block), false])).await["hash"].clone();
    let network = network.restart(|| {}).await;
    let again = network.ask("eth_getBlockByNumber", json!([quantity(block), false])).await;
    assert_eq!(again["hash"], hash);
    let block = network.transfers().await;
    network.committed(block).await;
    assert!(network.check().await >= 5);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_in_calldata_are_found_on_l1() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(config(folder.path(), "calldata")).await;
    network.deposit().await;
    let block = network.transfers().await;
    network.committed(block).await;
    assert_eq!(network.ask("jovay_rollupInfo", json!([])).await["dataLayer"], "calldata");
    assert!(network.check().await >= 1);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anchored_batches_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(config(folder.path(), "anchored")).await;
    let block = network.transfers().await;
    network.committed(block).await;
    assert!(network.check().await >= 1);
    network.stop().await;
}
