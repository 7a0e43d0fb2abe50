//! `jovay batch export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U64};
use clap::Args;
use jovay_da::{BatchData, DataLayerKind, describe_batch};
use jovay_derive::{BatchSource, Committed, DataAddresses, RollupEvent, RollupL1, RpcL1};
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, Deployment, L1Client};
use jovay_rollup::l1_blocks;
use serde_json::{Value, json};

use crate::bridge::L2Args;
use crate::{Outcome, runtime};

/// How long data that does not come is asked for again.
const PATIENCE: Duration = Duration::from_secs(5);
/// L1 blocks that may have the same timestamp, on development L1s.
const SAME_TIME_MAX: u64 = 64;

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The batch's number, or latest: the last on L1
    number: String,
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// JSON-RPC of the L1 node (http or https)
    #[arg(
        long,
        env = "JOVAY_L1_RPC",
        value_name = "URL",
        default_value = "http://127.0.0.1:18545"
    )]
    l1_rpc: String,
    /// Beacon API of the L1 node, where blobs come from (http or https)
    #[arg(long, env = "JOVAY_L1_BEACON", value_name = "URL")]
    l1_beacon: Option<String>,
    /// Archive of blobs: a folder, or the URL of an object store
    #[arg(long, env = "JOVAY_BLOB_ARCHIVE", value_name = "PLACE")]
    blob_archive: Option<String>,
    /// Object store of a chain whose data is anchored: a folder or a URL
    #[arg(long, env = "JOVAY_DATA_STORE", value_name = "PLACE")]
    data_store: Option<String>,
    /// Addresses file of the chain; without it the node of L2 is asked
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    #[command(flatten)]
    l2: L2Args,
}

pub(crate) fn run(args: &ExportArgs) -> Outcome {
    runtime()?.block_on(export(args)).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

type Failure = Box<dyn std::error::Error>;

async fn export(args: &ExportArgs) -> Result<(), Failure> {
    let client = L1Client::new(&args.l1_rpc)?;
    let deployment = deployment(args).await?;
    let l1: Arc<dyn RollupL1> = Arc::new(RpcL1::new(client.clone(), &deployment));
    let layer = l1.facts().await?.data_layer;
    let batch = find(args, &client, &*l1, &deployment).await?;
    let addresses = DataAddresses {
        beacon: args.l1_beacon.clone(),
        blob_archive: args.blob_archive.clone(),
        data_store: args.data_store.clone(),
        patience: PATIENCE,
    };
    let data = BatchSource::open(l1, layer, &addresses)?.fetch(&batch).await?;
    for file in write(&args.out, &batch, layer, &data)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// As much of the deployment as is needed.
async fn deployment(args: &ExportArgs) -> Result<Deployment, Failure> {
    if let Some(path) = &args.addresses {
        return Ok(Deployment::read(path)?);
    }
    let l2 = L1Client::new(&args.l2.l2_rpc)?;
    let info: Value = l2.request("jovay_rollupInfo", json!([])).await.map_err(|error| {
        format!("node of L2 at {}: {error}; --addresses does without it", l2.shown_url())
    })?;
    let address = |key: &str| serde_json::from_value::<Address>(info[key].clone());
    let first_block = serde_json::from_value::<U64>(info["firstL1Block"].clone())?.to();
    let (rollup, mailbox) = (address("rollup")?, address("l1Mailbox")?);
    Ok(Deployment { rollup, mailbox, first_block, ..Deployment::default() })
}

/// The batch on L1, found by the time of its commitment, which the contract keeps.
async fn find(
    args: &ExportArgs,
    client: &L1Client,
    l1: &dyn RollupL1,
    deployment: &Deployment,
) -> Result<Committed, Failure> {
    let (rollup, latest) = (deployment.rollup, BlockTag::Latest);
    let last = client.view(rollup, &Rollup::lastCommittedBatchCall {}, latest).await?;
    let index = match args.number.as_str() {
        "latest" => last,
        number => {
            number.parse().map_err(|_| format!("{number:?} is neither a number nor latest"))?
        }
    };
    if index == 0 || index > last {
        return Err(format!("batch {index} has no data on L1: it has batches 1 to {last}").into());
    }
    let recorded = client.view(rollup, &Rollup::batchCall { batchIndex: index }, latest).await?;
    let head = client.block(latest).await?.ok_or("L1 node: no latest block")?.number;
    let first = deployment.first_block.min(head);
    let from = l1_blocks::first_since(client, recorded.committedAt, first, head).await?;
    let events = l1.rollup_events(from, head.min(from + SAME_TIME_MAX)).await?;
    let committed = events.into_iter().find_map(|event| match event {
        RollupEvent::Committed(batch) if batch.hash == recorded.hash => Some(batch),
        _ => None,
    });
    Ok(committed
        .ok_or_else(|| format!("L1 node: no event of batch {index} from block {from} on"))?)
}

/// Writes the data as L1 has it, the payload, and the description; the files.
fn write(
    folder: &Path,
    batch: &Committed,
    layer: DataLayerKind,
    data: &BatchData,
) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = Vec::new();
    let mut put = |name: String, bytes: &[u8]| -> Result<(), Failure> {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push(path);
        Ok(())
    };
    let index = batch.index;
    let blobs = data.to_blobs();
    match layer {
        DataLayerKind::Blobs => {
            for (at, blob) in blobs.iter().enumerate() {
                put(format!("batch-{index}.blob-{at}"), blob.as_slice())?;
            }
        }
        _ => put(format!("batch-{index}.data"), &data.encode())?,
    }
    put(format!("batch-{index}.payload"), &data.payload_bytes()?)?;
    let described = json!({
        "index": index,
        "hash": batch.hash,
        "dataLayer": layer.to_string(),
        "dataHash": batch.data_hash,
        "l1MessageCount": batch.l1_message_count,
        "l1RollingHash": batch.l1_rolling_hash,
        "l1Transaction": batch.at.transaction,
        "l1Block": batch.at.block,
        "l1BlockHash": batch.at.block_hash,
        "data": describe_batch(&blobs)?,
    });
    put(format!("batch-{index}.json"), serde_json::to_string_pretty(&described)?.as_bytes())?;
    Ok(files)
}
