//! Receipts.

use alloy_consensus::{Eip658Value, Transaction as _};
use alloy_primitives::{Address, B256, Bloom, U64, U128, U256};
use jovay_types::{RecoveredTx, SealedBlock, TxReceipt};
use serde::Serialize;

use super::RpcLog;
use crate::{Context, RpcError};

/// Blob fields of the receipt of a blob transaction.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobReceipt {
    blob_gas_price: U128,
    blob_gas_used: U64,
}

/// A receipt with its place on the chain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcReceipt<'a> {
    block_hash: B256,
    block_number: U64,
    contract_address: Option<Address>,
    cumulative_gas_used: U64,
    effective_gas_price: U128,
    from: Address,
    gas_used: U64,
    logs: Vec<RpcLog<'a>>,
    logs_bloom: Bloom,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<U64>,
    to: Option<Address>,
    transaction_hash: B256,
    transaction_index: U64,
    #[serde(rename = "type")]
    tx_type: U64,
    #[serde(flatten)]
    blob: Option<BlobReceipt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_fee: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_index: Option<U64>,
}

/// What all receipts of a block share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    block: &'a SealedBlock,
    blob_base_fee: Option<u128>,
    has_l1_fee: bool,
}

impl<'a> Shared<'a> {
    fn new(context: &Context, block: &'a SealedBlock) -> Self {
        let spec = context.chain.spec();
        let excess = block.header.excess_blob_gas;
        let blob_base_fee =
            excess.and_then(|excess| spec.blob_base_fee(excess, block.header.timestamp));
        Self { block, blob_base_fee, has_l1_fee: spec.is_l2() }
    }
}

impl<'a> RpcReceipt<'a> {
    /// The receipt of transaction `index` of `block`; `None` if there is no such transaction.
    ///
    /// # Errors
    /// Receipts and transactions do not match: the store is broken.
    pub fn new(
        context: &Context,
        block: &'a SealedBlock,
        receipts: &'a [TxReceipt],
        index: usize,
    ) -> Result<Option<Self>, RpcError> {
        check_lengths(block, receipts)?;
        let (Some(tx), Some(receipt)) = (block.transactions.get(index), receipts.get(index)) else {
            return Ok(None);
        };
        let first_log = receipts[..index].iter().map(|receipt| receipt.receipt.logs.len()).sum();
        let shared = Shared::new(context, block);
        Ok(Some(Self::show(shared, tx, receipt, index, first_log)))
    }

    fn show(
        shared: Shared<'a>,
        tx: &RecoveredTx,
        receipt: &'a TxReceipt,
        index: usize,
        first_log: usize,
    ) -> Self {
        let Shared { block, .. } = shared;
        let (root, status) = match receipt.receipt.status {
            Eip658Value::Eip658(success) => (None, Some(U64::from(success))),
            Eip658Value::PostState(root) => (Some(root), None),
        };
        let logs = receipt.receipt.logs.iter().enumerate();
        Self {
            block_hash: block.hash,
            block_number: U64::from(block.header.number),
            contract_address: receipt.contract_address,
            cumulative_gas_used: U64::from(receipt.receipt.cumulative_gas_used),
            effective_gas_price: U128::from(tx.effective_gas_price(block.header.base_fee_per_gas)),
            from: tx.sender(),
            gas_used: U64::from(receipt.gas_used),
            logs: logs
                .map(|(at, log)| RpcLog::new(log, block, tx.hash(), index, first_log + at))
                .collect(),
            logs_bloom: receipt.receipt.bloom(),
            root,
            status,
            to: tx.to(),
            transaction_hash: tx.hash(),
            transaction_index: U64::from(index),
            tx_type: U64::from(tx.tx_type()),
            blob: blob(tx, shared.blob_base_fee),
            // execution-apis allows no further member, so there is one only where it says something.
            l1_fee: Some(receipt.l1_fee).filter(|fee| shared.has_l1_fee && !fee.is_zero()),
            queue_index: tx.as_l1_message().map(|message| U64::from(message.queue_index)),
        }
    }
}

fn blob(tx: &RecoveredTx, base_fee: Option<u128>) -> Option<BlobReceipt> {
    let used = tx.as_ethereum()?.blob_gas_used()?;
    Some(BlobReceipt { blob_gas_price: U128::from(base_fee?), blob_gas_used: U64::from(used) })
}

/// All receipts of `block`.
///
/// # Errors
/// Receipts and transactions do not match: the store is broken.
pub fn block_receipts<'a>(
    context: &Context,
    block: &'a SealedBlock,
    receipts: &'a [TxReceipt],
) -> Result<Vec<RpcReceipt<'a>>, RpcError> {
    check_lengths(block, receipts)?;
    let shared = Shared::new(context, block);
    let mut first_log = 0;
    let pairs = block.transactions.iter().zip(receipts).enumerate();
    Ok(pairs
        .map(|(index, (tx, receipt))| {
            let shown = RpcReceipt::show(shared, tx, receipt, index, first_log);
            first_log += receipt.receipt.logs.len();
            shown
        })
        .collect())
}

fn check_lengths(block: &SealedBlock, receipts: &[TxReceipt]) -> Result<(), RpcError> {
    if block.transactions.len() == receipts.len() {
        return Ok(());
    }
    Err(RpcError::internal(format_args!(
        "block {} has {} transactions and {} receipts",
        block.header.number,
        block.transactions.len(),
        receipts.len()
    )))
}
