//! Transactions under the L2's rules: revm's steps, four of them changed.

use core::marker::PhantomData;

use alloy_primitives::U256;
use jovay_types::L1_MESSAGE_TX_TYPE;
use revm::{
    Inspector,
    context::{
        Block, Cfg, ContextTr, JournalTr, Transaction, journaled_state::account::JournaledAccountTr,
    },
    context_interface::result::{EVMError, HaltReason, InvalidTransaction},
    handler::pre_execution::PreExecutionOutput,
    handler::{EvmTr, FrameResult, FrameTr, Handler, post_execution, pre_execution, validation},
    inspector::InspectorHandler,
    interpreter::{GasTracker, InitialAndFloorGas, interpreter::EthInterpreter},
};

use crate::{
    DbError, L1GasPrices,
    evm::{JovayContext, RevmEvm},
};

/// What the handler knows about the chain and the transaction, beside revm's context.
#[derive(Clone, Debug, Default)]
pub struct L2Context {
    /// Whether the L2's rules hold.
    pub(crate) is_l2: bool,
    /// L1's prices; `None` until read, and again when the oracle was touched.
    pub(crate) l1_prices: Option<L1GasPrices>,
    /// Estimated compressed size of the transaction in bytes.
    pub(crate) data_size: u64,
    /// Whether the transaction is an L1 message.
    pub(crate) is_l1_message: bool,
    /// The message's gas does not even cover its intrinsic gas.
    pub(crate) skip_execution: bool,
    /// The L1 data fee of the transaction in wei.
    pub(crate) l1_fee: U256,
}

/// Why a transaction could not run at all: invalid where it stands, or the state was unreadable.
pub type EvmError = EVMError<DbError>;

/// revm's handler with the L2's rules, which apply where the context says so.
pub(crate) struct JovayHandler<'a, I>(PhantomData<(&'a (), I)>);

impl<I> Default for JovayHandler<'_, I> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'a, I> Handler for JovayHandler<'a, I> {
    type Evm = RevmEvm<'a, I>;
    type Error = EvmError;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), EvmError> {
        let chain = &evm.ctx.chain;
        if chain.is_l1_message {
            return Ok(());
        }
        let tx_type = evm.ctx.tx.tx_type;
        if tx_type == L1_MESSAGE_TX_TYPE || (chain.is_l2 && tx_type == BLOB_TX_TYPE) {
            return Err(InvalidTransaction::Eip4844NotSupported.into());
        }
        validation::validate_env(evm.ctx())
    }

    /// An L1 message that cannot pay its intrinsic gas was accepted on L1, so it must go into the
    /// block: it fails there with all its gas used.
    fn validate_initial_tx_gas(&self, evm: &mut Self::Evm) -> Result<InitialAndFloorGas, EvmError> {
        let ctx = &mut evm.ctx;
        let checked = validation::validate_initial_tx_gas_with_gas_params(
            &ctx.tx,
            ctx.cfg.spec,
            ctx.cfg.gas_params(),
            ctx.cfg.is_eip7623_disabled(),
            ctx.cfg.is_amsterdam_eip8037_enabled(),
            ctx.cfg.tx_gas_limit_cap(),
            None,
        );
        match checked {
            Err(_) if ctx.chain.is_l1_message => {
                ctx.chain.skip_execution = true;
                Ok(InitialAndFloorGas::new(ctx.tx.gas_limit, 0))
            }
            other => Ok(other?),
        }
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _: &mut InitialAndFloorGas,
    ) -> Result<(), EvmError> {
        let ctx = evm.ctx();
        if ctx.chain.is_l1_message {
            return mint(ctx);
        }
        pre_execution::validate_against_state_and_deduct_caller::<_, EvmError>(ctx)?;
        charge_l1_fee(ctx)
    }

    fn pre_execution(
        &self,
        evm: &mut Self::Evm,
        gas: &mut GasTracker,
    ) -> Result<Option<PreExecutionOutput>, EvmError> {
        self.load_accounts(evm)?;
        if evm.ctx.chain.skip_execution {
            return Ok(None);
        }
        let checkpoint = evm.ctx().journal_mut().checkpoint();
        let Some(eip7702_refund) = self.apply_eip7702_auth_list(evm, gas)? else {
            evm.ctx().journal_mut().checkpoint_revert(checkpoint);
            return Ok(None);
        };
        Ok(Some(PreExecutionOutput { eip7702_refund, checkpoint }))
    }

    /// On the L2 nothing is burned: the fee vault, which is the beneficiary, gets base fee, tip
    /// and L1 data fee.
    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        exec_result: &mut <<Self::Evm as EvmTr>::Frame as FrameTr>::FrameResult,
    ) -> Result<(), EvmError> {
        let ctx = evm.ctx();
        if !ctx.chain.is_l2 {
            return Ok(post_execution::reward_beneficiary(ctx, exec_result.gas())?);
        }
        if ctx.chain.is_l1_message || ctx.cfg.is_fee_charge_disabled() {
            return Ok(());
        }
        let price = ctx.tx.effective_gas_price(u128::from(ctx.block.basefee));
        let gas_fee = U256::from(price).saturating_mul(U256::from(used_gas(exec_result)));
        let fee = gas_fee.saturating_add(ctx.chain.l1_fee);
        let vault = ctx.block.beneficiary();
        ctx.journal_mut().load_account_mut(vault)?.incr_balance(fee);
        Ok(())
    }
}

impl<'a, I> InspectorHandler for JovayHandler<'a, I>
where
    I: Inspector<JovayContext<'a>, EthInterpreter>,
{
    type IT = EthInterpreter;
}

const BLOB_TX_TYPE: u8 = 3;

fn used_gas(result: &FrameResult) -> u64 {
    result.gas().used()
}

/// Credits the sender of an L1 message with its value.
///
/// It happens before the call and outside of its checkpoint, so a failed call leaves the value
/// with the sender. The sender's nonce stays: an L1 message creates no contract whose address
/// would depend on it, and a deposit must not invalidate what the sender has signed on L2.
fn mint(ctx: &mut JovayContext<'_>) -> Result<(), EvmError> {
    let (sender, value) = (ctx.tx.caller, ctx.tx.value);
    let mut account = ctx.journal_mut().load_account_with_code_mut(sender)?.data;
    // More than 2^256 wei cannot be locked on L1.
    let balance = account.balance().saturating_add(value);
    account.set_balance(balance);
    Ok(())
}

/// Takes the L1 data fee from the sender, who has paid for the gas already.
fn charge_l1_fee(ctx: &mut JovayContext<'_>) -> Result<(), EvmError> {
    let size = ctx.chain.data_size;
    if !ctx.chain.is_l2 || size == 0 || ctx.cfg.is_fee_charge_disabled() {
        return Ok(());
    }
    let prices = match ctx.chain.l1_prices {
        Some(prices) => prices,
        None => *ctx.chain.l1_prices.insert(L1GasPrices::read(ctx.journaled_state.db_mut())?),
    };
    let fee = prices.fee(size);
    if fee.is_zero() {
        return Ok(());
    }
    let (caller, value) = (ctx.tx.caller, ctx.tx.value);
    let price = ctx.tx.effective_gas_price(u128::from(ctx.block.basefee));
    let gas_cost = U256::from(price).saturating_mul(U256::from(ctx.tx.gas_limit));
    let most = ctx.tx.max_balance_spending().unwrap_or(U256::MAX);
    let unchecked = ctx.cfg.is_balance_check_disabled();
    let mut account = ctx.journal_mut().load_account_mut(caller)?.data;
    let before_gas = account.balance().saturating_add(gas_cost);
    // As for gas, the sender must be able to pay at the fee cap, not only at the base fee.
    let want = most.saturating_add(fee);
    let left = if unchecked {
        account.balance().saturating_sub(fee).max(value)
    } else if before_gas < want {
        return Err(InvalidTransaction::LackOfFundForMaxFee {
            fee: alloc::boxed::Box::new(want),
            balance: alloc::boxed::Box::new(before_gas),
        }
        .into());
    } else {
        account.balance().saturating_sub(fee)
    };
    account.set_balance(left);
    ctx.chain.l1_fee = fee;
    Ok(())
}
