//! What `eth_simulateV1` answers about a call.

use alloy_primitives::Bytes;
use jovay_types::SealedBlock;
use revm::context_interface::result::ExecutionResult;
use serde_json::{Value, json};

use super::transfers::IndexedLog;
use crate::RpcError;
use crate::call::outcome;
use crate::error::REVERTED;
use crate::render::{RpcBlock, RpcLog};

/// Execution failed other than by a revert (execution-apis).
const VM_ERROR: i32 = -32015;

/// What a simulated call came to.
pub(super) struct CallAnswer {
    return_data: Bytes,
    logs: Vec<IndexedLog>,
    gas_used: u64,
    max_used_gas: u64,
    error: Option<Value>,
}

impl CallAnswer {
    pub(super) fn new(
        result: ExecutionResult,
        logs: Vec<IndexedLog>,
        gas_used: u64,
        max_used_gas: u64,
    ) -> Self {
        let (return_data, error) = match result {
            ExecutionResult::Success { output, .. } => (output.into_data(), None),
            ExecutionResult::Revert { output, .. } => {
                let message = outcome::revert_message(&output);
                let error = json!({ "code": REVERTED, "message": message, "data": output });
                (Bytes::new(), Some(error))
            }
            ExecutionResult::Halt { reason, .. } => {
                let error = json!({ "code": VM_ERROR, "message": outcome::halted(&reason) });
                (Bytes::new(), Some(error))
            }
        };
        Self { return_data, logs, gas_used, max_used_gas, error }
    }
}

/// A simulated block with its calls.
///
/// # Errors
/// It cannot be serialized, which would be a defect.
pub(super) fn block(
    block: &SealedBlock,
    calls: &[CallAnswer],
    full: bool,
) -> Result<Value, RpcError> {
    let mut answer =
        serde_json::to_value(RpcBlock::new(block, full)).map_err(RpcError::internal)?;
    let mut shown = Vec::with_capacity(calls.len());
    for (index, (call, tx)) in calls.iter().zip(&block.transactions).enumerate() {
        let logs: Vec<RpcLog<'_>> = call
            .logs
            .iter()
            .map(|(at, log)| RpcLog::new(log, block, tx.hash(), index, *at))
            .collect();
        let mut value = json!({
            "returnData": call.return_data,
            "logs": logs,
            "gasUsed": format!("{:#x}", call.gas_used),
            "maxUsedGas": format!("{:#x}", call.max_used_gas),
            "status": if call.error.is_none() { "0x1" } else { "0x0" },
        });
        if let Some(error) = &call.error {
            value["error"] = error.clone();
        }
        shown.push(value);
    }
    answer["calls"] = shown.into();
    Ok(answer)
}
