//! `eth_estimateGas`: geth's search for the least gas that suffices.

use alloy_primitives::U256;
use jovay_evm::{Fork, JovayEvm};
use jovay_state::StateView;
use revm::context_interface::result::ExecutionResult;
use revm::inspector::NoOpInspector;

use super::guard::Guard;
use super::outcome;
use super::request::CallMessage;
use super::run::{CallFailure, CallRun};
use crate::RpcError;

/// Gas of a transfer without data; no transaction needs less.
const TRANSFER_GAS: u64 = 21_000;
/// Most gas of a transaction from Osaka on (EIP-7825).
const TX_GAS_MAX: u64 = 1 << 24;
/// Gas that a value transfer lends the callee.
const CALL_STIPEND: u64 = 2_300;
/// The search ends when it is this close, as a part of a thousand: wallets add more anyway.
const TOLERANCE_PER_MILLE: u64 = 15;

/// How an attempt with some gas limit went.
enum Attempt {
    Success {
        gas_used: u64,
        gas_spent: u64,
    },
    /// It might succeed with more gas (or, above the fork's limit, with less).
    OutOfGas,
    Failed(RpcError),
}

/// The least gas limit, nearly, with which `message` succeeds in `run`.
///
/// # Errors
/// It fails with any gas: the revert, or "gas required exceeds allowance".
pub(crate) fn estimate(
    run: &CallRun,
    message: &CallMessage,
    gas_cap: u64,
) -> Result<u64, RpcError> {
    let mut most = highest(run, message, gas_cap)?;
    let mut search = Search { run, evm: run.evm(NoOpInspector) };
    // Whatever stops the short cut stops the search below too, and is reported there.
    if message.data.is_empty()
        && is_plain_recipient(run, message)?
        && let Ok(Attempt::Success { .. }) = search.attempt(message, TRANSFER_GAS)
    {
        return Ok(TRANSFER_GAS);
    }
    let (gas_used, gas_spent) = match search.attempt(message, most)? {
        Attempt::Success { gas_used, gas_spent } => (gas_used, gas_spent),
        Attempt::OutOfGas => {
            return Err(RpcError::server(format!("gas required exceeds allowance ({most})")));
        }
        Attempt::Failed(error) => return Err(error),
    };
    // Too little: less than was used cannot do, but for contracts that look at the gas left.
    let mut least = gas_used.saturating_sub(1);
    let likely = (gas_spent.saturating_add(CALL_STIPEND)).saturating_mul(64) / 63;
    if likely < most {
        match search.attempt(message, likely)? {
            Attempt::Success { .. } => most = likely,
            _ => least = likely,
        }
    }
    while least.saturating_add(1) < most {
        if (most - least).saturating_mul(1000) < most.saturating_mul(TOLERANCE_PER_MILLE) {
            break;
        }
        // Most calls need little more than they use, so the low half is tried first.
        let middle = (least + (most - least) / 2).min(least.saturating_mul(2));
        match search.attempt(message, middle)? {
            Attempt::Success { .. } => most = middle,
            _ => least = middle,
        }
    }
    Ok(most)
}

/// The highest limit worth trying: what is asked, what the chain allows, what the sender can pay.
fn highest(run: &CallRun, message: &CallMessage, gas_cap: u64) -> Result<u64, RpcError> {
    let asked = message.gas >= TRANSFER_GAS;
    let mut most = if asked { message.gas } else { run.env().gas_limit };
    if run.fork() >= Fork::Osaka {
        most = most.min(TX_GAS_MAX);
    }
    if message.fee_cap != 0 {
        let balance = run.state().account(&message.from)?.unwrap_or_default().balance;
        let blob_fee = U256::from(message.blob_hashes.len())
            .saturating_mul(U256::from(alloy_eips::eip4844::DATA_GAS_PER_BLOB))
            .saturating_mul(U256::from(message.blob_fee_cap));
        if message.value >= balance && !message.value.is_zero() {
            return Err(RpcError::server("insufficient funds for transfer"));
        }
        let fixed = blob_fee.saturating_add(run.l1_data_fee(message)?);
        let left = balance - message.value;
        if fixed > left || (!fixed.is_zero() && fixed == left) {
            return Err(RpcError::server("insufficient funds for gas * price + value"));
        }
        let affordable = (left - fixed) / U256::from(message.fee_cap);
        most = most.min(affordable.saturating_to());
    }
    Ok(most.min(gas_cap))
}

/// Whether the recipient runs no code.
fn is_plain_recipient(run: &CallRun, message: &CallMessage) -> Result<bool, RpcError> {
    let Some(to) = message.to else { return Ok(false) };
    Ok(!run.state().account(&to)?.unwrap_or_default().has_code())
}

/// One EVM for all attempts, so that each account is read once.
struct Search<'a> {
    run: &'a CallRun,
    evm: JovayEvm<'a, Guard<NoOpInspector>>,
}

impl Search<'_> {
    fn attempt(&mut self, message: &CallMessage, gas: u64) -> Result<Attempt, RpcError> {
        let message = CallMessage { gas, ..message.clone() };
        let result = match self.run.transact(&mut self.evm, &message) {
            Ok(outcome) => outcome.result,
            Err(CallFailure::Invalid(invalid)) if invalid.wants_gas => {
                return Ok(Attempt::OutOfGas);
            }
            Err(CallFailure::Invalid(invalid)) => {
                let text = format!("failed with {gas} gas: {}", invalid.message);
                return Err(RpcError::server(text));
            }
            Err(CallFailure::Error(error)) => return Err(error),
        };
        Ok(match result {
            ExecutionResult::Success { gas, .. } => Attempt::Success {
                gas_used: gas.tx_gas_used(),
                gas_spent: gas.total_gas_spent().max(gas.floor_gas()),
            },
            ExecutionResult::Halt { reason, .. } if outcome::is_out_of_gas(&reason) => {
                Attempt::OutOfGas
            }
            other => match outcome::returned(other) {
                Err(error) => Attempt::Failed(error),
                Ok(_) => Attempt::Failed(RpcError::internal("a failed call returned")),
            },
        })
    }
}
