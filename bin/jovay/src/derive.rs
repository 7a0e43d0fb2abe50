//! `jovay derive`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jovay_derive::{
    Advance, BatchSource, DataAddresses, Derivation, DerivationConfig, NodeComparison,
    OnDifference, Records, RollupL1, RpcL1,
};
use jovay_l1::{BlockTag, Deployment, L1Client};
use jovay_node::{ChainStart, ConfigFlags, NodeConfig};
use jovay_storage::{Chain, Config as StoreConfig};

use crate::{Outcome, logging, runtime};

/// How long data that does not come is asked for again.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Read L1 up to this block: latest, safe or finalized
    #[arg(long, default_value_t = BlockTag::Finalized)]
    tag: BlockTag,
    /// Stop behind this block
    #[arg(long, value_name = "BLOCK")]
    to: Option<u64>,
    /// Compare every block with those of this node of L2 (JSON-RPC, http or https)
    #[arg(long, value_name = "URL")]
    compare: Option<String>,
    #[command(flatten)]
    flags: ConfigFlags,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let config = NodeConfig::default().load(&args.flags).map_err(|error| error.to_string())?;
    logging::start(&config)?;
    runtime()?.block_on(derive(args, &config)).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

async fn derive(args: &Args, config: &NodeConfig) -> Result<(), Box<dyn std::error::Error>> {
    for (value, flag) in [(&config.l1_rpc, "--l1-rpc"), (&config.addresses, "--addresses")] {
        if value.is_empty() {
            return Err(format!("{flag} is missing").into());
        }
    }
    let deployment = Deployment::read(Path::new(&config.addresses))?;
    let start = ChainStart::deployed(config, &deployment)?;
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let datadir = given(&config.datadir).map(PathBuf::from);
    let store = StoreConfig {
        datadir: datadir.clone(),
        history_blocks: config.history_blocks,
        archive: config.archive,
        ..StoreConfig::default()
    };
    let chain = Arc::new(Chain::open(store, &start.genesis)?);
    let records = match &datadir {
        Some(datadir) => Records::in_folder(datadir, &deployment)?,
        None => Records::in_memory(),
    };
    let l1: Arc<dyn RollupL1> = Arc::new(RpcL1::new(L1Client::new(&config.l1_rpc)?, &deployment));
    let addresses = DataAddresses {
        beacon: given(&config.l1_beacon),
        blob_archive: given(&config.blob_archive),
        data_store: given(&config.data_store),
        patience: PATIENCE,
    };
    let source = Arc::new(BatchSource::open(l1.clone(), deployment.data_layer, &addresses)?);
    let derivation = DerivationConfig {
        deployment,
        tag: args.tag,
        until: args.to,
        on_difference: OnDifference::GoBack,
    };
    let (begun, spec) = (Instant::now(), start.spec);
    let derivation = Derivation::open(derivation, l1, source, chain.clone(), spec, records);
    let mut derivation = derivation.await?;
    if let Some(url) = &args.compare {
        derivation.compare_with(NodeComparison::new(L1Client::new(url)?));
    }
    let (done, before) =
        (derivation.records().last_index(), jovay_state::ChainStore::head(&*chain));
    if done > 0 {
        println!("going on behind batch {done}, block {}", before.number());
    }
    let advance = derivation.advance().await?;
    let seconds = begun.elapsed().as_secs_f64();
    summary(args, &derivation, &advance, seconds);
    let head = jovay_state::ChainStore::head(&*chain);
    println!("head {} {}", head.number(), head.hash);
    println!("state root {}", head.header.state_root);
    chain.flush()?;
    Ok(())
}

fn summary(args: &Args, derivation: &Derivation, done: &Advance, seconds: f64) {
    let Advance { l1_block, batches, blocks, transactions, l1_messages, compared } = *done;
    println!("L1 read up to block {l1_block} ({})", args.tag);
    let rate = transactions as f64 / seconds.max(1e-6);
    println!(
        "{batches} batches, {blocks} blocks, {transactions} transactions ({l1_messages} from L1) in \
         {seconds:.1} s: {rate:.0} tx/s"
    );
    if compared > 0 {
        println!("{compared} of these blocks were here already and are equal");
    }
    let proven = derivation.batches().and_then(|batches| batches.finalized());
    // Genesis has no proof.
    if let Some(finalized) = proven.filter(|index| *index > 0) {
        println!("final up to batch {finalized}, every outcome that L1 has is equal");
    }
    if let Some(url) = &args.compare {
        println!("{} blocks are equal to those of {url}", derivation.compared_with_node());
    }
}
