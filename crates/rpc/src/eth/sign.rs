//! Signatures with the keys of a development chain's accounts.

use alloy_primitives::{Address, B256, Bytes, Signature, eip191_hash_message};
use secp256k1::{Message, SECP256K1, SecretKey};

use super::typed_data::TypedData;
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_sign", "Signs a message in the way of EIP-191, on development chains.")
            .param("address", schema::address())
            .param("message", schema::bytes())
            .returns("signature", schema::bytes())
            .light(|context, params| sign_message(context, params.get(0)?, &params.get(1)?)),
        Method::new("personal_sign", "The same with the parameters the other way round.")
            .param("message", schema::bytes())
            .param("address", schema::address())
            .optional("password", schema::string())
            .returns("signature", schema::bytes())
            .light(|context, params| sign_message(context, params.get(1)?, &params.get(0)?)),
        Method::new("eth_signTypedData_v4", "Signs typed data (EIP-712), on development chains.")
            .param("address", schema::address())
            .param("data", schema::any())
            .returns("signature", schema::bytes())
            .light(sign_typed_data),
    ]
}

fn sign_message(context: &Context, address: Address, message: &Bytes) -> Result<Bytes, RpcError> {
    signature_bytes(context, &address, eip191_hash_message(message))
}

fn sign_typed_data(context: &Context, params: &Params<'_>) -> Result<Bytes, RpcError> {
    let address: Address = params.get(0)?;
    let data: TypedData = params.get(1)?;
    let hash = data.signing_hash().map_err(|error| RpcError::invalid_argument(1, error))?;
    signature_bytes(context, &address, hash)
}

fn signature_bytes(context: &Context, address: &Address, hash: B256) -> Result<Bytes, RpcError> {
    Ok(sign_hash(context, address, hash)?.as_bytes().into())
}

/// Signs `hash` with the key of `address`.
///
/// # Errors
/// "unknown account" unless it is an account of a development chain.
pub(crate) fn sign_hash(
    context: &Context,
    address: &Address,
    hash: B256,
) -> Result<Signature, RpcError> {
    let key = context.chain.dev().and_then(|dev| dev.secret_key(address));
    let key = key.ok_or_else(|| RpcError::server("unknown account"))?;
    let key = SecretKey::from_slice(key.as_slice()).map_err(RpcError::internal)?;
    let signature = SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(hash.0), &key);
    let (parity, rs) = signature.serialize_compact();
    Ok(Signature::from_bytes_and_parity(&rs, i32::from(parity) & 1 == 1))
}
