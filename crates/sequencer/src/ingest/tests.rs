#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use alloy_consensus::{Signed, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use jovay_types::{EthereumTx, L1Message, Transaction};

use super::*;
use crate::PoolConfig;
use crate::testing::{GWEI, SINK, pool, sign, transfer};

mod blobs;

fn checker(config: IngestConfig) -> Checker {
    let (pool, _) = pool(PoolConfig::default());
    let gas_limit = Arc::new(AtomicU64::new(30_000_000));
    let spec = Arc::new(jovay_evm::ChainSpec::l2(jovay_evm::DEV_CHAIN_ID));
    Checker::new(config, spec, gas_limit, Arc::new(pool)).unwrap()
}

fn refusal(raw: Bytes) -> String {
    let mut results = checker(IngestConfig::default()).process(&[raw]);
    results.pop().unwrap().unwrap_err().to_string()
}

fn encoded(tx: EthereumTx) -> Bytes {
    Transaction::Ethereum(tx).encoded_2718().into()
}

fn legacy() -> TxLegacy {
    TxLegacy {
        chain_id: Some(jovay_evm::DEV_CHAIN_ID),
        nonce: 0,
        gas_price: GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(SINK),
        value: U256::ONE,
        input: Bytes::new(),
    }
}

#[test]
fn takes_every_type_that_the_chain_has() {
    let list = AccessList(vec![AccessListItem { address: SINK, storage_keys: vec![B256::ZERO] }]);
    let eip2930 = alloy_consensus::TxEip2930 {
        chain_id: jovay_evm::DEV_CHAIN_ID,
        nonce: 0,
        gas_price: GWEI,
        gas_limit: 21_000 + 2_400 + 1_900,
        to: TxKind::Call(SINK),
        access_list: list,
        ..Default::default()
    };
    let raws = [
        encoded(sign(1, legacy())),
        encoded(sign(2, eip2930)),
        transfer(3, 0).raw(),
        encoded(sign(4, set_code(vec![authorization()]))),
    ];
    let results = checker(IngestConfig::default()).process(&raws);
    for (raw, result) in raws.iter().zip(results) {
        assert_eq!(result, Ok(keccak256(raw)));
    }
}

fn authorization() -> SignedAuthorization {
    let inner = Authorization { chain_id: U256::ZERO, address: SINK, nonce: 0 };
    SignedAuthorization::new_unchecked(inner, 0, U256::ONE, U256::ONE)
}

fn set_code(authorization_list: Vec<SignedAuthorization>) -> TxEip7702 {
    TxEip7702 {
        chain_id: jovay_evm::DEV_CHAIN_ID,
        nonce: 0,
        gas_limit: 21_000 + 25_000,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: 1,
        to: SINK,
        authorization_list,
        ..Default::default()
    }
}

#[test]
fn malformed_and_foreign_types() {
    assert_eq!(refusal(Bytes::new()), "typed transaction too short");
    for first in [0x00, 0x03, 0x05, 0x7e, 0x7f, 0x80, 0xbf] {
        assert_eq!(refusal(vec![first, 0xc0].into()), "transaction type not supported");
    }
    let message = L1Message {
        queue_index: 0,
        gas_limit: 21_000,
        sender: Address::ZERO,
        to: SINK,
        value: U256::MAX,
        data: Bytes::new(),
    };
    let message = Transaction::L1Message(message).encoded_2718();
    assert_eq!(refusal(message.into()), "transaction type not supported");
    let blobs = TxEip4844 { chain_id: jovay_evm::DEV_CHAIN_ID, ..Default::default() };
    assert_eq!(refusal(encoded(sign(1, blobs))), "transaction type not supported");
    let mut trailing = transfer(1, 0).raw().to_vec();
    trailing.push(0);
    assert!(refusal(trailing.into()).starts_with("rlp: "));
    let cut = transfer(1, 0).raw();
    assert!(refusal(cut.slice(..cut.len() - 1)).starts_with("rlp: "));
    let large = transfer(1, 0).with(|tx| tx.input = vec![0; 128 << 10].into()).raw();
    let expected = format!("oversized data: transaction size {}, limit {}", large.len(), 128 << 10);
    assert_eq!(refusal(large), expected);
}

#[test]
fn chain_and_signature() {
    let other = transfer(1, 0).with(|tx| tx.chain_id = 1).raw();
    let expected = "invalid sender: invalid chain id for signer: have 1 want 20197750";
    assert_eq!(refusal(other), expected);

    let unprotected = encoded(sign(1, TxLegacy { chain_id: None, ..legacy() }));
    let expected = "only replay-protected (EIP-155) transactions allowed over RPC";
    assert_eq!(refusal(unprotected.clone()), expected);
    let lenient = IngestConfig { allow_unprotected: true, ..IngestConfig::default() };
    assert!(checker(lenient).process(&[unprotected])[0].is_ok());

    let expected = "invalid sender: invalid transaction v, r, s values";
    for (r, s) in [(U256::ZERO, U256::ONE), (U256::ONE, U256::ZERO), (U256::ONE, U256::MAX)] {
        let signature = Signature::new(r, s, false);
        let tx = Signed::new_unhashed(transfer(1, 0).tx, signature);
        assert_eq!(refusal(encoded(tx.into())), expected);
    }
}

#[test]
fn gas_rules() {
    let with_data = |bytes: Vec<u8>, gas| {
        transfer(1, 0).with(|tx| (tx.input, tx.gas_limit) = (bytes.into(), gas)).raw()
    };
    let expected = "intrinsic gas too low: gas 21000, minimum needed 21064";
    assert_eq!(refusal(with_data(vec![1; 4], 21_000)), expected);
    let expected = "insufficient gas for floor data gas cost: gas 25000, minimum needed 25010";
    assert_eq!(refusal(with_data([vec![1; 100], vec![0]].concat(), 25_000)), expected);
    let expected = "transaction gas limit too high (cap: 16777216, tx: 16777217)";
    assert_eq!(refusal(with_data(vec![], (1 << 24) + 1)), expected);
    let create = |code: Vec<u8>, gas| {
        transfer(1, 0)
            .with(|tx| (tx.input, tx.gas_limit, tx.to) = (code.into(), gas, TxKind::Create))
            .raw()
    };
    let expected = "max initcode size exceeded: code size 49153, limit 49152";
    assert_eq!(refusal(create(vec![0; 49_153], 10_000_000)), expected);
    // 21000 + 32000 + 33 * 4 + 2 words * 2
    let expected = "intrinsic gas too low: gas 53135, minimum needed 53136";
    assert_eq!(refusal(create(vec![0; 33], 53_135)), expected);

    let small = checker(IngestConfig::default());
    small.block_gas_limit.store(20_999, Ordering::Relaxed);
    let error = small.process(&[transfer(1, 0).raw()]).pop().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "exceeds block gas limit");
}

#[test]
fn field_rules() {
    let expected = "max priority fee per gas higher than max fee per gas";
    assert_eq!(refusal(transfer(1, 0).fees(GWEI, GWEI + 1).raw()), expected);
    assert_eq!(refusal(transfer(1, u64::MAX).raw()), "nonce has max value");
    let expected = "set code tx must have at least one authorization tuple";
    assert_eq!(refusal(encoded(sign(1, set_code(vec![])))), expected);
}

#[test]
fn a_batch_answers_in_order() {
    let checker = checker(IngestConfig { recovery_threads: 2, ..IngestConfig::default() });
    let raws: Vec<Bytes> = (0..100)
        .map(|i| match i % 3 {
            0 => vec![0x7f].into(),
            _ => transfer(1 + i % 7, i / 7).raw(),
        })
        .collect();
    let results = checker.process(&raws);
    for (i, result) in results.iter().enumerate() {
        match i % 3 {
            0 => assert_eq!(*result, Err(PoolError::TypeNotSupported)),
            _ => assert_eq!(*result, Ok(keccak256(&raws[i]))),
        }
    }
    let again = checker.process(&raws[1..2]);
    assert_eq!(again[0].as_ref().unwrap_err().to_string(), "already known");
    // Twice in one batch: the pool sees what the check before recovery cannot.
    let twice = vec![transfer(30, 0).raw(); 8];
    let results = checker.process(&twice);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

/// Prints what recovering one sender costs; run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn recovery_cost() {
    let txs: Vec<_> = (0..500).map(|nonce| transfer(1, nonce).raw()).collect();
    for _ in 0..5 {
        let start = std::time::Instant::now();
        for raw in &txs {
            let context = checker(IngestConfig::default()).context();
            let tx = decode(raw, &context).unwrap().tx;
            RecoveredTx::recover(tx).unwrap();
        }
        println!("{:?} per transaction", start.elapsed() / txs.len() as u32);
    }
    let checker = checker(IngestConfig::default());
    let start = std::time::Instant::now();
    assert!(checker.process(&txs).iter().all(Result::is_ok));
    println!("{:?} per transaction through all of ingest", start.elapsed() / txs.len() as u32);
}
