//! `eth_createAccessList`: what a transaction touches, so that it can be named beforehand.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, U256};
use revm::context_interface::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;
use serde::Serialize;

use super::outcome;
use super::request::CallMessage;
use super::run::{CallFailure, CallRun};
use crate::RpcError;

/// Attempts until the list must have settled. Each lists at least one thing more than the one
/// before; a call that never settles looks at its own gas.
const ATTEMPTS_MAX: usize = 32;

/// The answer of `eth_createAccessList`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessListAnswer {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(with = "alloy_serde::quantity")]
    gas_used: u64,
}

/// Accounts and slots, sorted.
type Touched = BTreeMap<Address, BTreeSet<B256>>;

/// Runs `message` until the access list that it is given is the one that it makes.
///
/// # Errors
/// The call cannot begin, or its list never settles.
pub(crate) fn create(
    run: &CallRun,
    mut message: CallMessage,
) -> Result<AccessListAnswer, RpcError> {
    let excluded = excluded(run, &message);
    let mut known = touched(&message.access_list, &excluded);
    if message.tx_type == 0 {
        message.tx_type = 1;
    }
    for _ in 0..ATTEMPTS_MAX {
        message.access_list = to_list(&known);
        let inspector = AccessListInspector::new(message.access_list.clone());
        let mut evm = run.evm(inspector);
        let outcome = run.transact(&mut evm, &message).map_err(|failure| {
            let error = match failure {
                CallFailure::Invalid(invalid) => invalid.message,
                CallFailure::Error(error) => return error,
            };
            let hash = message.unsigned(run.chain_id()).hash().to_string();
            RpcError::server(format!("failed to apply transaction: {hash} err: {error}"))
        })?;
        let (_, guard) = evm.into_parts();
        let now = touched(&guard.inner.into_access_list(), &excluded);
        if now == known {
            let gas_used = outcome.result.tx_gas_used();
            let error = match outcome.result {
                ExecutionResult::Success { .. } => None,
                ExecutionResult::Revert { .. } => Some("execution reverted".into()),
                ExecutionResult::Halt { reason, .. } => Some(outcome::halted(&reason)),
            };
            return Ok(AccessListAnswer { access_list: message.access_list, error, gas_used });
        }
        known = now;
    }
    Err(RpcError::server("access list does not settle"))
}

/// Addresses that are warm anyway; they appear only with slots.
fn excluded(run: &CallRun, message: &CallMessage) -> BTreeSet<Address> {
    let to = message.to.unwrap_or_else(|| message.from.create(message.nonce));
    let chain_id = U256::from(run.chain_id());
    let authorities = message
        .authorizations
        .iter()
        .filter(|auth| auth.chain_id().is_zero() || *auth.chain_id() == chain_id)
        .filter(|auth| auth.nonce() != u64::MAX)
        .filter_map(|auth| auth.recover_authority().ok());
    run.precompiles().addresses().copied().chain([message.from, to]).chain(authorities).collect()
}

fn touched(list: &AccessList, excluded: &BTreeSet<Address>) -> Touched {
    let mut touched = Touched::new();
    for item in &list.0 {
        if !item.storage_keys.is_empty() || !excluded.contains(&item.address) {
            touched.entry(item.address).or_default().extend(&item.storage_keys);
        }
    }
    touched
}

fn to_list(touched: &Touched) -> AccessList {
    let item = |(address, slots): (&Address, &BTreeSet<B256>)| AccessListItem {
        address: *address,
        storage_keys: slots.iter().copied().collect(),
    };
    AccessList(touched.iter().map(item).collect())
}
