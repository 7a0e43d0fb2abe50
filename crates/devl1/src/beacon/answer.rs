//! Answers and errors in the beacon API's form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jovay_rpc::ChainError;
use serde_json::{Value, json};

/// Why a request has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request makes no sense.
    BadRequest(String),
    /// There is no such thing.
    NotFound(String),
    /// There was such a thing once.
    Gone(String),
    /// The node failed.
    Internal(String),
}

impl From<ChainError> for Refusal {
    fn from(error: ChainError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Gone(message) => (StatusCode::GONE, message),
            Self::Internal(message) => (StatusCode::INTERNAL_SERVER_ERROR, message),
        };
        respond(status, json!({ "code": status.as_u16(), "message": message }).to_string())
    }
}

/// JSON that has been written already.
pub(crate) fn respond(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `data` alone.
pub(crate) fn data(data: Value) -> Response {
    respond(StatusCode::OK, json!({ "data": data }).to_string())
}
