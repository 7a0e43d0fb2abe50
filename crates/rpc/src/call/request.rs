//! The transaction object of calls, and geth's rules for what it leaves out.

use alloy_consensus::{
    EthereumTxEnvelope, EthereumTypedTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702,
    TxLegacy,
};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use jovay_types::EthereumTx;
use revm::context::TxEnv;
use serde::Deserialize;

use crate::RpcError;
use crate::params::Strict;

/// Most blob hashes a request may name: what no fork's blob schedule exceeds per block.
const BLOB_HASHES_MAX: usize = 128;

/// What a caller says about a transaction that need not be signed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CallRequest {
    pub(crate) from: Option<Strict<Address>>,
    pub(crate) to: Option<Strict<Address>>,
    pub(crate) gas: Option<Strict<u64>>,
    pub(crate) gas_price: Option<Strict<U256>>,
    pub(crate) max_fee_per_gas: Option<Strict<U256>>,
    pub(crate) max_priority_fee_per_gas: Option<Strict<U256>>,
    pub(crate) max_fee_per_blob_gas: Option<Strict<U256>>,
    pub(crate) value: Option<Strict<U256>>,
    pub(crate) nonce: Option<Strict<u64>>,
    pub(crate) data: Option<Strict<Bytes>>,
    pub(crate) input: Option<Strict<Bytes>>,
    pub(crate) access_list: Option<AccessList>,
    pub(crate) chain_id: Option<Strict<U256>>,
    pub(crate) blob_versioned_hashes: Option<Vec<Strict<B256>>>,
    pub(crate) authorization_list: Option<Vec<SignedAuthorization>>,
}

/// A request with everything filled in that execution needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallMessage {
    /// EIP-2718 type.
    pub(crate) tx_type: u8,
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) gas: u64,
    /// Wei per gas at most; the price itself for legacy and EIP-2930.
    pub(crate) fee_cap: u128,
    /// Wei per gas on top of the base fee at most; as `fee_cap` for legacy and EIP-2930.
    pub(crate) tip_cap: u128,
    pub(crate) blob_fee_cap: u128,
    pub(crate) value: U256,
    pub(crate) nonce: u64,
    pub(crate) data: Bytes,
    pub(crate) access_list: AccessList,
    pub(crate) blob_hashes: Vec<B256>,
    pub(crate) authorizations: Vec<SignedAuthorization>,
}

impl CallRequest {
    /// The sender; the zero address if none is given.
    pub(crate) fn sender(&self) -> Address {
        self.from.unwrap_or_default().0
    }

    /// Call data: `input`, or `data` for older clients.
    ///
    /// # Errors
    /// Both are given and differ.
    fn call_data(&self) -> Result<Bytes, RpcError> {
        match (&self.input, &self.data) {
            (Some(input), Some(data)) if input != data => Err(RpcError::invalid_params(
                "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass \
                 transaction call data",
            )),
            (Some(Strict(input)), _) => Ok(input.clone()),
            (None, Some(Strict(data))) => Ok(data.clone()),
            (None, None) => Ok(Bytes::new()),
        }
    }

    /// Fills in what is missing as geth does: gas `gas_cap` (and never more), fees and value zero,
    /// nonce `nonce`. `dynamic` is the type to prefer over legacy: EIP-1559 in simulations.
    ///
    /// # Errors
    /// Contradictory fields, or another chain's id.
    pub(crate) fn resolve(
        &self,
        gas_cap: u64,
        nonce: u64,
        chain_id: u64,
        base_fee: Option<u64>,
        dynamic: bool,
    ) -> Result<CallMessage, RpcError> {
        let capped = self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some();
        if self.gas_price.is_some() && capped {
            return Err(RpcError::server(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        if let Some(Strict(have)) = self.chain_id.filter(|have| have.0 != U256::from(chain_id)) {
            return Err(RpcError::server(format!(
                "chainId does not match node's (have={have}, want={chain_id})"
            )));
        }
        let data = self.call_data()?;
        let blob_hashes = self.blob_versioned_hashes.as_deref().unwrap_or_default();
        if blob_hashes.len() > BLOB_HASHES_MAX {
            return Err(RpcError::invalid_params("too many blob versioned hashes"));
        }
        let (fee_cap, tip_cap) = match self.gas_price {
            Some(_) => (fee("gasPrice", self.gas_price)?, fee("gasPrice", self.gas_price)?),
            None => (
                fee("maxFeePerGas", self.max_fee_per_gas)?,
                fee("maxPriorityFeePerGas", self.max_priority_fee_per_gas)?,
            ),
        };
        let message = CallMessage {
            tx_type: self.tx_type(base_fee.is_some(), dynamic),
            from: self.sender(),
            to: self.to.map(|to| to.0),
            gas: self.gas.map_or(gas_cap, |gas| gas.0.min(gas_cap)),
            fee_cap,
            tip_cap,
            blob_fee_cap: fee("maxFeePerBlobGas", self.max_fee_per_blob_gas)?,
            value: self.value.unwrap_or_default().0,
            nonce: self.nonce.map_or(nonce, |nonce| nonce.0),
            data,
            access_list: self.access_list.clone().unwrap_or_default(),
            blob_hashes: blob_hashes.iter().map(|hash| hash.0).collect(),
            authorizations: self.authorization_list.clone().unwrap_or_default(),
        };
        if message.to.is_none() && matches!(message.tx_type, 3 | 4) {
            let what = if message.tx_type == 3 { "blob" } else { "set code" };
            return Err(RpcError::invalid_params(format!("missing \"to\" in {what} transaction")));
        }
        Ok(message)
    }

    fn tx_type(&self, london: bool, dynamic: bool) -> u8 {
        if self.authorization_list.is_some() {
            4
        } else if self.blob_versioned_hashes.is_some() {
            3
        } else if self.gas_price.is_some() || !london {
            u8::from(self.access_list.is_some() && !dynamic)
        } else if dynamic
            || self.max_fee_per_gas.is_some()
            || self.max_priority_fee_per_gas.is_some()
        {
            2
        } else {
            u8::from(self.access_list.is_some())
        }
    }
}

fn fee(name: &str, value: Option<Strict<U256>>) -> Result<u128, RpcError> {
    let Strict(value) = value.unwrap_or_default();
    value.try_into().map_err(|_| RpcError::invalid_params(format!("{name} does not fit 128 bits")))
}

impl CallMessage {
    /// Whether it offers no fee at all: then no base fee is asked of it.
    pub(crate) fn is_free(&self) -> bool {
        self.fee_cap == 0 && self.tip_cap == 0
    }

    /// The called account, or creation.
    pub(crate) fn kind(&self) -> TxKind {
        self.to.map_or(TxKind::Create, TxKind::Call)
    }

    /// The transaction as the EVM takes it.
    pub(crate) fn env(&self, chain_id: u64) -> TxEnv {
        let dynamic = self.tx_type >= 2;
        let mut env = TxEnv {
            tx_type: self.tx_type,
            caller: self.from,
            gas_limit: self.gas,
            gas_price: self.fee_cap,
            kind: self.kind(),
            value: self.value,
            data: self.data.clone(),
            nonce: self.nonce,
            chain_id: Some(chain_id),
            access_list: self.access_list.clone(),
            gas_priority_fee: dynamic.then_some(self.tip_cap),
            blob_hashes: self.blob_hashes.clone(),
            max_fee_per_blob_gas: self.blob_fee_cap,
            authorization_list: Vec::new(),
        };
        env.set_signed_authorization(self.authorizations.clone());
        env
    }

    /// The transaction as an envelope with an all-zero signature, for its hash and size.
    pub(crate) fn unsigned(&self, chain_id: u64) -> EthereumTx {
        let (gas_limit, nonce, value) = (self.gas, self.nonce, self.value);
        let (input, access_list) = (self.data.clone(), self.access_list.clone());
        let to = self.to.unwrap_or_default();
        let (max_fee_per_gas, max_priority_fee_per_gas) = (self.fee_cap, self.tip_cap);
        let typed: EthereumTypedTransaction<TxEip4844> = match self.tx_type {
            1 => TxEip2930 {
                chain_id,
                nonce,
                gas_price: self.fee_cap,
                gas_limit,
                to: self.kind(),
                value,
                access_list,
                input,
            }
            .into(),
            2 => TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: self.kind(),
                value,
                access_list,
                input,
            }
            .into(),
            3 => EthereumTypedTransaction::Eip4844(TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                blob_versioned_hashes: self.blob_hashes.clone(),
                max_fee_per_blob_gas: self.blob_fee_cap,
                input,
            }),
            4 => TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                authorization_list: self.authorizations.clone(),
                input,
            }
            .into(),
            _ => TxLegacy {
                chain_id: None,
                nonce,
                gas_price: self.fee_cap,
                gas_limit,
                to: self.kind(),
                value,
                input,
            }
            .into(),
        };
        let signature = Signature::new(U256::ZERO, U256::ZERO, false);
        EthereumTxEnvelope::new_unhashed(typed, signature)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tx_type(json: &str, london: bool, dynamic: bool) -> u8 {
        let request: CallRequest = serde_json::from_str(json).unwrap();
        let base_fee = london.then_some(7);
        request.resolve(1_000_000, 0, 1, base_fee, dynamic).unwrap().tx_type
    }

    #[test]
    fn the_type_follows_from_the_fields() {
        let to = r#""to":"0x0000000000000000000000000000000000000001""#;
        assert_eq!(tx_type("{}", true, false), 0);
        assert_eq!(tx_type("{}", true, true), 2);
        assert_eq!(tx_type("{}", false, true), 0);
        assert_eq!(tx_type(r#"{"gasPrice":"0x1"}"#, true, true), 0);
        assert_eq!(tx_type(r#"{"accessList":[]}"#, true, false), 1);
        assert_eq!(tx_type(r#"{"maxFeePerGas":"0x1"}"#, true, false), 2);
        assert_eq!(tx_type(&format!(r#"{{{to},"blobVersionedHashes":[]}}"#), true, false), 3);
        assert_eq!(tx_type(&format!(r#"{{{to},"authorizationList":[]}}"#), true, false), 4);
    }

    #[test]
    fn gas_is_capped_and_defaults_to_the_cap() {
        let resolve = |json: &str| {
            let request: CallRequest = serde_json::from_str(json).unwrap();
            request.resolve(1000, 5, 1, Some(7), false)
        };
        let message = resolve("{}").unwrap();
        assert_eq!((message.gas, message.nonce, message.fee_cap), (1000, 5, 0));
        assert!(message.is_free());
        assert_eq!(resolve(r#"{"gas":"0xffffffff"}"#).unwrap().gas, 1000);
        assert_eq!(resolve(r#"{"gas":"0x1"}"#).unwrap().gas, 1);
        let huge = format!(r#"{{"gasPrice":"{:#x}"}}"#, U256::MAX);
        assert_eq!(resolve(&huge).unwrap_err().code, crate::error::INVALID_PARAMS);
        let create = r#"{"blobVersionedHashes":[]}"#;
        assert!(resolve(create).unwrap_err().message.contains("missing \"to\""));
    }
}
