//! JSON-RPC errors: the one place where codes are chosen.

use std::borrow::Cow;

use alloy_primitives::Bytes;
use jovay_state::StateError;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{ChainError, SubmitError};

/// The body is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is not a request, or the batch breaks a limit.
pub const INVALID_REQUEST: i32 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters do not fit the method.
pub const INVALID_PARAMS: i32 = -32602;
/// The node itself failed: disk, or a defect. Never the answer to bad input.
pub const INTERNAL_ERROR: i32 = -32603;
/// geth's code for everything without a code of its own.
pub const SERVER_ERROR: i32 = -32000;
/// The call ran into the server's time limit, in geth.
pub const TIMEOUT: i32 = -32002;
/// The answer would be too large, in geth.
pub const RESPONSE_TOO_LARGE: i32 = -32003;
/// A named limit of the server is exceeded (EIP-1474).
pub const LIMIT_EXCEEDED: i32 = -32005;
/// Execution reverted; the data is the revert reason.
pub const REVERTED: i32 = 3;
/// History is not kept that far back (execution-apis).
pub const PRUNED_HISTORY: i32 = 4444;

/// The error member of an answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// JSON-RPC code.
    pub code: i32,
    /// For people, in geth's words where geth has some.
    pub message: Cow<'static, str>,
    /// For programs.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same with `data`.
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// `-32700`.
    pub fn parse(details: &str) -> Self {
        Self::new(PARSE_ERROR, format!("parse error: {details}"))
    }

    /// `-32602`.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    /// `-32602` about the argument at `index`, counted from 0.
    pub fn invalid_argument(index: usize, message: impl core::fmt::Display) -> Self {
        Self::new(INVALID_PARAMS, format!("invalid argument {index}: {message}"))
    }

    /// `-32000`: what geth answers when an error has no code.
    pub fn server(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(SERVER_ERROR, message)
    }

    /// `-32603`: the node failed. The details go to the log, not to the client.
    pub fn internal(details: impl core::fmt::Display) -> Self {
        tracing::error!(%details, "request failed inside the node");
        Self::new(INTERNAL_ERROR, "internal error")
    }

    /// `-32005`.
    pub fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(LIMIT_EXCEEDED, message)
    }

    /// `-32601`.
    pub fn method_not_found(method: &str) -> Self {
        // A method's name comes from outside: no need to send all of a long one back.
        let shown: String = method.chars().take(64).collect();
        let message = format!("the method {shown} does not exist/is not available");
        Self::new(METHOD_NOT_FOUND, message)
    }

    /// `-32000`: state was asked for at a block that is not there.
    pub fn header_not_found() -> Self {
        Self::server("header not found")
    }

    /// `3`: the call reverted with `output`; `reason` is the decoded text, if it has one.
    pub fn reverted(output: &Bytes, reason: Option<&str>) -> Self {
        let message: Cow<'static, str> = match reason {
            Some(reason) => format!("execution reverted: {reason}").into(),
            None => "execution reverted".into(),
        };
        Self::new(REVERTED, message).with_data(Value::String(output.to_string()))
    }
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::StatePruned { .. } => Self::server(error.to_string()),
            ChainError::UnknownBlock => Self::header_not_found(),
            ChainError::State(error) => error.into(),
            ChainError::Backend(details) => Self::internal(details),
        }
    }
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        Self::internal(error)
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self::new(error.code, error.message)
    }
}

impl Serialize for RpcError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        map.end()
    }
}
