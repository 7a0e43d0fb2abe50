//! Transactions.

use alloy_consensus::Transaction as _;
use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use jovay_types::{EthereumTx, L1Message, RecoveredTx, SealedBlock, Transaction};
use serde::Serialize;

/// Where a transaction stands on the chain.
#[derive(Clone, Copy, Debug)]
pub struct TxPlace {
    /// Hash of its block.
    pub block_hash: B256,
    /// Number of its block.
    pub block_number: u64,
    /// Timestamp of its block, in seconds.
    pub block_timestamp: u64,
    /// Wei per gas that burns in its block; `None` before London.
    pub base_fee: Option<u64>,
    /// Its position in the block.
    pub index: usize,
}

impl TxPlace {
    /// The place `index` in `block`.
    pub fn new(block: &SealedBlock, index: usize) -> Self {
        Self {
            block_hash: block.hash,
            block_number: block.header.number,
            block_timestamp: block.header.timestamp,
            base_fee: block.header.base_fee_per_gas,
            index,
        }
    }
}

/// A transaction with its place, or without while it waits in the pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcTransaction<'a> {
    block_hash: Option<B256>,
    block_number: Option<U64>,
    block_timestamp: Option<U64>,
    from: Address,
    gas: U64,
    gas_price: U128,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<U128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<U128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_blob_gas: Option<U128>,
    hash: B256,
    input: &'a Bytes,
    nonce: U64,
    to: Option<Address>,
    transaction_index: Option<U64>,
    value: U256,
    #[serde(rename = "type")]
    tx_type: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<&'a AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_versioned_hashes: Option<&'a [B256]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<&'a [SignedAuthorization]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_index: Option<U64>,
    v: U256,
    r: U256,
    s: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<U64>,
}

impl<'a> RpcTransaction<'a> {
    /// A published transaction.
    pub fn mined(tx: &'a RecoveredTx, place: TxPlace) -> Self {
        let mut out = Self::new(tx);
        out.block_hash = Some(place.block_hash);
        out.block_number = Some(U64::from(place.block_number));
        out.block_timestamp = Some(U64::from(place.block_timestamp));
        out.transaction_index = Some(U64::from(place.index));
        out.gas_price = U128::from(tx.effective_gas_price(place.base_fee));
        out
    }

    /// A transaction in the pool. Its gas price is the most that it pays.
    pub fn pending(tx: &'a RecoveredTx) -> Self {
        Self::new(tx)
    }

    fn new(tx: &'a RecoveredTx) -> Self {
        let mut out = Self {
            block_hash: None,
            block_number: None,
            block_timestamp: None,
            from: tx.sender(),
            gas: U64::from(tx.gas_limit()),
            gas_price: U128::from(tx.max_fee_per_gas()),
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            max_fee_per_blob_gas: None,
            hash: tx.hash(),
            input: tx.input(),
            nonce: U64::from(tx.nonce()),
            to: tx.to(),
            transaction_index: None,
            value: tx.value(),
            tx_type: U64::from(tx.tx_type()),
            access_list: None,
            chain_id: None,
            blob_versioned_hashes: None,
            authorization_list: None,
            queue_index: None,
            v: U256::ZERO,
            r: U256::ZERO,
            s: U256::ZERO,
            y_parity: None,
        };
        match tx.tx() {
            Transaction::Ethereum(tx) => out.fill_ethereum(tx),
            Transaction::L1Message(message) => out.fill_l1_message(message),
        }
        out
    }

    fn fill_ethereum(&mut self, tx: &'a EthereumTx) {
        self.chain_id = tx.chain_id().map(U64::from);
        self.access_list = tx.access_list();
        self.blob_versioned_hashes = tx.blob_versioned_hashes();
        self.authorization_list = tx.authorization_list();
        self.max_fee_per_blob_gas = tx.max_fee_per_blob_gas().map(U128::from);
        if let Some(tip) = tx.max_priority_fee_per_gas() {
            self.max_fee_per_gas = Some(U128::from(tx.max_fee_per_gas()));
            self.max_priority_fee_per_gas = Some(U128::from(tip));
        }
        let signature = tx.signature();
        self.r = signature.r();
        self.s = signature.s();
        let parity = u64::from(signature.v());
        if tx.is_legacy() {
            self.v = match tx.chain_id() {
                Some(id) => U256::from(u128::from(id) * 2 + 35 + u128::from(parity)),
                None => U256::from(27 + parity),
            };
        } else {
            self.v = U256::from(parity);
            self.y_parity = Some(U64::from(parity));
        }
    }

    /// Clients expect signature fields in every transaction; zeros say that there is none.
    fn fill_l1_message(&mut self, message: &L1Message) {
        self.queue_index = Some(U64::from(message.queue_index));
        self.y_parity = Some(U64::ZERO);
    }
}
