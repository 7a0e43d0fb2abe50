//! Keys that sign L1 transactions. A role has one [`Signer`]; data and proofs have different ones.

mod keystore;
mod source;

pub use keystore::KeystoreError;
pub use source::{KeySource, PasswordSource};

use std::path::PathBuf;
use std::sync::Arc;

use alloy_consensus::SignableTransaction;
use alloy_consensus::transaction::RlpEcdsaEncodableTx;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Signature, hex};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use zeroize::Zeroizing;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than its owner may read the file.
    #[error("key file {path} can be read by others (mode {mode:o}): chmod 600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is larger than any key file.
    #[error("key file {path} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is allowed.
        limit: u64,
    },
    /// The environment variable is not set, or is not text.
    #[error("environment variable {0} is not set")]
    Variable(String),
    /// Not 32 bytes in hexadecimal, or not a number that is a key. What was read is not shown.
    #[error("{0} holds no private key: 64 hexadecimal digits are needed")]
    Malformed(String),
    /// The keystore does not open.
    #[error("keystore {path}: {source}")]
    Keystore {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeystoreError,
    },
    /// A description of a key that is not understood.
    #[error("{0:?} is not one of file:PATH, env:NAME, keystore:PATH")]
    Source(String),
}

/// A private key and the account that it controls. Shows only the account; the key is wiped from
/// memory when it is dropped.
#[derive(Clone)]
pub struct Signer {
    key: Arc<Secret>,
    address: Address,
}

/// A key that is wiped when the last signer with it goes. `SecretKey` is `Copy` and cannot do so.
struct Secret(SecretKey);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Signer {
    /// The signer with this private key; `None` for zero and numbers above the curve's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = Arc::new(Secret(SecretKey::from_byte_array(bytes).ok()?));
        let public = PublicKey::from_secret_key(SECP256K1, &key.0).serialize_uncompressed();
        let address = Address::from_raw_public_key(&public[1..]);
        Some(Self { key, address })
    }

    /// The signer with this private key in hexadecimal, with or without `0x`. `origin` names it in
    /// the error, which never shows the text.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_hex(text: &str, origin: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed(origin.into());
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| malformed())?;
        Self::from_bytes(&bytes).ok_or_else(malformed)
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a hash. The same hash gives the same signature (RFC 6979).
    pub fn sign_hash(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let signature = SECP256K1.sign_ecdsa_recoverable(&message, &self.key.0);
        let (recovery, compact) = signature.serialize_compact();
        Signature::from_bytes_and_parity(&compact, i32::from(recovery) & 1 == 1)
    }

    /// Signs a transaction: its hash, and its bytes as nodes take them (EIP-2718; a blob
    /// transaction with its sidecar).
    pub fn sign<T>(&self, transaction: T) -> (B256, Vec<u8>)
    where
        T: SignableTransaction<Signature> + RlpEcdsaEncodableTx + Send + Sync,
    {
        let signature = self.sign_hash(transaction.signature_hash());
        let signed = transaction.into_signed(signature);
        (*signed.hash(), signed.encoded_2718())
    }
}
