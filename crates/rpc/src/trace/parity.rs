//! Executions turned into Parity's traces.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use alloy_eips::BlockNumHash;
use alloy_primitives::{B256, map::HashSet};
use alloy_rpc_types_eth::TransactionInfo;
use alloy_rpc_types_trace::parity::{
    LocalizedTransactionTrace, RewardAction, RewardType, TraceResults, TraceType,
};
use jovay_evm::{DbError, Rewards, TxInput};
use jovay_types::{RecoveredTx, SealedBlock, StateDiff};
use revm::context_interface::result::ResultAndState;
use revm_inspectors::tracing::{
    TraceLimitBehavior, TraceLimits, TracingInspector, TracingInspectorConfig,
};

use crate::call::guard::{Deadline, StepMemory};
use crate::call::request::CallMessage;
use crate::call::run::CallRun;
use crate::debug::options::{RECORDED_BYTES_MAX, STEP_MEMORY_BYTES, StepTrace};
use crate::debug::replay::Replay;
use crate::{Context, RpcError};

/// Time for a block, or a range of blocks.
pub(super) const BLOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client wants to see of an execution.
pub(super) struct TraceTypes {
    types: HashSet<TraceType>,
    config: TracingInspectorConfig,
    /// Steps are recorded: their memory is bounded, and how many such traces run.
    steps: Option<(StepMemory, StepTrace)>,
}

impl TraceTypes {
    /// Prepares for `types`.
    ///
    /// # Errors
    /// Too many traces that record steps run already.
    pub(super) fn new(types: HashSet<TraceType>) -> Result<Self, RpcError> {
        let steps = match types.contains(&TraceType::VmTrace) {
            true => {
                let memory = StepMemory::new(STEP_MEMORY_BYTES, 0, true, false);
                Some((memory, StepTrace::enter()?))
            }
            false => None,
        };
        Ok(Self { config: TracingInspectorConfig::from_parity_config(&types), types, steps })
    }

    fn step_memory(&self) -> Option<StepMemory> {
        self.steps.as_ref().map(|(memory, _)| memory.clone())
    }

    fn inspector(&self) -> TracingInspector {
        inspector(self.config)
    }
}

fn inspector(config: TracingInspectorConfig) -> TracingInspector {
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(RECORDED_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    TracingInspector::new(config).with_limits(limits)
}

/// The call traces of transactions of `block`, in order; rewards not among them.
pub(super) fn call_traces(
    context: &Context,
    block: &Arc<SealedBlock>,
    range: Range<usize>,
    deadline: Deadline,
) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let replay = Replay::new(context, block.clone(), deadline)?;
    let config = TracingInspectorConfig::default_parity();
    let mut traces = Vec::new();
    replay.range(
        range,
        || inspector(config),
        |replayed| {
            let info = TransactionInfo {
                hash: Some(replayed.tx.hash()),
                index: Some(replayed.index as u64),
                block_hash: Some(block.hash),
                block_number: Some(block.number()),
                base_fee: block.header.base_fee_per_gas,
                ..TransactionInfo::default()
            };
            let builder = replayed.inspector.into_parity_builder();
            traces.extend(builder.into_localized_transaction_traces(info));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(traces)
}

/// All traces of `block`: calls, then rewards if it is a proof-of-work block.
///
/// # Errors
/// The state before it is gone, or time or memory ran out.
pub(super) fn block_traces(
    context: &Context,
    block: &Arc<SealedBlock>,
    deadline: Deadline,
) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    // The genesis block neither executes nor rewards anything.
    if block.number() == 0 {
        return Ok(Vec::new());
    }
    let mut traces = match block.transactions.len() {
        0 => Vec::new(),
        count => call_traces(context, block, 0..count, deadline)?,
    };
    traces.extend(rewards(context, block));
    Ok(traces)
}

fn rewards(context: &Context, block: &SealedBlock) -> Vec<LocalizedTransactionTrace> {
    let fork = context.chain.spec().fork_of_header(&block.header);
    let Some(rewards) = Rewards::of(block.number(), fork, &block.ommers) else {
        return Vec::new();
    };
    let at = BlockNumHash { number: block.number(), hash: block.hash };
    let own = (block.header.beneficiary, rewards.block, RewardType::Block);
    let uncles = rewards.ommers.into_iter().map(|(to, wei)| (to, wei, RewardType::Uncle));
    core::iter::once(own)
        .chain(uncles)
        .map(|(author, value, reward_type)| {
            RewardAction { author, reward_type, value }.into_localized_trace(at)
        })
        .collect()
}

/// The call traces of a published transaction; `None` if there is no such transaction.
///
/// # Errors
/// See [`block_traces`].
pub(super) fn transaction_traces(
    context: &Context,
    hash: &B256,
) -> Result<Option<Vec<LocalizedTransactionTrace>>, RpcError> {
    let Some((number, index)) = context.chain.transaction_location(hash)? else {
        return Ok(None);
    };
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let deadline = Deadline::after(BLOCK_TIMEOUT);
    call_traces(context, &block, index..index + 1, deadline).map(Some)
}

/// Executes transactions of `block` again and hands each one's hash and trace to `each`.
///
/// # Errors
/// See [`block_traces`].
pub(super) fn replay(
    context: &Context,
    block: &Arc<SealedBlock>,
    range: Range<usize>,
    types: &TraceTypes,
    mut each: impl FnMut(B256, TraceResults) -> ControlFlow<()>,
) -> Result<(), RpcError> {
    let deadline = Deadline::after(BLOCK_TIMEOUT);
    let replay =
        Replay::new(context, block.clone(), deadline)?.with_step_memory(types.step_memory());
    replay.range(
        range,
        || types.inspector(),
        |replayed| {
            let builder = replayed.inspector.into_parity_builder();
            let trace = builder
                .into_trace_results_with_state(replayed.result, &types.types, replayed.db)
                .map_err(database)?;
            Ok(each(replayed.tx.hash(), trace))
        },
    )
}

/// Traces a call; its changes come with the trace.
///
/// # Errors
/// The call cannot begin, or a limit is exceeded.
pub(super) fn call(
    run: &CallRun,
    message: &CallMessage,
    types: &TraceTypes,
) -> Result<(TraceResults, StateDiff), RpcError> {
    let mut evm = run.evm(types.inspector());
    evm.inspector_mut().set_step_memory(types.step_memory());
    let outcome =
        run.transact(&mut evm, message).map_err(|failure| failure.into_error(message.gas))?;
    let result = ResultAndState::new(outcome.result, outcome.state);
    let (mut db, guard) = evm.into_parts();
    let builder = guard.inner.into_parity_builder();
    let trace =
        builder.into_trace_results_with_state(&result, &types.types, &db).map_err(database)?;
    db.commit(result.state)?;
    Ok((trace, db.diff()))
}

/// Traces a signed transaction as if it came next.
///
/// # Errors
/// It is not valid, or a limit is exceeded.
pub(super) fn transaction(
    run: &CallRun,
    tx: &RecoveredTx,
    types: &TraceTypes,
) -> Result<TraceResults, RpcError> {
    let mut evm = run.evm(types.inspector());
    evm.inspector_mut().set_step_memory(types.step_memory());
    let charge = run.is_l2() && !evm.l1_gas_prices()?.is_free();
    let input: TxInput = jovay_evm::tx_env(tx, charge);
    let outcome = run.inspect(&mut evm, input)?;
    let result = ResultAndState::new(outcome.result, outcome.state);
    let (db, guard) = evm.into_parts();
    let builder = guard.inner.into_parity_builder();
    builder.into_trace_results_with_state(&result, &types.types, &db).map_err(database)
}

fn database(error: DbError) -> RpcError {
    error.0.into()
}
