//! For tests: signed transactions, a chain with funded accounts, and a store in memory whose
//! stages can be slowed down and broken.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use alloy_consensus::crypto::secp256k1::{recover_signer, sign_message};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use jovay_evm::{ChainSpec, DEV_CHAIN_ID, SerialExecutor};
use jovay_state::{ChainStore, MemoryState, Overlay, SealOutcome, StateView, StoreError};
use jovay_types::{
    EthereumTx, ExecutedBlock, Header, L1Position, RecoveredTx, SealedBlock, StateDiff, Transaction,
};
use parking_lot::Mutex;

use crate::{BlobStore, BlockConfig, L1Queue, Pool, PoolConfig, Sequencer, SequencerConfig};

/// Wei of each funded account.
pub(crate) const FUNDS: u128 = 1_000_000_000_000_000_000_000;
/// Accounts with funds: keys 1 to this.
pub(crate) const FUNDED: u64 = 40;
/// Wei per gas that any block takes.
pub(crate) const GWEI: u128 = 1_000_000_000;
/// Where transfers go.
pub(crate) const SINK: Address = Address::repeat_byte(0x51);

fn secret(key: u64) -> B256 {
    B256::from(U256::from(key))
}

/// The account of a key.
pub(crate) fn account(key: u64) -> Address {
    let message = B256::repeat_byte(1);
    recover_signer(&sign_message(secret(key), message).unwrap(), message).unwrap()
}

/// Signs any transaction.
pub(crate) fn sign<T: SignableTransaction<alloy_primitives::Signature>>(
    key: u64,
    tx: T,
) -> EthereumTx
where
    EthereumTx: From<alloy_consensus::Signed<T>>,
{
    let signature = sign_message(secret(key), tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

/// A transaction to be signed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    key: u64,
    pub(crate) tx: TxEip1559,
}

/// One wei from the account of `key` to [`SINK`].
pub(crate) fn transfer(key: u64, nonce: u64) -> Draft {
    let tx = TxEip1559 {
        chain_id: DEV_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: GWEI / 10,
        to: TxKind::Call(SINK),
        value: U256::ONE,
        ..TxEip1559::default()
    };
    Draft { key, tx }
}

impl Draft {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut TxEip1559)) -> Self {
        change(&mut self.tx);
        self
    }

    /// Fee cap and tip in wei per gas.
    pub(crate) fn fees(self, cap: u128, tip: u128) -> Self {
        self.with(|tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (cap, tip))
    }

    pub(crate) fn value(self, wei: u128) -> Self {
        self.with(|tx| tx.value = U256::from(wei))
    }

    pub(crate) fn raw(self) -> Bytes {
        Transaction::Ethereum(sign(self.key, self.tx)).encoded_2718().into()
    }

    pub(crate) fn recovered(self) -> Arc<RecoveredTx> {
        let tx = Transaction::Ethereum(sign(self.key, self.tx));
        Arc::new(RecoveredTx::recover(tx).unwrap())
    }

    /// Without the cost of signing: for tests of the pool alone.
    pub(crate) fn unsigned(self, sender: Address) -> Arc<RecoveredTx> {
        let signature = crate::impersonation_signature(sender);
        let tx = Transaction::Ethereum(self.tx.into_signed(signature).into());
        Arc::new(RecoveredTx::with_sender(tx, sender))
    }
}

pub(crate) fn spec() -> Arc<ChainSpec> {
    Arc::new(ChainSpec::l2(DEV_CHAIN_ID))
}

/// A chain in memory. It computes no roots: the sequencer does not look at them.
pub(crate) struct TestStore {
    inner: Mutex<Inner>,
    /// Milliseconds that sealing a block takes.
    pub(crate) seal_ms: AtomicU64,
    pub(crate) log_fails: AtomicBool,
    /// Blocks of each call of `log`.
    pub(crate) log_groups: Mutex<Vec<usize>>,
}

struct Inner {
    /// The state after each block.
    states: Vec<Arc<Overlay>>,
    staged: Vec<Arc<ExecutedBlock>>,
    /// The current state where patches lie over the last block's.
    patched: Option<Arc<Overlay>>,
    logged: VecDeque<Arc<ExecutedBlock>>,
    sealed: Vec<Arc<SealedBlock>>,
    published: usize,
}

impl TestStore {
    pub(crate) fn new() -> Arc<Self> {
        let mut genesis = MemoryState::new();
        for key in 1..=FUNDED {
            genesis.insert(account(key), 0, U256::from(FUNDS), Bytes::new(), []);
        }
        let header = Header {
            base_fee_per_gas: Some(1_000_000),
            gas_limit: 120_000_000,
            timestamp: 1_700_000_000,
            ..Header::default()
        };
        let block = sealed(header, Vec::new());
        let inner = Inner {
            states: vec![Arc::new(Overlay::new(Arc::new(genesis)))],
            staged: Vec::new(),
            patched: None,
            logged: VecDeque::new(),
            sealed: vec![Arc::new(block)],
            published: 0,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            seal_ms: AtomicU64::new(0),
            log_fails: AtomicBool::new(false),
            log_groups: Mutex::default(),
        })
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.staged_state().account(&address).unwrap().unwrap_or_default().balance
    }

    pub(crate) fn staged(&self) -> usize {
        self.inner.lock().staged.len()
    }

    pub(crate) fn block(&self, number: usize) -> Arc<SealedBlock> {
        self.inner.lock().sealed[number].clone()
    }
}

fn sealed(header: Header, transactions: Vec<Arc<RecoveredTx>>) -> SealedBlock {
    let hash = header.hash_slow();
    SealedBlock { hash, header, transactions, ommers: Vec::new(), withdrawals: Some(Vec::new()) }
}

impl ChainStore for TestStore {
    fn head(&self) -> Arc<SealedBlock> {
        let inner = self.inner.lock();
        inner.sealed[inner.published].clone()
    }

    fn staged_state(&self) -> Arc<dyn StateView> {
        let inner = self.inner.lock();
        let last = inner.states.last().unwrap().clone();
        inner.patched.clone().unwrap_or(last)
    }

    fn stage(&self, block: Arc<ExecutedBlock>) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        assert_eq!(block.header.number as usize, inner.states.len());
        let last = inner.states.last().unwrap().clone();
        let base = inner.patched.take().unwrap_or(last);
        inner.states.push(Arc::new(base.push(Arc::new(block.diff.clone()))));
        inner.staged.push(block);
        Ok(())
    }

    fn log(&self, blocks: &[Arc<ExecutedBlock>]) -> Result<(), StoreError> {
        if self.log_fails.load(Ordering::SeqCst) {
            return Err(StoreError::Backend("the disk is full".into()));
        }
        self.log_groups.lock().push(blocks.len());
        self.inner.lock().logged.extend(blocks.iter().cloned());
        Ok(())
    }

    fn seal(&self) -> Result<SealOutcome, StoreError> {
        std::thread::sleep(Duration::from_millis(self.seal_ms.load(Ordering::SeqCst)));
        let mut inner = self.inner.lock();
        let block = inner.logged.pop_front().unwrap();
        let mut header = block.header.clone();
        header.parent_hash = inner.sealed.last().unwrap().hash;
        let sealed = Arc::new(sealed(header, block.transactions.clone()));
        inner.sealed.push(sealed.clone());
        Ok(SealOutcome {
            block: sealed,
            receipts: Arc::new(block.receipts.clone()),
            diff: Arc::new(block.diff.clone()),
        })
    }

    fn publish(&self, sealed: &SealOutcome) -> Result<(), StoreError> {
        self.inner.lock().published = sealed.block.number() as usize;
        Ok(())
    }

    fn sealed_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        Ok(self.inner.lock().sealed.get(number as usize).map(|block| block.hash))
    }

    fn l1_position(&self) -> Result<L1Position, StoreError> {
        let inner = self.inner.lock();
        let blocks = inner.sealed[..=inner.published].iter();
        let messages = blocks.flat_map(|block| &block.transactions);
        let messages = messages.filter(|tx| tx.as_l1_message().is_some());
        Ok(messages.fold(L1Position::default(), |position, tx| position.after(tx.hash())))
    }

    fn sealed_block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, StoreError> {
        Ok(self.inner.lock().sealed.get(number as usize).cloned())
    }

    fn patch(&self, change: StateDiff) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        assert_eq!(inner.published + 1, inner.states.len(), "the pipeline is not empty");
        let last = inner.states.last().unwrap().clone();
        let base = inner.patched.take().unwrap_or(last);
        inner.patched = Some(Arc::new(base.push(Arc::new(change))));
        Ok(())
    }

    fn revert_to(&self, number: u64) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        assert_eq!(inner.published + 1, inner.states.len(), "the pipeline is not empty");
        let number = number as usize;
        inner.patched = None;
        inner.states.truncate(number + 1);
        inner.sealed.truncate(number + 1);
        inner.staged.truncate(number);
        inner.published = number;
        Ok(())
    }
}

/// A pool at base fee 1 Mwei over a fresh store.
pub(crate) fn pool(config: PoolConfig) -> (Pool, Arc<TestStore>) {
    pool_of(config, spec())
}

/// The same under other rules.
pub(crate) fn pool_of(config: PoolConfig, spec: Arc<ChainSpec>) -> (Pool, Arc<TestStore>) {
    let store = TestStore::new();
    let blobs = Arc::new(BlobStore::open(config.blobs.clone(), 0).unwrap());
    (Pool::new(config, spec, store.clone(), blobs, 1_000_000), store)
}

/// Settings for blocks each `block_ms`; no heartbeat.
pub(crate) fn config(block_ms: u64) -> SequencerConfig {
    let block_time = Duration::from_millis(block_ms);
    let blocks = BlockConfig { block_time, heartbeat: None, ..BlockConfig::default() };
    SequencerConfig { blocks, ..SequencerConfig::default() }
}

/// A sequencer over `store`.
pub(crate) fn start(config: SequencerConfig, store: &Arc<TestStore>) -> Sequencer {
    start_with_l1(config, store, Arc::default())
}

/// A sequencer over `store` with messages from L1.
pub(crate) fn start_with_l1(
    config: SequencerConfig,
    store: &Arc<TestStore>,
    l1: Arc<L1Queue>,
) -> Sequencer {
    let executor = Box::new(SerialExecutor::new(spec()));
    Sequencer::start(config, spec(), store.clone(), executor, l1).unwrap()
}

/// Waits up to ten seconds for something that other threads do.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("timed out: {what}");
}
