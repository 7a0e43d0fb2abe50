//! The `ots` namespace, level 8: what the Otterscan explorer asks of a node.

mod block;
mod search;
mod transaction;

use alloy_primitives::{Address, B256, Bytes};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::params::{BlockId, BlockNumber, FromParam, LooseNumber, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Level of the API.
const API_LEVEL: u64 = 8;

/// A block number as explorers write it: a JSON number, or what other methods accept.
#[derive(Clone, Copy, Debug)]
struct LooseBlock(BlockNumber);

impl FromParam for LooseBlock {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        if raw.get().starts_with(|c: char| c.is_ascii_digit()) {
            return crate::params::from_json(raw).map(|number| Self(BlockNumber::Number(number)));
        }
        BlockNumber::from_param(raw).map(Self)
    }
}

/// The declarations of this module.
pub(crate) fn methods() -> Vec<Method> {
    let number = schema::loose_number;
    let block = || schema::one_of(vec![schema::integer(), schema::block_number()]);
    let page = || schema::object();
    vec![
        Method::new("ots_getApiLevel", "The level of this API.")
            .returns("level", schema::integer())
            .light(|_, _| Ok(API_LEVEL)),
        Method::new("ots_hasCode", "Whether an address has code.")
            .param("address", schema::address())
            .optional("block", schema::block_id())
            .returns("whether", schema::boolean())
            .blocking(has_code),
        Method::new("ots_getInternalOperations", "Ether transfers and creations by contracts.")
            .param("hash", schema::hash())
            .returns("operations", schema::array(schema::object()))
            .blocking(|context, params| {
                transaction::internal_operations(context, &params.get::<B256>(0)?)
            }),
        Method::new("ots_getTransactionError", "The revert data of a transaction.")
            .param("hash", schema::hash())
            .returns("data", schema::bytes())
            .blocking(|context, params| -> Result<Bytes, RpcError> {
                transaction::error(context, &params.get::<B256>(0)?)
            }),
        Method::new("ots_traceTransaction", "The tree of calls of a transaction, flat.")
            .param("hash", schema::hash())
            .returns("calls", schema::array(schema::object()))
            .blocking(|context, params| transaction::trace(context, &params.get::<B256>(0)?)),
        Method::new("ots_getBlockDetails", "A block without its transactions, with fees.")
            .param("block", block())
            .returns("block", schema::nullable(schema::object()))
            .blocking(block_details),
        Method::new("ots_getBlockDetailsByHash", "A block without its transactions, with fees.")
            .param("hash", schema::hash())
            .returns("block", schema::nullable(schema::object()))
            .blocking(block_details_by_hash),
        Method::new("ots_getBlockTransactions", "A page of a block's transactions.")
            .param("block", block())
            .param("page", number())
            .param("page size", number())
            .returns("block and receipts", schema::nullable(schema::object()))
            .blocking(block_transactions),
        Method::new("ots_searchTransactionsBefore", "Transactions of an address, going back.")
            .param("address", schema::address())
            .param("block", number())
            .param("page size", number())
            .returns("page", page())
            .blocking(|context, params| search_page(context, params, search::before)),
        Method::new("ots_searchTransactionsAfter", "Transactions of an address, going on.")
            .param("address", schema::address())
            .param("block", number())
            .param("page size", number())
            .returns("page", page())
            .blocking(|context, params| search_page(context, params, search::after)),
        Method::new(
            "ots_getTransactionBySenderAndNonce",
            "The transaction with which a sender used a nonce.",
        )
        .param("sender", schema::address())
        .param("nonce", number())
        .returns("hash", schema::nullable(schema::hash()))
        .blocking(transaction_by_nonce),
        Method::new("ots_getContractCreator", "Who created a contract, and in which transaction.")
            .param("address", schema::address())
            .returns("creator", schema::nullable(schema::object()))
            .blocking(|context, params| {
                search::contract_creator(context, &params.get::<Address>(0)?)
            }),
    ]
}

fn has_code(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let address: Address = params.get(0)?;
    let state = context.state(params.block(1)?)?;
    Ok(state.account(&address)?.is_some_and(|account| account.has_code()))
}

fn block_details(context: &Context, params: &Params<'_>) -> Result<Option<Value>, RpcError> {
    let LooseBlock(number) = params.get(0)?;
    block::details(context, number.into())
}

fn block_details_by_hash(
    context: &Context,
    params: &Params<'_>,
) -> Result<Option<Value>, RpcError> {
    let hash: B256 = params.get(0)?;
    block::details(context, BlockId::from(hash))
}

fn block_transactions(context: &Context, params: &Params<'_>) -> Result<Option<Value>, RpcError> {
    let LooseBlock(number) = params.get(0)?;
    block::transactions(context, number.into(), small(params, 1)?, small(params, 2)?)
}

fn search_page(
    context: &Context,
    params: &Params<'_>,
    search: fn(&Context, &Address, u64, usize) -> Result<Value, RpcError>,
) -> Result<Value, RpcError> {
    let size = usize::try_from(small(params, 2)?)
        .ok()
        .filter(|size| (1..=search::PAGE_MAX).contains(size))
        .ok_or_else(|| {
            RpcError::invalid_params(format!("page size must be 1 to {}", search::PAGE_MAX))
        })?;
    search(context, &params.get(0)?, small(params, 1)?, size)
}

fn transaction_by_nonce(context: &Context, params: &Params<'_>) -> Result<Option<B256>, RpcError> {
    search::by_sender_and_nonce(context, &params.get(0)?, small(params, 1)?)
}

/// The number at `index`, which must fit 64 bits.
fn small(params: &Params<'_>, index: usize) -> Result<u64, RpcError> {
    let number: LooseNumber = params.get(index)?;
    number.to_u64().ok_or_else(|| RpcError::invalid_argument(index, "number > 64 bits"))
}
