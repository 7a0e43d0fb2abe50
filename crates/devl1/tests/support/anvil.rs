//! anvil as the tests' scripts install it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::{L1, Ways};

/// Names the program where it is neither on the path nor installed by scripts/setup.
const VARIABLE: &str = "JOVAY_ANVIL";
/// Where scripts/setup puts it. The program itself: a launcher's child would outlive the tests.
const INSTALLED: &str = "../../contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
/// The version whose ways are known.
const VERSION: &str = "1.7.1";

fn find() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(INSTALLED);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("anvil"));
    named.into_iter().chain([installed]).chain(on_path).find(|program| program.is_file())
}

/// Starts anvil under Osaka's rules; `None`, said aloud, if it is not installed.
pub(crate) async fn anvil() -> Option<(Child, L1)> {
    let Some(program) = find() else {
        eprintln!("SKIPPED: anvil is not installed: run scripts/setup, or set {VARIABLE}");
        return None;
    };
    // Taken for a moment to have it free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = Command::new(program)
        .args(["--hardfork", "osaka", "--slots-in-an-epoch", "1", "--quiet"])
        .args(["--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ways = Ways {
        gas_cap: false,
        price_bump: false,
        takes: &["blob proofs"],
        clear: false,
        blobs_per_block: 9,
        timestamps_rise: false,
        beacon_roots: false,
        slots: false,
        names: false,
        reorg_returns: false,
    };
    let l1 = L1::new(format!("http://127.0.0.1:{port}"), ways);
    for _ in 0..600 {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("anvil ended: {status}");
        }
        let version = l1.client.request::<String>("web3_clientVersion", serde_json::json!([]));
        if let Ok(version) = version.await {
            assert!(version.contains(VERSION), "{version} is not anvil {VERSION}");
            return Some((child, l1));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("anvil does not answer");
}
