//! Runners for suites that others wrote: Ethereum's own state tests and blockchain tests.
//!
//! **What it is.** [`run_state_tests`] and [`run_blockchain_tests`] take a directory of fixtures in
//! the format of execution-spec-tests, run every case through `jovay-evm` and `jovay-state`
//! and report each as passed or failed; with `json` as one JSON object a line in revme's shape.
//!
//! **What it is not.** It knows no test by name and skips none: a case that it cannot run failed.
//!
//! **Start here.** [`Options`], [`Summary`].
//!
//! **Invariants.** Cases do not depend on each other; their results do not depend on the number
//! of threads.

mod blockchain;
mod files;
mod fixture;
mod network;
mod outcome;
mod root;
mod state;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

pub use outcome::{Failure, Outcome, Summary};

/// How to run a suite.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Write one JSON object for each case.
    pub json: bool,
    /// Run only cases whose file path or name contains this.
    pub filter: Option<String>,
}

/// Why a suite could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A fixture or the output could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// There is no fixture in the directory.
    #[error("no .json file in {0}")]
    Empty(PathBuf),
}

/// Runs every state test under `dir` and writes to `out` as `options` say.
///
/// # Errors
/// [`SuiteError`]; a case that fails is no error.
pub fn run_state_tests(
    dir: &Path,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<Summary, SuiteError> {
    files::run(dir, options, out, state::run_file)
}

/// Runs every blockchain test under `dir` and writes to `out` as `options` say.
///
/// # Errors
/// [`SuiteError`]; a case that fails is no error.
pub fn run_blockchain_tests(
    dir: &Path,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<Summary, SuiteError> {
    files::run(dir, options, out, blockchain::run_file)
}
