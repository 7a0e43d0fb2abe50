//! Transactions and their receipts.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use jovay_types::SealedBlock;
use serde_json::value::{RawValue, to_raw_value};

use crate::params::{BlockId, BlockNumber, Params};
use crate::registry::{Method, schema};
use crate::render::{RpcReceipt, RpcTransaction, TxPlace};
use crate::{Context, RpcError};

/// JSON text, or null.
type Shown = Option<Box<RawValue>>;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let by_hash = |name, summary| Method::new(name, summary).param("hash", schema::hash());
    let in_block_hash = |name, summary| {
        Method::new(name, summary)
            .param("blockHash", schema::hash())
            .param("index", schema::quantity())
    };
    let in_block_number = |name, summary| {
        Method::new(name, summary)
            .param("block", schema::block_number())
            .param("index", schema::quantity())
    };
    let transaction = || schema::nullable(schema::object());
    let raw = || schema::nullable(schema::bytes());
    vec![
        by_hash("eth_getTransactionByHash", "A transaction, published or in the pool.")
            .returns("transaction", transaction())
            .light(transaction_by_hash),
        in_block_hash("eth_getTransactionByBlockHashAndIndex", "A transaction by its place.")
            .returns("transaction", transaction())
            .light(|context, params| {
                let hash: B256 = params.get(0)?;
                show_at(context, hash.into(), params.get(1)?)
            }),
        in_block_number("eth_getTransactionByBlockNumberAndIndex", "A transaction by its place.")
            .returns("transaction", transaction())
            .light(|context, params| {
                let number: BlockNumber = params.get(0)?;
                show_at(context, number.into(), params.get(1)?)
            }),
        by_hash("eth_getTransactionReceipt", "The receipt of a published transaction.")
            .returns("receipt", transaction())
            .light(receipt),
        by_hash("eth_getRawTransactionByHash", "The encoding of a transaction.")
            .returns("transaction", raw())
            .light(raw_by_hash),
        in_block_hash("eth_getRawTransactionByBlockHashAndIndex", "The encoding by place.")
            .returns("transaction", raw())
            .light(|context, params| {
                let hash: B256 = params.get(0)?;
                raw_at(context, hash.into(), params.get(1)?)
            }),
        in_block_number("eth_getRawTransactionByBlockNumberAndIndex", "The encoding by place.")
            .returns("transaction", raw())
            .light(|context, params| {
                let number: BlockNumber = params.get(0)?;
                raw_at(context, number.into(), params.get(1)?)
            }),
    ]
}

fn json<T: serde::Serialize>(value: &T) -> Result<Shown, RpcError> {
    to_raw_value(value).map(Some).map_err(RpcError::internal)
}

/// The block that holds the published transaction `hash`, and its index in it.
pub(crate) fn locate(
    context: &Context,
    hash: &B256,
) -> Result<Option<(Arc<SealedBlock>, usize)>, RpcError> {
    let Some((number, index)) = context.chain.transaction_location(hash)? else { return Ok(None) };
    let block = context.chain.block(number)?;
    Ok(block.map(|block| (block, index)))
}

fn transaction_by_hash(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let hash: B256 = params.get(0)?;
    if let Some((block, index)) = locate(context, &hash)? {
        return show_in(&block, index);
    }
    match context.chain.pool_get(&hash) {
        Some(tx) => json(&RpcTransaction::pending(&tx)),
        None => Ok(None),
    }
}

fn show_in(block: &SealedBlock, index: usize) -> Result<Shown, RpcError> {
    match block.transactions.get(index) {
        Some(tx) => json(&RpcTransaction::mined(tx, TxPlace::new(block, index))),
        None => Ok(None),
    }
}

fn show_at(context: &Context, block: BlockId, index: u64) -> Result<Shown, RpcError> {
    match (context.find_block(block)?, usize::try_from(index)) {
        (Some(block), Ok(index)) => show_in(&block, index),
        _ => Ok(None),
    }
}

fn receipt(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let hash: B256 = params.get(0)?;
    let Some((block, index)) = locate(context, &hash)? else { return Ok(None) };
    let receipts = context.receipts(block.header.number)?;
    match RpcReceipt::new(context, &block, &receipts, index)? {
        Some(receipt) => json(&receipt),
        None => Ok(None),
    }
}

fn raw_by_hash(context: &Context, params: &Params<'_>) -> Result<Option<Bytes>, RpcError> {
    let hash: B256 = params.get(0)?;
    let tx = match locate(context, &hash)? {
        Some((block, index)) => block.transactions.get(index).cloned(),
        None => context.chain.pool_get(&hash),
    };
    Ok(tx.map(|tx| tx.encoded_2718().into()))
}

fn raw_at(context: &Context, block: BlockId, index: u64) -> Result<Option<Bytes>, RpcError> {
    let block = context.find_block(block)?;
    let tx = block
        .as_ref()
        .zip(usize::try_from(index).ok())
        .and_then(|(block, index)| block.transactions.get(index));
    Ok(tx.map(|tx| tx.encoded_2718().into()))
}
