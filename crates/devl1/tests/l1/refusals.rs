//! What an L1 must not take, and what it says.

use alloy_consensus::{TxEip1559, TxEip4844};
use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{Bytes, U256};
use jovay_l1::L1Error;
use serde_json::json;

use crate::support::{
    GWEI, L1, Wallet, blob_tx, sidecar, transfer, with_old_sidecar, with_sidecar,
};

/// Whether `raw` is refused, with the word `expected` in the message.
async fn is_refused(l1: &L1, raw: &Bytes, expected: &str) {
    let message = l1.refused(raw).await;
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}

pub(crate) async fn by_form(l1: &L1) {
    let wallet = Wallet::dev(6);
    let nonce = l1.nonce(wallet.address).await;
    let send = |tx: TxEip1559| wallet.sign(tx);
    let other_chain = send(TxEip1559 { chain_id: 1, ..transfer(nonce) });
    is_refused(l1, &other_chain, "chain id").await;
    let little_gas = send(TxEip1559 { gas_limit: 20_999, ..transfer(nonce) });
    is_refused(l1, &little_gas, "intrinsic gas too low").await;
    let much_gas = send(TxEip1559 { gas_limit: (1 << 24) + 1, ..transfer(nonce) });
    if l1.ways.gas_cap {
        is_refused(l1, &much_gas, "gas limit too high").await;
    } else {
        assert!(l1.mined(&much_gas).await.succeeded());
    }
    let garbage = Bytes::from_static(&[2, 0xc1, 0x80]);
    assert!(matches!(l1.client.send_raw(&garbage).await, Err(L1Error::Rpc { .. })));
}

pub(crate) async fn by_account(l1: &L1) {
    let wallet = Wallet::dev(7);
    l1.mined(&wallet.sign(transfer(l1.nonce(wallet.address).await))).await;
    let nonce = l1.nonce(wallet.address).await;
    is_refused(l1, &wallet.sign(transfer(nonce - 1)), "nonce too low").await;
    let rich = TxEip1559 { value: U256::MAX >> 8, ..transfer(nonce) };
    is_refused(l1, &wallet.sign(rich), "insufficient funds").await;

    l1.call("evm_setAutomine", json!([false])).await;
    let waiting = l1.client.send_raw(&wallet.sign(transfer(nonce))).await.unwrap();
    // The same fees for something else; then one wei more, which is below a tenth.
    let underpriced = "replacement transaction underpriced";
    let same = TxEip1559 { value: U256::from(2), ..transfer(nonce) };
    is_refused(l1, &wallet.sign(same), underpriced).await;
    let hardly_more = TxEip1559 { max_fee_per_gas: 20 * GWEI + 1, ..transfer(nonce) };
    if l1.ways.price_bump {
        is_refused(l1, &wallet.sign(hardly_more), underpriced).await;
    }
    let more = TxEip1559 {
        max_fee_per_gas: 30 * GWEI,
        max_priority_fee_per_gas: 2 * GWEI,
        ..transfer(nonce)
    };
    let replaced = l1.client.send_raw(&wallet.sign(more)).await.unwrap();
    l1.mine(1).await;
    l1.call("evm_setAutomine", json!([true])).await;
    assert!(l1.receipt(replaced).await.succeeded());
    assert!(l1.client.receipt(waiting).await.unwrap().is_none());
}

/// What is wrong with a blob transaction, made with a nonce, and what is said about it by those who
/// say it well.
type Wrong<'a> = (&'a str, Box<dyn Fn(u64) -> Bytes + 'a>, &'a str);

pub(crate) async fn by_sidecar(l1: &L1) {
    let wallet = Wallet::dev(8);
    let (good, hashes) = sidecar(6, 2);
    let (seven, seven_hashes) = sidecar(7, 7);
    let changed = |change: fn(&mut BlobTransactionSidecarEip7594)| {
        let mut sidecar = good.clone();
        change(&mut sidecar);
        let (wallet, hashes) = (&wallet, &hashes);
        move |nonce| with_sidecar(wallet, blob_tx(nonce, hashes.clone()), &sidecar)
    };
    let swapped = vec![hashes[1], hashes[0]];
    let free = |nonce| TxEip4844 { max_fee_per_blob_gas: 0, ..blob_tx(nonce, hashes.clone()) };
    let wrong: Vec<Wrong<'_>> = vec![
        ("bare", Box::new(|nonce| wallet.sign(blob_tx(nonce, hashes.clone()))), "missing sidecar"),
        ("other blob", Box::new(changed(|it| it.blobs[0][40] ^= 1)), "cell proofs"),
        ("other proof", Box::new(changed(|it| it.cell_proofs.swap(0, 1))), "cell proofs"),
        ("other commitment", Box::new(changed(|it| it.commitments.swap(0, 1))), "versioned hash"),
        (
            "other hashes",
            Box::new(|nonce| with_sidecar(&wallet, blob_tx(nonce, swapped.clone()), &good)),
            "versioned hash",
        ),
        (
            "seven blobs",
            Box::new(|nonce| with_sidecar(&wallet, blob_tx(nonce, seven_hashes.clone()), &seven)),
            "too many blobs",
        ),
        ("free", Box::new(|nonce| with_sidecar(&wallet, free(nonce), &good)), "blob fee cap"),
        ("blob proofs", Box::new(|nonce| with_old_sidecar(&wallet, nonce)), "sidecar version"),
    ];
    for (name, make, expected) in &wrong {
        let nonce = l1.nonce(wallet.address).await;
        let answer = l1.client.send_raw(&make(nonce)).await;
        let taken = l1.ways.takes.contains(name);
        match answer {
            Ok(hash) if taken => assert!(l1.receipt(hash).await.succeeded(), "{name}"),
            Err(L1Error::Rpc { message, .. }) if !taken => {
                assert!(!l1.ways.clear || message.contains(expected), "{name}: {message}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // What was refused has left no trace.
    let nonce = l1.nonce(wallet.address).await;
    let good = with_sidecar(&wallet, blob_tx(nonce, hashes.clone()), &good);
    assert!(l1.mined(&good).await.succeeded());
}
