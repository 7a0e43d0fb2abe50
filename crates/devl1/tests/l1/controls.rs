//! What only development chains can do: going back, and taking another way.

use jovay_l1::{BlockTag, L1Receipt};
use serde_json::json;

use crate::support::{L1, Wallet, blob_tx, sidecar, transfer, with_sidecar};

pub(crate) async fn snapshot_and_revert(l1: &L1) {
    let wallet = Wallet::dev(0);
    let nonce = l1.nonce(wallet.address).await;
    let id = l1.call("evm_snapshot", json!([])).await;
    let before = l1.block(BlockTag::Latest).await;
    let receipt = l1.mined(&wallet.sign(transfer(nonce))).await;
    l1.mine(2).await;
    assert_eq!(l1.call("evm_revert", json!([id])).await, json!(true));
    assert_eq!(l1.block(BlockTag::Latest).await, before);
    assert_eq!(l1.nonce(wallet.address).await, nonce);
    assert!(l1.client.receipt(receipt.transaction_hash).await.unwrap().is_none());
}

/// The receipt, if the transaction is on the chain.
async fn receipt(l1: &L1, of: &L1Receipt) -> Option<L1Receipt> {
    l1.client.receipt(of.transaction_hash).await.unwrap()
}

/// Two blocks give way to two others. What was in them is gone; where it returns to the pool, the
/// next block takes it, blobs and all.
pub(crate) async fn reorg(l1: &L1) {
    let (plain, blobs) = (Wallet::dev(0), Wallet::dev(3));
    let first = l1.mined(&plain.sign(transfer(l1.nonce(plain.address).await))).await;
    let (sidecar, hashes) = sidecar(8, 1);
    let nonce = l1.nonce(blobs.address).await;
    let second = l1.mined(&with_sidecar(&blobs, blob_tx(nonce, hashes), &sidecar)).await;
    assert_eq!(second.block_number, first.block_number + 1);
    let common = l1.block(BlockTag::Number(first.block_number - 1)).await;

    l1.call("anvil_reorg", json!([2, []])).await;
    // What returns to the pool may be in one more block by now.
    let last = l1.block(BlockTag::Number(second.block_number)).await;
    let middle = l1.block(BlockTag::Number(first.block_number)).await;
    assert_eq!((last.parent_hash, middle.parent_hash), (middle.hash, common.hash));
    assert_ne!(middle.hash, first.block_hash);
    assert_ne!(last.hash, second.block_hash);
    for old in [first.block_hash, second.block_hash] {
        assert!(l1.client.block(BlockTag::Hash(old)).await.unwrap().is_none());
    }
    if !l1.ways.reorg_returns {
        assert_eq!(l1.head().await, second.block_number);
        assert_eq!(l1.nonce(blobs.address).await, nonce);
        assert!(receipt(l1, &first).await.is_none());
        return;
    }
    l1.mine(1).await;
    for old in [&first, &second] {
        let new = l1.receipt(old.transaction_hash).await;
        assert!(new.succeeded());
        assert_ne!((new.block_number, new.block_hash), (old.block_number, old.block_hash));
    }
    let block = receipt(l1, &second).await.unwrap().block_hash;
    let slot = l1.slot(&l1.block(BlockTag::Hash(block)).await).await;
    let found = l1.beacon(&format!("/eth/v1/beacon/blobs/{slot}")).await.body;
    let blob = alloy_primitives::hex::encode_prefixed(sidecar.blobs[0]);
    assert_eq!(found["data"], json!([blob]));
}

/// The new blocks hold the transactions that they are given, each in its place.
pub(crate) async fn reorg_with_transactions(l1: &L1) {
    let wallet = Wallet::dev(2);
    l1.mine(3).await;
    let head = l1.head().await;
    let nonce = l1.nonce(wallet.address).await;
    let raws = [wallet.sign(transfer(nonce)), wallet.sign(transfer(nonce + 1))];
    let hashes = [&raws[0], &raws[1]].map(alloy_primitives::keccak256);
    l1.call("anvil_reorg", json!([3, [[raws[0], 0], [raws[1], 2]]])).await;
    assert_eq!(l1.head().await, head);
    for (hash, number) in hashes.into_iter().zip([head - 2, head]) {
        let receipt = l1.client.receipt(hash).await.unwrap().unwrap();
        assert!(receipt.succeeded());
        assert_eq!(receipt.block_number, number);
    }
    // Neither more blocks than there are, nor a transaction behind the new blocks.
    let next = wallet.sign(transfer(nonce + 2));
    for wrong in [json!([1_000_000, []]), json!([1, [[next, 1]]])] {
        assert!(l1.client.request::<serde_json::Value>("anvil_reorg", wrong).await.is_err());
    }
    assert_eq!(l1.head().await, head);
}
