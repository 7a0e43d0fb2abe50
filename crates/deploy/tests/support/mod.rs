//! An L1 to deploy to: anvil, as its own process, and a wire to it that can be cut.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, U256, address};
use axum::extract::State;
use axum::http::StatusCode;
use jovay_deploy::{DeployConfig, DeployError, Options, Pace, Progress};
use jovay_l1::{Deployment, FundedAccount, L1Client, Signer};
use serde_json::{Value, json};

/// The first account of anvil's mnemonic deploys.
pub const DEPLOYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub const PROPOSER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
pub const PROPOSER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
pub const STRANGER: Address = Address::repeat_byte(0x66);

pub struct Anvil {
    process: Child,
    pub url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// anvil where `scripts/setup` puts it, else the one on the path.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = root.join("contracts/node_modules/.bin/anvil");
    if installed.exists() { installed } else { "anvil".into() }
}

impl Anvil {
    /// Starts it, or says loudly that it is missing.
    pub fn start(args: &[&str]) -> Option<Self> {
        let started = Command::new(program())
            .args(["--hardfork", "osaka", "--slots-in-an-epoch", "1", "--port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                eprintln!("SKIPPED: no anvil ({error}); run scripts/setup");
                return None;
            }
        };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.unwrap().strip_prefix("Listening on ").map(str::to_owned));
        // Whoever writes into a closed pipe is stopped.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, url: format!("http://{}", line.unwrap()) })
    }

    pub fn client(&self) -> L1Client {
        L1Client::new(&self.url).unwrap()
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.client().request(method, params).await.unwrap()
    }
}

pub fn signer(key: &str) -> Signer {
    Signer::from_hex(key, "test").unwrap()
}

/// A configuration with something of everything.
pub fn config() -> DeployConfig {
    let mut config =
        DeployConfig { l1_chain_id: 31_337, l2_chain_id: 5_734_951, ..DeployConfig::default() };
    config.timelock.delay_s = 3_600;
    config.timelock.proposers = vec![PROPOSER, Address::repeat_byte(0x21)];
    config.roles.guardian = Some(Address::repeat_byte(0x22));
    config.roles.batchers = vec![Address::repeat_byte(0x23), Address::repeat_byte(0x24)];
    config.roles.reverters = vec![Address::repeat_byte(0x25)];
    config.roles.fee_setters = vec![Address::repeat_byte(0x26)];
    config.mailbox.fee_recipient = Address::repeat_byte(0x27);
    config.limits = vec![
        jovay_l1::OutflowLimit { token: None, capacity: U256::from(10), window_s: 60 },
        jovay_l1::OutflowLimit {
            token: Some(Address::repeat_byte(0x28)),
            capacity: U256::from(20),
            window_s: 70,
        },
    ];
    config.genesis.owner = Address::repeat_byte(0x29);
    config.genesis.feeder = Address::repeat_byte(0x2a);
    config.genesis.accounts =
        vec![FundedAccount { address: Address::repeat_byte(0x2b), balance: U256::from(30) }];
    config
}

/// Impatient: what waits for a person in operation fails at once.
pub const PACE: Pace = Pace {
    poll: Duration::from_millis(20),
    raise_after: Duration::from_secs(2),
    give_up_after: Duration::from_millis(50),
};
/// As patient as an L1 needs that makes blocks by itself.
pub const PATIENT: Pace = Pace {
    poll: Duration::from_millis(20),
    raise_after: Duration::from_millis(500),
    give_up_after: Duration::from_secs(60),
};

pub async fn deploy(
    client: &L1Client,
    config: &DeployConfig,
    out: Option<&Path>,
    pace: Pace,
) -> (Result<Deployment, DeployError>, Vec<Progress>) {
    let mut seen = Vec::new();
    let mut tell = |progress| seen.push(progress);
    let options = Options { out: out.map(Path::to_path_buf), pace, tell: &mut tell };
    let genesis = |chain_id, settings: &_, l1| {
        jovay_node::genesis_commitment(chain_id, settings, l1).map_err(|error| error.to_string())
    };
    let outcome =
        jovay_deploy::deploy(client, &signer(DEPLOYER_KEY), config, genesis, options).await;
    (outcome, seen)
}

/// What is in the way between the deployer and L1.
struct Wire {
    to: String,
    http: reqwest::Client,
    /// Transactions that may still pass.
    left: AtomicI64,
    /// Whether the transaction at which the wire breaks still gets through, without its answer.
    last_passes: bool,
}

/// A wire to `anvil` that breaks for good at the transaction after the first `passing`.
pub async fn breaking_wire(anvil: &Anvil, passing: i64, last_passes: bool) -> L1Client {
    let wire = Arc::new(Wire {
        to: anvil.url.clone(),
        http: reqwest::Client::new(),
        left: AtomicI64::new(passing),
        last_passes,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(forward).with_state(wire);
    tokio::spawn(async move { axum::serve(listener, router).await });
    L1Client::new(&url).unwrap()
}

async fn forward(State(wire): State<Arc<Wire>>, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap();
    let broken = (StatusCode::BAD_GATEWAY, String::new());
    if wire.left.load(Ordering::SeqCst) < 0 {
        return broken;
    }
    let sends = request["method"] == json!("eth_sendRawTransaction");
    let breaks = sends && wire.left.fetch_sub(1, Ordering::SeqCst) == 0;
    if breaks && !wire.last_passes {
        return broken;
    }
    let request = wire.http.post(&wire.to).header("content-type", "application/json").body(body);
    let answer = request.send().await.unwrap().text().await.unwrap();
    if breaks { broken } else { (StatusCode::OK, answer) }
}
