//! Accounts at a block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::params::{BlockId, BlockNumber, FromParam, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Slots that one request may name: geth's limit of `eth_getProof`.
const SLOTS_MAX: usize = 1024;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let at_block = |method: Method| {
        method.param("address", schema::address()).optional("block", schema::block_id())
    };
    vec![
        at_block(Method::new("eth_getBalance", "Balance of an account in wei."))
            .returns("balance", schema::quantity())
            .light(balance),
        at_block(Method::new(
            "eth_getTransactionCount",
            "Nonce of an account; pending counts \
                                                         what it has in the pool.",
        ))
        .returns("nonce", schema::quantity())
        .light(transaction_count),
        at_block(Method::new("eth_getCode", "Code of a contract."))
            .returns("code", schema::bytes())
            .light(code),
        Method::new("eth_getStorageAt", "Value of a storage slot.")
            .param("address", schema::address())
            .param("slot", schema::slot())
            .optional("block", schema::block_id())
            .returns("value", schema::hash())
            .light(storage_at),
        Method::new("eth_getStorageValues", "Values of slots of several contracts.")
            .param("requests", schema::map(schema::array(schema::slot())))
            .optional("block", schema::block_id())
            .returns("values", schema::map(schema::array(schema::hash())))
            .blocking(storage_values),
        Method::new("eth_getProof", "Merkle proof of an account and some of its slots.")
            .param("address", schema::address())
            .param("slots", schema::array(schema::slot()))
            .optional("block", schema::block_id())
            .returns("proof", schema::object())
            .blocking(proof),
    ]
}

fn balance(context: &Context, params: &Params<'_>) -> Result<U256, RpcError> {
    let address: Address = params.get(0)?;
    let account = context.state(params.block(1)?)?.account(&address)?;
    Ok(account.unwrap_or_default().balance)
}

fn transaction_count(context: &Context, params: &Params<'_>) -> Result<U64, RpcError> {
    let address: Address = params.get(0)?;
    let block = params.block(1)?;
    if block == BlockId::Number(BlockNumber::Pending)
        && let Some(nonce) = context.chain.pool_nonce(&address)
    {
        return Ok(U64::from(nonce));
    }
    let account = context.state(block)?.account(&address)?;
    Ok(U64::from(account.unwrap_or_default().nonce))
}

fn code(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let address: Address = params.get(0)?;
    let state = context.state(params.block(1)?)?;
    match state.account(&address)? {
        Some(account) if account.has_code() => Ok(state.code(&account.code_hash)?),
        _ => Ok(Bytes::new()),
    }
}

fn storage_at(context: &Context, params: &Params<'_>) -> Result<B256, RpcError> {
    let address: Address = params.get(0)?;
    let slot: SlotKey = params.get(1)?;
    let value = context.state(params.block(2)?)?.storage(&address, &slot.key)?;
    Ok(value.into())
}

fn storage_values(
    context: &Context,
    params: &Params<'_>,
) -> Result<BTreeMap<Address, Vec<B256>>, RpcError> {
    let requests: Requests = params.get(0)?;
    let count: usize = requests.0.values().map(Vec::len).sum();
    if count == 0 {
        return Err(RpcError::invalid_params("empty request"));
    }
    if count > SLOTS_MAX {
        return Err(RpcError::invalid_params(format!("too many slots, the limit is {SLOTS_MAX}")));
    }
    let state = context.state(params.block(1)?)?;
    let mut values = BTreeMap::new();
    for (address, slots) in requests.0 {
        let of_account: Result<Vec<B256>, _> =
            slots.iter().map(|slot| state.storage(&address, &slot.key).map(B256::from)).collect();
        values.insert(address, of_account?);
    }
    Ok(values)
}

struct Requests(BTreeMap<Address, Vec<SlotKey>>);

impl FromParam for Requests {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        let entries: BTreeMap<crate::params::Strict<Address>, Box<RawValue>> =
            crate::params::from_json(raw)?;
        let entries = entries.into_iter().map(|(address, slots)| {
            Vec::<SlotKey>::from_param(&slots).map(|slots| (address.0, slots))
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }
}

/// A slot's key: up to 32 bytes of hex, in any length and with or without prefix, as geth
/// takes it.
struct SlotKey {
    key: U256,
    /// A client that writes all 32 bytes gets them back so; otherwise it gets a quantity.
    as_hash: bool,
}

impl FromParam for SlotKey {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        let text: String = crate::params::from_json(raw)?;
        let digits = text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(&text);
        if digits.len() > 64 {
            let shown: String = text.chars().take(80).collect();
            return Err(format!("storage key too long (want at most 32 bytes): {shown:?}"));
        }
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("unable to decode storage key: invalid hex string".into());
        }
        let digits_or_zero = if digits.is_empty() { "0" } else { digits };
        let key = U256::from_str_radix(digits_or_zero, 16).map_err(|error| error.to_string())?;
        Ok(Self { key, as_hash: digits.len() == 64 })
    }
}

/// EIP-1186.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RpcProof {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: U64,
    storage_hash: B256,
    storage_proof: Vec<RpcSlotProof>,
}

#[derive(Serialize)]
struct RpcSlotProof {
    key: SlotText,
    value: U256,
    proof: Vec<Bytes>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SlotText {
    Hash(B256),
    Quantity(U256),
}

fn proof(context: &Context, params: &Params<'_>) -> Result<RpcProof, RpcError> {
    let address: Address = params.get(0)?;
    let slots: Vec<SlotKey> = params.get(1)?;
    if slots.len() > SLOTS_MAX {
        return Err(RpcError::invalid_params(format!(
            "too many slots requested (max {SLOTS_MAX}, got {})",
            slots.len()
        )));
    }
    let number = context.require_number(params.block(2)?)?;
    let keys: Vec<U256> = slots.iter().map(|slot| slot.key).collect();
    let proof = context.chain.proof(address, &keys, number)?;
    let account = proof.account.unwrap_or_default();
    let storage_proof = slots.iter().zip(proof.slots).map(|(slot, proof)| RpcSlotProof {
        key: match slot.as_hash {
            true => SlotText::Hash(slot.key.into()),
            false => SlotText::Quantity(slot.key),
        },
        value: proof.value,
        proof: proof.proof,
    });
    Ok(RpcProof {
        address,
        account_proof: proof.proof,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: U64::from(account.nonce),
        storage_hash: proof.storage_root,
        storage_proof: storage_proof.collect(),
    })
}
