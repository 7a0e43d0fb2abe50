//! Blob transactions of an Ethereum chain: sidecars made by c-kzg, broken in every part.

use std::sync::LazyLock;

use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip4844WithSidecar};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip4844::{Blob, BlobTransactionSidecar, Bytes48};
use alloy_eips::eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant};
use jovay_evm::ChainSpec;

use super::*;
use crate::testing::{account, pool_of};

type WithSidecar = EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;

static SIDECAR: LazyLock<BlobTransactionSidecarEip7594> = LazyLock::new(|| {
    // No two field elements are equal, so no two proofs are.
    let mut blob = Blob::ZERO;
    blob.chunks_mut(32).zip(1_u32..).for_each(|(element, number)| {
        element[28..].copy_from_slice(&number.to_be_bytes());
    });
    jovay_da::blob_sidecar(vec![Blob::ZERO, blob]).unwrap()
});

fn ethereum() -> Checker {
    let spec = Arc::new(ChainSpec::ethereum(jovay_evm::DEV_CHAIN_ID, Fork::Osaka));
    let (pool, _) = pool_of(PoolConfig::default(), spec.clone());
    let gas_limit = Arc::new(AtomicU64::new(30_000_000));
    Checker::new(IngestConfig::default(), spec, gas_limit, Arc::new(pool)).unwrap()
}

fn tx(nonce: u64, hashes: Vec<B256>) -> TxEip4844 {
    TxEip4844 {
        chain_id: jovay_evm::DEV_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: GWEI,
        max_fee_per_blob_gas: GWEI,
        to: SINK,
        blob_versioned_hashes: hashes,
        ..TxEip4844::default()
    }
}

fn hashes(sidecar: &BlobTransactionSidecarEip7594) -> Vec<B256> {
    sidecar.commitments.iter().map(jovay_da::versioned_hash).collect()
}

fn wrap(key: u64, tx: TxEip4844, sidecar: BlobTransactionSidecarVariant) -> (B256, Bytes) {
    let EthereumTx::Eip4844(signed) = sign(key, tx) else { unreachable!() };
    let hash = *signed.hash();
    let (tx, signature, _) = signed.into_parts();
    let with = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar);
    (hash, WithSidecar::Eip4844(with.into_signed(signature)).encoded_2718().into())
}

fn wrapped(key: u64, nonce: u64, sidecar: &BlobTransactionSidecarEip7594) -> (B256, Bytes) {
    wrap(key, tx(nonce, hashes(sidecar)), sidecar.clone().into())
}

fn refused(raw: Bytes) -> PoolError {
    ethereum().process(&[raw]).pop().unwrap().unwrap_err()
}

#[test]
fn taken_with_its_sidecar_and_shown_without() {
    let checker = ethereum();
    let (hash, raw) = wrapped(1, 0, &SIDECAR);
    assert_eq!(hash_of(&raw), hash);
    assert_eq!(checker.process(std::slice::from_ref(&raw)), [Ok(hash)]);
    let tx = checker.pool.get(&hash).unwrap();
    assert_eq!((tx.sender(), tx.tx_type()), (account(1), 3));
    assert!(tx.encode_2718_len() < 400);
    assert_eq!(*checker.pool.blobs().get(&hash).unwrap(), *SIDECAR);
    assert_eq!(checker.process(&[raw]), [Err(PoolError::AlreadyKnown)]);
    // As the journal has it: the sidecar is still there.
    let (hash, raw) = wrapped(1, 1, &SIDECAR);
    assert_eq!(checker.process(&[raw]), [Ok(hash)]);
    let bare: Bytes = checker.pool.get(&hash).unwrap().encoded_2718().into();
    let kept = checker.pool.blobs().get(&hash).unwrap();
    checker.pool.drop_transaction(&hash);
    assert!(checker.pool.blobs().get(&hash).is_none());
    assert_eq!(checker.process(std::slice::from_ref(&bare)), [Err(PoolError::MissingSidecar)]);
    checker.pool.blobs().insert(hash, &kept).unwrap();
    assert_eq!(checker.process(&[bare]), [Ok(hash)]);
}

#[test]
fn refused_by_chain_form_and_count() {
    let (_, raw) = wrapped(1, 0, &SIDECAR);
    let l2 = checker(IngestConfig::default()).process(std::slice::from_ref(&raw)).pop().unwrap();
    assert_eq!(l2, Err(PoolError::TypeNotSupported));
    let bare = encoded(sign(1, tx(0, hashes(&SIDECAR))));
    assert_eq!(refused(bare), PoolError::MissingSidecar);
    let old = BlobTransactionSidecar {
        blobs: vec![Blob::ZERO],
        commitments: vec![SIDECAR.commitments[0]],
        proofs: vec![Bytes48::ZERO],
    };
    let (_, raw) = wrap(1, tx(0, hashes(&SIDECAR)[..1].to_vec()), old.into());
    assert_eq!(refused(raw), PoolError::SidecarVersion);
    let none = BlobTransactionSidecarEip7594::default();
    assert_eq!(refused(wrapped(1, 0, &none).1), PoolError::NoBlobs);
    let many = BlobTransactionSidecarEip7594 {
        blobs: vec![Blob::ZERO; 7],
        commitments: vec![SIDECAR.commitments[0]; 7],
        cell_proofs: SIDECAR.cell_proofs[..128].repeat(7),
    };
    assert_eq!(refused(wrapped(1, 0, &many).1), PoolError::TooManyBlobs { have: 7, permitted: 6 });
    let mut long = wrapped(1, 0, &SIDECAR).1.to_vec();
    long.push(0);
    assert!(matches!(refused(long.into()), PoolError::Malformed(_)));
    let free = TxEip4844 { max_fee_per_blob_gas: 0, ..tx(0, hashes(&SIDECAR)) };
    let (_, raw) = wrap(1, free, SIDECAR.clone().into());
    assert_eq!(refused(raw), PoolError::BlobFeeCapTooLow { fee_cap: 0, needed: 1 });
}

#[test]
fn every_part_of_a_sidecar_is_checked() {
    let broken = |change: fn(&mut BlobTransactionSidecarEip7594)| {
        let mut sidecar = SIDECAR.clone();
        change(&mut sidecar);
        let (_, raw) = wrap(1, tx(0, hashes(&SIDECAR)), sidecar.into());
        refused(raw)
    };
    let invalid = |error| matches!(error, PoolError::InvalidSidecar(_));
    assert!(invalid(broken(|sidecar| sidecar.blobs[1][40] ^= 1)));
    assert!(invalid(broken(|sidecar| sidecar.blobs[0][0] = 0xff)));
    assert!(invalid(broken(|sidecar| sidecar.commitments.swap(0, 1))));
    assert!(invalid(broken(|sidecar| sidecar.cell_proofs.swap(128, 129))));
    assert!(invalid(broken(|sidecar| sidecar.cell_proofs.truncate(255))));
    assert!(invalid(broken(|sidecar| {
        sidecar.blobs.pop();
    })));
    let mut wrong = hashes(&SIDECAR);
    wrong[0].0[0] = 2;
    let (_, raw) = wrap(1, tx(0, wrong), SIDECAR.clone().into());
    assert!(invalid(refused(raw)));
}

#[test]
fn senders_with_blobs_have_rules_of_their_own() {
    let checker = ethereum();
    let take = |raw: Bytes| checker.process(&[raw]).pop().unwrap();
    take(wrapped(1, 0, &SIDECAR).1).unwrap();
    let plain = |key, nonce| transfer(key, nonce).raw();
    assert_eq!(take(plain(1, 1)), Err(PoolError::Reserved));
    take(plain(2, 0)).unwrap();
    assert_eq!(take(wrapped(2, 1, &SIDECAR).1), Err(PoolError::Reserved));
    let gap = PoolError::BlobNonceGap { next: 1, tx: 2 };
    assert_eq!(take(wrapped(1, 2, &SIDECAR).1), Err(gap));
    // A replacement has to double all three fees.
    let fees = |cap, tip, blob| {
        let tx = TxEip4844 {
            max_fee_per_gas: cap * GWEI,
            max_priority_fee_per_gas: tip * GWEI,
            max_fee_per_blob_gas: blob * GWEI,
            ..tx(0, hashes(&SIDECAR))
        };
        take(wrap(1, tx, SIDECAR.clone().into()).1)
    };
    for (cap, tip, blob) in [(2, 2, 1), (2, 1, 2), (3, 1, 3)] {
        assert_eq!(fees(cap, tip, blob), Err(PoolError::ReplacementUnderpriced));
    }
    let first = wrapped(1, 0, &SIDECAR).0;
    let second = fees(2, 2, 2).unwrap();
    assert!(checker.pool.blobs().get(&first).is_none());
    assert!(checker.pool.blobs().get(&second).is_some());
    for nonce in 1..16 {
        take(wrapped(1, nonce, &SIDECAR).1).unwrap();
    }
    let full = PoolError::AccountLimit { pooled: 16 };
    assert_eq!(take(wrapped(1, 16, &SIDECAR).1), Err(full));
}

#[test]
fn the_blob_base_fee_decides_what_is_ready() {
    let checker = ethereum();
    let (hash, raw) = wrapped(1, 0, &SIDECAR);
    checker.process(&[raw])[0].clone().unwrap();
    let ready_at = |blob| {
        checker.pool.set_fees(crate::pool::Fees { base: 1_000_000, blob });
        checker.pool.ready()
    };
    assert_eq!((ready_at(GWEI), ready_at(GWEI + 1), ready_at(1)), (1, 0, 1));
    // Its blobs at their cap count among what it costs.
    assert!(checker.pool.drop_transaction(&hash));
    let dear = TxEip4844 { max_fee_per_blob_gas: u128::MAX >> 20, ..tx(0, hashes(&SIDECAR)) };
    let (_, raw) = wrap(1, dear, SIDECAR.clone().into());
    let refused = checker.process(&[raw]).pop().unwrap().unwrap_err();
    assert!(matches!(refused, PoolError::InsufficientFunds { .. }), "{refused}");
}
