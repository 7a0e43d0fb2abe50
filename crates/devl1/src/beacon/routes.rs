//! The small routes: what the chain is, and its headers.

use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{B256, FixedBytes};
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::Beacon;
use super::answer::{Refusal, data, respond};
use super::block::Found;
use super::id::BlockId;
use crate::genesis::GENESIS_TIMESTAMP;

/// Seconds in a slot: timestamps have seconds, so every block has a slot of its own.
const SECONDS_PER_SLOT: u64 = 1;
/// Slots in an epoch, as on the main network.
const SLOTS_PER_EPOCH: u64 = 32;
/// The signature of a block that nobody has signed.
const NO_SIGNATURE: FixedBytes<96> = FixedBytes::ZERO;

pub(super) async fn genesis() -> Response {
    data(json!({
        "genesis_time": GENESIS_TIMESTAMP.to_string(),
        "genesis_validators_root": B256::ZERO,
        "genesis_fork_version": "0x00000000",
    }))
}

pub(super) async fn spec(State(beacon): State<Beacon>) -> Response {
    let spec = beacon.chain.spec();
    let blobs = spec.blob_params(GENESIS_TIMESTAMP);
    let most = blobs.map_or(0, |params| params.max_blob_gas_per_block() / DATA_GAS_PER_BLOB);
    let epoch = "0";
    data(json!({
        "CONFIG_NAME": "jovay-dev-l1",
        "PRESET_BASE": "mainnet",
        "SECONDS_PER_SLOT": SECONDS_PER_SLOT.to_string(),
        "SLOT_DURATION_MS": (SECONDS_PER_SLOT * 1_000).to_string(),
        "SLOTS_PER_EPOCH": SLOTS_PER_EPOCH.to_string(),
        "MIN_GENESIS_TIME": GENESIS_TIMESTAMP.to_string(),
        "GENESIS_DELAY": "0",
        "MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS": "4096",
        "DENEB_FORK_EPOCH": epoch,
        "ELECTRA_FORK_EPOCH": epoch,
        "FULU_FORK_EPOCH": epoch,
        "BLOB_SCHEDULE": [{ "EPOCH": epoch, "MAX_BLOBS_PER_BLOCK": most.to_string() }],
        "DEPOSIT_CHAIN_ID": spec.chain_id.to_string(),
        "DEPOSIT_NETWORK_ID": spec.chain_id.to_string(),
        "DEPOSIT_CONTRACT_ADDRESS": spec.deposit_contract,
    }))
}

pub(super) async fn version() -> Response {
    data(json!({ "version": concat!("jovay-dev-l1/v", env!("CARGO_PKG_VERSION")) }))
}

pub(super) async fn syncing(State(beacon): State<Beacon>) -> Result<Response, Refusal> {
    let found = find(beacon, BlockId::Head).await?;
    Ok(data(json!({
        "head_slot": found.slot().to_string(),
        "sync_distance": "0",
        "is_syncing": false,
        "is_optimistic": false,
        "el_offline": false,
    })))
}

pub(super) async fn head(State(beacon): State<Beacon>) -> Result<Response, Refusal> {
    let found = find(beacon, BlockId::Head).await?;
    Ok(headers(json!([shown(&found)]), found.finalized))
}

pub(super) async fn header(
    State(beacon): State<Beacon>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let found = find(beacon, id.parse()?).await?;
    Ok(headers(shown(&found), found.finalized))
}

/// Nodes have not served them since Fusaka; see `blobs`.
pub(super) async fn blob_sidecars(Path(id): Path<String>) -> Result<Response, Refusal> {
    id.parse::<BlockId>()?;
    let message = "GONE: blob sidecars ended with Fusaka, use /eth/v1/beacon/blobs/{block_id}";
    Err(Refusal::Gone(message.into()))
}

async fn find(beacon: Beacon, id: BlockId) -> Result<Found, Refusal> {
    tokio::task::spawn_blocking(move || beacon.find(id)).await?
}

fn headers(data: Value, finalized: bool) -> Response {
    let body = json!({ "execution_optimistic": false, "finalized": finalized, "data": data });
    respond(axum::http::StatusCode::OK, body.to_string())
}

/// The root is a name, not the hash of the message: see [`jovay_sequencer::beacon_block_root`].
fn shown(found: &Found) -> Value {
    let header = &found.block.header;
    json!({
        "root": found.root(),
        "canonical": true,
        "header": {
            "message": {
                "slot": found.slot().to_string(),
                "proposer_index": "0",
                "parent_root": header.parent_beacon_block_root.unwrap_or_default(),
                "state_root": header.state_root,
                "body_root": header.transactions_root,
            },
            "signature": NO_SIGNATURE,
        },
    })
}
