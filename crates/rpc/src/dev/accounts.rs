//! Changing accounts, and acting for them.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use jovay_types::Account;

use super::{aliases, dev, refused};
use crate::params::{BlockId, LooseNumber, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(aliases(&["anvil_setBalance", "hardhat_setBalance"], |name| {
        Method::new(name, "Sets an account's balance.")
            .param("address", schema::address())
            .param("wei", schema::loose_number())
            .ordered(set_balance)
    }));
    methods.extend(aliases(&["anvil_setCode", "hardhat_setCode"], |name| {
        Method::new(name, "Sets an account's code.")
            .param("address", schema::address())
            .param("code", schema::bytes())
            .ordered(set_code)
    }));
    let set_nonce = ["anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce"];
    methods.extend(aliases(&set_nonce, |name| {
        Method::new(name, "Sets an account's nonce.")
            .param("address", schema::address())
            .param("nonce", schema::loose_number())
            .ordered(self::set_nonce)
    }));
    methods.extend(aliases(&["anvil_setStorageAt", "hardhat_setStorageAt"], |name| {
        Method::new(name, "Sets a storage slot.")
            .param("address", schema::address())
            .param("slot", schema::loose_number())
            .param("value", schema::loose_number())
            .ordered(set_storage)
    }));
    let on = ["anvil_impersonateAccount", "hardhat_impersonateAccount"];
    methods.extend(aliases(&on, |name| {
        Method::new(name, "Lets eth_sendTransaction act for an account without its key.")
            .param("address", schema::address())
            .ordered(|context, params| impersonate(context, params, true))
    }));
    let off = ["anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount"];
    methods.extend(aliases(&off, |name| {
        Method::new(name, "Ends that.")
            .param("address", schema::address())
            .ordered(|context, params| impersonate(context, params, false))
    }));
    methods.push(
        Method::new("anvil_autoImpersonateAccount", "Acts for every account, or no longer.")
            .param("on", schema::boolean())
            .ordered(|context, params| {
                dev(context)?.auto_impersonate(params.get(0)?).map_err(refused)?;
                Ok(true)
            }),
    );
    methods
}

fn account(context: &Context, address: &Address) -> Result<Account, RpcError> {
    Ok(context.state(BlockId::default())?.account(address)?.unwrap_or_default())
}

fn set_balance(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let address: Address = params.get(0)?;
    let LooseNumber(balance) = params.get(1)?;
    let account = Account { balance, ..account(context, &address)? };
    dev(context)?.set_account(address, account, None).map_err(refused)?;
    Ok(true)
}

fn set_code(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let address: Address = params.get(0)?;
    let code: Bytes = params.get(1)?;
    let account = Account { code_hash: keccak256(&code), ..account(context, &address)? };
    dev(context)?.set_account(address, account, Some(code)).map_err(refused)?;
    Ok(true)
}

fn set_nonce(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let address: Address = params.get(0)?;
    let nonce: LooseNumber = params.get(1)?;
    let nonce = nonce.to_u64().ok_or_else(|| RpcError::invalid_argument(1, "nonce > 64 bits"))?;
    let account = account(context, &address)?;
    if nonce < account.nonce {
        let message = format!(
            "new nonce ({nonce}) must not be smaller than the existing nonce ({})",
            account.nonce
        );
        return Err(RpcError::server(message));
    }
    dev(context)?.set_account(address, Account { nonce, ..account }, None).map_err(refused)?;
    Ok(true)
}

fn set_storage(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let address: Address = params.get(0)?;
    let LooseNumber(slot) = params.get(1)?;
    let LooseNumber(value) = params.get(2)?;
    // A slot lives in an account's trie, so there has to be one.
    let account = account(context, &address)?;
    if account.is_empty() && B256::from(value) != B256::ZERO {
        dev(context)?
            .set_account(address, Account { nonce: 1, ..account }, None)
            .map_err(refused)?;
    }
    dev(context)?.set_storage(address, slot, value).map_err(refused)?;
    Ok(true)
}

fn impersonate(context: &Context, params: &Params<'_>, on: bool) -> Result<bool, RpcError> {
    dev(context)?.impersonate(params.get(0)?, on).map_err(refused)?;
    Ok(true)
}
