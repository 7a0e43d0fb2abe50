//! The checks that need neither state nor the sender.

use alloy_consensus::Transaction as _;
use jovay_types::{EthereumTx, Transaction};

use super::gas;
use crate::PoolError;

/// Most gas of one transaction (EIP-7825).
const TX_GAS_MAX: u64 = 1 << 24;
/// Least blob fee cap, in wei per blob gas (EIP-4844).
const BLOB_FEE_MIN: u128 = alloy_eips::eip4844::BLOB_TX_MIN_BLOB_GASPRICE;

/// What the checks need to know of chain and node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckContext {
    pub(crate) chain_id: u64,
    /// Longest init code in bytes.
    pub(crate) initcode_max: usize,
    pub(crate) block_gas_limit: u64,
    pub(crate) tx_bytes_max: usize,
    pub(crate) blob_tx_bytes_max: usize,
    /// Most blobs of a transaction; `None` where there are none.
    pub(crate) blobs_per_tx: Option<u64>,
    pub(crate) allow_unprotected: bool,
}

/// The checks of geth's pool that need no state, in its order.
///
/// # Errors
/// The first check that fails.
pub(crate) fn check(tx: &Transaction, context: &CheckContext) -> Result<(), PoolError> {
    let Transaction::Ethereum(tx) = tx else { return Err(PoolError::TypeNotSupported) };
    check_chain(tx, context)?;
    check_blobs(tx, context)?;
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

fn check_blobs(tx: &EthereumTx, context: &CheckContext) -> Result<(), PoolError> {
    let Some(hashes) = tx.blob_versioned_hashes() else { return Ok(()) };
    let permitted = context.blobs_per_tx.ok_or(PoolError::TypeNotSupported)?;
    if hashes.is_empty() {
        return Err(PoolError::NoBlobs);
    }
    if hashes.len() as u64 > permitted {
        return Err(PoolError::TooManyBlobs { have: hashes.len(), permitted });
    }
    let fee_cap = tx.max_fee_per_blob_gas().unwrap_or(0);
    if fee_cap < BLOB_FEE_MIN {
        return Err(PoolError::BlobFeeCapTooLow { fee_cap, needed: BLOB_FEE_MIN });
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
