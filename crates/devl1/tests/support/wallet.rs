//! Keys of development accounts, and transactions.

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip4844};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use jovay_node::DEV_ACCOUNTS;
use jovay_types::EthereumTx;

/// Wei.
pub(crate) const GWEI: u128 = 1_000_000_000;

/// A development account. Each test has its own.
pub(crate) struct Wallet {
    pub(crate) address: Address,
    secret: B256,
}

impl Wallet {
    pub(crate) fn dev(index: usize) -> Self {
        let (address, secret) = DEV_ACCOUNTS[index];
        Self { address, secret }
    }

    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        sign_message(self.secret, hash).unwrap()
    }

    /// The signed transaction and its hash.
    pub(crate) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> Bytes
    where
        EthereumTx: From<Signed<T>>,
    {
        let signature = self.sign_hash(tx.signature_hash());
        EthereumTx::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// One wei to an address that nobody has.
pub(crate) fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: 31_337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 20 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0x51)),
        value: U256::ONE,
        ..TxEip1559::default()
    }
}

/// A call with blobs.
pub(crate) fn blob_tx(nonce: u64, hashes: Vec<B256>) -> TxEip4844 {
    TxEip4844 {
        chain_id: 31_337,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 20 * GWEI,
        max_priority_fee_per_gas: GWEI,
        max_fee_per_blob_gas: 20 * GWEI,
        to: Address::repeat_byte(0x51),
        blob_versioned_hashes: hashes,
        ..TxEip4844::default()
    }
}
