//! From bytes to a transaction and, if it has blobs, its sidecar.

use alloy_consensus::{EthereumTxEnvelope, TxEip4844WithSidecar};
use alloy_eips::eip2718::{Decodable2718, Eip2718Error};
use alloy_eips::eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Header as RlpHeader;
use jovay_types::{EthereumTx, Transaction};

use super::CheckContext;
use crate::PoolError;

/// First byte of an RLP list: from here on a transaction is a legacy one.
const RLP_LIST: u8 = 0xc0;
/// EIP-2718 types that every chain takes from outside: access list, dynamic fee, set code.
const TYPES: [u8; 3] = [1, 2, 4];
/// EIP-2718 type of a blob transaction.
const BLOB_TYPE: u8 = 3;

/// A blob transaction as clients and nodes send it: around it the sidecar.
type WithSidecar = EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;

/// What was in the bytes.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) tx: Transaction,
    /// Not checked.
    pub(crate) sidecar: Option<BlobTransactionSidecarEip7594>,
}

/// Decodes a transaction that may come from outside.
///
/// # Errors
/// Too large, of a type that is not taken, with the sidecar of an earlier fork, or malformed.
pub(crate) fn decode(raw: &[u8], context: &CheckContext) -> Result<Decoded, PoolError> {
    let limit = if has_blob_type(raw) { context.blob_tx_bytes_max } else { context.tx_bytes_max };
    if raw.len() > limit {
        return Err(PoolError::Oversized { size: raw.len(), limit });
    }
    match raw.first() {
        None => return Err(PoolError::Malformed("typed transaction too short".into())),
        Some(&BLOB_TYPE) if context.blobs_per_tx.is_some() => {}
        Some(first) if *first < RLP_LIST && !TYPES.contains(first) => {
            return Err(PoolError::TypeNotSupported);
        }
        Some(_) => {}
    }
    if body_with_sidecar(raw).is_some() {
        return decode_with_sidecar(raw);
    }
    let tx = Transaction::decode_2718_exact(raw).map_err(malformed)?;
    Ok(Decoded { tx, sidecar: None })
}

fn decode_with_sidecar(mut raw: &[u8]) -> Result<Decoded, PoolError> {
    let WithSidecar::Eip4844(signed) = WithSidecar::decode_2718(&mut raw).map_err(malformed)?
    else {
        return Err(PoolError::TypeNotSupported);
    };
    if !raw.is_empty() {
        return Err(malformed(alloy_rlp::Error::UnexpectedLength.into()));
    }
    let (tx, signature, hash) = signed.into_parts();
    let (tx, sidecar) = tx.into_parts();
    let BlobTransactionSidecarVariant::Eip7594(sidecar) = sidecar else {
        return Err(PoolError::SidecarVersion);
    };
    let tx = alloy_consensus::Signed::new_unchecked(tx, signature, hash);
    Ok(Decoded { tx: Transaction::Ethereum(EthereumTx::Eip4844(tx)), sidecar: Some(sidecar) })
}

fn malformed(error: Eip2718Error) -> PoolError {
    match error {
        Eip2718Error::UnexpectedType(_) => PoolError::TypeNotSupported,
        Eip2718Error::RlpError(error) => PoolError::Malformed(format!("rlp: {error}")),
        error => PoolError::Malformed(error.to_string()),
    }
}

/// Whether these bytes claim to be a blob transaction.
pub(crate) fn has_blob_type(raw: &[u8]) -> bool {
    raw.first() == Some(&BLOB_TYPE)
}

/// The RLP of a blob transaction without the sidecar around it; `None` if there is no sidecar.
fn body_with_sidecar(raw: &[u8]) -> Option<&[u8]> {
    let mut inside = raw.strip_prefix(&[BLOB_TYPE])?;
    RlpHeader::decode(&mut inside).ok().filter(|header| header.list)?;
    let mut rest = inside;
    let body = RlpHeader::decode(&mut rest).ok().filter(|header| header.list)?;
    inside.get(..inside.len() - rest.len() + body.payload_length)
}

/// The hash of an encoded transaction: a sidecar does not count.
pub(crate) fn hash_of(raw: &[u8]) -> B256 {
    match body_with_sidecar(raw) {
        Some(body) => keccak256([&[BLOB_TYPE], body].concat()),
        None => keccak256(raw),
    }
}
