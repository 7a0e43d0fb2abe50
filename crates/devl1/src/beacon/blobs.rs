//! `GET /eth/v1/beacon/blobs/{block_id}`: the blobs of a block, all or those of some versioned
//! hashes.

use alloy_consensus::Transaction as _;
use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use alloy_primitives::{B256, hex};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Beacon;
use super::answer::{Refusal, respond};
use super::block::Found;

/// Versioned hashes that one request may name: above what any block has.
const HASHES_MAX: usize = 128;
/// The query's only key.
const KEY: &str = "versioned_hashes";
/// Media type of SSZ.
const OCTETS: &str = "application/octet-stream";

pub(super) async fn blobs(
    State(beacon): State<Beacon>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = id.parse()?;
    let wanted = wanted(query.as_deref().unwrap_or_default())?;
    let as_ssz = accepts_octets(&headers);
    tokio::task::spawn_blocking(move || {
        let found = beacon.find(id)?;
        let blobs = beacon.blobs_of(&found, wanted.as_deref())?;
        Ok(if as_ssz { ssz(&blobs) } else { json(&blobs, found.finalized) })
    })
    .await?
}

impl Beacon {
    /// The blobs of a block in order, or those with the `wanted` versioned hashes.
    fn blobs_of(&self, found: &Found, wanted: Option<&[B256]>) -> Result<Vec<Blob>, Refusal> {
        let mut blobs = Vec::new();
        for tx in &found.block.transactions {
            let hashes = tx.as_ethereum().and_then(|tx| tx.blob_versioned_hashes());
            let hashes = hashes.unwrap_or_default();
            let is_wanted = |hash: &B256| wanted.is_none_or(|wanted| wanted.contains(hash));
            if !hashes.iter().any(is_wanted) {
                continue;
            }
            let gone = || {
                let number = found.block.number();
                Refusal::NotFound(format!("NOT_FOUND: block {number}: its blobs are too old"))
            };
            let sidecar = self.blobs.get(&tx.hash()).ok_or_else(gone)?;
            let of_tx = hashes.iter().zip(&sidecar.blobs).filter(|(hash, _)| is_wanted(hash));
            blobs.extend(of_tx.map(|(_, blob)| *blob));
        }
        Ok(blobs)
    }
}

/// The hashes in a query, separated by commas or given one by one; `None` for all blobs.
fn wanted(query: &str) -> Result<Option<Vec<B256>>, Refusal> {
    let mut hashes = Vec::new();
    let mut named = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((KEY, values)) = pair.split_once('=') else { continue };
        named = true;
        for value in values.replace("%2C", ",").replace("%2c", ",").split(',') {
            let hash = value.parse().map_err(|_| {
                let shown: String = value.chars().take(80).collect();
                Refusal::BadRequest(format!("BAD_REQUEST: invalid versioned hash {shown:?}"))
            })?;
            hashes.push(hash);
        }
        if hashes.len() > HASHES_MAX {
            let message = format!("BAD_REQUEST: more than {HASHES_MAX} versioned hashes");
            return Err(Refusal::BadRequest(message));
        }
    }
    Ok(named.then_some(hashes))
}

fn accepts_octets(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    // The type named first wins: weights are not weighed.
    accept.is_some_and(|accept| accept.trim_start().starts_with(OCTETS))
}

fn json(blobs: &[Blob], finalized: bool) -> Response {
    let mut out = String::with_capacity(blobs.len() * (2 * BYTES_PER_BLOB + 5) + 80);
    out.push_str("{\"execution_optimistic\":false,\"finalized\":");
    out.push_str(if finalized { "true" } else { "false" });
    out.push_str(",\"data\":[");
    for (index, blob) in blobs.iter().enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        out.push_str(&hex::encode_prefixed(blob));
        out.push('"');
    }
    out.push_str("]}");
    respond(StatusCode::OK, out)
}

fn ssz(blobs: &[Blob]) -> Response {
    let bytes: Vec<u8> = blobs.iter().flat_map(|blob| blob.as_slice()).copied().collect();
    ([(header::CONTENT_TYPE, OCTETS)], bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_a_query() {
        let (a, b) = (B256::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(wanted(""), Ok(None));
        assert_eq!(wanted("other=1"), Ok(None));
        for query in [
            format!("versioned_hashes={a},{b}"),
            format!("versioned_hashes={a}%2C{b}"),
            format!("versioned_hashes={a}&versioned_hashes={b}"),
        ] {
            assert_eq!(wanted(&query), Ok(Some(vec![a, b])));
        }
        for query in ["versioned_hashes=", "versioned_hashes=0x01"] {
            assert!(matches!(wanted(query), Err(Refusal::BadRequest(_))));
        }
        let many = format!("versioned_hashes={}", vec![a.to_string(); 129].join(","));
        assert!(matches!(wanted(&many), Err(Refusal::BadRequest(_))));
    }
}
