//! A chain built by the sequencer's own builder, sealed by the batch sealer, recorded on an L1 in
//! memory that answers as the contracts do.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

pub mod anvil;
pub mod l1;
pub mod txs;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_da::{
    BatchSealer, BlobSource, BlockData, ChunkLimits, DataLayerKind, SealedBatch, SealingConfig,
};
use jovay_derive::{
    BatchSource, BlobSources, Derivation, DerivationConfig, DeriveError, OnDifference, Records,
};
use jovay_evm::genesis::{L2GenesisConfig, l2_alloc};
use jovay_evm::{ChainSpec, L2_SPEC_VERSION, SerialExecutor};
use jovay_l1::{BlockTag, Deployment};
use jovay_sequencer::{BlockConfig, L1Queue, MineRequest, Sequencer, SequencerConfig};
use jovay_storage::{Chain, Config, Genesis, GenesisAccount};
use jovay_types::{Account, L1Message};

use self::l1::MemoryL1;
use self::txs::{ACCOUNTS, Mixer, account};

pub const CHAIN_ID: u64 = 20_197_750;
pub const L1_CHAIN_ID: u64 = 31_337;

/// xorshift64*: enough to make chains differ.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

pub fn spec() -> Arc<ChainSpec> {
    Arc::new(ChainSpec::l2(CHAIN_ID))
}

pub fn genesis() -> Genesis {
    let owner = account(1);
    let predeploys = l2_alloc(&L2GenesisConfig { owner, feeder: owner, ..Default::default() });
    let predeploys = predeploys.into_iter().map(|entry| GenesisAccount {
        address: entry.address,
        account: entry.account,
        code: entry.code,
        slots: entry.slots,
    });
    let funded = (1..=ACCOUNTS).map(|key| GenesisAccount {
        address: account(key),
        account: Account { balance: U256::from(10).pow(U256::from(24)), ..Account::default() },
        code: Bytes::new(),
        slots: Vec::new(),
    });
    let file = alloy_genesis::Genesis {
        timestamp: 1_700_000_000,
        gas_limit: 120_000_000,
        ..Default::default()
    };
    let header = spec().genesis_header(&file, B256::ZERO);
    Genesis { header, alloc: predeploys.chain(funded).collect() }
}

pub fn chain_in(datadir: Option<&Path>) -> Arc<Chain> {
    let config = Config { datadir: datadir.map(Into::into), ..Config::default() };
    Arc::new(Chain::open(config, &genesis()).unwrap())
}

/// The L2 as its sequencer runs it, and its L1.
pub struct World {
    pub random: Random,
    pub mixer: Mixer,
    pub store: Arc<Chain>,
    pub sequencer: Sequencer,
    pub l1: Arc<MemoryL1>,
    queue: Arc<L1Queue>,
    sealer: BatchSealer,
    /// Taken when the world ends, which may be on a runtime's thread.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(tokio::runtime::Runtime::shutdown_background);
    }
}

/// Batches of a few blocks.
pub fn small_batches(random: &mut Random) -> SealingConfig {
    let mut config = SealingConfig::default();
    config.batch.blocks = 2 + random.below(9);
    config.chunk = ChunkLimits { blocks: 1 + random.below(4) as u32, ..ChunkLimits::default() };
    config
}

impl World {
    pub fn new(seed: u64, kind: DataLayerKind) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1));
        let sealing = small_batches(&mut random);
        Self::with(random, kind, sealing)
    }

    pub fn with(random: Random, kind: DataLayerKind, sealing: SealingConfig) -> Self {
        let store = chain_in(None);
        let queue = Arc::new(L1Queue::default());
        let blocks = BlockConfig { automine: false, heartbeat: None, ..BlockConfig::default() };
        let config = SequencerConfig { blocks, ..SequencerConfig::default() };
        let executor = Box::new(SerialExecutor::new(spec()));
        let sequencer =
            Sequencer::start(config, spec(), store.clone(), executor, queue.clone()).unwrap();
        let head = jovay_state::ChainStore::head(&*store);
        let l1 = MemoryL1::new(kind, head.hash, head.header.state_root);
        Self {
            random,
            mixer: Mixer::default(),
            store,
            sequencer,
            l1: Arc::new(l1),
            queue,
            sealer: BatchSealer::new(sealing, 1).unwrap(),
            runtime: Some(runtime()),
        }
    }

    pub fn deployment(&self) -> Deployment {
        deployment(&self.l1)
    }

    /// A message in L1's queue, which the next block takes.
    pub fn message(&mut self, message: L1Message) {
        let rolling_hash = self.l1.queue_message(message.clone());
        self.queue.push(message, rolling_hash).unwrap();
    }

    /// One block with up to `most` random transactions and a few messages from L1; the batches
    /// that it closes.
    pub fn block(&mut self, most: u64) -> Vec<SealedBatch> {
        if self.random.below(3) == 0 {
            for _ in 0..self.random.below(4) {
                let message = self.mixer.message(&mut self.random, self.l1.message_count());
                self.message(message);
            }
        }
        self.plain_block(most)
    }

    /// One block without new messages from L1.
    pub fn plain_block(&mut self, most: u64) -> Vec<SealedBatch> {
        let count = self.random.below(most + 1);
        self.block_of(count)
    }

    /// One block with `count` random transactions, without new messages from L1.
    pub fn block_of(&mut self, count: u64) -> Vec<SealedBatch> {
        let raws = (0..count).map(|_| self.mixer.transaction(&mut self.random)).collect();
        let answers = self.runtime.as_ref().unwrap().block_on(self.sequencer.submit_many(raws));
        answers.into_iter().for_each(|answer| assert!(answer.is_ok(), "{answer:?}"));
        match self.random.below(8) {
            0 => drop(self.sequencer.increase_time(self.random.below(100))),
            1 => {
                let gas = 100_000_000 + self.random.below(50_000_000);
                self.sequencer.set_block_gas_limit(gas).unwrap();
            }
            _ => {}
        }
        let before = self.head();
        let one = MineRequest { blocks: 1, interval_s: None, timestamp: None };
        self.sequencer.mine(one).unwrap();
        assert_eq!(self.head(), before + 1);
        let block = self.store.block(self.head()).unwrap().unwrap();
        let data = BlockData::new(&block, L2_SPEC_VERSION).unwrap();
        self.sealer.push(data, None).unwrap().batches
    }

    /// Blocks that are committed as they fill batches, several in one L1 transaction now and then.
    pub fn grow(&mut self, blocks: u64, most: u64) {
        let mut waiting = Vec::new();
        for _ in 0..blocks {
            waiting.extend(self.block(most));
            if waiting.len() > self.random.below(3) as usize {
                self.l1.commit(std::mem::take(&mut waiting));
            }
        }
        waiting.extend(self.close());
        self.l1.commit(waiting);
    }

    /// The open batch.
    pub fn close(&mut self) -> Vec<SealedBatch> {
        self.sealer.close().unwrap().batches
    }

    /// Goes back to block `number` and seals on from there.
    pub fn back_to(&mut self, number: u64, snapshot: u64) {
        assert!(self.sequencer.revert(snapshot).unwrap());
        assert_eq!(self.head(), number);
        self.mixer.forget();
        let mut random = self.random.clone();
        self.sealer = BatchSealer::new(small_batches(&mut random), number + 1).unwrap();
    }

    pub fn head(&self) -> u64 {
        jovay_state::ChainStore::head(&*self.store).number()
    }

    /// Makes batch `index`, whose last block is `block`, final.
    pub fn finalize(&self, index: u64, block: u64) {
        let block = self.store.block(block).unwrap().unwrap();
        self.l1.finalize(index, block.header.state_root, block.hash);
    }

    pub fn assert_same(&self, chain: &Chain) {
        assert_same(&self.store, chain, self.head());
    }
}

pub fn assert_same(one: &Chain, other: &Chain, head: u64) {
    assert_eq!(jovay_state::ChainStore::head(other).number(), head);
    for number in 0..=head {
        let theirs = one.block(number).unwrap().unwrap();
        let ours = other.block(number).unwrap().unwrap();
        assert_eq!(theirs, ours, "block {number}");
        assert_eq!(one.receipts(number).unwrap(), other.receipts(number).unwrap());
    }
}

pub fn deployment(l1: &MemoryL1) -> Deployment {
    let (genesis_hash, genesis_state_root) = l1.genesis();
    Deployment {
        l1_chain_id: L1_CHAIN_ID,
        l2_chain_id: CHAIN_ID,
        first_block: l1::FIRST_BLOCK,
        rollup: Address::repeat_byte(1),
        mailbox: l1::MAILBOX,
        bridge: Address::repeat_byte(3),
        timelock: Address::repeat_byte(4),
        genesis_hash,
        genesis_state_root,
        data_layer: l1.kind(),
        ..Deployment::default()
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// How a test derives.
#[derive(Clone, Debug)]
pub struct Setting {
    pub tag: BlockTag,
    pub until: Option<u64>,
    pub on_difference: OnDifference,
}

impl Default for Setting {
    fn default() -> Self {
        let on_difference = OnDifference::GoBack;
        Self { tag: BlockTag::Latest, until: None, on_difference }
    }
}

/// A derivation of `chain` from `l1`.
pub async fn derivation(
    l1: &Arc<MemoryL1>,
    chain: &Arc<Chain>,
    records: Records,
    setting: Setting,
) -> Result<Derivation, DeriveError> {
    let Setting { tag, until, on_difference } = setting;
    let config = DerivationConfig { deployment: deployment(l1), tag, until, on_difference };
    let mut blobs = BlobSources::default();
    blobs.push("memory", l1.clone() as Arc<dyn BlobSource>);
    let source = BatchSource::new(l1.clone(), l1.kind(), blobs, l1.anchored(), Duration::ZERO)?;
    Derivation::open(config, l1.clone(), Arc::new(source), chain.clone(), spec(), records).await
}

/// Derives all from `l1` into a new chain in memory.
pub fn derive_all(l1: &Arc<MemoryL1>) -> Result<Arc<Chain>, DeriveError> {
    let chain = chain_in(None);
    runtime().block_on(async {
        let records = Records::in_memory();
        derivation(l1, &chain, records, Setting::default()).await?.advance().await
    })?;
    Ok(chain)
}
