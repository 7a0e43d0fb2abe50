//! Published blocks executed again, for those who want to watch.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use jovay_evm::{
    BlockEnv, BlockHashes, ChainSpec, EvmDb, EvmError, ExecuteError, JovayContext, JovayEvm,
    before_transactions, tx_env,
};
use jovay_state::StateView;
use jovay_types::{RecoveredTx, SealedBlock, StateDiff};
use revm::Inspector;
use revm::context::{BlockEnv as RevmBlockEnv, TxEnv};
use revm::context_interface::result::ResultAndState;
use revm::inspector::NoOpInspector;

use crate::call::guard::{Deadline, Guard, StepMemory};
use crate::call::run::stopped;
use crate::{Context, RpcError};

/// A block about to be executed again on the state before it, by the code that executed it first.
pub(crate) struct Replay {
    spec: Arc<ChainSpec>,
    block: Arc<SealedBlock>,
    env: BlockEnv,
    state: Arc<dyn StateView>,
    hashes: Arc<dyn BlockHashes>,
    deadline: Deadline,
    memory: Option<StepMemory>,
}

/// A transaction that was executed again and is not committed yet.
pub(crate) struct Replayed<'a, I> {
    /// Its position in the block.
    pub(crate) index: usize,
    pub(crate) tx: &'a RecoveredTx,
    /// What it came to.
    pub(crate) result: &'a ResultAndState,
    /// What watched it.
    pub(crate) inspector: I,
    /// The state before it.
    pub(crate) db: &'a EvmDb<'a>,
    pub(crate) tx_env: &'a TxEnv,
    pub(crate) block_env: &'a RevmBlockEnv,
}

impl Replay {
    /// Prepares `block`, which follows a published block.
    ///
    /// # Errors
    /// It is the genesis block, or the state before it is gone.
    pub(crate) fn new(
        context: &Context,
        block: Arc<SealedBlock>,
        deadline: Deadline,
    ) -> Result<Self, RpcError> {
        let Some(parent) = block.number().checked_sub(1) else {
            return Err(RpcError::server("genesis is not traceable"));
        };
        Ok(Self {
            spec: context.chain.spec().clone(),
            env: BlockEnv::from(&block.header),
            state: context.chain.state_at(parent)?,
            hashes: context.chain.hashes(),
            block,
            deadline,
            memory: None,
        })
    }

    /// Bounds what inspectors keep of steps, over all transactions together.
    pub(crate) fn with_step_memory(mut self, memory: Option<StepMemory>) -> Self {
        self.memory = memory;
        self
    }

    /// The block.
    pub(crate) fn block(&self) -> &Arc<SealedBlock> {
        &self.block
    }

    /// The whole block, every transaction watched by an inspector that `make` makes.
    ///
    /// # Errors
    /// As [`Replay::range`].
    pub(crate) fn all<I: for<'a> Inspector<JovayContext<'a>>>(
        &self,
        make: impl FnMut() -> I,
        each: impl FnMut(Replayed<'_, I>) -> Result<ControlFlow<()>, RpcError>,
    ) -> Result<(), RpcError> {
        self.range(0..self.block.transactions.len(), make, each)
    }

    /// The block's transactions before `watched` unseen, those in `watched` each watched by an
    /// inspector that `make` makes and then handed to `each`, which may end it.
    ///
    /// # Errors
    /// Time or memory ran out, the state could not be read, or `each` failed.
    pub(crate) fn range<I: for<'a> Inspector<JovayContext<'a>>>(
        &self,
        watched: Range<usize>,
        mut make: impl FnMut() -> I,
        mut each: impl FnMut(Replayed<'_, I>) -> Result<ControlFlow<()>, RpcError>,
    ) -> Result<(), RpcError> {
        let guard = Guard::new(make(), self.deadline).with_step_memory(self.memory.clone());
        let mut evm = self.evm(guard)?;
        for (index, tx) in self.block.transactions.iter().enumerate().take(watched.end) {
            if self.deadline.has_passed() {
                return Err(stopped(crate::call::guard::TIMED_OUT));
            }
            let input = self.input(&mut evm, tx)?;
            if index < watched.start {
                let outcome = evm.transact(input).map_err(replay_error)?;
                evm.commit(outcome.state)?;
                continue;
            }
            let tx_env = input.env.clone();
            let outcome = evm.inspect(input);
            if let Some(why) = evm.inspector_mut().stopped() {
                return Err(stopped(why));
            }
            let outcome = outcome.map_err(replay_error)?;
            let result = ResultAndState::new(outcome.result, outcome.state);
            let inspector = core::mem::replace(&mut evm.inspector_mut().inner, make());
            let block_env = evm.block_mut().clone();
            let flow = each(Replayed {
                index,
                tx,
                result: &result,
                inspector,
                db: evm.db(),
                tx_env: &tx_env,
                block_env: &block_env,
            })?;
            if flow.is_break() {
                return Ok(());
            }
            evm.commit(result.state)?;
        }
        Ok(())
    }

    /// What the block's system calls and its first `count` transactions changed.
    ///
    /// # Errors
    /// As [`Replay::range`].
    pub(crate) fn diff_before(&self, count: usize) -> Result<StateDiff, RpcError> {
        let mut evm = self.evm(Guard::new(NoOpInspector, self.deadline))?;
        for tx in self.block.transactions.iter().take(count) {
            if self.deadline.has_passed() {
                return Err(stopped(crate::call::guard::TIMED_OUT));
            }
            let input = self.input(&mut evm, tx)?;
            let outcome = evm.transact(input).map_err(replay_error)?;
            evm.commit(outcome.state)?;
        }
        Ok(evm.db().diff())
    }

    /// An EVM that has run what comes before the transactions.
    fn evm<I>(&self, guard: Guard<I>) -> Result<JovayEvm<'_, Guard<I>>, RpcError> {
        let db = EvmDb::new(&*self.state, &*self.hashes);
        let mut evm = JovayEvm::with_inspector(&self.spec, &self.env, db, guard);
        before_transactions(&mut evm, &self.spec, &self.env).map_err(|error| match error {
            ExecuteError::State(error) => RpcError::from(error),
            other => RpcError::internal(other),
        })?;
        Ok(evm)
    }

    fn input<I>(
        &self,
        evm: &mut JovayEvm<'_, I>,
        tx: &RecoveredTx,
    ) -> Result<jovay_evm::TxInput, RpcError> {
        let charge = self.spec.is_l2() && !evm.l1_gas_prices()?.is_free();
        Ok(tx_env(tx, charge))
    }
}

/// Why a transaction of a block does not run again: the given block is not valid, or the state is
/// not what it was.
fn replay_error(error: EvmError) -> RpcError {
    match error {
        EvmError::Database(error) => error.0.into(),
        EvmError::Transaction(error) => RpcError::server(format!("tracing failed: {error}")),
        EvmError::Custom(message) => RpcError::limit(message),
        other => RpcError::server(format!("tracing failed: {other}")),
    }
}
