//! The `jovay` binary: argument parsing and wiring only. Each command's work is in a crate.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jovay_node::ConfigFlags;

mod batch;
mod bench;
mod conformance;
mod db;

mod dev;
mod logging;

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
    /// Print the configuration as TOML, with what the file, the environment and the flags set
    Config(Box<ConfigFlags>),
    /// Look after a chain's database
    #[command(subcommand)]
    Db(db::Command),
    /// Look into the batches that are committed to L1
    #[command(subcommand)]
    Batch(batch::Command),
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

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Dev(flags) => dev::run(&flags),
        Command::Config(flags) => dev::print_config(&flags),
        Command::Db(command) => db::run(command),
        Command::Batch(command) => batch::run(command),
        Command::Statetest(args) => conformance::state_tests(&args),
        Command::Blockchaintest(args) => conformance::blockchain_tests(&args),
        Command::Bench(command) => bench::run(command),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::FAILURE
    })
}
