//! The beacon API as real networks have it, which anvil does not: slots by time, sidecars of
//! older nodes, nodes that err. The server here says exactly what a test tells it to.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, hex};
use jovay_da::{BlobSource, LayerError, blob_sidecar};
use jovay_l1::{BeaconBlobSource, BlobHint};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A path and its body.
type Route = (&'static str, Vec<u8>);

/// Serves bodies by path, without their query; anything else is 404.
async fn server(routes: impl IntoIterator<Item = Route>) -> String {
    let routes: HashMap<_, _> = routes.into_iter().collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/key/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && socket.read_buf(&mut request).await.unwrap() > 0
            {}
            let request = String::from_utf8(request).unwrap();
            let path = request.split([' ', '?']).nth(1).unwrap().strip_prefix("/key").unwrap();
            let (status, body) = match routes.get(path) {
                Some(body) => ("200 OK", body.as_slice()),
                None => ("404 Not Found", &b"{}"[..]),
            };
            let kind = match body.first() {
                Some(b'{') => "application/json",
                _ => "application/octet-stream",
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n"
            );
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(body).await;
        }
    });
    url
}

fn body(data: Value) -> Vec<u8> {
    json!({ "data": data }).to_string().into_bytes()
}

fn spec() -> Vec<u8> {
    body(json!({ "SECONDS_PER_SLOT": "12" }))
}

fn genesis() -> Vec<u8> {
    body(json!({ "genesis_time": "1000" }))
}

fn blob(fill: u8) -> Blob {
    let mut blob = Blob::default();
    blob[1] = fill;
    blob
}

const PARENT: B256 = B256::repeat_byte(0x11);
/// In slot 7.
const HINT: BlobHint = BlobHint { number: 5, timestamp: 1_090, parent_beacon_root: Some(PARENT) };

fn header(parent: B256) -> Vec<u8> {
    body(json!({ "header": { "message": { "parent_root": parent } } }))
}

#[tokio::test]
async fn slots_are_by_time_and_ssz_is_read() {
    let sidecar = blob_sidecar(vec![blob(1), blob(2), blob(3)]).unwrap();
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let ssz = [blob(1), blob(2), blob(3)].concat();
    let routes = [
        ("/eth/v1/config/spec", spec()),
        ("/eth/v1/beacon/genesis", genesis()),
        ("/eth/v1/beacon/blobs/7", ssz),
    ];
    let source = BeaconBlobSource::new(&server(routes).await).unwrap();
    source.expect(&hashes, HINT);
    let wanted = [hashes[2], hashes[0]];
    assert_eq!(source.blobs(&wanted).await.unwrap(), [blob(3), blob(1)]);
}

#[tokio::test]
async fn older_nodes_have_sidecars() {
    let sidecar = blob_sidecar(vec![blob(1), blob(2)]).unwrap();
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let entry = |index: usize, blob: &Blob| {
        json!({
            "index": index.to_string(),
            "blob": hex::encode_prefixed(blob),
            "kzg_commitment": sidecar.commitments[index],
            "kzg_proof": "0x00",
        })
    };
    let good = json!([entry(0, &blob(1)), entry(1, &blob(2))]);
    let swapped = json!([entry(0, &blob(2)), entry(1, &blob(2))]);
    for (sidecars, is_good) in [(good, true), (swapped, false)] {
        let routes = [
            ("/eth/v1/config/spec", spec()),
            ("/eth/v1/beacon/genesis", genesis()),
            ("/eth/v1/beacon/blob_sidecars/7", body(sidecars)),
        ];
        let source = BeaconBlobSource::new(&server(routes).await).unwrap();
        match source.blobs_at(&hashes, &HINT).await {
            Ok(blobs) => assert!(is_good && blobs == [blob(1), blob(2)]),
            // The blob under the first commitment is another's.
            Err(error) => assert!(!is_good && matches!(error, LayerError::Kzg(_)), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_missing_blob_and_another_block_are_told_apart() {
    let sidecar = blob_sidecar(vec![blob(1)]).unwrap();
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    for (parent, is_ours) in [(PARENT, true), (B256::repeat_byte(0x22), false)] {
        let routes = [
            ("/eth/v1/config/spec", spec()),
            ("/eth/v1/beacon/genesis", genesis()),
            ("/eth/v1/beacon/headers/7", header(parent)),
            // A blob, but not the one asked for.
            ("/eth/v1/beacon/blobs/7", blob(9).to_vec()),
        ];
        let source = BeaconBlobSource::new(&server(routes).await).unwrap();
        match source.blobs_at(&hashes, &HINT).await.unwrap_err() {
            LayerError::Missing(hash) => assert!(is_ours && hash == hashes[0]),
            error => assert!(!is_ours && error.to_string().contains("reorg"), "{error}"),
        }
    }
}

#[tokio::test]
async fn unusable_answers_are_errors() {
    let hashes = [B256::repeat_byte(1)];
    let too_old = BlobHint { timestamp: 999, ..HINT };
    let cases: [(Vec<Route>, BlobHint, &str); 4] = [
        (vec![("/eth/v1/config/spec", spec())], HINT, "no genesis"),
        (
            vec![("/eth/v1/config/spec", body(json!({ "SECONDS_PER_SLOT": "0" })))],
            HINT,
            "SECONDS_PER_SLOT",
        ),
        (
            vec![("/eth/v1/config/spec", spec()), ("/eth/v1/beacon/genesis", genesis())],
            too_old,
            "older than its chain",
        ),
        (vec![("/eth/v1/beacon/blobs/5", vec![0; 1_000])], HINT, "not blobs"),
    ];
    for (routes, hint, words) in cases {
        let source = BeaconBlobSource::new(&server(routes).await).unwrap();
        let error = source.blobs_at(&hashes, &hint).await.unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    assert!(BeaconBlobSource::new("ftp://x").is_err());
}
