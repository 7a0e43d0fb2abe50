//! Decoding, and the checks that need neither state nor the sender.

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Eip2718Error;
use jovay_types::{EthereumTx, Transaction};

use super::gas;
use crate::PoolError;

/// Most gas of one transaction (EIP-7825).
const TX_GAS_MAX: u64 = 1 << 24;
/// First byte of an RLP list: from here on a transaction is a legacy one.
const RLP_LIST: u8 = 0xc0;
/// EIP-2718 types that are taken from outside: access list, dynamic fee, set code.
const TYPES: [u8; 3] = [1, 2, 4];

/// What the checks need to know of chain and node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckContext {
    pub(crate) chain_id: u64,
    /// Longest init code in bytes.
    pub(crate) initcode_max: usize,
    pub(crate) block_gas_limit: u64,
    pub(crate) tx_bytes_max: usize,
    pub(crate) allow_unprotected: bool,
}

/// Decodes the EIP-2718 bytes of a transaction that may come from outside.
///
/// # Errors
/// Too large, of a type that is not taken, or malformed.
pub(crate) fn decode(raw: &[u8], tx_bytes_max: usize) -> Result<Transaction, PoolError> {
    if raw.len() > tx_bytes_max {
        return Err(PoolError::Oversized { size: raw.len(), limit: tx_bytes_max });
    }
    match raw.first() {
        None => return Err(PoolError::Malformed("typed transaction too short".into())),
        Some(first) if *first < RLP_LIST && !TYPES.contains(first) => {
            return Err(PoolError::TypeNotSupported);
        }
        Some(_) => {}
    }
    Transaction::decode_2718_exact(raw).map_err(|error| match error {
        Eip2718Error::UnexpectedType(_) => PoolError::TypeNotSupported,
        Eip2718Error::RlpError(error) => PoolError::Malformed(format!("rlp: {error}")),
        error => PoolError::Malformed(error.to_string()),
    })
}

/// The checks of geth's pool that need no state, in its order.
///
/// # Errors
/// The first check that fails.
pub(crate) fn check(tx: &Transaction, context: &CheckContext) -> Result<(), PoolError> {
    let Transaction::Ethereum(tx) = tx else { return Err(PoolError::TypeNotSupported) };
    check_chain(tx, context)?;
    if tx.is_create() && tx.input().len() > context.initcode_max {
        return Err(PoolError::InitCodeTooLarge {
            size: tx.input().len(),
            limit: context.initcode_max,
        });
    }
    if tx.gas_limit() > TX_GAS_MAX {
        return Err(PoolError::GasLimitTooHigh { cap: TX_GAS_MAX, tx: tx.gas_limit() });
    }
    if tx.gas_limit() > context.block_gas_limit {
        return Err(PoolError::ExceedsBlockGasLimit);
    }
    if tx.max_priority_fee_per_gas().is_some_and(|tip| tip > tx.max_fee_per_gas()) {
        return Err(PoolError::TipAboveFeeCap);
    }
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax);
    }
    check_gas(tx)?;
    if tx.authorization_list().is_some_and(|list| list.is_empty()) {
        return Err(PoolError::EmptyAuthorizationList);
    }
    Ok(())
}

fn check_chain(tx: &EthereumTx, context: &CheckContext) -> Result<(), PoolError> {
    match tx.chain_id() {
        Some(have) if have != context.chain_id => {
            Err(PoolError::InvalidChainId { have, want: context.chain_id })
        }
        None if !context.allow_unprotected => Err(PoolError::Unprotected),
        _ => Ok(()),
    }
}

fn check_gas(tx: &EthereumTx) -> Result<(), PoolError> {
    let (gas, needed) = (tx.gas_limit(), gas::intrinsic(tx));
    if gas < needed {
        return Err(PoolError::IntrinsicGasTooLow { gas, needed });
    }
    let needed = gas::floor(tx);
    if gas < needed {
        return Err(PoolError::FloorDataGas { gas, needed });
    }
    Ok(())
}
