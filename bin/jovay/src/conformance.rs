//! `jovay statetest` and `jovay blockchaintest`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jovay_conformance::{Options, SuiteError, Summary, run_blockchain_tests, run_state_tests};

use crate::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folders (searched in depth) or files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Write one JSON object for each case to standard output
    #[arg(long)]
    json_outcome: bool,
    /// Run only cases whose path or name contains this
    #[arg(long)]
    filter: Option<String>,
}

type Runner = fn(&Path, &Options, &mut (dyn Write + Send)) -> Result<Summary, SuiteError>;

pub(crate) fn state_tests(args: &Args) -> Outcome {
    run(args, run_state_tests)
}

pub(crate) fn blockchain_tests(args: &Args) -> Outcome {
    run(args, run_blockchain_tests)
}

/// Exit status 0 when every case passed, 1 when one failed.
fn run(args: &Args, runner: Runner) -> Outcome {
    let options = Options { json: args.json_outcome, filter: args.filter.clone() };
    let mut out = BufWriter::new(std::io::stdout());
    let (mut passed, mut failed) = (0, 0);
    for path in &args.paths {
        let summary = runner(path, &options, &mut out).map_err(|error| error.to_string())?;
        passed += summary.passed;
        failed += summary.failed();
    }
    out.flush().map_err(|error| format!("cannot write: {error}"))?;
    // Standard output holds the outcomes; the sum is for the person who watches.
    eprintln!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
