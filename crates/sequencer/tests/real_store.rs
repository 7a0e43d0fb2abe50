//! The sequencer over the real store and the real executor.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_consensus::crypto::secp256k1::{recover_signer, sign_message};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use jovay_evm::{ChainSpec, DEV_CHAIN_ID, SerialExecutor};
use jovay_sequencer::{BlockConfig, MineRequest, Sequencer, SequencerConfig};
use jovay_state::{ChainStore, SealOutcome, StateView, StoreError};
use jovay_storage::{Chain, Config, Genesis, GenesisAccount};
use jovay_types::{
    Account, EthereumTx, ExecutedBlock, Header, L1Position, SealedBlock, StateDiff, Transaction,
};

const ACCOUNTS: u64 = 40;
const GWEI: u128 = 1_000_000_000;
const SINK: Address = Address::repeat_byte(0x51);
const TIMEOUT: Duration = Duration::from_secs(20);

fn secret(key: u64) -> B256 {
    B256::from(U256::from(key))
}

fn address(key: u64) -> Address {
    let message = B256::repeat_byte(1);
    recover_signer(&sign_message(secret(key), message).unwrap(), message).unwrap()
}

fn raw(key: u64, tx: TxEip1559) -> Bytes {
    let signature = sign_message(secret(key), tx.signature_hash()).unwrap();
    let tx = EthereumTx::from(tx.into_signed(signature));
    Transaction::Ethereum(tx).encoded_2718().into()
}

fn transfer(key: u64, nonce: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: DEV_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(SINK),
        value: U256::ONE,
        ..TxEip1559::default()
    };
    raw(key, tx)
}

fn genesis() -> Genesis {
    let spec = ChainSpec::l2(DEV_CHAIN_ID);
    let ethereum = alloy_genesis::Genesis::default().with_gas_limit(120_000_000);
    let balance = U256::from(10).pow(U256::from(24));
    let alloc = (1..=ACCOUNTS).map(|key| GenesisAccount {
        address: address(key),
        account: Account { balance, ..Account::default() },
        code: Bytes::new(),
        slots: Vec::new(),
    });
    let header: Header = spec.genesis_header(&ethereum, B256::ZERO);
    Genesis { header, alloc: alloc.collect() }
}

fn settings(block_ms: u64) -> SequencerConfig {
    let block_time = Duration::from_millis(block_ms);
    let blocks = BlockConfig { block_time, heartbeat: None, ..BlockConfig::default() };
    SequencerConfig { blocks, ..SequencerConfig::default() }
}

fn start(store: Arc<dyn ChainStore>, config: SequencerConfig) -> Sequencer {
    let spec = Arc::new(ChainSpec::l2(DEV_CHAIN_ID));
    let executor = Box::new(SerialExecutor::new(spec.clone()));
    Sequencer::start(config, spec, store, executor, Arc::default()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn drained(sequencer: &Sequencer) {
    let start = Instant::now();
    while sequencer.pool().status().pending > 0 {
        assert!(start.elapsed() < TIMEOUT, "{:?}", sequencer.failure());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn balance(state: &dyn StateView, address: Address) -> U256 {
    state.account(&address).unwrap().unwrap_or_default().balance
}

#[test]
fn load_on_disk_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(Chain::open(Config::on_disk(dir.path()), &genesis()).unwrap());
    let chain = open();
    let sequencer = start(chain.clone(), settings(50));
    let raws: Vec<Bytes> =
        (0..100).flat_map(|n| (1..=ACCOUNTS).map(move |key| transfer(key, n))).collect();
    let begin = Instant::now();
    runtime().block_on(async {
        for part in raws.chunks(500) {
            for result in sequencer.submit_many(part.to_vec()).await {
                result.unwrap();
            }
        }
    });
    drained(&sequencer);
    let rate = raws.len() as f64 / begin.elapsed().as_secs_f64();
    println!("{rate:.0} transfers/s from raw bytes to published blocks on disk");
    let head = chain.head();
    sequencer.stop();
    drop(sequencer);
    drop(chain);

    let chain = open();
    assert_eq!(chain.head().hash, head.hash);
    assert_eq!(balance(&*chain.staged_state(), SINK), U256::from(raws.len()));
    let mut taken = 0;
    for number in 1..=head.number() {
        let block = chain.block(number).unwrap().unwrap();
        let parent = chain.block(number - 1).unwrap().unwrap();
        assert_eq!(block.header.parent_hash, parent.hash);
        assert!(block.header.timestamp >= parent.header.timestamp);
        let spec = ChainSpec::l2(DEV_CHAIN_ID);
        spec.validate_header(&parent.header, &block.header).unwrap();
        taken += block.transactions.len();
    }
    assert_eq!(taken, raws.len());
    // The chain goes on where it stood.
    let sequencer = start(chain, settings(0));
    let included = runtime().block_on(sequencer.submit_and_wait(transfer(1, 100), TIMEOUT));
    assert_eq!(included.unwrap().outcome.block.number(), head.number() + 1);
}

#[test]
fn blocks_fit_into_what_a_batch_holds() {
    let chain = Arc::new(Chain::open(Config::default(), &genesis()).unwrap());
    let mut config = settings(50);
    config.blocks.bytes_max = 1_000;
    let sequencer = start(chain.clone(), config);
    let with_data = |key, nonce, bytes: usize| {
        let tx = TxEip1559 {
            chain_id: DEV_CHAIN_ID,
            nonce,
            gas_limit: 21_000 + 40 * bytes as u64,
            max_fee_per_gas: GWEI,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(SINK),
            input: vec![0xff; bytes].into(),
            ..TxEip1559::default()
        };
        raw(key, tx)
    };
    let overhead = with_data(1, 0, 700).len() - 700;
    // The largest that a block of its own can hold: 1,000 bytes without 40 and 4.
    let largest = with_data(1, 0, 956 - overhead);
    assert_eq!(largest.len(), 956);
    let too_large = with_data(2, 0, 957 - overhead);
    let runtime = runtime();
    let refused = runtime.block_on(sequencer.submit(too_large)).unwrap_err();
    assert!(refused.to_string().contains("oversized"), "{refused}");
    let mut raws = vec![largest];
    raws.extend((2..=ACCOUNTS).map(|key| with_data(key, 0, key as usize * 10)));
    let count = raws.len();
    for result in runtime.block_on(sequencer.submit_many(raws)) {
        result.unwrap();
    }
    drained(&sequencer);
    sequencer.stop();
    let blocks = (1..=chain.head().number()).map(|number| chain.block(number).unwrap().unwrap());
    let (mut taken, mut fullest) = (0, 0);
    for block in blocks {
        let data = jovay_da::BlockData::new(&block, 1).unwrap();
        assert!(data.encoded_len() <= 1_000, "block {}", block.number());
        fullest = fullest.max(data.encoded_len());
        taken += block.transactions.len();
    }
    assert_eq!((taken, fullest), (count, 1_000));
}

/// The real chain with a slow root.
struct SlowSeal(Chain);

impl ChainStore for SlowSeal {
    fn head(&self) -> Arc<SealedBlock> {
        self.0.head()
    }
    fn staged_state(&self) -> Arc<dyn StateView> {
        self.0.staged_state()
    }
    fn stage(&self, block: Arc<ExecutedBlock>) -> Result<(), StoreError> {
        self.0.stage(block)
    }
    fn log(&self, blocks: &[Arc<ExecutedBlock>]) -> Result<(), StoreError> {
        self.0.log(blocks)
    }
    fn seal(&self) -> Result<SealOutcome, StoreError> {
        std::thread::sleep(Duration::from_millis(250));
        self.0.seal()
    }
    fn publish(&self, sealed: &SealOutcome) -> Result<(), StoreError> {
        self.0.publish(sealed)
    }
    fn sealed_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.0.sealed_hash(number)
    }
    fn l1_position(&self) -> Result<L1Position, StoreError> {
        self.0.l1_position()
    }

    fn sealed_block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, StoreError> {
        self.0.sealed_block(number)
    }
    fn patch(&self, change: StateDiff) -> Result<(), StoreError> {
        self.0.patch(change)
    }
    fn revert_to(&self, number: u64) -> Result<(), StoreError> {
        self.0.revert_to(number)
    }
}

#[test]
fn execution_runs_ahead_of_a_slow_root() {
    let store = Arc::new(SlowSeal(Chain::open(Config::in_memory(), &genesis()).unwrap()));
    let sequencer = start(store.clone(), settings(10));
    runtime().block_on(async {
        let begin = Instant::now();
        for nonce in 0..3 {
            sequencer.submit(transfer(1, nonce)).await.unwrap();
            let expected = U256::from(nonce + 1);
            while balance(&*store.staged_state(), SINK) < expected {
                assert!(begin.elapsed() < TIMEOUT);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        // Three blocks executed, none sealed.
        assert_eq!(store.sealed_hash(1).unwrap(), None);
        // Init code that stores the hash of the block before it, which is not sealed yet.
        let create = TxEip1559 {
            chain_id: DEV_CHAIN_ID,
            gas_limit: 200_000,
            max_fee_per_gas: GWEI,
            to: TxKind::Create,
            input: alloy_primitives::bytes!("600143034060005500"),
            ..TxEip1559::default()
        };
        let included = sequencer.submit_and_wait(raw(2, create), TIMEOUT).await.unwrap();
        let number = included.outcome.block.number();
        let parent = store.sealed_hash(number - 1).unwrap().unwrap();
        let state = store.staged_state();
        let stored = state.storage(&address(2).create(0), &U256::ZERO).unwrap();
        assert_eq!(B256::from(stored), parent);
    });
}

#[test]
fn snapshot_and_revert() {
    let chain = Arc::new(Chain::open(Config::in_memory(), &genesis()).unwrap());
    let sequencer = start(chain.clone(), settings(0));
    let send = |raw| runtime().block_on(sequencer.submit_and_wait(raw, TIMEOUT)).unwrap();
    send(transfer(1, 0));
    let rich = Address::repeat_byte(0x99);
    let set = |wei: u64| Account { balance: U256::from(wei), ..Account::default() };
    sequencer.set_account(rich, set(5), None).unwrap();
    let head = chain.head();
    let snapshot = sequencer.snapshot().unwrap();
    send(transfer(1, 1));
    sequencer.set_account(rich, set(6), None).unwrap();
    sequencer.set_storage(rich, U256::ONE, U256::from(7)).unwrap();
    sequencer.mine(MineRequest { blocks: 3, interval_s: Some(5), timestamp: None }).unwrap();
    assert_eq!(chain.head().number(), 5);
    assert!(sequencer.revert(snapshot).unwrap());
    assert_eq!(chain.head().hash, head.hash);
    let state = chain.staged_state();
    assert_eq!(balance(&*state, rich), U256::from(5));
    assert_eq!(state.storage(&rich, &U256::ONE).unwrap(), U256::ZERO);
    assert_eq!(balance(&*state, SINK), U256::ONE);
    send(transfer(1, 1));
    assert_eq!(chain.head().number(), 2);
    assert_eq!(balance(&*chain.staged_state(), rich), U256::from(5));
}

#[test]
fn a_change_stays_in_the_state_that_the_next_block_started_from() {
    let chain = Arc::new(Chain::open(Config::in_memory(), &genesis()).unwrap());
    let sequencer = start(chain.clone(), settings(0));
    let rich = Address::repeat_byte(0x99);
    let set = |wei: u64| {
        let account = Account { balance: U256::from(wei), ..Account::default() };
        sequencer.set_account(rich, account, None).unwrap();
    };
    let mine = || {
        sequencer.mine(MineRequest { blocks: 1, interval_s: None, timestamp: None }).unwrap();
    };
    let at = |number| balance(&*chain.state_at(number).unwrap(), rich);
    mine();
    set(5);
    assert_eq!((at(0), at(1)), (U256::ZERO, U256::from(5)));
    mine();
    let snapshot = sequencer.snapshot().unwrap();
    set(6);
    mine();
    mine();
    // Block 2 and block 3 were executed on these states, so they are what is before them.
    let wei = [0, 1, 2, 3, 4].map(|number| at(number).to::<u64>());
    assert_eq!(wei, [0, 5, 6, 6, 6]);
    sequencer.revert(snapshot).unwrap();
    assert_eq!([0, 1, 2].map(|number| at(number).to::<u64>()), [0, 5, 5]);

    sequencer.increase_time(1_000_000);
    sequencer.set_block_gas_limit(5_000_000).unwrap();
    let genesis = chain.block_hash(0).unwrap();
    let snapshot = sequencer.snapshot().unwrap();
    sequencer.reset().unwrap();
    assert_eq!(chain.head().number(), 0);
    assert_eq!(chain.block_hash(0).unwrap(), genesis);
    assert_eq!(at(0), U256::ZERO);
    assert!(!sequencer.revert(snapshot).unwrap());
    mine();
    assert_eq!(at(1), U256::ZERO);
    assert_eq!(chain.head().header.gas_limit, settings(0).blocks.gas_limit);
}
