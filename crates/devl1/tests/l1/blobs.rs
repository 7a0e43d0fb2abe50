//! Blobs: where they are found, what contracts see, what they cost.

use alloy_consensus::TxEip1559;
use alloy_eips::eip4844::{Blob, DATA_GAS_PER_BLOB};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes, hex};
use jovay_l1::BlockTag;
use serde_json::{Value, json};

use crate::support::{BeaconAnswer, L1, Wallet, blob_tx, sidecar, transfer, with_sidecar};

fn blobs(answer: &BeaconAnswer) -> Vec<Bytes> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.body["data"].as_array().unwrap();
    list.iter().map(|blob| blob.as_str().unwrap().parse().unwrap()).collect()
}

fn is(found: &[Bytes], wanted: &[&Blob]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| **f == *w.as_slice())
}

/// Two transactions in one block: three blobs, all found by the block, each by its hash.
pub(crate) async fn readable_where_they_are(l1: &L1) {
    let wallet = Wallet::dev(3);
    let nonce = l1.nonce(wallet.address).await;
    let ((first, a), (second, b)) = (sidecar(2, 1), sidecar(3, 2));
    l1.call("evm_setAutomine", json!([false])).await;
    let raw = with_sidecar(&wallet, blob_tx(nonce, a.clone()), &first);
    let hash = l1.client.send_raw(&raw).await.unwrap();
    // It waits, without a block, and without its blobs in the way.
    let waiting = l1.client.transaction(hash).await.unwrap().unwrap();
    assert_eq!((waiting.block_hash, waiting.blob_versioned_hashes), (None, a.clone()));
    let raw = with_sidecar(&wallet, blob_tx(nonce + 1, b.clone()), &second);
    l1.client.send_raw(&raw).await.unwrap();
    l1.mine(1).await;
    l1.call("evm_setAutomine", json!([true])).await;
    let receipt = l1.receipt(hash).await;
    let block = l1.block(BlockTag::Hash(receipt.block_hash)).await;
    assert_eq!(block.blob_gas_used, Some(3 * DATA_GAS_PER_BLOB));

    let path = format!("/eth/v1/beacon/blobs/{}", l1.slot(&block).await);
    let all = [&first.blobs[0], &second.blobs[0], &second.blobs[1]];
    assert!(is(&blobs(&l1.beacon(&path).await), &all));
    if l1.ways.names {
        assert!(is(&blobs(&l1.beacon("/eth/v1/beacon/blobs/head").await), &all));
    }
    let one = l1.beacon(&format!("{path}?versioned_hashes={}", b[1])).await;
    assert!(is(&blobs(&one), &all[2..]));
    let two = l1.beacon(&format!("{path}?versioned_hashes={},{}", a[0], b[0])).await;
    assert!(is(&blobs(&two), &all[..2]));
    // A client that knows only the block's number finds them too.
    let by_number = l1.beacon(&format!("/eth/v1/beacon/blobs/{}", block.number)).await;
    assert!(is(&blobs(&by_number), &all));

    // A block without blobs has none, a block that is not there is not found.
    l1.mine(1).await;
    let empty = l1.slot(&l1.block(BlockTag::Latest).await).await;
    let empty = l1.beacon(&format!("/eth/v1/beacon/blobs/{empty}")).await;
    assert!(blobs(&empty).is_empty());
    let later = l1.slot(&block).await + 1_000_000;
    let missing = l1.beacon(&format!("/eth/v1/beacon/blobs/{later}")).await;
    assert_eq!(missing.status, 404);
    let wrong = l1.beacon("/eth/v1/beacon/blobs/nonsense").await;
    assert_eq!(wrong.status, 400);
    let old = l1.beacon(&format!("/eth/v1/beacon/blob_sidecars/{}", block.number)).await;
    assert_eq!(old.status, 410, "{}", old.body);
}

/// A contract that stores BLOBHASH(0) stores the versioned hash.
pub(crate) async fn seen_by_contracts(l1: &L1) {
    let wallet = Wallet::dev(4);
    let nonce = l1.nonce(wallet.address).await;
    // The code BLOBHASH(0) -> SSTORE(0), returned by what creates it.
    let code = bytes!("645f495f55005f526005601bf3");
    let create = TxEip1559 {
        to: TxKind::Create,
        input: code,
        value: U256::ZERO,
        gas_limit: 200_000,
        ..transfer(nonce)
    };
    let contract = l1.mined(&wallet.sign(create)).await.contract_address.unwrap();
    let stored = l1.client.code(contract, BlockTag::Latest).await.unwrap();
    assert_eq!(stored[..], hex!("5f495f5500"));
    let (sidecar, hashes) = sidecar(4, 1);
    let tx = alloy_consensus::TxEip4844 { to: contract, ..blob_tx(nonce + 1, hashes.clone()) };
    assert!(l1.mined(&with_sidecar(&wallet, tx, &sidecar)).await.succeeded());
    let stored = l1.client.storage(contract, B256::ZERO, BlockTag::Latest).await.unwrap();
    assert_eq!(stored, hashes[0]);
}

/// Blob gas is paid at the block's price, and the fee history tells of it.
pub(crate) async fn priced(l1: &L1) {
    let wallet = Wallet::dev(5);
    let nonce = l1.nonce(wallet.address).await;
    let before = l1.client.balance(wallet.address, BlockTag::Latest).await.unwrap();
    let (sidecar, hashes) = sidecar(5, 2);
    let tx = alloy_consensus::TxEip4844 { to: Address::ZERO, ..blob_tx(nonce, hashes) };
    let receipt = l1.mined(&with_sidecar(&wallet, tx, &sidecar)).await;
    assert_eq!(receipt.blob_gas_used, Some(2 * DATA_GAS_PER_BLOB));
    let price = receipt.blob_gas_price.unwrap();
    assert!(price >= 1);
    let after = l1.client.balance(wallet.address, BlockTag::Latest).await.unwrap();
    assert_eq!(before - after, receipt.cost());
    assert!(l1.blob_base_fee().await >= 1);

    let number = format!("{:#x}", receipt.block_number);
    let history = l1.call("eth_feeHistory", json!(["0x1", number, []])).await;
    let list = |name: &str| history[name].as_array().unwrap().clone();
    let prices = list("baseFeePerBlobGas");
    assert_eq!(prices.len(), 2);
    assert_eq!(prices[0].as_str().unwrap().parse::<U256>().unwrap(), U256::from(price));
    let ratio = list("blobGasUsedRatio")[0].as_f64().unwrap();
    let expected = 2.0 / l1.ways.blobs_per_block as f64;
    assert!((ratio - expected).abs() < 1e-9, "{ratio}");
    assert_ne!(history["baseFeePerGas"], Value::Null);
}
