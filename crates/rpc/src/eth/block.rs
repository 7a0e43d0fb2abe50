//! Blocks, their uncles and their receipts.

use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_consensus::{Header, proofs};
use alloy_primitives::{B256, U64};
use jovay_types::SealedBlock;
use serde_json::value::{RawValue, to_raw_value};

use crate::params::{BlockId, BlockNumber, Params};
use crate::registry::{Method, schema};
use crate::render::{RpcBlock, block_receipts};
use crate::{Context, RpcError};

/// JSON text, or null.
type Shown = Option<Box<RawValue>>;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_getBlockByHash", "A block by its hash.")
            .param("hash", schema::hash())
            .optional("full", schema::boolean())
            .returns("block", schema::nullable(schema::object()))
            .blocking(by_hash),
        Method::new("eth_getBlockByNumber", "A block by its number or tag.")
            .param("block", schema::block_number())
            .optional("full", schema::boolean())
            .returns("block", schema::nullable(schema::object()))
            .blocking(by_number),
        Method::new("eth_getBlockReceipts", "All receipts of a block.")
            .param("block", schema::block_id())
            .returns("receipts", schema::nullable(schema::array(schema::object())))
            .blocking(receipts),
        Method::new("eth_getBlockTransactionCountByHash", "How many transactions a block has.")
            .param("hash", schema::hash())
            .returns("count", schema::nullable(schema::quantity()))
            .light(count_by_hash),
        Method::new("eth_getBlockTransactionCountByNumber", "How many transactions a block has.")
            .param("block", schema::block_number())
            .returns("count", schema::nullable(schema::quantity()))
            .light(count_by_number),
        Method::new("eth_getUncleCountByBlockHash", "How many uncles a block has.")
            .param("hash", schema::hash())
            .returns("count", schema::nullable(schema::quantity()))
            .light(uncle_count_by_hash),
        Method::new("eth_getUncleCountByBlockNumber", "How many uncles a block has.")
            .param("block", schema::block_number())
            .returns("count", schema::nullable(schema::quantity()))
            .light(uncle_count_by_number),
        Method::new("eth_getUncleByBlockHashAndIndex", "The header of an uncle.")
            .param("hash", schema::hash())
            .param("index", schema::quantity())
            .returns("uncle", schema::nullable(schema::object()))
            .light(uncle_by_hash),
        Method::new("eth_getUncleByBlockNumberAndIndex", "The header of an uncle.")
            .param("block", schema::block_number())
            .param("index", schema::quantity())
            .returns("uncle", schema::nullable(schema::object()))
            .light(uncle_by_number),
    ]
}

fn json<T: serde::Serialize>(value: &T) -> Result<Shown, RpcError> {
    to_raw_value(value).map(Some).map_err(RpcError::internal)
}

fn by_hash(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let hash: B256 = params.get(0)?;
    let full = params.opt(1)?.unwrap_or(false);
    show(context, hash.into(), full)
}

fn by_number(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let number: BlockNumber = params.get(0)?;
    let full = params.opt(1)?.unwrap_or(false);
    if number == BlockNumber::Pending {
        return json(&RpcBlock::new(&pending(context)?, full));
    }
    show(context, number.into(), full)
}

fn show(context: &Context, block: BlockId, full: bool) -> Result<Shown, RpcError> {
    match context.find_block(block)? {
        Some(block) => json(&RpcBlock::new(&block, full)),
        None => Ok(None),
    }
}

/// The block after the latest as it would be if it were sealed now and empty. Transactions show
/// only in blocks that are durable.
fn pending(context: &Context) -> Result<SealedBlock, RpcError> {
    let latest = context.require_block(BlockId::default())?;
    let env = context.chain.next_block_env();
    let parent = &latest.header;
    let withdrawals = parent.withdrawals_root.map(|_| Vec::new());
    let header = Header {
        parent_hash: latest.hash,
        ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
        beneficiary: env.beneficiary,
        state_root: parent.state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: env.difficulty,
        number: env.number,
        gas_limit: env.gas_limit,
        timestamp: env.timestamp,
        extra_data: env.extra_data,
        mix_hash: env.prev_randao,
        nonce: env.nonce,
        base_fee_per_gas: env.base_fee,
        withdrawals_root: withdrawals.as_deref().map(proofs::calculate_withdrawals_root),
        blob_gas_used: env.excess_blob_gas.map(|_| 0),
        excess_blob_gas: env.excess_blob_gas,
        parent_beacon_block_root: env.parent_beacon_block_root,
        requests_hash: parent.requests_hash,
        ..Header::default()
    };
    let hash = header.hash_slow();
    Ok(SealedBlock { hash, header, transactions: Vec::new(), ommers: Vec::new(), withdrawals })
}

fn receipts(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let Some(block) = context.find_block(params.get(0)?)? else { return Ok(None) };
    let receipts = context.receipts(block.header.number)?;
    json(&block_receipts(context, &block, &receipts)?)
}

fn count_by_hash(context: &Context, params: &Params<'_>) -> Result<Option<U64>, RpcError> {
    let hash: B256 = params.get(0)?;
    let block = context.find_block(hash.into())?;
    Ok(block.map(|block| U64::from(block.transactions.len())))
}

fn count_by_number(context: &Context, params: &Params<'_>) -> Result<Option<U64>, RpcError> {
    let number: BlockNumber = params.get(0)?;
    let block = context.find_block(number.into())?;
    Ok(block.map(|block| U64::from(block.transactions.len())))
}

fn uncle_count_by_hash(context: &Context, params: &Params<'_>) -> Result<Option<U64>, RpcError> {
    let hash: B256 = params.get(0)?;
    Ok(context.find_block(hash.into())?.map(|block| U64::from(block.ommers.len())))
}

fn uncle_count_by_number(context: &Context, params: &Params<'_>) -> Result<Option<U64>, RpcError> {
    let number: BlockNumber = params.get(0)?;
    Ok(context.find_block(number.into())?.map(|block| U64::from(block.ommers.len())))
}

fn uncle_by_hash(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let hash: B256 = params.get(0)?;
    uncle(context, hash.into(), params.get(1)?)
}

fn uncle_by_number(context: &Context, params: &Params<'_>) -> Result<Shown, RpcError> {
    let number: BlockNumber = params.get(0)?;
    uncle(context, number.into(), params.get(1)?)
}

fn uncle(context: &Context, block: BlockId, index: u64) -> Result<Shown, RpcError> {
    let Some(block) = context.find_block(block)? else { return Ok(None) };
    let ommer = usize::try_from(index).ok().and_then(|index| block.ommers.get(index));
    match ommer {
        Some(header) => json(&RpcBlock::uncle(header)),
        None => Ok(None),
    }
}
