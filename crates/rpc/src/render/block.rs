//! Blocks and headers.

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U64, U256};
use jovay_types::{Header, SealedBlock};
use serde::Serialize;

use super::{RpcTransaction, TxPlace};

/// A header under its hash.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcHeader<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<U64>,
    difficulty: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<U64>,
    extra_data: &'a Bytes,
    gas_limit: U64,
    gas_used: U64,
    hash: B256,
    logs_bloom: &'a Bloom,
    miner: Address,
    mix_hash: B256,
    nonce: B64,
    number: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_beacon_block_root: Option<B256>,
    parent_hash: B256,
    receipts_root: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_hash: Option<B256>,
    #[serde(rename = "sha3Uncles")]
    ommers_hash: B256,
    state_root: B256,
    timestamp: U64,
    transactions_root: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_root: Option<B256>,
}

impl<'a> RpcHeader<'a> {
    /// Shows `header`, whose hash is `hash`.
    pub fn new(header: &'a Header, hash: B256) -> Self {
        Self {
            base_fee_per_gas: header.base_fee_per_gas.map(U64::from),
            blob_gas_used: header.blob_gas_used.map(U64::from),
            difficulty: header.difficulty,
            excess_blob_gas: header.excess_blob_gas.map(U64::from),
            extra_data: &header.extra_data,
            gas_limit: U64::from(header.gas_limit),
            gas_used: U64::from(header.gas_used),
            hash,
            logs_bloom: &header.logs_bloom,
            miner: header.beneficiary,
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            number: U64::from(header.number),
            parent_beacon_block_root: header.parent_beacon_block_root,
            parent_hash: header.parent_hash,
            receipts_root: header.receipts_root,
            requests_hash: header.requests_hash,
            ommers_hash: header.ommers_hash,
            state_root: header.state_root,
            timestamp: U64::from(header.timestamp),
            transactions_root: header.transactions_root,
            withdrawals_root: header.withdrawals_root,
        }
    }
}

/// The transactions of a block, whole or by hash.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Transactions<'a> {
    /// Hashes alone.
    Hashes(Vec<B256>),
    /// Whole.
    Full(Vec<RpcTransaction<'a>>),
}

/// A block.
#[derive(Clone, Debug, Serialize)]
pub struct RpcBlock<'a> {
    #[serde(flatten)]
    header: RpcHeader<'a>,
    size: U64,
    transactions: Transactions<'a>,
    uncles: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<&'a [Withdrawal]>,
}

impl<'a> RpcBlock<'a> {
    /// Shows `block` with its transactions whole, if `full`, or by hash.
    pub fn new(block: &'a SealedBlock, full: bool) -> Self {
        let transactions = if full {
            let txs = block.transactions.iter().enumerate();
            Transactions::Full(
                txs.map(|(index, tx)| RpcTransaction::mined(tx, TxPlace::new(block, index)))
                    .collect(),
            )
        } else {
            Transactions::Hashes(block.transactions.iter().map(|tx| tx.hash()).collect())
        };
        Self {
            header: RpcHeader::new(&block.header, block.hash),
            size: U64::from(block.encoded_len()),
            transactions,
            uncles: block.ommers.iter().map(Header::hash_slow).collect(),
            withdrawals: block.withdrawals.as_deref(),
        }
    }

    /// An uncle: a block of which only the header is known.
    pub fn uncle(header: &'a Header) -> Self {
        let block = SealedBlock {
            hash: header.hash_slow(),
            header: header.clone(),
            transactions: Vec::new(),
            ommers: Vec::new(),
            withdrawals: None,
        };
        Self {
            header: RpcHeader::new(header, block.hash),
            size: U64::from(block.encoded_len()),
            transactions: Transactions::Hashes(Vec::new()),
            uncles: Vec::new(),
            withdrawals: None,
        }
    }
}
