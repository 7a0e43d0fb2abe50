//! The execution of a call: its state with overrides, its block, its limits.

use std::sync::Arc;

use alloy_primitives::U256;
use jovay_evm::{
    BlockEnv, BlockHashes, ChainSpec, EvmDb, EvmError, Fork, JovayContext, JovayEvm, L1GasPrices,
    Precompiles, TxError, TxInput, TxOutcome, estimated_size,
};
use jovay_state::StateView;
use jovay_types::{SealedBlock, StateDiff};
use revm::Inspector;
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::context_interface::result::{EVMError, ExecutionResult};
use revm::inspector::NoOpInspector;

use super::guard::{Deadline, Guard, TIMED_OUT};
use super::invalid::InvalidCall;
use super::overrides::{BlockOverrides, StateOverrides, apply_state};
use super::request::{CallMessage, CallRequest};
use super::scratch::ScratchState;
use crate::error::TIMEOUT;
use crate::params::{BlockId, BlockNumber, Strict};
use crate::{Context, RpcError};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CallFailure {
    /// It breaks a rule for transactions.
    Invalid(InvalidCall),
    /// Anything else: time ran out, or the state could not be read.
    Error(RpcError),
}

impl CallFailure {
    /// As a call that was given `gas` reports it.
    pub(crate) fn into_error(self, gas: u64) -> RpcError {
        match self {
            Self::Invalid(invalid) => invalid.into_call_error(gas),
            Self::Error(error) => error,
        }
    }
}

impl From<jovay_state::StateError> for CallFailure {
    fn from(error: jovay_state::StateError) -> Self {
        Self::Error(error.into())
    }
}

/// A state and a block in which calls run. Nothing that a call does stays.
pub(crate) struct CallRun {
    spec: Arc<ChainSpec>,
    state: ScratchState,
    env: BlockEnv,
    blob_base_fee: Option<u128>,
    hashes: Arc<dyn BlockHashes>,
    precompiles: Precompiles,
    deadline: Deadline,
    gas_cap: u64,
}

impl CallRun {
    /// In the state after `block`, as if the call stood in that block once more; for `pending`
    /// in the state after the head, as if it stood in the next block.
    ///
    /// # Errors
    /// There is no such block or no state of it, or the overrides contradict each other.
    pub(crate) fn new(
        context: &Context,
        block: BlockId,
        state_overrides: Option<&StateOverrides>,
        block_overrides: Option<&BlockOverrides>,
    ) -> Result<Self, RpcError> {
        let header_block: Arc<SealedBlock> = context.require_block(block)?;
        let state = context.chain.state_at(header_block.number())?;
        let env = match block {
            // What the next block would be: its time matters to contracts that look at it.
            // Blocks are more frequent than seconds: a transaction estimated in the second of the
            // latest block may well land in the next one, where contracts that write once a second
            // (price oracles) need more gas.
            BlockId::Number(BlockNumber::Pending) => {
                let mut env = context.chain.next_block_env();
                env.timestamp = env.timestamp.max(header_block.header.timestamp + 1);
                env
            }
            _ => BlockEnv::from(&header_block.header),
        };
        let mut run = Self::over(context, state, env);
        run.override_with(state_overrides, block_overrides)?;
        Ok(run)
    }

    /// In `state` and the block `env`.
    pub(crate) fn over(context: &Context, state: Arc<dyn StateView>, env: BlockEnv) -> Self {
        let spec = context.chain.spec().clone();
        let precompiles = Precompiles::new(spec.fork_of(&env).spec_id());
        Self {
            spec,
            state: ScratchState::new(state),
            env,
            blob_base_fee: None,
            hashes: context.chain.hashes(),
            precompiles,
            deadline: Deadline::after(context.config.call_timeout),
            gas_cap: context.config.call_gas_cap,
        }
    }

    /// Changes state and block before any call.
    ///
    /// # Errors
    /// The overrides contradict each other.
    pub(crate) fn override_with(
        &mut self,
        state: Option<&StateOverrides>,
        block: Option<&BlockOverrides>,
    ) -> Result<(), RpcError> {
        if let Some(overrides) = state {
            apply_state(overrides, &mut self.state, &mut self.precompiles)?;
        }
        if let Some(overrides) = block {
            overrides.apply(&mut self.env)?;
            self.blob_base_fee =
                overrides.blob_base_fee.map(|Strict(fee)| fee.saturating_to::<u128>());
        }
        Ok(())
    }

    /// The state with overrides.
    pub(crate) fn state(&self) -> &ScratchState {
        &self.state
    }

    /// The block.
    pub(crate) fn env(&self) -> &BlockEnv {
        &self.env
    }

    /// The fork that holds.
    pub(crate) fn fork(&self) -> Fork {
        self.spec.fork_of(&self.env)
    }

    /// The precompiles, moved ones where they were moved to.
    pub(crate) fn precompiles(&self) -> &Precompiles {
        &self.precompiles
    }

    /// Gives more or less time than the default.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Lays changes over the state.
    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        self.state.apply(diff);
    }

    /// Fills in what `request` leaves out; the nonce is the sender's.
    ///
    /// # Errors
    /// Contradictory fields, or the state could not be read.
    pub(crate) fn resolve(&self, request: &CallRequest) -> Result<CallMessage, RpcError> {
        let nonce = match request.nonce {
            Some(Strict(nonce)) => nonce,
            None => self.state.account(&request.sender())?.unwrap_or_default().nonce,
        };
        request.resolve(self.gas_cap, nonce, self.spec.chain_id, self.env.base_fee, false)
    }

    /// Most gas of a call here.
    pub(crate) fn gas_cap(&self) -> u64 {
        self.gas_cap
    }

    /// The L1 data fee in wei that `message` would pay as a transaction; zero where there is none.
    ///
    /// # Errors
    /// The state could not be read.
    pub(crate) fn l1_data_fee(&self, message: &CallMessage) -> Result<U256, RpcError> {
        let Some(prices) = self.l1_prices()? else { return Ok(U256::ZERO) };
        let mut raw = Vec::new();
        alloy_eips::eip2718::Encodable2718::encode_2718(
            &message.unsigned(self.spec.chain_id),
            &mut raw,
        );
        // The signature, which compresses to nothing less, is not there yet.
        Ok(prices.fee(estimated_size(&raw) + SIGNATURE_BYTES))
    }

    /// The L1 data fee in wei of the signed transaction with the encoding `raw`; zero where there is
    /// none.
    ///
    /// # Errors
    /// The state could not be read.
    pub(crate) fn l1_data_fee_of(&self, raw: &[u8]) -> Result<U256, RpcError> {
        Ok(self.l1_prices()?.map_or(U256::ZERO, |prices| prices.fee(estimated_size(raw))))
    }

    /// L1's prices here; `None` where data costs nothing.
    fn l1_prices(&self) -> Result<Option<L1GasPrices>, RpcError> {
        if !self.spec.is_l2() {
            return Ok(None);
        }
        let mut db = EvmDb::new(&self.state, &*self.hashes);
        let prices = L1GasPrices::read(&mut db).map_err(|error| RpcError::from(error.0))?;
        Ok((!prices.is_free()).then_some(prices))
    }

    /// An EVM here, watched by `inspector`.
    pub(crate) fn evm<I>(&self, inspector: I) -> JovayEvm<'_, Guard<I>> {
        let db = EvmDb::new(&self.state, &*self.hashes);
        let guard = Guard::new(inspector, self.deadline);
        let mut evm = JovayEvm::with_inspector(&self.spec, &self.env, db, guard);
        *evm.precompiles_mut() = self.precompiles.clone();
        evm
    }

    /// Runs `message` as a call: whoever sends it, whatever its nonce, free of charge if it
    /// offers no fee.
    ///
    /// # Errors
    /// See [`CallFailure`].
    pub(crate) fn transact<'a, I: Inspector<JovayContext<'a>>>(
        &self,
        evm: &mut JovayEvm<'a, Guard<I>>,
        message: &CallMessage,
    ) -> Result<TxOutcome, CallFailure> {
        if self.deadline.has_passed() {
            return Err(CallFailure::Error(stopped(TIMED_OUT)));
        }
        let cfg = evm.cfg_mut();
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.disable_base_fee = message.is_free();
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        let block = evm.block_mut();
        block.basefee = if message.is_free() { 0 } else { self.env.base_fee.unwrap_or(0) };
        if let Some(blob) = &mut block.blob_excess_gas_and_price {
            let excess = blob.excess_blob_gas;
            let asked = !message.blob_hashes.is_empty() && message.blob_fee_cap == 0;
            if let Some(fee) = asked.then_some(0).or(self.blob_base_fee) {
                *blob = BlobExcessGasAndPrice { excess_blob_gas: excess, blob_gasprice: fee };
            }
        }
        let input = TxInput::from(message.env(self.spec.chain_id));
        let outcome = evm.inspect(input);
        if let Some(why) = evm.inspector_mut().stopped() {
            return Err(CallFailure::Error(stopped(why)));
        }
        outcome.map_err(|error| failure(error, message, self.env.base_fee.unwrap_or(0)))
    }

    /// Runs a transaction under all the rules of transactions.
    ///
    /// # Errors
    /// It is not valid as the next one, time ran out, or the state could not be read.
    pub(crate) fn inspect<'a, I: Inspector<JovayContext<'a>>>(
        &self,
        evm: &mut JovayEvm<'a, Guard<I>>,
        input: TxInput,
    ) -> Result<TxOutcome, RpcError> {
        let env = input.env.clone();
        let outcome = evm.inspect(input);
        if let Some(why) = evm.inspector_mut().stopped() {
            return Err(stopped(why));
        }
        outcome.map_err(|error| match error {
            EVMError::Transaction(invalid) => {
                let base_fee = self.env.base_fee.unwrap_or(0);
                RpcError::server(TxError::from_refusal(invalid, &env, base_fee).to_string())
            }
            EVMError::Database(error) => error.0.into(),
            other => RpcError::server(other.to_string()),
        })
    }

    /// Whether the chain is the L2.
    pub(crate) fn is_l2(&self) -> bool {
        self.spec.is_l2()
    }

    /// Runs `message` and tells how it ended.
    ///
    /// # Errors
    /// See [`CallFailure`].
    pub(crate) fn call(&self, message: &CallMessage) -> Result<ExecutionResult, CallFailure> {
        let mut evm = self.evm(NoOpInspector);
        Ok(self.transact(&mut evm, message)?.result)
    }

    /// The chain's id.
    pub(crate) fn chain_id(&self) -> u64 {
        self.spec.chain_id
    }
}

/// What a signature adds to a transaction, in bytes.
const SIGNATURE_BYTES: u64 = 65;

/// The error of an execution that a [`Guard`] stopped.
pub(crate) fn stopped(why: &'static str) -> RpcError {
    if why == TIMED_OUT { RpcError::new(TIMEOUT, why) } else { RpcError::limit(why) }
}

/// Why the EVM did not run `message`.
pub(crate) fn failure(error: EvmError, message: &CallMessage, base_fee: u64) -> CallFailure {
    match error {
        EVMError::Transaction(invalid) => {
            CallFailure::Invalid(InvalidCall::new(&invalid, message, base_fee))
        }
        EVMError::Database(error) => CallFailure::Error(error.0.into()),
        other => CallFailure::Error(RpcError::server(other.to_string())),
    }
}
