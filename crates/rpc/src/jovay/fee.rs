//! What a transaction would pay for its data on L1.

use alloy_primitives::{Bytes, U256};
use serde_json::value::RawValue;

use crate::call::request::CallRequest;
use crate::call::run::CallRun;
use crate::params::{BlockId, BlockNumber, FromParam, Params};
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Most bytes of a raw transaction that is estimated: more than any pool takes.
const RAW_BYTES_MAX: usize = 4 << 20;

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let transaction = schema::one_of(vec![schema::bytes(), crate::call::call_schema()]);
    vec![
        Method::new(
            "jovay_estimateL1Fee",
            "Wei that a raw or described transaction would pay for its data on L1 now.",
        )
        .param("transaction", transaction)
        .returns("fee", schema::quantity())
        .blocking(estimate),
    ]
}

/// A signed transaction's encoding, or what `eth_call` takes.
enum Described {
    Raw(Bytes),
    Call(Box<CallRequest>),
}

impl FromParam for Described {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        if raw.get().starts_with('"') {
            Bytes::from_param(raw).map(Self::Raw)
        } else {
            CallRequest::from_param(raw).map(|request| Self::Call(Box::new(request)))
        }
    }
}

fn estimate(context: &Context, params: &Params<'_>) -> Result<U256, RpcError> {
    let described: Described = params.get(0)?;
    let run = CallRun::new(context, BlockId::Number(BlockNumber::Latest), None, None)?;
    match described {
        Described::Raw(raw) if raw.len() > RAW_BYTES_MAX => {
            Err(RpcError::limit(format!("more than {RAW_BYTES_MAX} bytes")))
        }
        Described::Raw(raw) => run.l1_data_fee_of(&raw),
        Described::Call(request) => run.l1_data_fee(&run.resolve(&request)?),
    }
}
