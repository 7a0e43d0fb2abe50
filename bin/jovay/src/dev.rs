//! `jovay dev` and `jovay config`.

use std::process::ExitCode;

use jovay_node::{ConfigFlags, DEV_ACCOUNTS, Node, NodeConfig};

use crate::{Outcome, logging};

/// Prints the configuration that a node would run with.
pub(crate) fn print_config(flags: &ConfigFlags) -> Outcome {
    let config = NodeConfig::default().load(flags).map_err(|error| error.to_string())?;
    print!("{}", config.to_toml());
    Ok(ExitCode::SUCCESS)
}

/// Runs a development chain until Ctrl-C, SIGTERM or a failure.
pub(crate) fn run(flags: &ConfigFlags) -> Outcome {
    let config = NodeConfig::default().load(flags).map_err(|error| error.to_string())?;
    logging::start(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("rpc")
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(async {
        let node = Node::start(config.clone()).await.map_err(|error| error.to_string())?;
        print_banner(&config, &node);
        let ended = tokio::select! {
            () = stop_signal() => {
                tracing::info!("stopping");
                Ok(ExitCode::SUCCESS)
            }
            reason = node.failed() => Err(reason),
        };
        node.stop().await;
        ended
    })
}

/// Resolves on Ctrl-C or SIGTERM.
async fn stop_signal() {
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
