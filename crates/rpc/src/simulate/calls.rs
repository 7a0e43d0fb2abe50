//! The calls of a simulated block, one after the other.

use std::cmp::Ordering;
use std::sync::Arc;

use alloy_consensus::Eip658Value;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{B256, Log, U256};
use jovay_evm::revm::context_interface::result::{ExecutionResult, InvalidTransaction};
use jovay_evm::{BlockEnv, Fork, JovayEvm, TxOutcome};
use jovay_types::{Receipt, RecoveredTx, Transaction, TxReceipt};

use super::answer::CallAnswer;
use super::chain::Simulator;
use super::transfers::TransferLogs;
use crate::RpcError;
use crate::call::guard::Guard;
use crate::call::invalid::InvalidCall;
use crate::call::request::{CallMessage, CallRequest};
use crate::call::run::{CallFailure, failure, stopped};
use crate::params::Strict;

/// The block's gas does not suffice for the call.
const BLOCK_GAS_LIMIT_REACHED: i32 = -38015;

/// Sums and lists over the calls of a block.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) gas_used: u64,
    pub(super) blob_gas_used: u64,
    pub(super) transactions: Vec<Arc<RecoveredTx>>,
    pub(super) receipts: Vec<TxReceipt>,
    pub(super) calls: Vec<CallAnswer>,
}

/// The calls of one block.
pub(super) struct Calls<'a, 'b> {
    pub(super) simulator: &'a Simulator<'b>,
    pub(super) env: &'a BlockEnv,
    pub(super) fork: Fork,
    pub(super) evm: JovayEvm<'a, Guard<TransferLogs>>,
    /// Gas that this and all further calls of the request may use.
    pub(super) gas_left: u64,
    pub(super) progress: Progress,
}

impl Calls<'_, '_> {
    /// Runs `call` and keeps what it came to.
    ///
    /// # Errors
    /// It is not valid where it stands, or a limit is exceeded.
    pub(super) fn run(&mut self, call: &CallRequest) -> Result<(), RpcError> {
        let message = self.resolve(call)?;
        if self.simulator.options.validation {
            self.check_nonce(&message)?;
        }
        let outcome = self.transact(&message).map_err(|failure| match failure {
            CallFailure::Invalid(invalid) => invalid.into_simulate_error(message.gas),
            CallFailure::Error(error) => error,
        })?;
        let TxOutcome { result, state, l1_fee } = outcome;
        self.evm.commit(state)?;
        self.record(&message, result, l1_fee)
    }

    fn record(
        &mut self,
        message: &CallMessage,
        result: ExecutionResult,
        l1_fee: U256,
    ) -> Result<(), RpcError> {
        let shown = self.evm.inspector_mut().inner.take();
        let gas = *result.gas();
        let used = gas.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(used);
        self.progress.gas_used += used;
        self.progress.blob_gas_used += message.blob_hashes.len() as u64 * DATA_GAS_PER_BLOB;
        let status = if self.fork >= Fork::Byzantium {
            Eip658Value::Eip658(result.is_success())
        } else {
            Eip658Value::PostState(self.intermediate_root()?)
        };
        let logs: Vec<Log> = result.logs().to_vec();
        let tx = Transaction::Ethereum(message.unsigned(self.simulator.spec.chain_id));
        let tx = Arc::new(RecoveredTx::with_sender(tx, message.from));
        let cumulative_gas_used = self.progress.gas_used;
        self.progress.receipts.push(TxReceipt {
            receipt: Receipt { tx_type: tx.tx_type(), status, cumulative_gas_used, logs },
            gas_used: used,
            contract_address: message.to.is_none().then(|| message.from.create(message.nonce)),
            l1_fee,
        });
        self.progress.transactions.push(tx);
        let most = gas.total_gas_spent().max(gas.floor_gas());
        self.progress.calls.push(CallAnswer::new(result, shown, used, most));
        Ok(())
    }

    /// Fills in nonce and gas: what is left of the block, and of the request's budget.
    fn resolve(&self, call: &CallRequest) -> Result<CallMessage, RpcError> {
        let spec = &self.simulator.spec;
        let nonce = self.evm.db().account(call.sender())?.unwrap_or_default().nonce;
        let (gas_limit, gas_used) = (self.env.gas_limit, self.progress.gas_used);
        let Strict(gas) = call.gas.unwrap_or(Strict(gas_limit.saturating_sub(gas_used)));
        if gas_used.saturating_add(gas) > gas_limit {
            let message = format!("block gas limit reached: {gas_used} >= {gas_limit}");
            return Err(RpcError::new(BLOCK_GAS_LIMIT_REACHED, message));
        }
        let call = CallRequest { gas: Some(Strict(gas)), ..call.clone() };
        call.resolve(self.gas_left, nonce, spec.chain_id, self.env.base_fee, true)
    }

    /// Nonces come before fees, as in geth; revm looks at them later.
    fn check_nonce(&self, message: &CallMessage) -> Result<(), RpcError> {
        use InvalidTransaction as E;
        let (tx, from) = (message.nonce, message.from);
        let state = self.evm.db().account(from)?.unwrap_or_default().nonce;
        let error = match tx.cmp(&state) {
            Ordering::Less => E::NonceTooLow { tx, state },
            Ordering::Greater => E::NonceTooHigh { tx, state },
            Ordering::Equal if tx == u64::MAX => E::NonceOverflowInTransaction,
            Ordering::Equal => return Ok(()),
        };
        let base_fee = self.env.base_fee.unwrap_or(0);
        Err(InvalidCall::new(&error, message, base_fee).into_simulate_error(message.gas))
    }

    fn transact(&mut self, message: &CallMessage) -> Result<TxOutcome, CallFailure> {
        let validation = self.simulator.options.validation;
        let cfg = self.evm.cfg_mut();
        cfg.disable_nonce_check = !validation;
        cfg.disable_base_fee = !validation && message.is_free();
        // Contracts may send, and a simulation's own limits stand in for the transaction's.
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        let outcome = self.evm.inspect(message.env(self.simulator.spec.chain_id));
        if let Some(why) = self.evm.inspector_mut().stopped() {
            return Err(CallFailure::Error(stopped(why)));
        }
        outcome.map_err(|error| failure(error, message, self.env.base_fee.unwrap_or(0)))
    }

    fn intermediate_root(&self) -> Result<B256, RpcError> {
        let mut state = self.simulator.state.clone();
        state.apply(&self.evm.db().diff());
        let diff = state.diff(self.fork >= Fork::SpuriousDragon)?;
        let chain = &self.simulator.context.chain;
        Ok(chain.state_root_after(self.simulator.base_number, &diff)?)
    }
}
