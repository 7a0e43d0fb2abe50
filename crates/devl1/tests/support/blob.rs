//! Blobs and the transactions that carry them.

use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip4844, TxEip4844WithSidecar};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip4844::{Blob, BlobTransactionSidecar, Bytes48};
use alloy_eips::eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant};
use alloy_primitives::{B256, Bytes};

use super::Wallet;

/// A blob of which no two field elements are equal.
pub(crate) fn blob(seed: u32) -> Blob {
    let mut blob = Blob::ZERO;
    blob.chunks_mut(32).zip(1_u32..).for_each(|(element, number)| {
        element[20..24].copy_from_slice(&seed.to_be_bytes());
        element[28..].copy_from_slice(&number.to_be_bytes());
    });
    blob
}

/// Cell proofs of `count` blobs, and their versioned hashes.
pub(crate) fn sidecar(seed: u32, count: u32) -> (BlobTransactionSidecarEip7594, Vec<B256>) {
    let blobs = (0..count).map(|index| blob(seed * 100 + index)).collect();
    let sidecar = jovay_da::blob_sidecar(blobs).unwrap();
    let hashes = sidecar.commitments.iter().map(jovay_da::versioned_hash).collect();
    (sidecar, hashes)
}

fn wrap(wallet: &Wallet, tx: TxEip4844, sidecar: BlobTransactionSidecarVariant) -> Bytes {
    let signature = wallet.sign_hash(tx.signature_hash());
    let tx = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar).into_signed(signature);
    EthereumTxEnvelope::Eip4844(tx).encoded_2718().into()
}

/// As it is sent since Osaka (EIP-7594).
pub(crate) fn with_sidecar(
    wallet: &Wallet,
    tx: TxEip4844,
    sidecar: &BlobTransactionSidecarEip7594,
) -> Bytes {
    wrap(wallet, tx, sidecar.clone().into())
}

/// As it was sent before Osaka (EIP-4844): here the zero blob, whose commitment and proof are the
/// point at infinity.
pub(crate) fn with_old_sidecar(wallet: &Wallet, nonce: u64) -> Bytes {
    let mut infinity = Bytes48::ZERO;
    infinity[0] = 0xc0;
    let sidecar = BlobTransactionSidecar {
        blobs: vec![Blob::ZERO],
        commitments: vec![infinity],
        proofs: vec![infinity],
    };
    let tx = super::blob_tx(nonce, vec![jovay_da::versioned_hash(&infinity)]);
    wrap(wallet, tx, sidecar.into())
}
