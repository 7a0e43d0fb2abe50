//! revm's refusals in geth's words.

use alloc::{format, string::ToString};

use alloy_primitives::U256;
use revm::{context::TxEnv, context_interface::result::InvalidTransaction};

use crate::TxError;

impl TxError {
    /// Why revm refused `tx` in a block with this base fee (wei per gas).
    pub fn from_refusal(error: InvalidTransaction, tx: &TxEnv, base_fee: u64) -> Self {
        use InvalidTransaction as E;
        let address = tx.caller;
        match error {
            E::NonceTooLow { tx, state } => Self::NonceTooLow { address, tx, state },
            E::NonceTooHigh { tx, state } => Self::NonceTooHigh { address, tx, state },
            E::LackOfFundForMaxFee { fee, balance } => {
                Self::InsufficientFunds { address, have: *balance, want: *fee }
            }
            E::OverflowPaymentInTransaction => {
                Self::InsufficientFunds { address, have: U256::ZERO, want: U256::MAX }
            }
            E::GasPriceLessThanBasefee => {
                Self::FeeCapTooLow { address, max_fee: tx.gas_price, base_fee }
            }
            E::BlobGasPriceGreaterThanMax { block_blob_gas_price, tx_max_fee_per_blob_gas } => {
                Self::BlobFeeCapTooLow {
                    address,
                    max_fee: tx_max_fee_per_blob_gas,
                    blob_base_fee: block_blob_gas_price,
                }
            }
            E::CallerGasLimitMoreThanBlock => Self::BlockGasExceeded,
            other => Self::Invalid(message(other, tx)),
        }
    }
}

fn message(error: InvalidTransaction, tx: &TxEnv) -> alloc::string::String {
    use InvalidTransaction as E;
    let address = tx.caller;
    match error {
        E::PriorityFeeGreaterThanMaxFee => format!(
            "max priority fee per gas higher than max fee per gas: address {address}, \
             maxPriorityFeePerGas: {}, maxFeePerGas: {}",
            tx.gas_priority_fee.unwrap_or_default(),
            tx.gas_price
        ),
        E::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        E::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        E::RejectCallerWithCode => format!("sender not an eoa: address {address}"),
        E::NonceOverflowInTransaction => {
            format!("nonce has max value: address {address}, nonce: {}", tx.nonce)
        }
        E::CreateInitCodeSizeLimit => format!(
            "max initcode size exceeded: code size {} limit {}",
            tx.data.len(),
            revm::primitives::eip3860::MAX_INITCODE_SIZE
        ),
        E::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")
        }
        E::InvalidChainId | E::MissingChainId => match tx.chain_id {
            Some(id) => format!("invalid chain id for signer: have {id}"),
            None => "invalid chain id for signer".to_string(),
        },
        E::EmptyBlobs => "blob transaction missing blob hashes".to_string(),
        E::BlobCreateTransaction => "blob transaction of type create".to_string(),
        E::TooManyBlobs { have, max } => {
            format!("blob transaction has too many blobs (have {have}, max {max})")
        }
        E::BlobVersionNotSupported => "blob has invalid hash version".to_string(),
        E::EmptyAuthorizationList => {
            format!("EIP-7702 transaction with empty auth list (sender {address})")
        }
        E::Eip2930NotSupported
        | E::Eip1559NotSupported
        | E::Eip4844NotSupported
        | E::Eip7702NotSupported => "transaction type not supported".to_string(),
        other => other.to_string(),
    }
}
