//! Why a call could not even begin, in geth's words, with the codes of `eth_simulateV1`.

use alloy_primitives::Address;
use revm::context_interface::result::InvalidTransaction;

use super::request::CallMessage;
use crate::RpcError;

/// A call that breaks a rule for transactions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InvalidCall {
    /// The code that `eth_simulateV1` gives it (execution-apis).
    pub(crate) code: i32,
    /// geth's message.
    pub(crate) message: String,
    /// Whether another gas limit might help: true to raise it.
    pub(crate) wants_gas: bool,
}

const NONCE_TOO_LOW: i32 = -38010;
const NONCE_TOO_HIGH: i32 = -38011;
const BASE_FEE_TOO_LOW: i32 = -38012;
const INTRINSIC_GAS: i32 = -38013;
const INSUFFICIENT_FUNDS: i32 = -38014;
const BLOCK_GAS_LIMIT: i32 = -38015;
const SENDER_NOT_EOA: i32 = -38024;
const INIT_CODE_TOO_LARGE: i32 = -38025;

impl InvalidCall {
    /// Describes `error`, which `message` from `message.from` ran into under `base_fee`.
    pub(crate) fn new(error: &InvalidTransaction, message: &CallMessage, base_fee: u64) -> Self {
        use InvalidTransaction as E;
        let from = message.from;
        let (code, text) = match error {
            E::NonceTooLow { tx, state } => (NONCE_TOO_LOW, nonce("too low", from, *tx, *state)),
            E::NonceTooHigh { tx, state } => (NONCE_TOO_HIGH, nonce("too high", from, *tx, *state)),
            E::NonceOverflowInTransaction => (
                crate::error::INTERNAL_ERROR,
                format!("nonce has max value: address {from}, nonce: {}", message.nonce),
            ),
            E::GasPriceLessThanBasefee => (
                BASE_FEE_TOO_LOW,
                format!(
                    "max fee per gas less than block base fee: address {from}, maxFeePerGas: {}, \
                     baseFee: {base_fee}",
                    message.fee_cap
                ),
            ),
            E::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => (
                INTRINSIC_GAS,
                format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}"),
            ),
            E::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => (
                INTRINSIC_GAS,
                format!(
                    "insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}"
                ),
            ),
            E::LackOfFundForMaxFee { fee, balance } => (
                INSUFFICIENT_FUNDS,
                format!(
                    "insufficient funds for gas * price + value: address {from} have {balance} \
                     want {fee}"
                ),
            ),
            E::OverflowPaymentInTransaction => (
                INSUFFICIENT_FUNDS,
                format!(
                    "insufficient funds for gas * price + value: address {from} required balance \
                     exceeds 256 bits"
                ),
            ),
            E::CallerGasLimitMoreThanBlock => (BLOCK_GAS_LIMIT, "gas limit reached".into()),
            E::RejectCallerWithCode => {
                (SENDER_NOT_EOA, format!("sender not an eoa: address {from}"))
            }
            E::CreateInitCodeSizeLimit => (
                INIT_CODE_TOO_LARGE,
                format!("max initcode size exceeded: code size {}", message.data.len()),
            ),
            E::PriorityFeeGreaterThanMaxFee => (
                crate::error::INVALID_PARAMS,
                format!(
                    "max priority fee per gas higher than max fee per gas: address {from}, \
                     maxPriorityFeePerGas: {}, maxFeePerGas: {}",
                    message.tip_cap, message.fee_cap
                ),
            ),
            other => (crate::error::INTERNAL_ERROR, other.to_string()),
        };
        Self { code, message: text, wants_gas: code == INTRINSIC_GAS }
    }

    /// As calls report it: code -32000, the gas beside the reason.
    pub(crate) fn into_call_error(self, gas: u64) -> RpcError {
        RpcError::server(format!("err: {} (supplied gas {gas})", self.message))
    }

    /// As `eth_simulateV1` reports it, with a code of its own.
    pub(crate) fn into_simulate_error(self, gas: u64) -> RpcError {
        RpcError::new(self.code, format!("err: {} (supplied gas {gas})", self.message))
    }
}

fn nonce(what: &str, address: Address, tx: u64, state: u64) -> String {
    format!("nonce {what}: address {address}, tx: {tx} state: {state}")
}
