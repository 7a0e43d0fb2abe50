//! Reorgs, and how far finality is behind.

use alloy_primitives::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::blocks::number;
use super::{dev, refused};
use crate::params::{LooseNumber, Params, Strict};
use crate::registry::{Method, schema};
use crate::{Context, ReorgOptions, RpcError, param_by_serde};

/// Transactions that one reorg may be given.
const TRANSACTIONS_MAX: usize = 10_000;

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    vec![
        Method::new(
            "anvil_reorg",
            "Takes the last blocks back and builds as many others, with the given transactions.",
        )
        .param("depth", schema::loose_number())
        .optional("transactionsAndBlocks", schema::array(schema::any()))
        .optional("options", schema::object())
        .returns("nothing", schema::any())
        .error(-32000, "cannot take back so many blocks")
        .ordered(reorg),
        Method::new(
            "jovay_devSetFinality",
            "Sets how many blocks safe and finalized are behind the last one.",
        )
        .param("safeDepth", schema::loose_number())
        .param("finalizedDepth", schema::loose_number())
        .ordered(|context, params| {
            let (safe, finalized) = (number(params, 0)?, number(params, 1)?);
            dev(context)?.set_finality(safe, finalized).map_err(refused)?;
            Ok(true)
        }),
    ]
}

/// Signed transactions, each with the place of its block; anvil's order.
#[derive(Deserialize)]
struct Pairs(Vec<(Strict<Bytes>, LooseNumber)>);

param_by_serde!(Pairs);

/// What anvil has no name for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// Forget the transactions of the blocks that go; otherwise they return to the pool.
    drop_transactions: bool,
}

param_by_serde!(Options);

fn reorg(context: &Context, params: &Params<'_>) -> Result<Value, RpcError> {
    let depth = number(params, 0)?;
    let Pairs(pairs) = params.opt(1)?.unwrap_or(Pairs(Vec::new()));
    let options: Options = params.opt(2)?.unwrap_or_default();
    if pairs.len() > TRANSACTIONS_MAX {
        let message = format!("too many transactions, the limit is {TRANSACTIONS_MAX}");
        return Err(RpcError::invalid_params(message));
    }
    let pairs = pairs.into_iter().map(|(Strict(raw), place)| {
        let place = place.to_u64();
        let place = place.ok_or_else(|| RpcError::invalid_argument(1, "block > 64 bits"))?;
        Ok((raw, place))
    });
    let transactions = pairs.collect::<Result<_, RpcError>>()?;
    let forget = options.drop_transactions;
    dev(context)?.reorg(ReorgOptions { depth, transactions, forget }).map_err(refused)?;
    Ok(Value::Null)
}
