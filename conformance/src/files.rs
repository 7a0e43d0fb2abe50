//! All fixtures of a directory, in parallel.

use std::{
    fs,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
};

use rayon::prelude::*;
use serde_json::Value;

use crate::{Failure, Options, Outcome, SuiteError, Summary};

/// Runs one file's text, calling back with the name of each case to learn whether to run it.
pub(crate) type RunFile = fn(&str, &dyn Fn(&str) -> bool) -> Result<Vec<Outcome>, String>;

pub(crate) fn run(
    dir: &Path,
    options: &Options,
    out: &mut (dyn Write + Send),
    run_file: RunFile,
) -> Result<Summary, SuiteError> {
    let mut paths = Vec::new();
    collect(dir, &mut paths)?;
    if paths.is_empty() {
        return Err(SuiteError::Empty(dir.into()));
    }
    paths.sort();
    let out = Mutex::new(out);
    let summaries = paths
        .par_iter()
        .map(|path| one_file(dir, path, options, &out, run_file))
        .collect::<Result<Vec<_>, _>>()?;
    let mut all = Summary::default();
    for one in summaries {
        all.files += one.files;
        all.passed += one.passed;
        all.failures.extend(one.failures);
    }
    Ok(all)
}

fn collect(path: &Path, out: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let io = |error| SuiteError::Io { path: path.into(), error };
    if !fs::metadata(path).map_err(io)?.is_dir() {
        out.push(path.into());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?.path();
        let is_fixture = entry.extension().is_some_and(|extension| extension == "json")
            && !entry.components().any(|part| part.as_os_str() == ".meta");
        if entry.is_dir() || is_fixture {
            collect(&entry, out)?;
        }
    }
    Ok(())
}

fn one_file(
    dir: &Path,
    path: &Path,
    options: &Options,
    out: &Mutex<&mut (dyn Write + Send)>,
    run_file: RunFile,
) -> Result<Summary, SuiteError> {
    let io = |error| SuiteError::Io { path: path.into(), error };
    let file = path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned();
    let text = fs::read_to_string(path).map_err(io)?;
    let wanted = |test: &str| match &options.filter {
        Some(filter) => file.contains(filter) || test.contains(filter),
        None => true,
    };
    // A panic is a failure of the file, not the end of the run.
    let ran = catch_unwind(AssertUnwindSafe(|| run_file(&text, &wanted)))
        .unwrap_or_else(|panic| Err(panic_text(&*panic)));
    let outcomes = ran.unwrap_or_else(|error| {
        let error = Some(error);
        vec![Outcome { test: file.clone(), fork: String::new(), error, details: Value::Null }]
    });
    if options.json {
        let mut lines = Vec::new();
        for outcome in &outcomes {
            lines.extend_from_slice(outcome.to_json().to_string().as_bytes());
            lines.push(b'\n');
        }
        let mut out = out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        out.write_all(&lines).map_err(io)?;
    }
    Ok(summary(file, outcomes))
}

fn summary(file: String, outcomes: Vec<Outcome>) -> Summary {
    let mut summary = Summary { files: 1, ..Summary::default() };
    for Outcome { test, fork, error, .. } in outcomes {
        match error {
            None => summary.passed += 1,
            Some(error) => {
                summary.failures.push(Failure { file: file.clone(), test, fork, error });
            }
        }
    }
    summary
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("unknown reason"))
}
