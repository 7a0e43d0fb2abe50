//! A running development network as a user sees it: two nodes that are spoken to over HTTP.
#![allow(clippy::unwrap_used, unreachable_pub)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent};
use jovay_derive::{
    BatchSource, DataAddresses, Derivation, DerivationConfig, NodeComparison, OnDifference,
    Records, RpcL1,
};
use jovay_devnet::Devnet;
use jovay_l1::bindings::{L1Bridge, Rollup};
use jovay_l1::{BlockTag, L1Client, LogFilter, Signer};
use jovay_node::{ChainStart, DEV_ACCOUNTS, NodeConfig};
use jovay_state::ChainStore;
use jovay_storage::{Chain, Config as StoreConfig};
use serde_json::{Value, json};

/// Which of the development accounts sends on both chains.
const USER: usize = 3;
/// Incompressible enough that a batch is no trifle.
const INPUT_BYTES: usize = 200;

/// Settings of a network in `folder` that does everything as soon as it can.
pub fn config(folder: &Path, data_layer: &str) -> NodeConfig {
    NodeConfig {
        datadir: folder.display().to_string(),
        port: 0,
        l1_port: 0,
        block_time: 0.05,
        batch_age: 1,
        data_layer: data_layer.into(),
        ..NodeConfig::development()
    }
}

pub struct Network {
    pub config: NodeConfig,
    pub l1: L1Client,
    pub l2: L1Client,
    devnet: Devnet,
}

impl Network {
    pub async fn start(config: NodeConfig) -> Self {
        // `RUST_LOG=jovay_rollup=info,jovay_l1=info` tells the story of a test that fails.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer();
        // Other tests of this process have started it.
        let _ = log.try_init();
        let devnet = Devnet::start(config.clone()).await.unwrap();
        let l1 = L1Client::new(&devnet.l1().url()).unwrap();
        let l2 = L1Client::new(&format!("http://{}", devnet.node().address())).unwrap();
        Self { config, l1, l2, devnet }
    }

    /// The same again on the same folder; `meanwhile` is done while nothing runs.
    pub async fn restart(self, meanwhile: impl FnOnce()) -> Self {
        self.devnet.stop().await;
        meanwhile();
        Self::start(self.config).await
    }

    pub async fn stop(self) {
        self.devnet.stop().await;
    }

    /// A transaction of the user; returns the number of the block that has it.
    async fn send(&self, on: &L1Client, to: Address, value: u64, inputs: Vec<Vec<u8>>) -> u64 {
        let signer = Signer::from_bytes(&DEV_ACCOUNTS[USER].1.0).unwrap();
        let nonce = on.nonce(signer.address(), BlockTag::Pending).await.unwrap();
        let chain_id = on.chain_id().await.unwrap();
        let mut last = B256::ZERO;
        for (nonce, input) in (nonce..).zip(inputs) {
            let (hash, raw) = signer.sign(TxEip1559 {
                chain_id,
                nonce,
                gas_limit: 1_000_000,
                max_fee_per_gas: 100_000_000_000,
                max_priority_fee_per_gas: 1_000_000,
                to: TxKind::Call(to),
                value: U256::from(value),
                access_list: Default::default(),
                input: input.into(),
            });
            on.send_raw(&raw).await.unwrap();
            last = hash;
        }
        let receipt = eventually("a receipt", async || on.receipt(last).await.unwrap()).await;
        assert!(receipt.succeeded());
        receipt.block_number
    }

    /// Sends some transfers on L2 and gives the block of the last.
    pub async fn transfers(&self) -> u64 {
        let inputs = (0..5).map(|i| {
            let words = (0..INPUT_BYTES / 32).map(|n| alloy_primitives::keccak256([i, n as u8]));
            words.flat_map(|word| word.0).collect()
        });
        self.send(&self.l2, Address::repeat_byte(0x51), 1, inputs.collect()).await
    }

    /// Deposits ether, and waits until it is on L2.
    pub async fn deposit(&self) {
        let to = Address::repeat_byte(0xa1);
        let call =
            L1Bridge::depositETHCall { to, amount: U256::from(5), gasLimit: 200_000, refundTo: to };
        let fee = 1_000_000_000_000_000u64;
        let bridge = self.devnet.deployment().bridge;
        self.send(&self.l1, bridge, 5 + fee, vec![call.abi_encode()]).await;
        eventually("the deposit", async || {
            let balance = self.l2.balance(to, BlockTag::Latest).await.unwrap();
            (balance == U256::from(5)).then_some(())
        })
        .await;
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.l2.request(method, params).await.unwrap()
    }

    pub async fn on_l1(&self, method: &str, params: Value) -> Value {
        self.l1.request(method, params).await.unwrap()
    }

    /// Where the batch of `block` was committed, once it was.
    pub async fn committed(&self, block: u64) -> Value {
        eventually("a commitment", async || {
            let batch = self.ask("jovay_getBatchByBlockNumber", json!([quantity(block)])).await;
            (!batch["committed"].is_null()).then(|| batch["committed"].clone())
        })
        .await
    }

    /// What `/health` and `jovay_getSyncStatus` say that an operator must look at.
    pub async fn alarms(&self) -> Vec<String> {
        let sync = self.ask("jovay_getSyncStatus", json!([])).await;
        serde_json::from_value(sync["alarms"].clone()).unwrap()
    }

    /// The answer of `/health`.
    pub async fn health(&self) -> Value {
        let url = format!("http://{}/health", self.devnet.node().address());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// One metric's lines.
    pub async fn metric(&self, name: &str) -> String {
        let url = format!("http://{}/metrics", self.devnet.node().address());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
    }

    /// L1 has every batch once, each as this node has it; they have every block up to the last
    /// once; and what is derived from L1 alone are the node's own blocks. Gives the last batch.
    pub async fn check(&self) -> u64 {
        let (rollup, at) = (self.devnet.deployment().rollup, BlockTag::Latest);
        let last = self.l1.view(rollup, &Rollup::lastCommittedBatchCall {}, at).await.unwrap();
        let filter = LogFilter {
            from_block: 0,
            to_block: self.l1.block(at).await.unwrap().unwrap().number,
            address: vec![rollup],
            topics: vec![vec![Rollup::BatchCommitted::SIGNATURE_HASH]],
        };
        let logs = self.l1.logs(&filter).await.unwrap();
        let told: Vec<u64> =
            logs.iter().map(|log| U256::from_be_bytes(log.topics[1].0).to()).collect();
        assert_eq!(told[..=last as usize], (0..=last).collect::<Vec<_>>());
        let mut next = 1;
        for index in 1..=last {
            let own = self.ask("jovay_getBatchByNumber", json!([quantity(index)])).await;
            let call = Rollup::batchCall { batchIndex: index };
            let there = self.l1.view(rollup, &call, at).await.unwrap();
            assert_eq!(own["hash"], json!(there.hash), "batch {index}");
            assert_eq!(own["firstBlock"], quantity(next), "batch {index}");
            let last_block: U256 = serde_json::from_value(own["lastBlock"].clone()).unwrap();
            next = last_block.to::<u64>() + 1;
        }
        self.derive(next - 1).await;
        last
    }

    /// Builds the chain from L1 alone and compares every block with the node's.
    async fn derive(&self, last_block: u64) {
        let deployment = self.devnet.deployment().clone();
        let start = ChainStart::deployed(&self.config, &deployment).unwrap();
        let chain = Arc::new(Chain::open(StoreConfig::default(), &start.genesis).unwrap());
        let l1 = Arc::new(RpcL1::new(self.l1.clone(), &deployment));
        let addresses = DataAddresses {
            beacon: Some(self.devnet.l1().url()),
            blob_archive: None,
            data_store: Some(format!("{}/anchored", self.config.datadir)),
            patience: Duration::from_secs(5),
        };
        let source = BatchSource::open(l1.clone(), deployment.data_layer, &addresses).unwrap();
        let config = DerivationConfig {
            deployment,
            tag: BlockTag::Latest,
            until: Some(last_block),
            on_difference: OnDifference::Halt,
        };
        let (source, records) = (Arc::new(source), Records::in_memory());
        let derivation =
            Derivation::open(config, l1, source, chain.clone(), start.spec, records).await;
        let mut derivation = derivation.unwrap();
        derivation.compare_with(NodeComparison::new(self.l2.clone()));
        derivation.advance().await.unwrap();
        assert_eq!(chain.head().number(), last_block);
        assert_eq!(derivation.compared_with_node(), last_block);
    }
}

pub fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

/// Waits up to a minute for something that others do.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("timed out: {what}");
}
