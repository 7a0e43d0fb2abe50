//! An EVM for one block, reused for all its transactions.

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_state::StateError;
use jovay_types::EMPTY_CODE_HASH;
use revm::{
    Context, Inspector, Journal,
    context::{
        BlockEnv as RevmBlockEnv, CfgEnv, ContextError, ContextSetters, Evm, FrameStack, JournalTr,
        TxEnv,
    },
    context_interface::result::{ExecutionResult, HaltReason},
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameResult, Handler, ItemOrResult, SystemCallTx,
        evm::FrameInitResult, instructions::EthInstructions,
    },
    inspector::{InspectorEvmTr, InspectorHandler, NoOpInspector},
    interpreter::{FrameInput, interpreter::EthInterpreter, interpreter_action::FrameInit},
    state::EvmState,
};

use crate::{
    BlockEnv, ChainSpec, DbError, EvmDb, L1GasPrices, Precompiles, TxInput,
    handler::{JovayHandler, L2Context},
    predeploys::L1_GAS_ORACLE,
    prepare_env,
};

/// revm's context over [`EvmDb`]: the `CTX` of every inspector.
pub type JovayContext<'a> =
    Context<RevmBlockEnv, TxEnv, CfgEnv, EvmDb<'a>, Journal<EvmDb<'a>>, L2Context>;

type Instructions<'a> = EthInstructions<EthInterpreter, JovayContext<'a>>;
type Frame = EthFrame<EthInterpreter>;
type Inner<'a, I> = Evm<JovayContext<'a>, I, Instructions<'a>, Precompiles, Frame>;

/// revm's EVM with EIP-7610: a creation fails where there is storage already.
pub(crate) struct RevmEvm<'a, I>(Inner<'a, I>);

impl<'a, I> core::ops::Deref for RevmEvm<'a, I> {
    type Target = Inner<'a, I>;

    fn deref(&self) -> &Inner<'a, I> {
        &self.0
    }
}

impl<'a, I> core::ops::DerefMut for RevmEvm<'a, I> {
    fn deref_mut(&mut self) -> &mut Inner<'a, I> {
        &mut self.0
    }
}

impl<'a, I> RevmEvm<'a, I> {
    /// The address that a frame will create a contract at, if there is storage already.
    fn occupied(&self, input: &FrameInit) -> Result<Option<Address>, ContextError<DbError>> {
        let FrameInput::Create(create) = &input.frame_input else { return Ok(None) };
        let journal = &self.0.ctx.journaled_state;
        let Some(caller) = journal.state.get(&create.caller()) else { return Ok(None) };
        let target = create.created_address(caller.info.nonce);
        let occupied = journal.database.has_storage_only(target).map_err(DbError)?;
        Ok(occupied.then_some(target))
    }

    /// Makes revm see another code hash at `target`, which it takes for a collision, or no longer.
    /// revm knows of storage only what it has read, so it cannot see this kind itself.
    fn mark_occupied(&mut self, target: Address, occupied: bool) {
        let journal = &mut self.0.ctx.journaled_state;
        journal.database.mark_occupied(occupied.then_some(target));
        if let Some(account) = journal.state.get_mut(&target) {
            account.info.code_hash = if occupied { B256::ZERO } else { EMPTY_CODE_HASH };
        }
    }
}

impl<'a, I> EvmTr for RevmEvm<'a, I> {
    type Context = JovayContext<'a>;
    type Instructions = Instructions<'a>;
    type Precompiles = Precompiles;
    type Frame = Frame;

    fn all(&self) -> (&JovayContext<'a>, &Instructions<'a>, &Precompiles, &FrameStack<Frame>) {
        self.0.all()
    }

    fn all_mut(
        &mut self,
    ) -> (&mut JovayContext<'a>, &mut Instructions<'a>, &mut Precompiles, &mut FrameStack<Frame>)
    {
        self.0.all_mut()
    }

    fn frame_init(
        &mut self,
        input: FrameInit,
    ) -> Result<FrameInitResult<'_, Frame>, ContextError<DbError>> {
        let Some(target) = self.occupied(&input)? else {
            return self.0.frame_init(input);
        };
        self.mark_occupied(target, true);
        let failed = match self.0.frame_init(input) {
            Ok(ItemOrResult::Result(result)) => Ok(ItemOrResult::Result(result)),
            Ok(ItemOrResult::Item(_)) => {
                Err(ContextError::Custom("a creation over storage began".into()))
            }
            Err(error) => Err(error),
        };
        self.mark_occupied(target, false);
        failed
    }

    fn frame_run(&mut self) -> Result<FrameInitOrResult<Frame>, ContextError<DbError>> {
        self.0.frame_run()
    }

    fn frame_return_result(
        &mut self,
        result: FrameResult,
    ) -> Result<Option<FrameResult>, ContextError<DbError>> {
        self.0.frame_return_result(result)
    }
}

impl<'a, I> InspectorEvmTr for RevmEvm<'a, I>
where
    I: Inspector<JovayContext<'a>, EthInterpreter>,
{
    type Inspector = I;

    fn all_inspector(
        &self,
    ) -> (&JovayContext<'a>, &Instructions<'a>, &Precompiles, &FrameStack<Frame>, &I) {
        self.0.all_inspector()
    }

    fn all_mut_inspector(
        &mut self,
    ) -> (
        &mut JovayContext<'a>,
        &mut Instructions<'a>,
        &mut Precompiles,
        &mut FrameStack<Frame>,
        &mut I,
    ) {
        self.0.all_mut_inspector()
    }
}

pub use crate::handler::EvmError;

/// What a transaction did, before it is committed.
#[derive(Clone, Debug)]
pub struct TxOutcome {
    /// Success, revert or halt; gas, logs and output.
    pub result: ExecutionResult<HaltReason>,
    /// Every account that it loaded.
    pub state: EvmState,
    /// L1 data fee in wei that it paid.
    pub l1_fee: U256,
}

/// An EVM under a chain's rules for one block, watched by the inspector `I`.
///
/// Build it once and run many transactions: building costs more than a transfer.
pub struct JovayEvm<'a, I = NoOpInspector> {
    inner: RevmEvm<'a, I>,
}

impl<'a> JovayEvm<'a> {
    /// An EVM for the block `env`, without inspector.
    pub fn new(spec: &ChainSpec, env: &BlockEnv, db: EvmDb<'a>) -> Self {
        Self::with_inspector(spec, env, db, NoOpInspector)
    }
}

impl<'a, I> JovayEvm<'a, I> {
    /// An EVM for the block `env` with an inspector, which sees what runs through
    /// [`inspect`](Self::inspect).
    pub fn with_inspector(
        spec: &ChainSpec,
        env: &BlockEnv,
        mut db: EvmDb<'a>,
        inspector: I,
    ) -> Self {
        let (cfg, block) = prepare_env(spec, env);
        if spec.fork_of(env) < crate::Fork::SpuriousDragon {
            db.keep_empty_accounts();
        }
        if spec.l2.is_some_and(|rules| rules.lazy_parent_hash) {
            db.defer_parent_hash(env.number);
        }
        Self::from_parts(cfg, block, db, inspector, spec.is_l2())
    }

    /// An EVM from revm's own environments: for calls with overrides.
    pub fn from_parts(
        cfg: CfgEnv,
        block: RevmBlockEnv,
        db: EvmDb<'a>,
        inspector: I,
        is_l2: bool,
    ) -> Self {
        let spec = cfg.spec;
        let context = Context::<RevmBlockEnv, TxEnv, CfgEnv, _, Journal<_>, ()>::new(db, spec)
            .with_cfg(cfg)
            .with_block(block)
            .with_chain(L2Context { is_l2, ..L2Context::default() });
        let inner = Evm {
            ctx: context,
            inspector,
            instruction: EthInstructions::new_mainnet_with_spec(spec),
            precompiles: Precompiles::new(spec),
            frame_stack: FrameStack::new_prealloc(8),
        };
        Self { inner: RevmEvm(inner) }
    }

    /// The state with what was committed.
    pub fn db(&self) -> &EvmDb<'a> {
        &self.inner.ctx.journaled_state.database
    }

    /// The state, to change it between transactions.
    pub fn db_mut(&mut self) -> &mut EvmDb<'a> {
        &mut self.inner.ctx.journaled_state.database
    }

    /// The configuration, to switch checks off before a call.
    pub fn cfg_mut(&mut self) -> &mut CfgEnv {
        &mut self.inner.ctx.cfg
    }

    /// The block environment.
    pub fn block_mut(&mut self) -> &mut RevmBlockEnv {
        &mut self.inner.ctx.block
    }

    /// The precompiles, to move them before a call.
    pub fn precompiles_mut(&mut self) -> &mut Precompiles {
        &mut self.inner.precompiles
    }

    /// revm's context, as inspectors see it.
    pub fn context_mut(&mut self) -> &mut JovayContext<'a> {
        &mut self.inner.ctx
    }

    /// The inspector.
    pub fn inspector_mut(&mut self) -> &mut I {
        &mut self.inner.inspector
    }

    /// The state and the inspector.
    pub fn into_parts(self) -> (EvmDb<'a>, I) {
        let inner = self.inner.0;
        (inner.ctx.journaled_state.database, inner.inspector)
    }

    /// Runs a transaction without the inspector and without committing it.
    ///
    /// # Errors
    /// The transaction is invalid where it stands, or the state could not be read.
    pub fn transact(&mut self, tx: impl Into<TxInput>) -> Result<TxOutcome, EvmError> {
        self.set_tx(tx.into());
        let result = JovayHandler::default().run(&mut self.inner);
        self.outcome(result)
    }

    /// L1's gas prices as the oracle holds them now.
    ///
    /// # Errors
    /// The state could not be read.
    pub fn l1_gas_prices(&mut self) -> Result<L1GasPrices, StateError> {
        if let Some(prices) = self.inner.ctx.chain.l1_prices {
            return Ok(prices);
        }
        let prices = L1GasPrices::read(self.db_mut()).map_err(|DbError(error)| error)?;
        Ok(*self.inner.ctx.chain.l1_prices.insert(prices))
    }

    /// Takes over what a transaction did; the next one sees it.
    ///
    /// # Errors
    /// The storage of a destroyed account could not be listed.
    pub fn commit(&mut self, state: EvmState) -> Result<(), StateError> {
        if state.get(&L1_GAS_ORACLE).is_some_and(|account| account.is_touched()) {
            self.inner.ctx.chain.l1_prices = None;
        }
        self.db_mut().commit(state)
    }

    /// Calls a system contract as [`SYSTEM_ADDRESS`](revm::handler::SYSTEM_ADDRESS) with 30 million
    /// gas of its own, without committing.
    ///
    /// # Errors
    /// The state could not be read.
    pub fn system_call(&mut self, to: Address, data: Bytes) -> Result<TxOutcome, EvmError> {
        self.set_tx(TxEnv::new_system_tx(to, data).into());
        let result = JovayHandler::default().run_system_call(&mut self.inner);
        self.outcome(result)
    }

    fn set_tx(&mut self, tx: TxInput) {
        let chain = &mut self.inner.ctx.chain;
        chain.data_size = tx.data_size;
        chain.is_l1_message = tx.is_l1_message;
        chain.skip_execution = false;
        chain.l1_fee = U256::ZERO;
        self.inner.ctx.set_tx(tx.env);
    }

    /// Empties the journal whatever happened, so that nothing leaks into the next transaction.
    fn outcome(
        &mut self,
        result: Result<ExecutionResult<HaltReason>, EvmError>,
    ) -> Result<TxOutcome, EvmError> {
        let state = self.inner.ctx.journaled_state.finalize();
        Ok(TxOutcome { result: result?, state, l1_fee: self.inner.ctx.chain.l1_fee })
    }
}

impl<'a, I> JovayEvm<'a, I>
where
    I: Inspector<JovayContext<'a>, EthInterpreter>,
{
    /// Runs a transaction under the eyes of the inspector, without committing it.
    ///
    /// # Errors
    /// See [`JovayEvm::transact`].
    pub fn inspect(&mut self, tx: impl Into<TxInput>) -> Result<TxOutcome, EvmError> {
        self.set_tx(tx.into());
        let result = JovayHandler::default().inspect_run(&mut self.inner);
        self.outcome(result)
    }
}
