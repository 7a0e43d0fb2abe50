//! How far a transaction has come, from the pool to finality on L1.

use alloy_primitives::B256;
use serde::Serialize;

use super::{BatchStage, L1Place, needs_batches, rollup};
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let summary = "How far a transaction is: pending, executed, committed, proven or final.";
    vec![
        needs_batches(Method::new("jovay_getTransactionStatus", summary))
            .param("hash", schema::hash())
            .returns("status", schema::nullable(schema::object()))
            .blocking(transaction_status),
    ]
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// In the pool.
    Pending,
    /// In a published block.
    Executed,
    /// L1 has its data.
    Committed,
    /// L1 has accepted a proof of it.
    Proven,
    /// The same, in a final L1 block.
    Final,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionStatus {
    transaction_hash: B256,
    status: Stage,
    /// Whether it succeeded; null before it is executed.
    success: Option<bool>,
    #[serde(with = "alloy_serde::quantity::opt")]
    block_number: Option<u64>,
    block_hash: Option<B256>,
    #[serde(with = "alloy_serde::quantity::opt")]
    transaction_index: Option<u64>,
    /// Its batch, once that is sealed.
    #[serde(with = "alloy_serde::quantity::opt")]
    batch_index: Option<u64>,
    batch_hash: Option<B256>,
    /// Where L1 has its data.
    committed: Option<L1Place>,
    /// Where L1 accepted a proof of it.
    proven: Option<L1Place>,
}

fn transaction_status(
    context: &Context,
    params: &Params<'_>,
) -> Result<Option<TransactionStatus>, RpcError> {
    let hash: B256 = params.get(0)?;
    let rollup = rollup(context)?;
    let mut status = TransactionStatus {
        transaction_hash: hash,
        status: Stage::Pending,
        success: None,
        block_number: None,
        block_hash: None,
        transaction_index: None,
        batch_index: None,
        batch_hash: None,
        committed: None,
        proven: None,
    };
    let Some((number, index)) = context.chain.transaction_location(&hash)? else {
        return Ok(context.chain.pool_get(&hash).map(|_| status));
    };
    let receipts = context.receipts(number)?;
    status.status = Stage::Executed;
    status.success = receipts.get(index).map(|receipt| receipt.receipt.status.coerce_status());
    status.block_number = Some(number);
    status.block_hash = context.chain.block_hash(number)?;
    status.transaction_index = Some(index as u64);
    if let Some(batch) = rollup.batch_by_block(number)? {
        status.status = match batch.status {
            BatchStage::Sealed => Stage::Executed,
            BatchStage::Committed => Stage::Committed,
            BatchStage::Proven => Stage::Proven,
            BatchStage::Final => Stage::Final,
        };
        status.batch_index = Some(batch.index);
        status.batch_hash = Some(batch.hash);
        status.committed = batch.committed;
        status.proven = batch.proven;
    }
    Ok(Some(status))
}
