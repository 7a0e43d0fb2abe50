//! A chain in memory behind [`ChainApi`], and calls of methods without a server.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, IntermediateRoot,
    SerialExecutor, check_outcome,
};
use jovay_rpc::registry::Handler;
use jovay_rpc::{
    BlockTags, ChainApi, ChainError, Context, PoolContent, PoolStatus, Registry, RpcConfig,
    SubmitError,
};
use jovay_state::{
    AccountProof, MemoryState, Overlay, SealOutcome, StateError, StateTrie, StateView,
};
use jovay_types::{Header, RecoveredTx, SealedBlock, StateDiff, TxReceipt};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// A chain from a genesis file, with every state and trie in memory.
pub struct TestChain {
    spec: Arc<ChainSpec>,
    blocks: Vec<Arc<SealedBlock>>,
    receipts: Vec<Arc<Vec<TxReceipt>>>,
    states: Vec<Overlay>,
    tries: Vec<StateTrie>,
    diffs: Vec<Arc<StateDiff>>,
    by_hash: HashMap<B256, u64>,
    transactions: HashMap<B256, (u64, usize)>,
    executor: SerialExecutor,
}

struct Hashes(Vec<B256>);

impl BlockHashes for Hashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.0
            .get(number as usize)
            .copied()
            .ok_or_else(|| StateError::Missing { what: "block hash", key: number.to_string() })
    }
}

struct Roots<'a>(&'a StateTrie);

impl IntermediateRoot for Roots<'_> {
    fn root(&self, diff: &StateDiff) -> Result<B256, StateError> {
        self.0.clone().apply(diff)
    }
}

impl TestChain {
    pub fn new(spec: ChainSpec, genesis: &Genesis) -> Self {
        let mut state = MemoryState::new();
        for (address, account) in &genesis.alloc {
            let slots = account.storage.iter().flatten();
            let slots = slots.map(|(slot, value)| ((*slot).into(), (*value).into()));
            let code = account.code.clone().unwrap_or_default();
            state.insert(*address, account.nonce.unwrap_or(0), account.balance, code, slots);
        }
        let mut trie = StateTrie::empty();
        let diff = state.to_diff();
        let root = trie.apply(&diff).unwrap();
        let header = spec.genesis_header(genesis, root);
        let withdrawals = header.withdrawals_root.map(|_| Vec::new());
        let block = SealedBlock {
            hash: header.hash_slow(),
            header,
            transactions: Vec::new(),
            ommers: Vec::new(),
            withdrawals,
        };
        let spec = Arc::new(spec);
        let mut chain = Self {
            executor: SerialExecutor::new(spec.clone()),
            spec,
            blocks: Vec::new(),
            receipts: Vec::new(),
            states: Vec::new(),
            tries: Vec::new(),
            diffs: Vec::new(),
            by_hash: HashMap::new(),
            transactions: HashMap::new(),
        };
        chain.push(block, Vec::new(), Overlay::new(Arc::new(state)), trie, diff);
        chain
    }

    /// The chain of execution-apis' tests in `dir`, every block checked.
    pub fn import(dir: &Path) -> Self {
        let text = std::fs::read_to_string(dir.join("genesis.json")).unwrap();
        let genesis: Genesis = serde_json::from_str(&text).unwrap();
        let mut chain = Self::new(ChainSpec::from_genesis(&genesis), &genesis);
        let raw = std::fs::read(dir.join("chain.rlp")).unwrap();
        let mut rest = raw.as_slice();
        while !rest.is_empty() {
            let block: jovay_types::Block = alloy_rlp::Decodable::decode(&mut rest).unwrap();
            chain.execute(block.recover().unwrap());
        }
        chain
    }

    fn push(
        &mut self,
        block: SealedBlock,
        receipts: Vec<TxReceipt>,
        state: Overlay,
        trie: StateTrie,
        diff: StateDiff,
    ) {
        let number = self.blocks.len() as u64;
        assert_eq!(block.number(), number);
        self.by_hash.insert(block.hash, number);
        for (index, tx) in block.transactions.iter().enumerate() {
            self.transactions.insert(tx.hash(), (number, index));
        }
        self.blocks.push(Arc::new(block));
        self.receipts.push(Arc::new(receipts));
        self.states.push(state);
        self.tries.push(trie);
        self.diffs.push(Arc::new(diff));
    }

    /// Executes a given block and checks it against its header.
    pub fn execute(&mut self, block: SealedBlock) {
        let env = BlockEnv::from(&block.header);
        let (executed, diff, trie) = self.run(
            env,
            &block.transactions,
            &block.ommers,
            block.withdrawals.as_deref(),
            block.header.parent_hash,
        );
        check_outcome(&block.header, &executed).unwrap();
        assert_eq!(trie.root(), block.header.state_root, "block {}", block.number());
        let state = self.states.last().unwrap().push(Arc::new(diff.clone()));
        self.push(block, executed.receipts, state, trie, diff);
    }

    fn run(
        &mut self,
        env: BlockEnv,
        transactions: &[Arc<RecoveredTx>],
        ommers: &[Header],
        withdrawals: Option<&[alloy_eips::eip4895::Withdrawal]>,
        parent_hash: B256,
    ) -> (jovay_types::ExecutedBlock, StateDiff, StateTrie) {
        let state = self.states.last().unwrap().clone();
        let mut trie = self.tries.last().unwrap().clone();
        let hashes = Hashes(self.blocks.iter().map(|block| block.hash).collect());
        let job = BlockJob {
            env,
            transactions,
            ommers,
            withdrawals,
            state: &state,
            hashes: &hashes,
            mode: ExecuteMode::Replay,
            stop: &|| false,
            roots: Some(&Roots(&trie)),
        };
        let (executed, _) = self.executor.execute(job).unwrap();
        let mut diff = executed.diff.clone();
        if let Some((slot, before)) = executed.parent_hash_slot {
            let address = jovay_evm::predeploys::HISTORY_STORAGE;
            let after: U256 = parent_hash.into();
            let change = jovay_types::SlotChange { slot, before, after };
            match diff.accounts.binary_search_by(|change| change.address.cmp(&address)) {
                Ok(at) => {
                    diff.accounts[at].slots.push(change);
                    diff.accounts[at].slots.sort_by_key(|change| change.slot);
                }
                Err(at) => {
                    let account = state.account(&address).unwrap();
                    let change = jovay_types::AccountChange {
                        address,
                        before: account,
                        after: account,
                        slots: vec![change],
                    };
                    diff.accounts.insert(at, change);
                }
            }
        }
        trie.apply(&diff).unwrap();
        (executed, diff, trie)
    }

    /// Builds and adds a block of `transactions`, all of which must be valid.
    pub fn build(&mut self, transactions: Vec<Arc<RecoveredTx>>) {
        let env = self.next_block_env();
        let parent_hash = self.blocks.last().unwrap().hash;
        let withdrawals = Some(&[][..]);
        let (executed, diff, trie) = self.run(env, &transactions, &[], withdrawals, parent_hash);
        let roots = jovay_evm::BlockRoots::of(&executed);
        let header = Header {
            parent_hash,
            state_root: trie.root(),
            transactions_root: roots.transactions,
            receipts_root: roots.receipts,
            logs_bloom: roots.bloom,
            ..executed.header
        };
        let block = SealedBlock {
            hash: header.hash_slow(),
            header,
            transactions,
            ommers: Vec::new(),
            withdrawals: executed.withdrawals,
        };
        let state = self.states.last().unwrap().push(Arc::new(diff.clone()));
        self.push(block, executed.receipts, state, trie, diff);
    }

    pub fn head(&self) -> &Arc<SealedBlock> {
        self.blocks.last().unwrap()
    }
}

impl ChainApi for TestChain {
    fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    fn tags(&self) -> BlockTags {
        let latest = self.head().number();
        BlockTags { latest, safe: latest, finalized: latest }
    }

    fn oldest_state(&self) -> u64 {
        0
    }

    fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ChainError> {
        Ok(self.blocks.get(number as usize).cloned())
    }

    fn block_number(&self, hash: &B256) -> Result<Option<u64>, ChainError> {
        Ok(self.by_hash.get(hash).copied())
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        Ok(self.blocks.get(number as usize).map(|block| block.hash))
    }

    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<TxReceipt>>>, ChainError> {
        Ok(self.receipts.get(number as usize).cloned())
    }

    fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, usize)>, ChainError> {
        Ok(self.transactions.get(hash).copied())
    }

    fn log_candidates(
        &self,
        from: u64,
        to: u64,
        _: &[Address],
        _: &[Vec<B256>],
        _: usize,
    ) -> Result<(Vec<u64>, Option<u64>), ChainError> {
        Ok(((from..=to).collect(), None))
    }

    fn state_at(&self, number: u64) -> Result<Arc<dyn StateView>, ChainError> {
        match self.states.get(number as usize) {
            Some(state) => Ok(Arc::new(state.clone())),
            None => Err(ChainError::UnknownBlock),
        }
    }

    fn proof(&self, address: Address, slots: &[U256], n: u64) -> Result<AccountProof, ChainError> {
        let trie = self.tries.get(n as usize).ok_or(ChainError::UnknownBlock)?;
        Ok(trie.proof(&address, slots)?)
    }

    fn state_root_after(&self, number: u64, diff: &StateDiff) -> Result<B256, ChainError> {
        let trie = self.tries.get(number as usize).ok_or(ChainError::UnknownBlock)?;
        Ok(trie.clone().apply(diff)?)
    }

    fn account_change_blocks(
        &self,
        address: &Address,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ChainError> {
        let changed = |number: &u64| {
            self.diffs.get(*number as usize).is_some_and(|diff| diff.account(address).is_some())
        };
        let mut blocks: Vec<u64> = (from..=to.min(self.head().number())).filter(changed).collect();
        if descending {
            blocks.reverse();
        }
        blocks.truncate(limit);
        Ok(blocks)
    }

    fn hashes(&self) -> Arc<dyn BlockHashes> {
        Arc::new(Hashes(self.blocks.iter().map(|block| block.hash).collect()))
    }

    fn next_block_env(&self) -> BlockEnv {
        let head = &self.head().header;
        let timestamp = head.timestamp + 1;
        BlockEnv {
            number: head.number + 1,
            timestamp,
            gas_limit: head.gas_limit,
            base_fee: self.spec.next_base_fee(head, timestamp),
            beneficiary: head.beneficiary,
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..BlockEnv::default()
        }
    }

    fn submit_many(
        &self,
        raws: Vec<Bytes>,
    ) -> futures_util::future::BoxFuture<'_, Vec<Result<B256, SubmitError>>> {
        let error = SubmitError { code: -32000, message: "no pool".into() };
        Box::pin(async move { raws.iter().map(|_| Err(error.clone())).collect() })
    }

    fn pool_nonce(&self, _: &Address) -> Option<u64> {
        None
    }

    fn pool_get(&self, _: &B256) -> Option<Arc<RecoveredTx>> {
        None
    }

    fn pool_status(&self) -> PoolStatus {
        PoolStatus { pending: 0, queued: 0 }
    }

    fn pool_content(&self, _: Option<&Address>) -> PoolContent {
        PoolContent::default()
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        broadcast::channel(1).1
    }

    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        broadcast::channel(1).1
    }
}

/// The tests of execution-apis, unpacked; `None`, said loudly, if they are not on this machine.
pub fn execution_apis() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("EXECUTION_APIS_TESTS") {
        return Some(dir.into());
    }
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/execution-apis-rpc.tar.xz");
    if !archive.exists() {
        eprintln!("SKIPPED: the execution-apis tests are not on this machine");
        return None;
    }
    // Each test binary unpacks for itself, once.
    static UNPACKED: OnceLock<PathBuf> = OnceLock::new();
    let dir = UNPACKED.get_or_init(|| {
        let name = format!("execution-apis-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let status = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&dir).status();
        assert!(status.unwrap().success(), "{} cannot be unpacked", archive.display());
        dir.join("tests")
    });
    Some(dir.clone())
}

/// Methods over a chain, called directly.
pub struct Node {
    pub context: Context,
    registry: Registry,
}

impl Node {
    pub fn new(chain: TestChain) -> Self {
        Self::with_config(chain, RpcConfig::default())
    }

    pub fn with_config(chain: TestChain, config: RpcConfig) -> Self {
        let context = Context::new(Arc::new(chain), config);
        Self { context, registry: Registry::new(false) }
    }

    /// The names of all methods.
    pub fn methods(&self) -> impl Iterator<Item = String> + '_ {
        self.registry.sorted().into_iter().map(|method| method.name.to_owned())
    }

    /// The whole answer to a request, as a client would get it.
    pub fn answer(&self, method: &str, params: &Value) -> Value {
        match self.call(method, params) {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": serde_json::to_value(error).unwrap() }),
        }
    }

    pub fn call(&self, method: &str, params: &Value) -> Result<Value, jovay_rpc::RpcError> {
        let method = self
            .registry
            .get(method)
            .ok_or_else(|| jovay_rpc::RpcError::method_not_found(method))?;
        let raw = params.to_string();
        let params = method.parse_params(Some(&raw))?;
        match &method.handler {
            Handler::Light(run) | Handler::Blocking(run) | Handler::Ordered(run) => {
                run(&self.context, &params).map(|raw| serde_json::from_str(raw.get()).unwrap())
            }
            _ => panic!("not a plain method"),
        }
    }
}
