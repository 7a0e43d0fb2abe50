//! Transactions from intents.

use alloy_consensus::{TxEip1559, TxEip4844, TxEip4844WithSidecar};
use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::TxKind;

use super::journal::{Attempt, Content};
use super::offer::Offer;
use crate::Signer;

/// A transaction that is ready to be handed to a node.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) attempt: Attempt,
    /// As nodes take it.
    pub(super) raw: Vec<u8>,
}

/// Signs the transaction that does what `content` wants. The same input gives the same bytes.
/// `None` if there have to be blobs and are none: then nothing can be sent.
pub(super) fn sign(
    signer: &Signer,
    chain_id: u64,
    content: &Content,
    sidecar: Option<&BlobTransactionSidecarEip7594>,
    nonce: u64,
    gas_limit: u64,
    offer: Offer,
) -> Option<Draft> {
    let (hash, raw) = match offer.blob_fee {
        None => signer.sign(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: offer.max_fee,
            max_priority_fee_per_gas: offer.tip,
            to: content.to.map_or(TxKind::Create, TxKind::Call),
            value: content.value,
            access_list: Default::default(),
            input: content.data.clone(),
        }),
        Some(max_fee_per_blob_gas) => {
            let transaction = TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: offer.max_fee,
                max_priority_fee_per_gas: offer.tip,
                to: content.to?,
                value: content.value,
                access_list: Default::default(),
                blob_versioned_hashes: content.versioned_hashes.clone(),
                max_fee_per_blob_gas,
                input: content.data.clone(),
            };
            let sidecar = sidecar?.clone();
            signer.sign(TxEip4844WithSidecar::from_tx_and_sidecar(transaction, sidecar))
        }
    };
    Some(Draft { attempt: Attempt { nonce, hash, gas_limit, offer }, raw })
}
