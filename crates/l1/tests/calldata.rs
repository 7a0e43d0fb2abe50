//! Batches out of the transactions that commit them.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_sol_types::SolCall;
use jovay_da::{CalldataSource, LayerError};
use jovay_l1::bindings::{IRollup, Rollup};
use jovay_l1::{Intent, L1CalldataSource};
use support::{Anvil, Running, config, payee, payment};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_found_in_their_transaction() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let rollup = payee(1);
    let batch = |data: &'static [u8]| IRollup::BatchInput {
        version: 2,
        l1MessageCount: 0,
        blobCount: 0,
        data: Bytes::from_static(data),
    };
    let call = Rollup::commitBatchesCall {
        parentIndex: 4,
        parentHash: B256::ZERO,
        batches: vec![batch(b"first"), batch(b"second")],
    };
    let running = Running::start(&anvil.url, None, config()).await;
    let data = Bytes::from(call.abi_encode());
    running.sender.submit(Intent { data, ..payment("commit", rollup, 0) }).await.unwrap();
    running.sender.submit(payment("payment", rollup, 1)).await.unwrap();
    let commit = running.until_final("commit").await.transaction_hash;
    let payment = running.until_final("payment").await.transaction_hash;
    let source = L1CalldataSource::new(anvil.client.clone(), rollup);
    assert_eq!(source.calldata(commit).await.unwrap(), b"first"[..]);
    let second = source.expecting(keccak256("second"));
    assert_eq!(second.calldata(commit).await.unwrap(), b"second"[..]);
    let elsewhere = L1CalldataSource::new(anvil.client.clone(), payee(2));
    for missing in [
        source.calldata(payment).await,
        source.calldata(B256::repeat_byte(1)).await,
        source.expecting(keccak256("third")).calldata(commit).await,
        elsewhere.calldata(commit).await,
    ] {
        assert!(matches!(missing, Err(LayerError::Missing(_))), "{missing:?}");
    }
}
