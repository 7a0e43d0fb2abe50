//! `jovay bench`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::Outcome;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Throughput and latency of pre-signed transactions through HTTP, from another process
    Rpc(jovay_bench::rpc::Options),
}

pub(crate) fn run(command: Command) -> Outcome {
    let Command::Rpc(options) = command;
    let own = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let report = jovay_bench::rpc::run(own, &options).map_err(|error| error.to_string())?;
    jovay_bench::rpc::print(&report);
    Ok(ExitCode::SUCCESS)
}
