//! Blob transactions with anvil, one process for all: its first blob takes it seconds.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{B256, U256};
use jovay_da::{BlobSource, LayerError};
use jovay_l1::fees::EthConfigBlobs;
use jovay_l1::{BeaconBlobSource, BlobHint, BlockTag, FeeState, Intent, IntentStatus};
use serde_json::json;
use support::{Anvil, GWEI, Running, config, payee, payment, signer, until};

fn blob(fill: u8) -> Blob {
    let mut blob = Blob::default();
    blob.iter_mut().skip(1).step_by(32).for_each(|byte| *byte = fill);
    blob
}

/// Two blobs: `fill` and 0x77.
fn sidecar(fill: u8) -> Arc<BlobTransactionSidecarEip7594> {
    Arc::new(jovay_da::blob_sidecar(vec![blob(fill), blob(0x77)]).unwrap())
}

fn with_blob(key: &str, number: u64, fill: u8) -> Intent {
    Intent { sidecar: Some(sidecar(fill)), ..payment(key, payee(number), 1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_are_sent_replaced_and_sent_again() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let running = Running::start(&anvil.url, Some(&journal), config()).await;
    let urgent = Intent { deadline: Some(1), ..with_blob("blob/0", 1, 1) };
    running.sender.submit(urgent).await.unwrap();
    running.sender.submit(with_blob("blob/1", 2, 2)).await.unwrap();
    running.sender.submit(payment("plain", payee(3), 1)).await.unwrap();
    let (cheap, _) = running.until_in_flight("blob/0").await;
    let (second, _) = running.until_in_flight("blob/1").await;
    // Blob transactions and others of an account do not mix in nodes' pools.
    running.until_waits("plain", "with blobs").await;
    // Killed here, it has the blobs from its journal, and finds what it had sent.
    running.crash().await;
    anvil.call("anvil_dropTransaction", json!([second])).await;
    let running = Running::start(&anvil.url, Some(&journal), config()).await;
    until("sent again", || async { anvil.client.transaction(second).await.unwrap() }).await;
    assert_eq!(running.until_in_flight("blob/0").await.0, cheap);
    // The price rises: the urgent one is replaced, with everything doubled.
    let price = format!("{:#x}", 10 * GWEI);
    anvil.call("anvil_setNextBlockBaseFeePerGas", json!([price])).await;
    anvil.mine().await;
    let is_other = |status: &IntentStatus| matches!(status, IntentStatus::InFlight { transaction, .. } if *transaction != cheap);
    let status = running.until("blob/0", is_other).await;
    let IntentStatus::InFlight { transaction: dear, nonce: 0 } = status else {
        panic!("{status:?}")
    };
    let found = until("replacement", || async {
        let found = anvil.call("eth_getTransactionByHash", json!([dear])).await;
        (!found.is_null()).then_some(found)
    })
    .await;
    let quantity = |name: &str| {
        let text = found[name].as_str().unwrap();
        u128::from_str_radix(&text[2..], 16).unwrap()
    };
    assert_eq!(found["type"], "0x3");
    assert!(quantity("maxFeePerGas") > u128::from(10 * GWEI));
    assert!(quantity("maxFeePerBlobGas") > 1);
    until("all", || async {
        anvil.mine().await;
        let end = running.sender.status("plain");
        matches!(end, Some(IntentStatus::Final { .. })).then_some(())
    })
    .await;
    let receipt = running.until_final("blob/0").await;
    assert_eq!(receipt.transaction_hash, dear);
    assert_eq!(receipt.blob_gas_used, Some(2 << 17));
    running.until_final("blob/1").await;
    for number in 1..=3 {
        assert_eq!(anvil.balance(payee(number)).await, U256::from(1));
    }
    assert_eq!(anvil.included(signer().address()).await.len(), 3);
    // The journal has the blobs no more. The node has.
    let left = std::fs::read_dir(folder.path().join("journal.sidecars")).unwrap().count();
    assert_eq!(left, 0);
    blobs_come_back(&anvil, receipt.block_number).await;
    prices_are_predicted(&anvil).await;
}

/// anvil serves them by block number, and has no beacon chain.
async fn blobs_come_back(anvil: &Anvil, number: u64) {
    let hashes: Vec<B256> = sidecar(1).versioned_hashes().collect();
    let source = BeaconBlobSource::new(&anvil.url).unwrap();
    let error = source.blobs(&hashes).await.unwrap_err();
    assert!(error.to_string().contains("nobody said"), "{error}");
    source.expect(&hashes, BlobHint { number, timestamp: 0, parent_beacon_root: None });
    assert_eq!(source.blobs(&hashes).await.unwrap(), [blob(1), blob(0x77)]);
    let reversed = [hashes[1], hashes[0]];
    assert_eq!(source.blobs(&reversed).await.unwrap(), [blob(0x77), blob(1)]);
    let elsewhere = BlobHint { number: number - 1, timestamp: 0, parent_beacon_root: None };
    let error = source.blobs_at(&hashes, &elsewhere).await.unwrap_err();
    assert!(matches!(error, LayerError::Missing(_)), "{error}");
}

/// What the next block costs, as the block before tells.
async fn prices_are_predicted(anvil: &Anvil) {
    let schedule = anvil.client.request::<EthConfigBlobs>("eth_config", json!([])).await.unwrap();
    let schedule = schedule.schedule().unwrap();
    let mut blocks = Vec::new();
    for number in 1..=anvil.height().await {
        let block = anvil.client.block(BlockTag::Number(number)).await.unwrap().unwrap();
        blocks.push(FeeState::of(&block).unwrap());
    }
    assert!(blocks.iter().any(|block| block.blob_gas_used > 0));
    for pair in blocks.windows(2) {
        // One block's base fee was set by hand.
        if pair[1].base_fee != 10 * GWEI {
            assert_eq!(pair[0].next_base_fee(), pair[1].base_fee, "block {}", pair[1].number);
        }
        let excess = pair[0].next_excess_blob_gas(&schedule, pair[1].timestamp);
        assert_eq!(excess, pair[1].excess_blob_gas, "block {}", pair[1].number);
    }
}
