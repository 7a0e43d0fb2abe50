//! The `jovay` binary: argument parsing and wiring only. Each command's work is in a crate.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jovay_node::ConfigFlags;

mod batch;
mod batch_export;
mod bench;
mod bridge;
mod conformance;
mod db;
mod deploy;
mod derive;
mod dev;
mod logging;
mod replica;
mod sequencer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Jovay rollup: one binary for every role.
#[derive(Parser)]
#[command(name = "jovay", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a development chain with prefunded accounts
    Dev(Box<ConfigFlags>),
    /// Run the sequencer of a deployed chain
    Sequencer(Box<ConfigFlags>),
    /// Print the configuration as TOML, with what the file, the environment and the flags set
    Config(Box<ConfigFlags>),
    /// Look after a chain's database
    #[command(subcommand)]
    Db(db::Command),
    /// Follow a sequencer's feed, check it against L1, and serve JSON-RPC
    Replica(Box<replica::Args>),
    /// Rebuild the chain from L1 alone and compare it with all that L1 says
    Derive(Box<derive::Args>),
    /// Bring ether and tokens from L1, and see how far they are
    #[command(subcommand)]
    Bridge(bridge::Command),
    /// Look into the batches that are committed to L1
    #[command(subcommand)]
    Batch(batch::Command),
    /// Deploy the rollup's contracts on L1, go on with it, or verify it
    Deploy(Box<deploy::DeployArgs>),
    /// Give a contract on L1 another implementation, through the timelock
    Upgrade(Box<deploy::UpgradeArgs>),
    /// Run Ethereum state tests (files or folders of JSON)
    Statetest(conformance::Args),
    /// Run Ethereum blockchain tests (files or folders of JSON)
    Blockchaintest(conformance::Args),
    /// Measure this machine and this build
    #[command(subcommand)]
    Bench(bench::Command),
}

/// What a command ends with when it fails: one line for a person.
type Outcome = Result<ExitCode, String>;

/// What nodes, and the commands that talk to them, run on.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("rpc")
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Dev(flags) => dev::run(&flags),
        Command::Sequencer(flags) => sequencer::run(&flags),
        Command::Config(flags) => dev::print_config(&flags),
        Command::Db(command) => db::run(command),
        Command::Replica(args) => replica::run(&args),
        Command::Derive(args) => derive::run(&args),
        Command::Bridge(command) => bridge::run(command),
        Command::Batch(command) => batch::run(command),
        Command::Deploy(args) => deploy::deploy(&args),
        Command::Upgrade(args) => deploy::upgrade(&args),
        Command::Statetest(args) => conformance::state_tests(&args),
        Command::Blockchaintest(args) => conformance::blockchain_tests(&args),
        Command::Bench(command) => bench::run(command),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::FAILURE
    })
}
