//! Recovery of a transaction's sender from its signature.

use alloy_primitives::Address;

use crate::Transaction;

/// Why a sender cannot be recovered. The message is the one geth gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// The signature does not belong to any key, or its `s` is above half the group order (EIP-2).
    #[error("invalid transaction v, r, s values")]
    InvalidSignature,
}

/// The account that signed `tx`; for an L1 message the sender it names.
///
/// With the feature `secp256k1` this goes through libsecp256k1, about 50 µs here; the pure Rust
/// path behind `k256` gives the same answers several times slower.
///
/// # Errors
/// [`RecoveryError::InvalidSignature`].
pub fn recover_sender(tx: &Transaction) -> Result<Address, RecoveryError> {
    match tx {
        Transaction::L1Message(message) => Ok(message.sender),
        Transaction::Ethereum(tx) => signer(tx),
    }
}

#[cfg(any(feature = "secp256k1", feature = "k256"))]
fn signer(tx: &crate::EthereumTx) -> Result<Address, RecoveryError> {
    use alloy_consensus::transaction::SignerRecoverable;
    tx.recover_signer().map_err(|_| RecoveryError::InvalidSignature)
}

#[cfg(not(any(feature = "secp256k1", feature = "k256")))]
fn signer(_: &crate::EthereumTx) -> Result<Address, RecoveryError> {
    compile_error!("jovay-types needs the feature `secp256k1` or `k256` to recover senders");
}
