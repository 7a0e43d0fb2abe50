//! `kill -9` of a whole rollup under load, L1 and batcher included: every block gets into exactly
//! one batch on L1, and nothing that was acknowledged changes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256, keccak256};
use jovay_bench::client::Client;
use jovay_bench::wallet::{Action, Fees, Wallet};
use serde_json::{Value, json};

/// When each process is killed: while contracts are deployed on L1, and so many milliseconds after
/// it has sealed a batch, which takes a few blocks of L1 to be there.
const KILLS: [Kill; 6] = [
    Kill::AfterStart(1_500),
    Kill::AfterBatch(0),
    Kill::AfterBatch(250),
    Kill::AfterBatch(600),
    Kill::AfterBatch(1_100),
    Kill::AfterStart(300),
];
/// Until then a client notices that its node is dead.
const NOTICED: Duration = Duration::from_secs(1);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// When to kill; in milliseconds.
#[derive(Clone, Copy)]
enum Kill {
    AfterStart(u64),
    AfterBatch(u64),
}

impl Kill {
    async fn wait(self, port: u16) {
        let ms = match self {
            Self::AfterStart(ms) => ms,
            Self::AfterBatch(ms) => {
                let mut client = connect(port).await;
                let before = sealed(&mut client).await;
                let started = Instant::now();
                while sealed(&mut client).await == before {
                    assert!(started.elapsed() < PATIENCE, "no batch is sealed");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                ms
            }
        };
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

async fn sealed(client: &mut Client) -> u64 {
    number(&client.call::<Value>("jovay_getSyncStatus", json!([])).await.unwrap()["sealedBatch"])
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL; an error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a rollup is.
struct Place {
    datadir: String,
    port: u16,
    l1_port: u16,
}

impl Place {
    fn start(&self) -> Killed {
        let child = Command::new(env!("CARGO_BIN_EXE_jovay"))
            .args(["dev", "--block-time", "0.05", "--heartbeat", "1", "--batch-age", "1"])
            .args(["--log", "error", "--datadir", &self.datadir])
            .args(["--port", &self.port.to_string(), "--l1-port", &self.l1_port.to_string()])
            .stdout(Stdio::null())
            .spawn();
        Killed(child.unwrap())
    }

    /// Builds the chain from L1 alone up to `block`, and compares every block with the node's.
    fn derive(&self, block: u64) {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let addresses = Path::new(&self.datadir).join("addresses.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_jovay"))
            .args(["derive", "--tag", "latest", "--log", "error", "--to", &block.to_string()])
            .args(["--l1-rpc", &url(self.l1_port), "--l1-beacon", &url(self.l1_port)])
            .args(["--compare", &url(self.port), "--addresses", addresses.to_str().unwrap()])
            .output()
            .unwrap();
        let (told, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}{error}");
        assert!(told.contains(&format!("{block} blocks are equal")), "{told}");
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Connects as soon as the node answers.
async fn connect(port: u16) -> Client {
    let started = Instant::now();
    loop {
        if let Ok(mut client) = Client::connect(port).await
            && client.call::<U64>("eth_chainId", json!([])).await.is_ok()
        {
            return client;
        }
        assert!(started.elapsed() < PATIENCE, "the node did not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends transfers until the node dies; gives the blocks that it acknowledged.
async fn load(port: u16) -> BTreeMap<u64, B256> {
    let mut told = BTreeMap::new();
    let mut client = connect(port).await;
    let key = jovay_node::DEV_ACCOUNTS[3].1.0;
    let mut wallet = Wallet::from_secret(key).unwrap();
    let Ok(chain_id) = client.call::<U64>("eth_chainId", json!([])).await else { return told };
    let fees = Fees { chain_id: chain_id.to(), max_fee: 100_000_000_000, tip: 1 };
    let nonce = client.call::<U64>("eth_getTransactionCount", json!([wallet.address, "pending"]));
    let Ok(nonce) = nonce.await else { return told };
    wallet.nonce = nonce.to();
    loop {
        let to = TxKind::Call(Address::from_word(keccak256(wallet.nonce.to_be_bytes())));
        let input = Bytes::from(keccak256(wallet.nonce.to_be_bytes()).to_vec());
        let tx = wallet.sign(Action { to, value: U256::ONE, input, gas_limit: 200_000 }, fees);
        if client.call::<Value>("eth_sendRawTransaction", json!([tx.raw])).await.is_err() {
            return told;
        }
        let Ok(block) =
            client.call::<Value>("eth_getBlockByNumber", json!(["latest", false])).await
        else {
            return told;
        };
        told.insert(number(&block["number"]), hash(&block["hash"]));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn number(value: &Value) -> u64 {
    serde_json::from_value::<U64>(value.clone()).unwrap().to()
}

fn hash(value: &Value) -> B256 {
    serde_json::from_value(value.clone()).unwrap()
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

/// Waits until L1 has `block` in a batch.
async fn until_committed(client: &mut Client, block: u64) {
    let started = Instant::now();
    loop {
        let batch: Value =
            client.call("jovay_getBatchByBlockNumber", json!([quantity(block)])).await.unwrap();
        if !batch["committed"].is_null() {
            return;
        }
        if started.elapsed() > PATIENCE {
            let sync: Value = client.call("jovay_getSyncStatus", json!([])).await.unwrap();
            panic!("block {block} is in no batch on L1: {sync}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The batches that L1's present chain was ever given: index and hash.
async fn batches_on_l1(place: &Place, rollup: &Value) -> Vec<(u64, B256)> {
    let signature = "BatchCommitted(uint64,bytes32,uint8,uint64,bytes32,bytes32,uint256,uint256)";
    let filter = json!([{
        "fromBlock": "0x0", "toBlock": "latest", "address": rollup,
        "topics": [keccak256(signature)],
    }]);
    let mut l1 = connect(place.l1_port).await;
    let logs: Vec<Value> = l1.call("eth_getLogs", filter).await.unwrap();
    let index = |log: &Value| U256::from_be_bytes(hash(&log["topics"][1]).0).to();
    logs.iter().map(|log| (index(log), hash(&log["topics"][2]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_every_block_gets_into_one_batch() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("data").display().to_string();
    let place = Place { datadir, port: free_port(), l1_port: free_port() };
    let mut told = BTreeMap::new();
    for kill in KILLS {
        let rollup = place.start();
        let port = place.port;
        let mut loader = tokio::spawn(load(port));
        kill.wait(port).await;
        drop(rollup);
        // Killed before it served, it was never connected to.
        let Ok(blocks) = tokio::time::timeout(NOTICED, &mut loader).await else {
            loader.abort();
            continue;
        };
        for (number, hash) in blocks.unwrap() {
            assert_eq!(*told.entry(number).or_insert(hash), hash, "block {number}");
        }
    }
    assert!(told.len() > 20, "only {} blocks: that was no load", told.len());

    let _rollup = place.start();
    let mut client = connect(place.port).await;
    for (number, hash) in &told {
        let block: Value =
            client.call("eth_getBlockByNumber", json!([quantity(*number), false])).await.unwrap();
        assert_eq!(block["hash"], json!(hash), "block {number}");
    }
    let last: U64 = client.call("eth_blockNumber", json!([])).await.unwrap();
    until_committed(&mut client, last.to()).await;
    let info: Value = client.call("jovay_rollupInfo", json!([])).await.unwrap();
    let batches = batches_on_l1(&place, &info["rollup"]).await;
    let mut next = 1;
    for (place, (index, committed)) in batches.iter().enumerate() {
        assert_eq!(*index, place as u64, "a batch is missing, or there twice");
        if *index > 0 {
            let batch: Value =
                client.call("jovay_getBatchByNumber", json!([quantity(*index)])).await.unwrap();
            assert_eq!((hash(&batch["hash"]), number(&batch["firstBlock"])), (*committed, next));
            next = number(&batch["lastBlock"]) + 1;
        }
    }
    assert!(batches.len() > 4 && next > last.to(), "{} batches up to block {next}", batches.len());
    tokio::task::spawn_blocking(move || place.derive(next - 1)).await.unwrap();
}
