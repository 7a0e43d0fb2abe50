//! A sequencer with its feed, an L1 that is not ours, and replicas of it.
#![allow(clippy::unwrap_used)]

#[path = "../../derive/tests/support/anvil.rs"]
#[allow(unreachable_pub, dead_code)]
mod anvil;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anvil::Anvil;
use futures_util::{SinkExt, StreamExt};
use jovay_da::{BatchSealer, BlobArchive, BlockData, DataLayerKind, open_object_store};
use jovay_l1::{L1Addresses, L1Client};
use jovay_node::{
    ChainStart, Core, DEV_ACCOUNTS, Node, NodeConfig, Replica, ReplicaOptions, development_genesis,
    genesis_commitment,
};
use jovay_types::{EthereumTx, Transaction};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const CHAIN_ID: u64 = 20_197_750;
const L1_CHAIN_ID: u64 = 31_337;
const PATIENCE: Duration = Duration::from_secs(60);

/// Where all of it is kept.
struct Setup {
    anvil: Anvil,
    folder: tempfile::TempDir,
    sealer: BatchSealer,
}

fn node_config() -> NodeConfig {
    NodeConfig { block_time: 0.05, heartbeat: 0.3, port: 0, ..NodeConfig::development() }
}

impl Setup {
    async fn start() -> Option<Self> {
        let settings = development_genesis(&node_config());
        let genesis = |mailbox| {
            let addresses = L1Addresses { mailbox, bridge: Address::ZERO };
            let commitment = genesis_commitment(CHAIN_ID, &settings, addresses).unwrap();
            (commitment.hash, commitment.state_root)
        };
        let mut anvil = Anvil::start(DataLayerKind::Blobs, genesis).await?;
        anvil.deployment.genesis = settings.clone();
        let folder = tempfile::tempdir().unwrap();
        anvil.deployment.write(&folder.path().join("addresses.toml")).unwrap();
        let mut sealing = jovay_da::SealingConfig::default();
        sealing.batch.blocks = 1_000;
        Some(Self { anvil, folder, sealer: BatchSealer::new(sealing, 1).unwrap() })
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A sequencer whose chain is kept in a folder.
    async fn sequencer(&self, port: u16) -> Node {
        let config = NodeConfig { datadir: self.path("sequencer"), port, ..node_config() };
        let listener = Node::listen(&config).await.unwrap();
        let start = ChainStart::deployed(&config, &self.anvil.deployment).unwrap();
        let core = tokio::task::spawn_blocking(move || Core::open(&config, start).unwrap());
        Node::serve(core.await.unwrap(), listener, axum::Router::new()).unwrap()
    }

    async fn replica(&self, name: &str, feed: Option<SocketAddr>) -> Replica {
        let config = NodeConfig {
            datadir: self.path(name),
            l1_rpc: self.anvil.url.clone(),
            addresses: self.path("addresses.toml"),
            blob_archive: self.path("archive"),
            ..node_config()
        };
        let feed = feed.map(|address| format!("ws://{address}"));
        let options = ReplicaOptions { feed, sequencer_rpc: None };
        Replica::start(config, options).await.unwrap()
    }

    /// Commits the blocks of `node` that are not committed yet, as `change` leaves them.
    async fn commit(&mut self, node: &Node, change: impl Fn(&mut BlockData)) -> u64 {
        let store = node.core().store().clone();
        let head = jovay_state::ChainStore::head(&*store).number();
        for number in self.sealer.next_block()..=head {
            let block = store.block(number).unwrap().unwrap();
            let mut data = BlockData::new(&block, jovay_evm::L2_SPEC_VERSION).unwrap();
            change(&mut data);
            assert!(self.sealer.push(data, None).unwrap().batches.is_empty());
        }
        let sealed = self.sealer.close().unwrap().batches;
        let datas: Vec<_> =
            sealed.into_iter().map(|batch| (batch.data, batch.l1_messages)).collect();
        let sidecar = self.anvil.commit(&datas).await.unwrap();
        let (store, prefix) = open_object_store(&self.path("archive")).unwrap();
        let archive = BlobArchive::new(store, prefix);
        for (hash, blob) in sidecar.versioned_hashes().zip(&sidecar.blobs) {
            archive.keep(hash, blob).await.unwrap();
        }
        head
    }
}

fn client(address: SocketAddr) -> L1Client {
    L1Client::new(&format!("http://{address}")).unwrap()
}

/// A transfer of the first development account.
fn transfer(nonce: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..Default::default()
    };
    let signature = sign_message(DEV_ACCOUNTS[0].1, tx.signature_hash()).unwrap();
    let signed: EthereumTx = tx.into_signed(signature).into();
    Transaction::Ethereum(signed).as_ethereum().unwrap().encoded_2718().into()
}

async fn eventually<F: Future<Output = bool>>(what: &str, done: impl Fn() -> F) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn block(client: &L1Client, tag: &str) -> Value {
    client.request("eth_getBlockByNumber", json!([tag, false])).await.unwrap()
}

async fn number(client: &L1Client, tag: &str) -> u64 {
    let block = block(client, tag).await;
    u64::from_str_radix(block["number"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

async fn is_synced(client: &L1Client) -> bool {
    client.request::<Value>("eth_syncing", json!([])).await.unwrap() == json!(false)
}

/// Status and text of `/health`.
async fn health(address: SocketAddr) -> (u16, Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_forwards_checks_and_halts() {
    let Some(mut setup) = Setup::start().await else { return };
    let sequencer = setup.sequencer(0).await;
    let address = sequencer.address();
    let origin = client(address);
    for nonce in 0..5 {
        origin.send_raw(&transfer(nonce)).await.unwrap();
    }
    let replica = setup.replica("replica", Some(address)).await;
    let copy = client(replica.address());
    eventually("the replica is there", || async { is_synced(&copy).await }).await;

    // A subscription and a transaction at the replica.
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}", replica.address())).await.unwrap();
    let subscribe =
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]});
    socket.send(Message::text(subscribe.to_string())).await.unwrap();
    let hash: B256 = copy.send_raw(&transfer(5)).await.unwrap();
    eventually("its receipt", || async { copy.receipt(hash).await.unwrap().is_some() }).await;
    let receipt = copy.receipt(hash).await.unwrap().unwrap();
    assert_eq!(origin.receipt(hash).await.unwrap().unwrap(), receipt);
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        let head: Value = serde_json::from_str(&text).unwrap();
        if head["params"]["result"]["hash"] == json!(receipt.block_hash) {
            break;
        }
    }
    let refused = copy.send_raw(&transfer(5)).await.unwrap_err().to_string();
    assert!(refused.contains("nonce too low"), "{refused}");

    // What only the sequencer can know, in its words: this one has no L1.
    let info = copy.request::<Value>("jovay_rollupInfo", json!([])).await.unwrap_err().to_string();
    assert!(info.contains("not connected to L1") && info.contains("-32013"), "{info}");
    let asked = copy.request::<Value>("jovay_getBatchByNumber", json!([])).await;
    let asked = asked.unwrap_err().to_string();
    assert!(asked.contains("missing value for required argument 0"), "{asked}");
    // What every node can.
    let raw = json!([transfer(6)]);
    let fee = copy.request::<Value>("jovay_estimateL1Fee", raw.clone()).await.unwrap();
    assert_eq!(fee, origin.request::<Value>("jovay_estimateL1Fee", raw).await.unwrap());

    // L1 has it: safe at the replica.
    let committed = setup.commit(&sequencer, |_| {}).await;
    eventually("L1 agrees", || async { number(&copy, "safe").await >= committed }).await;
    assert_eq!(health(replica.address()).await.0, 200);

    // Without the sequencer it serves on, and does not say that it is synced.
    let port = address.port();
    sequencer.stop().await;
    eventually("the loss is noticed", || async { !is_synced(&copy).await }).await;
    assert_eq!(health(replica.address()).await.1["sync"]["syncing"], json!(true));
    let lost = copy.send_raw(&transfer(6)).await.unwrap_err().to_string();
    assert!(lost.contains("cannot be reached"), "{lost}");
    let lost = copy.request::<Value>("jovay_latestBatch", json!([])).await.unwrap_err().to_string();
    assert!(lost.contains("cannot be reached") && lost.contains("-32014"), "{lost}");
    let sequencer = setup.sequencer(port).await;
    eventually("it is found again", || async { is_synced(&copy).await }).await;
    copy.send_raw(&transfer(6)).await.unwrap();
    let head = number(&client(sequencer.address()), "latest").await;
    eventually("all is there", || async { number(&copy, "latest").await >= head }).await;
    let tag = format!("{head:#x}");
    assert_eq!(block(&copy, &tag).await, block(&origin, &tag).await);

    // L1 says something else about the last blocks: one second later than they were.
    let from = setup.sealer.next_block();
    let batch = 2;
    setup.commit(&sequencer, |data| data.context.timestamp += 1).await;
    let reason = tokio::time::timeout(PATIENCE, replica.failed()).await.unwrap();
    let named = format!("batch {batch}, block {from}: L1 disagrees with the chain here: timestamp");
    assert!(reason.contains(&named), "{reason}");
    let (status, health) = health(replica.address()).await;
    assert_eq!((status, &health["failure"]), (503, &json!(reason)));
    assert!(!is_synced(&copy).await);
    replica.stop().await;
    sequencer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_l1_alone_and_goes_on_after_a_restart() {
    let Some(mut setup) = Setup::start().await else { return };
    let sequencer = setup.sequencer(0).await;
    let origin = client(sequencer.address());
    for nonce in 0..3 {
        origin.send_raw(&transfer(nonce)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    let first = setup.commit(&sequencer, |_| {}).await;
    let replica = setup.replica("alone", None).await;
    let copy = client(replica.address());
    eventually("L1's blocks", || async { number(&copy, "latest").await >= first }).await;
    eventually("it is synced", || async { is_synced(&copy).await }).await;
    let refused = copy.send_raw(&transfer(9)).await.unwrap_err().to_string();
    assert!(refused.contains("no sequencer"), "{refused}");
    let asked = copy.request::<Value>("jovay_latestBatch", json!([])).await;
    let asked = asked.unwrap_err().to_string();
    assert!(asked.contains("follows L1 alone") && asked.contains("-32014"), "{asked}");
    replica.stop().await;

    origin.send_raw(&transfer(3)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = setup.commit(&sequencer, |_| {}).await;
    let replica = setup.replica("alone", None).await;
    let copy = client(replica.address());
    assert!(number(&copy, "latest").await >= first);
    eventually("the rest", || async { number(&copy, "latest").await == second }).await;
    let tag = format!("{second:#x}");
    assert_eq!(block(&copy, &tag).await, block(&origin, &tag).await);
    replica.stop().await;
    sequencer.stop().await;
    assert!(Path::new(&setup.path("alone")).join("batches.derived").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_another_chain_is_refused() {
    let Some(setup) = Setup::start().await else { return };
    let other = NodeConfig { balance: 7, ..node_config() };
    let other = Node::start(other).await.unwrap();
    let replica = setup.replica("refusing", Some(other.address())).await;
    let reason = tokio::time::timeout(PATIENCE, replica.failed()).await.unwrap();
    assert!(reason.contains("another chain"), "{reason}");
    replica.stop().await;
    other.stop().await;
}
