//! What a block does outside of its transactions: calls of Ethereum's system contracts.

use alloc::{format, vec::Vec};

use alloy_eips::{
    eip2935::HISTORY_SERVE_WINDOW, eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, Bytes, U256};

use crate::{
    BlockEnv, ChainSpec, ExecuteError, Fork, JovayEvm, evm::EvmError, predeploys::HISTORY_STORAGE,
};

/// Runs what comes before the transactions: beacon root (EIP-4788) and parent hash (EIP-2935).
///
/// Returns the slot whose write waits for sealing, with its value before, where the parent's
/// hash is not needed now. The L2 has no beacon chain and keeps no beacon roots.
pub fn before_transactions<I>(
    evm: &mut JovayEvm<'_, I>,
    spec: &ChainSpec,
    env: &BlockEnv,
) -> Result<Option<(U256, U256)>, ExecuteError> {
    let fork = spec.fork_of(env);
    if fork >= Fork::Cancun && !spec.is_l2() && env.number > 0 {
        let root = env.parent_beacon_block_root.unwrap_or_default();
        call(evm, BEACON_ROOTS_ADDRESS, Bytes::copy_from_slice(root.as_slice()))?;
    }
    let Some(parent) = env.number.checked_sub(1).filter(|_| fork >= Fork::Prague) else {
        return Ok(None);
    };
    if spec.l2.is_some_and(|rules| rules.lazy_parent_hash) {
        return deferred_slot(evm, parent);
    }
    let hash = evm.db().hashes().block_hash(parent)?;
    call(evm, HISTORY_STORAGE, Bytes::copy_from_slice(hash.as_slice()))?;
    Ok(None)
}

/// The slot of the parent's hash and what it holds, if the contract is there to be written.
fn deferred_slot<I>(
    evm: &JovayEvm<'_, I>,
    parent: u64,
) -> Result<Option<(U256, U256)>, ExecuteError> {
    let contract = evm.db().account(HISTORY_STORAGE)?;
    if !contract.is_some_and(|account| account.has_code()) {
        return Ok(None);
    }
    let slot = U256::from(parent % HISTORY_SERVE_WINDOW as u64);
    let before = evm.db().slot(HISTORY_STORAGE, slot)?;
    Ok(Some((slot, before)))
}

/// Withdrawal and consolidation requests of the block (EIP-7002, EIP-7251), as type byte and
/// data.
pub fn requests<I>(evm: &mut JovayEvm<'_, I>) -> Result<Vec<(u8, Bytes)>, ExecuteError> {
    let contracts = [
        (alloy_eips::eip7002::WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (alloy_eips::eip7251::CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ];
    let mut requests = Vec::new();
    for (kind, address) in contracts {
        let deployed = evm.db().account(address)?.is_some_and(|account| account.has_code());
        if !deployed {
            return Err(invalid(format!("system contract {address} has no code")));
        }
        let data = call(evm, address, Bytes::new())?
            .ok_or_else(|| invalid(format!("system call to {address} failed")))?;
        requests.push((kind, data));
    }
    Ok(requests)
}

/// Calls and commits; the output, or `None` when the call failed.
fn call<I>(
    evm: &mut JovayEvm<'_, I>,
    to: Address,
    data: Bytes,
) -> Result<Option<Bytes>, ExecuteError> {
    let outcome = evm.system_call(to, data).map_err(block_error)?;
    evm.commit(outcome.state)?;
    Ok(outcome.result.is_success().then(|| outcome.result.into_output().unwrap_or_default()))
}

/// An error of the EVM that is not the fault of a transaction.
pub(crate) fn block_error(error: EvmError) -> ExecuteError {
    match error {
        EvmError::Database(crate::DbError(error)) => ExecuteError::State(error),
        other => invalid(format!("{other}")),
    }
}

fn invalid(message: alloc::string::String) -> ExecuteError {
    ExecuteError::InvalidBlock(message)
}
