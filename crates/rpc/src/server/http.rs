//! HTTP: `POST /` with one request or a batch.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::access::Access;
use super::connection::ConnectionToken;
use super::{Dispatcher, ws};
use crate::RpcError;
use crate::error::INVALID_REQUEST;

/// What the routes share.
#[derive(Clone)]
struct Shared {
    dispatcher: Dispatcher,
    access: Access,
}

/// The routes: JSON-RPC on `/`, and those of `extra` (`/health`, `/metrics`).
pub(super) fn router(dispatcher: Dispatcher, extra: Router) -> Router {
    let access = Access::new(dispatcher.context().config.clone());
    let shared = Shared { dispatcher, access };
    Router::new().route("/", any(root)).with_state(shared).merge(extra)
}

async fn root(
    State(shared): State<Shared>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    if !shared.access.host_allowed(host) {
        return (StatusCode::FORBIDDEN, "invalid host specified\n").into_response();
    }
    let origin = headers.get(header::ORIGIN).cloned();
    let mut response = match (request.method().as_str(), upgrade) {
        ("POST", _) => post(&shared, request).await,
        ("OPTIONS", _) => preflight(),
        ("GET", Ok(upgrade)) if !shared.access.websocket_allowed(headers) => {
            drop(upgrade);
            (StatusCode::FORBIDDEN, "origin not allowed\n").into_response()
        }
        ("GET", Ok(upgrade)) => {
            let token = request.extensions().get::<ConnectionToken>().cloned();
            ws::upgrade(upgrade, shared.dispatcher.clone(), token)
        }
        ("GET", Err(_)) => "JSON-RPC: POST a request, or open a WebSocket\n".into_response(),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n").into_response(),
    };
    if let Some(allowed) = origin.and_then(|origin| shared.access.origin_allowed(&origin)) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Without an allowed origin the answer lacks the header that a browser looks for.
fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn post(shared: &Shared, request: Request) -> Response {
    let config = &shared.dispatcher.context().config;
    // Requests that a page may send without asking first are never JSON.
    if !is_json(request.headers()) {
        let message = "invalid content type, only application/json is supported\n";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into_response();
    }
    let limit = config.body_limit_bytes;
    if content_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return too_large(shared, limit);
    }
    let collecting = Limited::new(request.into_body(), limit).collect();
    let body = match tokio::time::timeout(config.body_timeout, collecting).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(shared, limit),
        Ok(Err(error)) if error.source().is_some_and(|error| error.is::<LengthLimitError>()) => {
            return too_large(shared, limit);
        }
        Ok(Err(_)) => return closing(StatusCode::BAD_REQUEST, "body could not be read\n"),
        Err(_) => return closing(StatusCode::REQUEST_TIMEOUT, "body came too slowly\n"),
    };
    match shared.dispatcher.answer(&body).await {
        Some(answer) => json(StatusCode::OK, answer),
        None => StatusCode::OK.into_response(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/json-rpc", "application/jsonrequest"]
        .iter()
        .any(|json| media_type.eq_ignore_ascii_case(json))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The rest of the body is not read: the connection closes.
fn too_large(shared: &Shared, limit: usize) -> Response {
    let message = format!("request body too large, the limit is {limit} bytes");
    let answer = shared.dispatcher.refuse(RpcError::new(INVALID_REQUEST, message));
    let mut response = json(StatusCode::PAYLOAD_TOO_LARGE, answer);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn closing(status: StatusCode, message: &'static str) -> Response {
    (status, [(header::CONNECTION, "close")], message).into_response()
}

fn json(status: StatusCode, answer: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(answer)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
