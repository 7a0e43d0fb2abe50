//! Blocks as Otterscan shows them.

use alloy_primitives::U256;
use jovay_evm::Rewards;
use jovay_types::SealedBlock;
use serde_json::{Value, json};

use crate::params::BlockId;
use crate::render::{RpcBlock, RpcReceipt, RpcTransaction, TxPlace};
use crate::{Context, RpcError};

/// Most transactions on a page.
const PAGE_MAX: u64 = 1000;
/// Characters of a method selector with its `0x`.
const SELECTOR_CHARS: usize = 10;

/// A block without its transactions, what it issued and the fees of its transactions.
///
/// # Errors
/// The store failed.
pub(super) fn details(context: &Context, block: BlockId) -> Result<Option<Value>, RpcError> {
    let Some(block) = context.find_block(block)? else { return Ok(None) };
    let receipts =
        context.chain.receipts(block.number())?.ok_or_else(RpcError::header_not_found)?;
    let base_fee = block.header.base_fee_per_gas;
    let fees = block.transactions.iter().zip(receipts.iter()).map(|(tx, receipt)| {
        U256::from(tx.effective_gas_price(base_fee)) * U256::from(receipt.gas_used) + receipt.l1_fee
    });
    let total_fees = fees.fold(U256::ZERO, U256::saturating_add);
    let mut shown = slim(&block)?;
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("transactions");
        shown.insert("logsBloom".into(), Value::Null);
    }
    Ok(Some(json!({
        "block": shown,
        "issuance": issuance(context, &block),
        "totalFees": total_fees,
    })))
}

fn issuance(context: &Context, block: &SealedBlock) -> Value {
    let fork = context.chain.spec().fork_of_header(&block.header);
    let (own, uncles) = match Rewards::of(block.number(), fork, &block.ommers) {
        Some(rewards) if block.number() > 0 => {
            let uncles = rewards.ommers.iter().map(|(_, wei)| *wei);
            (rewards.block, uncles.fold(U256::ZERO, U256::saturating_add))
        }
        _ => (U256::ZERO, U256::ZERO),
    };
    json!({ "blockReward": own, "uncleReward": uncles, "issuance": own + uncles })
}

/// The block by hashes, with the number of its transactions.
fn slim(block: &SealedBlock) -> Result<Value, RpcError> {
    let mut shown =
        serde_json::to_value(RpcBlock::new(block, false)).map_err(RpcError::internal)?;
    shown["transactionCount"] = block.transactions.len().into();
    Ok(shown)
}

/// Page `page` of a block's transactions, the last ones first, with receipts. Input is cut to the
/// selector; receipts come without logs.
///
/// # Errors
/// The page size is zero or too large, or the store failed.
pub(super) fn transactions(
    context: &Context,
    block: BlockId,
    page: u64,
    size: u64,
) -> Result<Option<Value>, RpcError> {
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(RpcError::invalid_params(format!("page size must be 1 to {PAGE_MAX}")));
    }
    let Some(block) = context.find_block(block)? else { return Ok(None) };
    let receipts =
        context.chain.receipts(block.number())?.ok_or_else(RpcError::header_not_found)?;
    let count = block.transactions.len() as u64;
    let end = count.saturating_sub(page.saturating_mul(size));
    let start = end.saturating_sub(size);
    let (mut txs, mut shown_receipts) = (Vec::new(), Vec::new());
    for index in start..end {
        let index = index as usize;
        let mut tx = transaction(&block, index)?;
        if let Some(Value::String(input)) = tx.get_mut("input") {
            input.truncate(SELECTOR_CHARS);
        }
        txs.push(tx);
        let mut receipt = serde_json::to_value(RpcReceipt::new(context, &block, &receipts, index)?)
            .map_err(RpcError::internal)?;
        receipt["logs"] = Value::Null;
        receipt["logsBloom"] = Value::Null;
        shown_receipts.push(receipt);
    }
    let mut full = slim(&block)?;
    full["transactions"] = txs.into();
    full["logsBloom"] = Value::Null;
    Ok(Some(json!({ "fullblock": full, "receipts": shown_receipts })))
}

/// Transaction `index` of `block`.
///
/// # Errors
/// There is none such, which would be a defect.
pub(super) fn transaction(block: &SealedBlock, index: usize) -> Result<Value, RpcError> {
    let tx = block
        .transactions
        .get(index)
        .ok_or_else(|| RpcError::internal("transaction index beyond its block"))?;
    serde_json::to_value(RpcTransaction::mined(tx, TxPlace::new(block, index)))
        .map_err(RpcError::internal)
}
