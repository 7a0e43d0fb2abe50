//! `jovay replica`.

use std::process::ExitCode;
use std::time::Duration;

use jovay_node::{ConfigFlags, NodeConfig, Replica, ReplicaOptions};

use crate::dev::stop_signal;
use crate::{Outcome, logging, runtime};

/// How long a replica that has halted says so at /health before it ends.
const HALTED_SHOWN: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Feed of the sequencer (ws://host:port, its JSON-RPC port); without, L1 alone is followed
    #[arg(long, env = "JOVAY_FEED", value_name = "URL")]
    feed: Option<String>,
    /// JSON-RPC to which transactions are forwarded; without, the feed's host and port
    #[arg(long, env = "JOVAY_SEQUENCER_RPC", value_name = "URL")]
    sequencer_rpc: Option<String>,
    #[command(flatten)]
    flags: ConfigFlags,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let config = NodeConfig::default().load(&args.flags).map_err(|error| error.to_string())?;
    logging::start(&config)?;
    let options =
        ReplicaOptions { feed: args.feed.clone(), sequencer_rpc: args.sequencer_rpc.clone() };
    runtime()?.block_on(async {
        let replica = Replica::start(config, options).await.map_err(|error| error.to_string())?;
        println!("JSON-RPC: http://{address} and ws://{address}", address = replica.address());
        println!("Also:     http://{address}/health, /metrics", address = replica.address());
        let ended = tokio::select! {
            () = stop_signal() => {
                tracing::info!("stopping");
                Ok(ExitCode::SUCCESS)
            }
            reason = replica.failed() => {
                tokio::select! {
                    () = stop_signal() => {}
                    () = tokio::time::sleep(HALTED_SHOWN) => {}
                }
                Err(reason)
            }
        };
        replica.stop().await;
        ended
    })
}
