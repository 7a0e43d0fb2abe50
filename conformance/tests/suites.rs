//! Ethereum's own tests, all of those at hand, against the counts of `expected.toml`.
//!
//! The fixtures are archives in the folder `JOVAY_FIXTURES`, or else in `../shared/fixtures` beside the
//! repository; without them the tests say so and pass.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use jovay_conformance::{Options, SuiteError, Summary, run_blockchain_tests, run_state_tests};

#[derive(serde::Deserialize)]
struct Expected {
    state: Suite,
    blockchain: Suite,
}

#[derive(serde::Deserialize)]
struct Suite {
    archive: String,
    folder: String,
    files: usize,
    passed: usize,
    failures: Vec<KnownFailure>,
}

#[derive(serde::Deserialize)]
struct KnownFailure {
    test: String,
    reason: String,
}

fn expected() -> Expected {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("expected.toml");
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn fixtures() -> PathBuf {
    env::var_os("JOVAY_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    )
}

/// Unpacks the suite; `None` when its archive is not there.
fn unpack(suite: &Suite) -> Option<(tempfile::TempDir, PathBuf)> {
    let archive = fixtures().join(&suite.archive);
    if !archive.exists() {
        eprintln!("\n!!! SKIPPED: no {} (set JOVAY_FIXTURES) !!!\n", archive.display());
        return None;
    }
    let to = tempfile::tempdir().unwrap();
    let status =
        Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(to.path()).status().unwrap();
    assert!(status.success(), "tar failed on {}", archive.display());
    let folder = to.path().join(&suite.folder);
    Some((to, folder))
}

type Run = fn(&Path, &Options, &mut (dyn std::io::Write + Send)) -> Result<Summary, SuiteError>;

fn check(suite: &Suite, run: Run) {
    let Some((_keep, folder)) = unpack(suite) else { return };
    let mut json = Vec::new();
    let options = Options { json: true, filter: None };
    let summary = run(&folder, &options, &mut json).unwrap();
    for failure in &summary.failures {
        eprintln!("{}: {} ({}): {}", failure.file, failure.test, failure.fork, failure.error);
    }
    println!("{}: {summary}", suite.archive);
    assert_eq!(summary.files, suite.files);
    assert_eq!(summary.passed, suite.passed, "raise expected.toml if it is more");
    for failure in &summary.failures {
        let known = suite.failures.iter().find(|known| known.test == failure.test);
        assert!(known.is_some_and(|known| !known.reason.is_empty()), "unexplained failure");
    }
    check_json(&json, &summary);
}

/// One object a case, and `pass` in it agrees with the summary.
fn check_json(json: &[u8], summary: &Summary) {
    let text = std::str::from_utf8(json).unwrap();
    let mut passed = 0;
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        passed += usize::from(object["pass"].as_bool().unwrap());
        assert!(object["test"].is_string() && object["fork"].is_string());
    }
    assert_eq!(passed, summary.passed);
    assert_eq!(text.lines().count(), summary.passed + summary.failed());
}

#[test]
fn state_tests() {
    check(&expected().state, run_state_tests);
}

#[test]
fn blockchain_tests() {
    check(&expected().blockchain, run_blockchain_tests);
}

#[test]
fn a_wrong_expectation_and_a_broken_file_are_failures() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken.json"), "{").unwrap();
    let wrong = r#"{"case": {
        "env": {"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba",
                "currentGasLimit": "0x07270e00", "currentNumber": "0x01",
                "currentTimestamp": "0x03e8"},
        "pre": {}, "transaction": {},
        "post": {"Osaka": [{"hash": "0x0000000000000000000000000000000000000000000000000000000000000001",
            "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            "txbytes": "0x", "indexes": {"data": 0, "gas": 0, "value": 0},
            "expectException": "TransactionException.TYPE_3_TX_ZERO_BLOBS"}]}}}"#;
    fs::write(dir.path().join("wrong.json"), wrong).unwrap();
    let mut out = Vec::new();
    let options = Options { json: true, filter: None };
    let summary = run_state_tests(dir.path(), &options, &mut out).unwrap();
    assert_eq!((summary.passed, summary.failed(), summary.files), (0, 2, 2));
    assert!(summary.failures[1].error.contains("state root"));
    let empty = tempfile::tempdir().unwrap();
    assert!(run_state_tests(empty.path(), &options, &mut out).is_err());
}
