//! The `jovay` namespace: batches, deposits, messages and how far all of it is on L1.

mod api;
mod error;
mod fee;
mod forward;
mod status;

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

pub use api::{
    Batch, BatchStage, Deposit, DepositId, DepositStage, L1Place, L1Sync, L2Message, MessageProof,
    RollupApi, RollupInfo,
};
pub use error::{L1_UNAVAILABLE, NO_L1, NO_MESSAGE, NOT_FINAL, RollupError, SEQUENCER_UNAVAILABLE};
pub use forward::SequencerApi;
pub(crate) use forward::forwarded;

use crate::params::{BlockId, FromParam, Params};
use crate::registry::{Method, Waiting, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let batch = || schema::nullable(schema::object());
    let with_l1 = |name, summary| needs_batches(Method::new(name, summary));
    let asking = |name, summary| with_l1(name, summary).error(L1_UNAVAILABLE, "L1 does not answer");
    let mut methods = vec![
        with_l1("jovay_rollupInfo", "The contracts' addresses, and how deposits are read.")
            .returns("info", schema::object())
            .light(|context, _| Ok(rollup(context)?.info())),
        with_l1("jovay_getSyncStatus", "Where L1 stands as the sequencer sees it.")
            .returns("status", schema::object())
            .blocking(|context, _| Ok(rollup(context)?.sync()?)),
        with_l1("jovay_getBatchByNumber", "A batch by its number; \"latest\" is the last sealed.")
            .param("number", schema::one_of(vec![schema::quantity(), latest()]))
            .returns("batch", batch())
            .blocking(batch_by_number),
        with_l1("jovay_getBatchByBlockNumber", "The batch that has a block.")
            .param("block", schema::block_id())
            .returns("batch", batch())
            .blocking(batch_by_block),
        with_l1("jovay_latestBatch", "The last sealed batch.")
            .returns("batch", schema::object())
            .blocking(|context, _| Ok(rollup(context)?.latest_batch()?)),
        asking("jovay_getDepositStatus", "Deposits by L1 transaction, or one by queue index.")
            .param("deposit", schema::one_of(vec![schema::hash(), schema::quantity()]))
            .returns("deposits", schema::array(schema::object()))
            .future(deposit_status),
        asking("jovay_getMessageProof", "What L1's claimMessage needs, once the message is final.")
            .param("index", schema::quantity())
            .returns("proof", schema::object())
            .error(NOT_FINAL, "the message is not final on L1")
            .error(NO_MESSAGE, "there is no such message")
            .future(message_proof),
    ];
    methods.extend(status::methods());
    methods.extend(fee::methods());
    methods
}

/// Declares that a node without batches cannot answer `method`: a replica asks the sequencer.
fn needs_batches(method: Method) -> Method {
    method
        .error(NO_L1, "this node is not connected to L1")
        .error(SEQUENCER_UNAVAILABLE, "this replica cannot ask the sequencer")
}

fn latest() -> Value {
    serde_json::json!({ "type": "string", "enum": ["latest"] })
}

/// The rollup's side of the node.
fn rollup(context: &Context) -> Result<Arc<dyn RollupApi>, RpcError> {
    let none = || RpcError::new(NO_L1, "this node is not connected to L1");
    context.chain.rollup().ok_or_else(none)
}

/// A batch number, or "latest".
enum BatchNumber {
    Number(u64),
    Latest,
}

impl FromParam for BatchNumber {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        if raw.get() == "\"latest\"" {
            Ok(Self::Latest)
        } else {
            u64::from_param(raw).map(Self::Number)
        }
    }
}

impl FromParam for DepositId {
    /// 32 bytes are a transaction, anything shorter a queue index.
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        const HASH_CHARACTERS: usize = 2 + 2 + 64;
        if raw.get().len() == HASH_CHARACTERS {
            FromParam::from_param(raw).map(Self::Transaction)
        } else {
            FromParam::from_param(raw).map(Self::Index)
        }
    }
}

fn batch_by_number(context: &Context, params: &Params<'_>) -> Result<Option<Batch>, RpcError> {
    let rollup = rollup(context)?;
    match params.get(0)? {
        BatchNumber::Number(index) => Ok(rollup.batch(index)?),
        BatchNumber::Latest => Ok(Some(rollup.latest_batch()?)),
    }
}

fn batch_by_block(context: &Context, params: &Params<'_>) -> Result<Option<Batch>, RpcError> {
    let rollup = rollup(context)?;
    let block: BlockId = params.get(0)?;
    match context.find_number(block)? {
        Some(number) => Ok(rollup.batch_by_block(number)?),
        None => Ok(None),
    }
}

fn deposit_status(
    context: &Context,
    params: &Params<'_>,
) -> Result<Waiting<Vec<Deposit>>, RpcError> {
    let (rollup, id) = (rollup(context)?, params.get(0)?);
    Ok(Box::pin(async move { Ok(rollup.deposits(id).await?) }))
}

fn message_proof(
    context: &Context,
    params: &Params<'_>,
) -> Result<Waiting<MessageProof>, RpcError> {
    let (rollup, index) = (rollup(context)?, params.get(0)?);
    Ok(Box::pin(async move { Ok(rollup.message_proof(index).await?) }))
}
