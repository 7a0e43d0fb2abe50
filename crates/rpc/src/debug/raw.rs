//! `debug_getRaw*`: blocks, headers, receipts and transactions as RLP.

use alloy_primitives::{B256, Bytes};

use crate::params::Params;
use crate::{Context, RpcError};

pub(super) fn block(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let block = context.require_block(params.get(0)?)?;
    Ok(block.encoded().into())
}

pub(super) fn header(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let block = context.require_block(params.get(0)?)?;
    Ok(alloy_rlp::encode(&block.header).into())
}

pub(super) fn receipts(context: &Context, params: &Params<'_>) -> Result<Vec<Bytes>, RpcError> {
    let number = context.require_number(params.get(0)?)?;
    let receipts = context.chain.receipts(number)?.ok_or_else(RpcError::header_not_found)?;
    let raw = receipts.iter().map(|receipt| {
        let mut out = Vec::new();
        receipt.receipt.encode_2718(&receipt.receipt.bloom(), &mut out);
        out.into()
    });
    Ok(raw.collect())
}

/// Empty for an unknown transaction, as in geth.
pub(super) fn transaction(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let hash: B256 = params.get(0)?;
    if let Some((number, index)) = context.chain.transaction_location(&hash)?
        && let Some(block) = context.chain.block(number)?
        && let Some(tx) = block.transactions.get(index)
    {
        return Ok(tx.encoded_2718().into());
    }
    Ok(context.chain.pool_get(&hash).map(|tx| tx.encoded_2718().into()).unwrap_or_default())
}
