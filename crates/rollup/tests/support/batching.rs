//! A batcher between a running chain and anvil, which can be killed and started again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::SolEvent;
use jovay_da::{BatchData, BlobArchive, BlobLayer, DataLayer, open_object_store};
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, LogFilter, Sender, SenderConfig, Signer};
use jovay_node::{Core, DEV_ACCOUNTS, NodeConfig};
use jovay_rollup::store::BatchStore;
use jovay_rollup::{
    BatchCloser, Batcher, BatcherConfig, BatcherError, BatcherParts, BatcherStatus, CommitGate,
};
use jovay_state::ChainStore;
use jovay_types::{EthereumTx, Transaction};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinHandle;

use super::{L1, node_config, open};

/// Which of the development accounts commits batches.
const BATCHER: usize = 1;

/// Puts a layer in front of another.
type Wrap = dyn Fn(Arc<dyn DataLayer>) -> Arc<dyn DataLayer> + Send + Sync;

/// Contracts, an account that may commit, and a folder for everything that survives a crash.
pub struct Rig {
    pub l1: L1,
    pub folder: TempDir,
    pub config: BatcherConfig,
    /// Put between batcher and blobs.
    pub wrap: Box<Wrap>,
    /// What may forbid to commit.
    pub gate: CommitGate,
    _alone: MutexGuard<'static, ()>,
}

/// Held by whoever has a rig. anvil computes for seconds on its first blob: side by side, such tests
/// starve each other until their waits run out.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A running batcher with its sender.
pub struct Running {
    pub store: Arc<BatchStore>,
    pub sender: Arc<Sender>,
    pub status: watch::Receiver<BatcherStatus>,
    pub closer: BatchCloser,
    pub batcher: JoinHandle<Result<(), BatcherError>>,
    sending: JoinHandle<()>,
}

/// Proof that tasks were told to end.
pub struct Aborted;

impl Rig {
    pub async fn start() -> Option<Self> {
        // `RUST_LOG=jovay_rollup=info,jovay_l1=info` tells the story of a test that fails.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer();
        // Other tests of this process have started it.
        let _ = log.try_init();
        let alone = ALONE.lock().await;
        let l1 = L1::start().await?;
        let role = keccak256("BATCHER_ROLE");
        let grant = Rollup::grantRoleCall { role, account: batcher() };
        l1.anvil.call(l1.operator, l1.deployment.rollup, U256::ZERO, grant).await;
        let config = BatcherConfig {
            age_max: Duration::from_millis(300),
            poll_interval: Duration::from_millis(50),
            backoff_max: Duration::from_millis(400),
            ..BatcherConfig::dev()
        };
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            l1,
            folder,
            config,
            wrap: Box::new(|layer| layer),
            gate: Arc::new(|| None),
            _alone: alone,
        })
    }

    pub fn core(&self) -> Core {
        let datadir = self.folder.path().join("chain").display().to_string();
        open(&NodeConfig { datadir, ..node_config() }, &self.l1.deployment)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn archive(&self) -> BlobArchive {
        let folder = self.path("blobs").display().to_string();
        let (store, prefix) = open_object_store(&folder).unwrap();
        BlobArchive::new(store, prefix)
    }

    /// Everything but the chain, from the disk.
    pub async fn batcher(&self, core: &Core) -> (Batcher, Arc<BatchStore>, Arc<Sender>) {
        let signer = Signer::from_bytes(&DEV_ACCOUNTS[BATCHER].1.0).unwrap();
        let config =
            SenderConfig { poll_interval: Duration::from_millis(50), ..SenderConfig::dev() };
        let client = self.l1.anvil.client.clone();
        let journal = Some(self.path("sender"));
        let sender = Sender::open(client.clone(), signer, journal, config).await.unwrap();
        let store = Arc::new(BatchStore::open(Some(&self.path("rollup"))).unwrap());
        let blobs: Arc<dyn DataLayer> =
            Arc::new(BlobLayer::new(Arc::new(self.archive()), self.config.blobs_max));
        let parts = BatcherParts {
            chain: core.store().clone(),
            new_blocks: core.sequencer().subscribe_blocks(),
            store: store.clone(),
            layer: (self.wrap)(blobs),
            archive: Some(self.archive()),
            client,
            sender: sender.clone(),
            deployment: self.l1.deployment.clone(),
            gate: self.gate.clone(),
        };
        (Batcher::new(parts, self.config.clone()).unwrap(), store, sender)
    }

    pub async fn run(&self, core: &Core) -> Running {
        let (batcher, store, sender) = self.batcher(core).await;
        let (status, closer) = (batcher.status(), batcher.closer());
        let sending = {
            let sender = sender.clone();
            tokio::spawn(async move { sender.run(std::future::pending()).await.unwrap() })
        };
        let batcher = tokio::spawn(batcher.run(std::future::pending()));
        Running { store, sender, status, closer, batcher, sending }
    }

    pub async fn last_committed(&self) -> u64 {
        let call = Rollup::lastCommittedBatchCall {};
        self.l1.anvil.client.view(self.l1.deployment.rollup, &call, BlockTag::Latest).await.unwrap()
    }

    /// How many times any batch was ever committed on L1's present chain, genesis included.
    pub async fn commit_events(&self) -> u64 {
        let filter = LogFilter {
            from_block: 0,
            to_block: self.l1.anvil.client.block(BlockTag::Latest).await.unwrap().unwrap().number,
            address: vec![self.l1.deployment.rollup],
            topics: vec![vec![Rollup::BatchCommitted::SIGNATURE_HASH]],
        };
        self.l1.anvil.client.logs(&filter).await.unwrap().len() as u64
    }

    /// Every commitment that is written down is a transaction of L1's present chain.
    pub async fn check_commits(&self, store: &BatchStore) {
        for index in 1..=self.last_committed().await {
            let commit = store.get(index).unwrap().unwrap().commit.unwrap();
            let receipt = self.l1.anvil.client.receipt(commit.transaction).await.unwrap().unwrap();
            let block = self.l1.anvil.client.block(BlockTag::Number(commit.l1_block)).await;
            assert_eq!(receipt.block_hash, commit.l1_block_hash, "batch {index}");
            assert_eq!(block.unwrap().unwrap().hash, commit.l1_block_hash, "batch {index}");
        }
    }

    /// Every batch on L1 is the one that was kept; together they have every block up to the last
    /// once; and their blobs, as anvil has them, hold the chain's own transactions.
    pub async fn check_whole(&self, core: &Core, store: &BatchStore) -> u64 {
        let rollup = self.l1.deployment.rollup;
        let last = self.last_committed().await;
        let mut next_block = 1;
        for index in 1..=last {
            let call = Rollup::batchCall { batchIndex: index };
            let there = self.l1.anvil.client.view(rollup, &call, BlockTag::Latest).await.unwrap();
            let record = store.get(index).unwrap().unwrap();
            assert_eq!(there.hash, record.hash, "batch {index}");
            assert_eq!(there.l1MessageCount, record.l1_message_count);
            assert_eq!(record.first_block, next_block, "batch {index}");
            let mut blobs: Vec<Blob> = Vec::new();
            for hash in &record.versioned_hashes {
                let blob = self.l1.anvil.rpc("anvil_getBlobByHash", json!([hash])).await;
                blobs.push(serde_json::from_value(blob).unwrap());
            }
            let payload = BatchData::from_blobs(&blobs).unwrap().payload().unwrap();
            for chunk in payload.chunks {
                let mut transactions = chunk.transactions.iter();
                for context in chunk.blocks {
                    assert_eq!(context.number, next_block, "batch {index}");
                    let block = core.store().block(next_block).unwrap().unwrap();
                    assert_eq!(context.timestamp, block.header.timestamp);
                    for transaction in &block.transactions {
                        if transaction.as_l1_message().is_none() {
                            let encoded = Bytes::from(transaction.encoded_2718());
                            assert_eq!(transactions.next(), Some(&encoded));
                        }
                    }
                    next_block += 1;
                }
                assert_eq!(transactions.next(), None);
            }
            assert_eq!(record.last_block + 1, next_block, "batch {index}");
        }
        last
    }
}

impl Running {
    /// Ends the tasks wherever they stand. Nothing of them is left in memory when it returns.
    pub async fn kill(self) {
        let abort = self.abort();
        self.finish(abort).await;
    }

    /// Ends the tasks at the next moment when they wait for anything.
    pub fn abort(&self) -> Aborted {
        self.batcher.abort();
        self.sending.abort();
        Aborted
    }

    /// Waits until nothing of the aborted tasks is left in memory.
    pub async fn finish(self, _: Aborted) {
        let Self { store, sender, batcher, sending, status, closer } = self;
        drop((status, closer));
        let _ = batcher.await;
        let _ = sending.await;
        // What runs on threads that cannot be aborted still holds on to the folders.
        while Arc::strong_count(&store) > 1 || Arc::strong_count(&sender) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the status is as wanted.
    pub async fn until(&mut self, what: &str, done: impl FnMut(&BatcherStatus) -> bool) {
        let waiting = self.status.wait_for(done);
        if tokio::time::timeout(Duration::from_secs(120), waiting).await.is_err() {
            panic!("timed out: {what}; {:?}", *self.status.borrow());
        }
    }
}

impl Running {
    /// Waits until L1 has the block.
    pub async fn until_block(&mut self, number: u64) {
        let store = self.store.clone();
        let has = |status: &BatcherStatus| {
            store.get(status.committed).unwrap().unwrap().last_block >= number
        };
        self.until(&format!("block {number} on L1"), has).await;
    }
}

pub fn batcher() -> Address {
    DEV_ACCOUNTS[BATCHER].0
}

/// Sends `count` transfers from the development account `account`, from `nonce` on, with `bytes`
/// of random data each, and waits until they are in blocks.
pub async fn transfers(core: &Core, account: usize, nonce: u64, count: u64, bytes: usize) {
    let raws: Vec<Bytes> =
        (nonce..nonce + count).map(|n| transfer(core, account, n, bytes)).collect();
    for result in core.sequencer().submit_many(raws).await {
        result.unwrap();
    }
    while core.sequencer().pool().status().pending > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let taken = |core: &Core| {
        let state = core.store().state_at(core.store().head().number()).unwrap();
        state.account(&DEV_ACCOUNTS[account].0).unwrap().unwrap_or_default().nonce
    };
    while taken(core) < nonce + count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn transfer(core: &Core, account: usize, nonce: u64, bytes: usize) -> Bytes {
    // What does not compress fills blobs.
    let mut data = Vec::new();
    while data.len() < bytes {
        data.extend_from_slice(
            keccak256([nonce, account as u64, data.len() as u64].map(u64::to_be_bytes).concat())
                .as_slice(),
        );
    }
    data.truncate(bytes);
    let tx = TxEip1559 {
        chain_id: core.spec().chain_id,
        nonce,
        gas_limit: 21_000 + 40 * bytes as u64,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x51)),
        value: U256::ONE,
        input: data.into(),
        ..TxEip1559::default()
    };
    let signature = sign_message(DEV_ACCOUNTS[account].1, tx.signature_hash()).unwrap();
    let tx = EthereumTx::from(tx.into_signed(signature));
    Transaction::Ethereum(tx).encoded_2718().into()
}
