//! `kill -9` at random moments under load loses no acknowledged block and needs no repair.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::{Bytes, TxKind, U64, U256, hex};
use jovay_bench::client::Client;
use jovay_bench::wallet::{Action, Fees, Wallet};
use serde_json::{Value, json};

/// How often the node is killed.
const KILLS: u64 = 50;
/// Blocks whose receipts are compared after each kill.
const RECENT: usize = 12;

/// Init code of a contract that stores its call value under the caller and logs it:
/// CALLVALUE CALLER SSTORE, CALLVALUE CALLER LOG1 over no data.
const COUNTER: &[u8] = &hex!("6008600c60003960086000f3 34 33 55 34 5f 5f a1 00");

/// What clients were told: by block number, hash and receipts.
type Acknowledged = BTreeMap<u64, (Value, Value)>;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL; an error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(port: u16, args: &[&str]) -> Killed {
    let child = Command::new(env!("CARGO_BIN_EXE_jovay"))
        .args(["dev", "--no-l1", "--block-time", "0.03", "--heartbeat", "1", "--log", "warn"])
        .args(["--port", &port.to_string()])
        .args(args)
        .stdout(Stdio::null())
        .spawn();
    Killed(child.unwrap())
}

async fn connect(port: u16) -> Client {
    let started = Instant::now();
    loop {
        if let Ok(mut client) = Client::connect(port).await
            && client.call::<U64>("eth_chainId", json!([])).await.is_ok()
        {
            return client;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "the node did not come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn wallets() -> Vec<Wallet> {
    let keys = jovay_node::DEV_ACCOUNTS.iter().take(8).map(|(_, key)| key.0);
    keys.map(|key| Wallet::from_secret(key).unwrap()).collect()
}

/// Sends transfers, creations and calls until the node dies.
async fn load(port: u16, chain_id: u64, seed: u64) {
    let mut client = connect(port).await;
    let fees = Fees { chain_id, max_fee: 10_000_000_000, tip: 1 };
    let mut wallets = wallets();
    for wallet in &mut wallets {
        let Ok(nonce) =
            client.call::<U64>("eth_getTransactionCount", json!([wallet.address, "pending"])).await
        else {
            return;
        };
        wallet.nonce = nonce.to();
    }
    for round in 0u64.. {
        for (i, wallet) in wallets.iter_mut().enumerate() {
            let value = U256::from(seed * 1_000 + round % 1_000 + 1);
            let (to, input, gas_limit) = match (round + i as u64) % 5 {
                0 => (TxKind::Create, COUNTER.into(), 200_000),
                1 => (TxKind::Call(wallet.address.create(wallet.nonce - 1)), Bytes::new(), 90_000),
                _ => (TxKind::Call(wallet.address.create(round)), Bytes::new(), 100_000),
            };
            let value = if to == TxKind::Create { U256::ZERO } else { value };
            let tx = wallet.sign(Action { to, value, input, gas_limit }, fees);
            // A refusal is no matter here, a broken connection is the end.
            match client.call::<Value>("eth_sendRawTransaction", json!([tx.raw])).await {
                Ok(_) => {}
                Err(error) if error.to_string().contains("code") => {}
                Err(_) => return,
            }
        }
    }
}

/// Notes every block that the node shows, with its receipts, until it dies.
async fn observe(port: u16, from: u64) -> Acknowledged {
    let mut client = connect(port).await;
    let mut seen = Acknowledged::new();
    for number in from.. {
        loop {
            let number = format!("0x{number:x}");
            let block = client.call::<Value>("eth_getBlockByNumber", json!([number, false])).await;
            let Ok(block) = block else { return seen };
            if !block.is_null() {
                let receipts = client.call("eth_getBlockReceipts", json!([number])).await;
                let Ok(receipts) = receipts else { return seen };
                seen.insert(number_of(&block), (block, receipts));
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    seen
}

fn number_of(block: &Value) -> u64 {
    serde_json::from_value::<U64>(block["number"].clone()).unwrap().to()
}

async fn block_and_receipts(client: &mut Client, number: u64) -> (Value, Value) {
    let number = format!("0x{number:x}");
    let block = client.call("eth_getBlockByNumber", json!([number, false])).await.unwrap();
    (block, client.call("eth_getBlockReceipts", json!([number])).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_it_keeps_every_acknowledged_block() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("data");
    let datadir_flag = ["--datadir", datadir.to_str().unwrap()];
    let port = free_port();
    let mut acknowledged = Acknowledged::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for kill in 0..KILLS {
        let node = start(port, &datadir_flag);
        let mut client = connect(port).await;
        let chain_id: U64 = client.call("eth_chainId", json!([])).await.unwrap();
        for (number, told) in acknowledged.iter().rev().take(RECENT) {
            let now = block_and_receipts(&mut client, *number).await;
            assert_eq!(&now, told, "block {number} changed with kill {kill}");
        }
        let next = acknowledged.keys().last().map_or(0, |last| last + 1);
        let observer = tokio::spawn(observe(port, next));
        let loader = tokio::spawn(load(port, chain_id.to(), kill));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(80 + (random >> 33) % 500)).await;
        drop(node);
        loader.await.unwrap();
        acknowledged.append(&mut observer.await.unwrap());
    }
    let transactions: usize = acknowledged
        .values()
        .map(|(block, _)| block["transactions"].as_array().unwrap().len())
        .sum();
    assert!(transactions > 1_000, "only {transactions} transactions: that was no load");

    let node = start(port, &datadir_flag);
    let mut client = connect(port).await;
    for (number, told) in &acknowledged {
        assert_eq!(&block_and_receipts(&mut client, *number).await, told, "block {number}");
    }
    let export = folder.path().join("chain.rlp");
    let head = export_chain(&mut client, &export).await;
    let told = block_and_receipts(&mut client, head).await;
    drop(node);
    undisturbed(&export, &acknowledged, head, told).await;
}

/// Writes every block but genesis as RLP and returns the last number.
async fn export_chain(client: &mut Client, file: &Path) -> u64 {
    let head: U64 = client.call("eth_blockNumber", json!([])).await.unwrap();
    let mut rlp = Vec::new();
    for number in 1..=head.to() {
        let block = client.call("debug_getRawBlock", json!([format!("0x{number:x}")])).await;
        rlp.extend_from_slice(&block.map(|raw: Bytes| raw).unwrap());
    }
    std::fs::write(file, rlp).unwrap();
    head.to()
}

/// A node that executes the same blocks from genesis and is never killed says the same.
async fn undisturbed(export: &Path, acknowledged: &Acknowledged, head: u64, told: (Value, Value)) {
    let port = free_port();
    let _node = start(port, &["--import", export.to_str().unwrap()]);
    let mut client = connect(port).await;
    assert_eq!(block_and_receipts(&mut client, head).await, told);
    for (number, told) in acknowledged {
        assert_eq!(&block_and_receipts(&mut client, *number).await, told, "block {number}");
    }
}
