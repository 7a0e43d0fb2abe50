//! GET requests to a beacon node.

use std::sync::Arc;
use std::time::Duration;

use jovay_da::LayerError;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::L1Error;
use crate::client::read_body;

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// SSZ, which has half the bytes of JSON, if the node offers it.
const OCTETS: &str = "application/octet-stream";
const ACCEPTED: &str = "application/octet-stream, application/json;q=0.9";

/// A client of one beacon node.
#[derive(Clone, Debug)]
pub(super) struct BeaconClient {
    http: Client,
    base: Arc<Url>,
}

/// What the beacon API wraps everything in.
#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

/// A body in one of two forms.
pub(super) enum Body {
    Ssz(Vec<u8>),
    Json(Vec<u8>),
}

fn failed(error: impl std::fmt::Display) -> LayerError {
    LayerError::Source(format!("beacon node: {error}"))
}

impl BeaconClient {
    pub(super) fn new(url: &str) -> Result<Self, L1Error> {
        let no = |message: String| L1Error::Url { url: url.into(), message };
        let mut base = Url::parse(url).map_err(|error| no(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(no("the scheme must be http or https".into()));
        }
        // A path, such as a provider's key, stays in front of ours.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| no(error.to_string()))?;
        Ok(Self { http, base: Arc::new(base) })
    }

    /// The answer; `None` if the node does not have it, or not this route.
    async fn response(&self, route: &str, accept: &str) -> Result<Option<Response>, LayerError> {
        let mut url = self.base.join(route).map_err(failed)?;
        // `join` drops a query that holds the provider's key.
        if url.query().is_none() {
            url.set_query(self.base.query());
        }
        let request = self.http.get(url).header(ACCEPT, accept);
        let response = request.send().await.map_err(|error| failed(error.without_url()))?;
        match response.status() {
            status if status.is_success() => Ok(Some(response)),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            status => Err(failed(format!("{}: {status}", route.split('?').next().unwrap_or("")))),
        }
    }

    /// The `data` of a JSON answer of at most `limit` bytes; `None` if there is none.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        route: &str,
        limit: usize,
    ) -> Result<Option<T>, LayerError> {
        let Some(response) = self.response(route, "application/json").await? else {
            return Ok(None);
        };
        let body = read_body(response, limit).await.map_err(failed)?;
        parse(&body).map(Some)
    }

    /// An answer of at most `limit` bytes as SSZ or JSON, as the node likes.
    pub(super) async fn body(&self, route: &str, limit: usize) -> Result<Option<Body>, LayerError> {
        let Some(response) = self.response(route, ACCEPTED).await? else { return Ok(None) };
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_ssz = kind.is_some_and(|kind| kind.starts_with(OCTETS));
        let body = read_body(response, limit).await.map_err(failed)?;
        Ok(Some(if is_ssz { Body::Ssz(body) } else { Body::Json(body) }))
    }
}

/// The `data` of a JSON answer.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, LayerError> {
    let answer: Answer<T> = serde_json::from_slice(body).map_err(failed)?;
    Ok(answer.data)
}
