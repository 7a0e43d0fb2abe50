//! Sending transactions, signed by the client or by an account of a development chain.

use std::time::Duration;

use alloy_consensus::{EthereumTypedTransaction, SignableTransaction, TxEip4844};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use futures_util::future::join_all;
use jovay_state::SealOutcome;
use jovay_types::{EthereumTx, RecoveredTx, Transaction};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::fees::suggested_tip;
use super::sign::sign_hash;
use super::transaction::locate;
use crate::call::estimate_request;
use crate::call::request::CallRequest;
use crate::params::{LooseNumber, Params, Strict};
use crate::registry::{Method, Waiting, WaitingMany, schema};
use crate::render::{RpcReceipt, RpcTransaction};
use crate::{Context, DevApi, RpcError};

/// EIP-7966: the transaction waits in the pool longer than the client would.
const NOT_PROCESSED: i32 = 4;
/// EIP-7966: the transaction waits for an earlier nonce; the data is the nonce that comes next.
const NONCE_GAP: i32 = 6;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let send = |name, summary| {
        Method::new(name, summary)
            .error(-32000, "nonce too low")
            .error(-32000, "insufficient funds for gas * price + value")
            .error(-32000, "replacement transaction underpriced")
    };
    vec![
        send("eth_sendRawTransaction", "Puts a signed transaction into the pool.")
            .param("transaction", schema::bytes())
            .returns("hash", schema::hash())
            .many(|params| params.get(0), send_raw),
        send("eth_sendRawTransactionSync", "The same, answered with the receipt (EIP-7966).")
            .param("transaction", schema::bytes())
            .optional("timeoutMs", schema::loose_number())
            .returns("receipt", schema::object())
            .error(NOT_PROCESSED, "the transaction was not processed in time")
            .error(NONCE_GAP, "nonce gap")
            .future(send_raw_sync),
        send("eth_sendTransaction", "Signs with an account of a development chain, and sends.")
            .param("transaction", crate::call::call_schema())
            .returns("hash", schema::hash())
            .error(-32000, "unknown account")
            .future(send_transaction),
        Method::new("eth_signTransaction", "Signs with an account of a development chain.")
            .param("transaction", crate::call::call_schema())
            .returns("signed", schema::object())
            .error(-32000, "unknown account")
            .blocking(sign_transaction),
        Method::new("eth_fillTransaction", "Fills in nonce, gas and fees.")
            .param("transaction", crate::call::call_schema())
            .returns("filled", schema::object())
            .blocking(fill_transaction),
    ]
}

fn send_raw(context: &Context, raws: Vec<Bytes>) -> WaitingMany<B256> {
    let context = context.clone();
    Box::pin(async move {
        // Opened before the blocks can be there.
        let blocks: Vec<_> = raws.iter().map_while(|_| automine_blocks(&context)).collect();
        let answers = context.chain.submit_many(raws).await;
        let waiting = answers.iter().zip(blocks).filter_map(|(answer, blocks)| {
            let hash = *answer.as_ref().ok()?;
            Some(wait_for_automine(&context, blocks, hash))
        });
        join_all(waiting).await;
        answers.into_iter().map(|answer| Ok(answer?)).collect()
    })
}

/// The stream of blocks, if senders are to wait for theirs: as Hardhat does, a development chain
/// without block time answers when the transaction is in a block.
fn automine_blocks(context: &Context) -> Option<Receiver<SealOutcome>> {
    let automine = context.chain.dev().is_some_and(|dev| dev.automine());
    automine.then(|| context.chain.subscribe_blocks())
}

async fn wait_for_automine(context: &Context, blocks: Receiver<SealOutcome>, hash: B256) {
    if expected_nonce(context, &hash).is_none() {
        let _ = wait_for_block(context, blocks, &hash, context.config.automine_wait).await;
    }
}

/// The nonce that its sender has to use first, if the transaction waits for it.
fn expected_nonce(context: &Context, hash: &B256) -> Option<u64> {
    let tx = context.chain.pool_get(hash)?;
    let next = match context.chain.pool_nonce(&tx.sender()) {
        Some(nonce) => nonce,
        None => {
            let state = context.chain.state_at(context.chain.tags().latest).ok()?;
            state.account(&tx.sender()).ok()?.unwrap_or_default().nonce
        }
    };
    // Already in a block, meanwhile, or next in turn.
    if tx.nonce() <= next { None } else { Some(next) }
}

/// Waits until transaction `hash` is in a published block; false if it is not in time.
async fn wait_for_block(
    context: &Context,
    mut blocks: Receiver<SealOutcome>,
    hash: &B256,
    time: Duration,
) -> Result<bool, RpcError> {
    let published = async {
        // It may have been published before the stream was opened: a resent transaction.
        if context.chain.transaction_location(hash)?.is_some() {
            return Ok(true);
        }
        loop {
            match blocks.recv().await {
                Ok(outcome) => {
                    if outcome.block.transactions.iter().any(|tx| tx.hash() == *hash) {
                        return Ok(true);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    if context.chain.transaction_location(hash)?.is_some() {
                        return Ok(true);
                    }
                }
                Err(RecvError::Closed) => return Ok(false),
            }
        }
    };
    tokio::time::timeout(time, published).await.unwrap_or(Ok(false))
}

fn send_raw_sync(
    context: &Context,
    params: &Params<'_>,
) -> Result<Waiting<Box<RawValue>>, RpcError> {
    let raw: Bytes = params.get(0)?;
    let longest = context.config.send_sync_timeout;
    // EIP-7966: an unusable timeout counts as none.
    let asked: Option<LooseNumber> = params.opt(1)?;
    let asked = asked.and_then(LooseNumber::to_u64).map(Duration::from_millis);
    let time = asked.filter(|time| !time.is_zero() && *time <= longest).unwrap_or(longest);
    let context = context.clone();
    Ok(Box::pin(async move {
        let blocks = context.chain.subscribe_blocks();
        let hash = context.chain.submit(raw).await?;
        if let Some(nonce) = expected_nonce(&context, &hash) {
            return Err(RpcError::new(NONCE_GAP, "nonce gap: an earlier transaction is missing")
                .with_data(Value::String(format!("{nonce:#x}"))));
        }
        if !wait_for_block(&context, blocks, &hash, time).await? {
            let message = format!(
                "the transaction was added to the mempool but wasn't processed in {time:?}"
            );
            let data = Value::String(hash.to_string());
            return Err(RpcError::new(NOT_PROCESSED, message).with_data(data));
        }
        receipt_json(&context, &hash)
    }))
}

fn receipt_json(context: &Context, hash: &B256) -> Result<Box<RawValue>, RpcError> {
    let gone = || RpcError::server("transaction was taken back");
    let (block, index) = locate(context, hash)?.ok_or_else(gone)?;
    let receipts = context.receipts(block.header.number)?;
    let receipt = RpcReceipt::new(context, &block, &receipts, index)?.ok_or_else(gone)?;
    to_raw_value(&receipt).map_err(RpcError::internal)
}

/// A transaction complete but for its signature.
type Unsigned = EthereumTypedTransaction<TxEip4844>;

/// Fills in nonce, fees and gas.
fn fill(context: &Context, mut request: CallRequest) -> Result<(Address, Unsigned), RpcError> {
    let Some(Strict(from)) = request.from else {
        return Err(RpcError::invalid_params("invalid argument 0: missing \"from\""));
    };
    let nonce = match (request.nonce, context.chain.pool_nonce(&from)) {
        (Some(Strict(nonce)), _) | (None, Some(nonce)) => nonce,
        (None, None) => {
            context.state(Default::default())?.account(&from)?.unwrap_or_default().nonce
        }
    };
    request.nonce = Some(Strict(nonce));
    fill_fees(context, &mut request)?;
    let env = context.chain.next_block_env();
    if request.gas.is_none() {
        request.gas = Some(Strict(estimate_request(context, &request)?));
    }
    let chain_id = context.chain.spec().chain_id;
    let dynamic = request.gas_price.is_none() && env.base_fee.is_some();
    let message = request.resolve(u64::MAX, nonce, chain_id, env.base_fee, dynamic)?;
    let mut tx = Unsigned::from(message.unsigned(chain_id));
    if let EthereumTypedTransaction::Legacy(tx) = &mut tx {
        tx.chain_id = Some(chain_id);
    }
    Ok((from, tx))
}

fn fill_fees(context: &Context, request: &mut CallRequest) -> Result<(), RpcError> {
    let Some(base_fee) = context.chain.next_block_env().base_fee else {
        let price = request.gas_price.get_or_insert(Strict(U256::from(suggested_tip(context)?)));
        debug_assert!(!price.0.is_zero());
        return Ok(());
    };
    if request.gas_price.is_some() {
        return Ok(());
    }
    let suggested = U256::from(suggested_tip(context)?);
    let cap = request.max_fee_per_gas.map(|cap| cap.0);
    let tip = request
        .max_priority_fee_per_gas
        .map_or_else(|| cap.map_or(suggested, |cap| cap.min(suggested)), |tip| tip.0);
    let cap = cap.unwrap_or_else(|| U256::from(base_fee).saturating_mul(U256::from(2)) + tip);
    request.max_priority_fee_per_gas = Some(Strict(tip));
    request.max_fee_per_gas = Some(Strict(cap));
    Ok(())
}

fn sign(context: &Context, from: &Address, tx: Unsigned) -> Result<EthereumTx, RpcError> {
    let signature = sign_hash(context, from, tx.signature_hash())?;
    Ok(EthereumTx::new_unhashed(tx, signature))
}

fn sign_transaction(context: &Context, params: &Params<'_>) -> Result<Value, RpcError> {
    let (from, tx) = fill(context, params.get(0)?)?;
    let tx = sign(context, &from, tx)?;
    let raw = Bytes::from(tx.encoded_2718());
    let tx = RecoveredTx::with_sender(Transaction::Ethereum(tx), from);
    Ok(json!({ "raw": raw, "tx": RpcTransaction::pending(&tx) }))
}

fn fill_transaction(context: &Context, params: &Params<'_>) -> Result<Value, RpcError> {
    let mut request: CallRequest = params.get(0)?;
    request.from.get_or_insert_default();
    let (from, tx) = fill(context, request)?;
    let tx = EthereumTx::new_unhashed(tx, Signature::new(U256::ZERO, U256::ZERO, false));
    let raw = Bytes::from(tx.encoded_2718());
    let tx = RecoveredTx::with_sender(Transaction::Ethereum(tx), from);
    Ok(json!({ "raw": raw, "tx": RpcTransaction::pending(&tx) }))
}

fn send_transaction(context: &Context, params: &Params<'_>) -> Result<Waiting<B256>, RpcError> {
    let request: CallRequest = params.get(0)?;
    let context = context.clone();
    Ok(Box::pin(async move {
        let blocks = automine_blocks(&context);
        let hash = {
            // Two requests at a time must not choose the same nonce.
            let _sending = context.sending.lock().await;
            let preparing = context.clone();
            let prepared = tokio::task::spawn_blocking(move || prepare(&preparing, request));
            match prepared.await.map_err(RpcError::internal)?? {
                Prepared::Signed(raw) => context.chain.submit(raw).await?,
                Prepared::Sent(hash) => hash,
            }
        };
        if let Some(blocks) = blocks {
            wait_for_automine(&context, blocks, hash).await;
        }
        Ok(hash)
    }))
}

enum Prepared {
    Signed(Bytes),
    Sent(B256),
}

fn prepare(context: &Context, request: CallRequest) -> Result<Prepared, RpcError> {
    let unknown = || RpcError::server("unknown account");
    let dev = context.chain.dev().ok_or_else(unknown)?;
    let from = request.from.map(|from| from.0);
    let from = from.or_else(|| dev.accounts().first().copied()).ok_or_else(unknown)?;
    let request = CallRequest { from: Some(Strict(from)), ..request };
    if dev.secret_key(&from).is_some() {
        let (from, tx) = fill(context, request)?;
        return Ok(Prepared::Signed(sign(context, &from, tx)?.encoded_2718().into()));
    }
    if !dev.is_impersonated(&from) {
        return Err(unknown());
    }
    let (from, tx) = fill(context, request)?;
    Ok(Prepared::Sent(send_impersonated(dev, from, tx)?))
}

/// There is no signature; its place holds the sender, so that two senders' equal transactions
/// have different hashes.
fn send_impersonated(dev: &dyn DevApi, from: Address, tx: Unsigned) -> Result<B256, RpcError> {
    let r = U256::from_be_slice(from.as_slice());
    let tx = EthereumTx::new_unhashed(tx, Signature::new(r, U256::from(1), false));
    let tx = RecoveredTx::with_sender(Transaction::Ethereum(tx), from);
    Ok(dev.submit_impersonated(tx)?)
}
