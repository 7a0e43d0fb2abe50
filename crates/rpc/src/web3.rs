//! The `web3` namespace.

use alloy_primitives::{B256, Bytes, keccak256};

use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("web3_clientVersion", "Name and version of the node.")
            .returns("version", schema::string())
            .light(client_version),
        Method::new("web3_sha3", "keccak256 of some bytes.")
            .param("data", schema::bytes())
            .returns("hash", schema::hash())
            .light(sha3),
    ]
}

fn client_version(context: &Context, _: &Params<'_>) -> Result<String, RpcError> {
    Ok(context.config.client_version.clone())
}

fn sha3(_: &Context, params: &Params<'_>) -> Result<B256, RpcError> {
    let data: Bytes = params.get(0)?;
    Ok(keccak256(data))
}
