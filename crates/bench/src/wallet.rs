//! Accounts that sign transactions with libsecp256k1.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use secp256k1::{Message, SECP256K1, SecretKey};

/// A key with its address and next nonce.
#[derive(Clone)]
pub struct Wallet {
    key: SecretKey,
    /// The key's address.
    pub address: Address,
    /// Nonce of the next transaction.
    pub nonce: u64,
}

/// A signed transaction, ready to be sent.
pub struct Signed {
    /// The transaction's hash.
    pub hash: B256,
    /// `0x…` of the EIP-2718 encoding.
    pub raw: String,
}

/// What a transaction does.
#[derive(Clone)]
pub struct Action {
    /// The called account, or creation.
    pub to: TxKind,
    /// Wei sent along.
    pub value: U256,
    /// Call data or init code.
    pub input: Bytes,
    /// The most gas it may use.
    pub gas_limit: u64,
}

/// What a transaction offers to pay, in wei per gas.
#[derive(Clone, Copy)]
pub struct Fees {
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// The most it pays, base fee included.
    pub max_fee: u128,
    /// What it offers beside the base fee.
    pub tip: u128,
}

impl Wallet {
    /// The wallet of a secret key.
    pub fn new(key: SecretKey) -> Self {
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        let address = Address::from_slice(&keccak256(&public[1..])[12..]);
        Self { key, address, nonce: 0 }
    }

    /// The wallet of a secret key's 32 bytes; `None` when they are not a key.
    pub fn from_secret(bytes: [u8; 32]) -> Option<Self> {
        SecretKey::from_slice(&bytes).ok().map(Self::new)
    }

    /// The `index`-th throw-away wallet of this harness: the same in every run.
    pub fn throwaway(index: u64) -> Self {
        let mut seed =
            *keccak256([b"jovay bench wallet ".as_slice(), &index.to_be_bytes()].concat());
        loop {
            match SecretKey::from_slice(&seed) {
                Ok(key) => return Self::new(key),
                Err(_) => seed = *keccak256(seed),
            }
        }
    }

    /// Signs `action` with the next nonce (EIP-1559).
    pub fn sign(&mut self, action: Action, fees: Fees) -> Signed {
        let tx = TxEip1559 {
            chain_id: fees.chain_id,
            nonce: self.nonce,
            gas_limit: action.gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.tip,
            to: action.to,
            value: action.value,
            access_list: Default::default(),
            input: action.input,
        };
        self.nonce += 1;
        let digest = Message::from_digest(*tx.signature_hash());
        let (id, rs) = SECP256K1.sign_ecdsa_recoverable(&digest, &self.key).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&rs, i32::from(id) & 1 == 1);
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        let raw = alloy_primitives::hex::encode_prefixed(envelope.encoded_2718());
        Signed { hash: *envelope.hash(), raw }
    }
}
