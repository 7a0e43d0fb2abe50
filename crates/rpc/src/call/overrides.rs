//! State and block overrides of calls and simulations.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_evm::{BlockEnv, Precompiles};
use jovay_state::StateView;
use serde::Deserialize;

use super::scratch::ScratchState;
use crate::RpcError;
use crate::params::Strict;

/// Changes to accounts before execution, by address.
pub(crate) type StateOverrides = BTreeMap<Address, AccountOverride>;

/// What to change about one account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccountOverride {
    nonce: Option<Strict<u64>>,
    code: Option<Strict<Bytes>>,
    balance: Option<Strict<U256>>,
    /// Replaces the whole storage.
    state: Option<BTreeMap<B256, B256>>,
    /// Replaces single slots.
    state_diff: Option<BTreeMap<B256, B256>>,
    move_precompile_to_address: Option<Address>,
}

/// Changes to the block that a call executes in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BlockOverrides {
    pub(crate) number: Option<Strict<U256>>,
    pub(crate) difficulty: Option<Strict<U256>>,
    pub(crate) time: Option<Strict<u64>>,
    pub(crate) gas_limit: Option<Strict<u64>>,
    #[serde(alias = "coinbase")]
    pub(crate) fee_recipient: Option<Address>,
    #[serde(alias = "random")]
    pub(crate) prev_randao: Option<B256>,
    #[serde(alias = "baseFee")]
    pub(crate) base_fee_per_gas: Option<Strict<U256>>,
    pub(crate) blob_base_fee: Option<Strict<U256>>,
    pub(crate) beacon_root: Option<B256>,
    pub(crate) withdrawals: Option<Vec<Withdrawal>>,
}

/// Applies `overrides` to `state` and to the precompiles, as if a transaction just before had
/// made the changes.
///
/// # Errors
/// Contradictory overrides, in geth's words; or the state could not be read.
pub(crate) fn apply_state(
    overrides: &StateOverrides,
    state: &mut ScratchState,
    precompiles: &mut Precompiles,
) -> Result<(), RpcError> {
    let mut moved_to = BTreeSet::new();
    for (address, account) in overrides {
        if moved_to.contains(address) {
            return Err(RpcError::server(format!(
                "account {address} has already been overridden by a precompile"
            )));
        }
        if let Some(target) = account.move_precompile_to_address {
            if !precompiles.is_precompile(address) {
                return Err(RpcError::server(format!("account {address} is not a precompile")));
            }
            if overrides.contains_key(&target) {
                return Err(RpcError::server(format!("account {target} is already overridden")));
            }
            precompiles.move_to(*address, target);
            moved_to.insert(target);
        }
        // Whatever is overridden is an ordinary account from now on.
        precompiles.remove(address);
        account.apply(*address, state)?;
    }
    Ok(())
}

impl AccountOverride {
    fn apply(&self, address: Address, state: &mut ScratchState) -> Result<(), RpcError> {
        if self.nonce.is_some() || self.code.is_some() || self.balance.is_some() {
            let mut account = state.account(&address)?.unwrap_or_default();
            if let Some(Strict(nonce)) = self.nonce {
                account.nonce = nonce;
            }
            if let Some(Strict(code)) = &self.code {
                account.code_hash = state.add_code(code.clone());
            }
            if let Some(Strict(balance)) = self.balance {
                account.balance = balance;
            }
            state.set_account(address, Some(account));
        }
        if self.state.is_some() && self.state_diff.is_some() {
            return Err(RpcError::server(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        if self.state.is_some() {
            state.clear_storage(address);
        }
        for (slot, value) in self.state.iter().chain(&self.state_diff).flatten() {
            state.set_slot(address, (*slot).into(), (*value).into());
        }
        Ok(())
    }
}

impl BlockOverrides {
    /// The overridden block number.
    ///
    /// # Errors
    /// It does not fit 64 bits, as no block number does.
    pub(crate) fn number(&self) -> Result<Option<u64>, RpcError> {
        narrow("number", self.number)
    }

    /// The overridden base fee.
    ///
    /// # Errors
    /// It does not fit 64 bits.
    pub(crate) fn base_fee(&self) -> Result<Option<u64>, RpcError> {
        narrow("baseFeePerGas", self.base_fee_per_gas)
    }

    /// Applies the overrides to the block of a single call.
    ///
    /// # Errors
    /// A field that means nothing for a single call, or a number out of range.
    pub(crate) fn apply(&self, env: &mut BlockEnv) -> Result<(), RpcError> {
        let unsupported = [
            ("beaconRoot", self.beacon_root.is_some()),
            ("withdrawals", self.withdrawals.is_some()),
        ];
        if let Some((name, _)) = unsupported.iter().find(|(_, given)| *given) {
            return Err(RpcError::server(format!(
                "block override \"{name}\" is not supported for this RPC method"
            )));
        }
        self.apply_fields(env)
    }

    /// Applies the overrides of fields that a block's execution sees.
    ///
    /// # Errors
    /// A number out of range.
    pub(crate) fn apply_fields(&self, env: &mut BlockEnv) -> Result<(), RpcError> {
        if let Some(number) = self.number()? {
            env.number = number;
        }
        if let Some(Strict(difficulty)) = self.difficulty {
            // A merged block has no difficulty to override.
            if !env.difficulty.is_zero() {
                env.difficulty = difficulty;
            }
        }
        if let Some(Strict(time)) = self.time {
            env.timestamp = time;
        }
        if let Some(Strict(gas_limit)) = self.gas_limit {
            env.gas_limit = gas_limit;
        }
        if let Some(fee_recipient) = self.fee_recipient {
            env.beneficiary = fee_recipient;
        }
        if let Some(prev_randao) = self.prev_randao {
            env.prev_randao = prev_randao;
        }
        if let Some(base_fee) = self.base_fee()? {
            env.base_fee = Some(base_fee);
        }
        Ok(())
    }
}

fn narrow(name: &str, value: Option<Strict<U256>>) -> Result<Option<u64>, RpcError> {
    value
        .map(|Strict(value)| {
            value.try_into().map_err(|_| {
                RpcError::invalid_params(format!("block override {name} does not fit 64 bits"))
            })
        })
        .transpose()
}
