//! `jovay dev` and `jovay config`.

use std::process::ExitCode;

use jovay_devnet::Devnet;
use jovay_node::{ConfigFlags, DEV_ACCOUNTS, Node, NodeConfig};

use crate::{Outcome, logging, runtime};

/// Prints the configuration that a node would run with.
pub(crate) fn print_config(flags: &ConfigFlags) -> Outcome {
    let config = NodeConfig::development().load(flags).map_err(|error| error.to_string())?;
    print!("{}", config.to_toml());
    Ok(ExitCode::SUCCESS)
}

/// Runs a development chain, with its L1 unless told otherwise, until Ctrl-C, SIGTERM or a failure.
pub(crate) fn run(flags: &ConfigFlags) -> Outcome {
    let config = NodeConfig::development().load(flags).map_err(|error| error.to_string())?;
    logging::start(&config)?;
    // A chain from a file has no place for the addresses of contracts on L1.
    let alone = config.no_l1 || !config.genesis.is_empty() || !config.import.is_empty();
    runtime()?.block_on(async {
        if alone {
            let node = Node::start(config.clone()).await.map_err(|error| error.to_string())?;
            print_banner(&config, &node);
            let ended = until_signal(node.failed()).await;
            node.stop().await;
            ended
        } else {
            let devnet = Devnet::start(config.clone()).await.map_err(|error| error.to_string())?;
            print_banner(&config, devnet.node());
            print_l1(&devnet);
            let ended = until_signal(devnet.failed()).await;
            devnet.stop().await;
            ended
        }
    })
}

/// Waits for Ctrl-C, SIGTERM, or for `failed` to say why it ends badly.
pub(crate) async fn until_signal(failed: impl Future<Output = String>) -> Outcome {
    tokio::select! {
        () = stop_signal() => {
            tracing::info!("stopping");
            Ok(ExitCode::SUCCESS)
        }
        reason = failed => Err(reason),
    }
}

/// Resolves on Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn print_banner(config: &NodeConfig, node: &Node) {
    println!("Jovay {}, development chain {}", env!("CARGO_PKG_VERSION"), node.chain_id());
    if config.genesis.is_empty() {
        println!(
            "\nAccounts, each with {} ether (publicly known keys, worthless elsewhere):",
            config.balance
        );
        for (i, (address, key)) in DEV_ACCOUNTS.iter().take(config.accounts).enumerate() {
            println!("({i}) {address}  {key}");
        }
        println!("Mnemonic: test test test test test test test test test test test junk");
    }
    let data = if config.datadir.is_empty() { "in memory" } else { &config.datadir };
    println!("\nData:     {data}");
    println!("JSON-RPC: http://{address} and ws://{address}", address = node.address());
    println!("Also:     http://{address}/health, /metrics", address = node.address());
}

fn print_l1(devnet: &Devnet) {
    let (l1, deployment) = (devnet.l1(), devnet.deployment());
    println!("\nL1:       {} (chain id {}; JSON-RPC and beacon API)", l1.url(), l1.chain_id());
    println!("L1Bridge: {}   deposit here", deployment.bridge);
    println!("Mailbox:  {}", deployment.mailbox);
    println!("Rollup:   {}", deployment.rollup);
}
