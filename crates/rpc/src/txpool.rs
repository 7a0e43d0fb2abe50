//! The `txpool` namespace, in geth's format.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U64};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::api::BySender;
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::render::RpcTransaction;
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("txpool_status", "How many transactions the pool holds.")
            .returns("status", schema::map(schema::quantity()))
            .light(|context, _| {
                let status = context.chain.pool_status();
                Ok(json!({
                    "pending": U64::from(status.pending),
                    "queued": U64::from(status.queued),
                }))
            }),
        Method::new("txpool_content", "The pool's transactions, by sender and nonce.")
            .returns("content", schema::object())
            .blocking(content),
        Method::new("txpool_contentFrom", "One sender's transactions in the pool, by nonce.")
            .param("address", schema::address())
            .returns("content", schema::object())
            .blocking(content_from),
        Method::new("txpool_inspect", "The pool's transactions in short, for people.")
            .returns("content", schema::object())
            .blocking(inspect),
    ]
}

/// Values by nonce, which is a decimal string.
type ByNonce<T> = BTreeMap<String, T>;

fn show<T>(
    by_sender: &BySender,
    show: impl Fn(&jovay_types::RecoveredTx) -> Result<T, RpcError>,
) -> Result<BTreeMap<String, ByNonce<T>>, RpcError> {
    let shown = by_sender.iter().map(|(sender, txs)| {
        let txs = txs.iter().map(|(nonce, tx)| Ok((nonce.to_string(), show(tx)?)));
        Ok((sender.to_checksum(None), txs.collect::<Result<_, RpcError>>()?))
    });
    shown.collect()
}

fn whole(tx: &jovay_types::RecoveredTx) -> Result<Box<RawValue>, RpcError> {
    to_raw_value(&RpcTransaction::pending(tx)).map_err(RpcError::internal)
}

fn summary(tx: &jovay_types::RecoveredTx) -> Result<String, RpcError> {
    let to = tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_checksum(None));
    let (value, gas, price) = (tx.value(), tx.gas_limit(), tx.max_fee_per_gas());
    Ok(format!("{to}: {value} wei + {gas} gas × {price} wei"))
}

fn content(context: &Context, _: &Params<'_>) -> Result<Box<RawValue>, RpcError> {
    let content = context.chain.pool_content(None);
    let shown = BTreeMap::from([
        ("pending", show(&content.pending, whole)?),
        ("queued", show(&content.queued, whole)?),
    ]);
    to_raw_value(&shown).map_err(RpcError::internal)
}

fn content_from(context: &Context, params: &Params<'_>) -> Result<Box<RawValue>, RpcError> {
    let sender: Address = params.get(0)?;
    let content = context.chain.pool_content(Some(&sender));
    let of_sender = |by_sender: &BySender| -> Result<ByNonce<Box<RawValue>>, RpcError> {
        Ok(show(by_sender, whole)?.remove(&sender.to_checksum(None)).unwrap_or_default())
    };
    let shown = BTreeMap::from([
        ("pending", of_sender(&content.pending)?),
        ("queued", of_sender(&content.queued)?),
    ]);
    to_raw_value(&shown).map_err(RpcError::internal)
}

fn inspect(context: &Context, _: &Params<'_>) -> Result<Value, RpcError> {
    let content = context.chain.pool_content(None);
    Ok(json!({
        "pending": show(&content.pending, summary)?,
        "queued": show(&content.queued, summary)?,
    }))
}
