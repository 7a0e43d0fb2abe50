//! anvil for the tests: an L1 that is not ours.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

pub mod proxy;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_l1::{
    BlockTag, Finality, Intent, IntentStatus, L1Client, Sender, SenderConfig, SenderError, Signer,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// anvil's accounts 0 and 1, with 10,000 ETH each.
pub const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub const OTHER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// Longer than anything takes on a loaded machine; not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);
pub const GWEI: u64 = 1_000_000_000;

/// A running anvil.
pub struct Anvil {
    child: Child,
    pub url: String,
    pub client: L1Client,
}

fn program() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/node_modules/.bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(beside)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("anvil"))
        .find(|file| file.is_file())
}

impl Anvil {
    /// Starts anvil; `None`, loudly, if it is not installed.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED: anvil is not installed; run scripts/setup");
            return None;
        };
        Some(Self::spawn(&program, 0, arguments).await)
    }

    async fn spawn(program: &Path, port: u16, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["--hardfork", "osaka", "--slots-in-an-epoch", "1"])
            .args(["--port", &port.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // The port is taken from what it says, so that it is ours and nobody else's.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("anvil ended at its start");
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{address}");
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = L1Client::new(&url).unwrap();
        Self { child, url, client }
    }

    /// Ends the process as an operator does, so that it writes its `--state`, and starts it again
    /// at the same address.
    pub async fn stop(&mut self) {
        let id = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        self.child.wait().await.unwrap();
    }

    pub async fn start_again(&mut self, arguments: &[&str]) {
        let port = self.url.rsplit(':').next().unwrap().parse().unwrap();
        *self = Self::spawn(&program().unwrap(), port, arguments).await;
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.client.request(method, params).await.unwrap()
    }

    pub async fn mine(&self) {
        self.call("evm_mine", json!([])).await;
    }

    pub async fn height(&self) -> u64 {
        self.client.block(BlockTag::Latest).await.unwrap().unwrap().number
    }

    pub async fn balance(&self, address: Address) -> U256 {
        self.client.balance(address, BlockTag::Latest).await.unwrap()
    }

    /// Every transaction of `from` in a block, oldest first.
    pub async fn included(&self, from: Address) -> Vec<(B256, u64)> {
        let mut found = Vec::new();
        for number in 0..=self.height().await {
            let params = json!([format!("{number:#x}"), true]);
            let block = self.call("eth_getBlockByNumber", params).await;
            for transaction in block["transactions"].as_array().unwrap() {
                let read = |name: &str| transaction[name].as_str().unwrap();
                if read("from").parse::<Address>().unwrap() == from {
                    let nonce = u64::from_str_radix(&read("nonce")[2..], 16).unwrap();
                    found.push((read("hash").parse().unwrap(), nonce));
                }
            }
        }
        found
    }
}

/// A sender with its loop running.
pub struct Running {
    pub sender: Arc<Sender>,
    task: JoinHandle<Result<(), SenderError>>,
}

impl Running {
    pub async fn start(url: &str, journal: Option<&Path>, config: SenderConfig) -> Self {
        let client = L1Client::new(url).unwrap();
        let journal = journal.map(Path::to_owned);
        let sender = Sender::open(client, signer(), journal, config).await.unwrap();
        let task = tokio::spawn(Arc::clone(&sender).run(std::future::pending()));
        Self { sender, task }
    }

    /// Ends it in the middle of whatever it does.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
        drop(self.sender);
    }

    pub async fn until(&self, key: &str, wanted: impl Fn(&IntentStatus) -> bool) -> IntentStatus {
        let start = Instant::now();
        loop {
            let status = self.sender.status(key).expect("the intent is known");
            if wanted(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{key} stays {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn until_final(&self, key: &str) -> jovay_l1::L1Receipt {
        let end = |status: &IntentStatus| {
            matches!(status, IntentStatus::Final { .. } | IntentStatus::Failed { .. })
        };
        match self.until(key, end).await {
            IntentStatus::Final { receipt } => receipt,
            other => panic!("{key}: {other:?}"),
        }
    }

    pub async fn until_in_flight(&self, key: &str) -> (B256, u64) {
        let status =
            self.until(key, |status| matches!(status, IntentStatus::InFlight { .. })).await;
        let IntentStatus::InFlight { transaction, nonce } = status else { unreachable!() };
        (transaction, nonce)
    }

    /// Waits for a reason to wait that holds `words`.
    pub async fn until_waits(&self, key: &str, words: &str) -> String {
        let waits = |status: &IntentStatus| matches!(status, IntentStatus::Waiting { reason } if reason.contains(words));
        match self.until(key, waits).await {
            IntentStatus::Waiting { reason } => reason,
            _ => unreachable!(),
        }
    }
}

/// Waits until `done` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, done: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn signer() -> Signer {
    Signer::from_hex(KEY, "test").unwrap()
}

/// Quick, and final at once.
pub fn config() -> SenderConfig {
    SenderConfig {
        poll_interval: Duration::from_millis(20),
        backoff_max: Duration::from_millis(200),
        finality: Finality::Confirmations(1),
        ..SenderConfig::dev()
    }
}

/// An address that nobody else pays.
pub fn payee(number: u64) -> Address {
    Address::left_padding_from(&[&[0xbe, 0xef][..], &number.to_be_bytes()].concat())
}

pub fn payment(key: &str, to: Address, value: u64) -> Intent {
    Intent {
        key: key.into(),
        to: Some(to),
        value: U256::from(value),
        data: Bytes::new(),
        sidecar: None,
        deadline: None,
    }
}
