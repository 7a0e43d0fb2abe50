//! The chain of execution-apis' rpc-compat suite: every fork from Homestead to BPO2 in 54 blocks,
//! proof of work with difficulties first. Without the fixtures the test says so and passes.
#![allow(clippy::unwrap_used)]

use std::{env, fs, path::Path, path::PathBuf, process::Command, sync::Arc};

use alloy_genesis::Genesis;
use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, Fork, IntermediateRoot,
    SerialExecutor, check_outcome,
};
use jovay_state::{MemoryState, StateError, StateTrie};
use jovay_types::{Block, StateDiff};

struct Hashes(Vec<B256>);

impl BlockHashes for Hashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Ok(self.0[number as usize])
    }
}

struct Roots(StateTrie);

impl IntermediateRoot for Roots {
    fn root(&self, diff: &StateDiff) -> Result<B256, StateError> {
        self.0.clone().apply(diff)
    }
}

fn state_of(genesis: &Genesis) -> MemoryState {
    let mut state = MemoryState::new();
    for (address, account) in &genesis.alloc {
        let slots = account.storage.clone().unwrap_or_default();
        let slots =
            slots.into_iter().map(|(slot, value)| (slot.into(), U256::from_be_bytes(value.0)));
        let code = account.code.clone().unwrap_or_default();
        state.insert(*address, account.nonce.unwrap_or(0), account.balance, code, slots);
    }
    state
}

#[test]
fn a_chain_through_all_forks() {
    let fixtures = env::var_os("JOVAY_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let archive = fixtures.join("execution-apis-rpc.tar.xz");
    if !archive.exists() {
        eprintln!("\n!!! SKIPPED: no {} (set JOVAY_FIXTURES) !!!\n", archive.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    assert!(tar.arg("-xJf").arg(&archive).arg("-C").arg(dir.path()).status().unwrap().success());
    let tests = dir.path().join("tests");
    let genesis: Genesis =
        serde_json::from_slice(&fs::read(tests.join("genesis.json")).unwrap()).unwrap();
    let chain = fs::read(tests.join("chain.rlp")).unwrap();

    let spec = Arc::new(ChainSpec::from_genesis(&genesis));
    let mut state = state_of(&genesis);
    let mut trie = StateTrie::empty();
    trie.apply(&state.to_diff()).unwrap();
    let mut parent = spec.genesis_header(&genesis, trie.root());
    let mut hashes = Hashes(vec![parent.hash_slow()]);
    let mut executor = SerialExecutor::new(spec.clone());
    let mut rest = chain.as_slice();
    while !rest.is_empty() {
        let block = Block::decode(&mut rest).unwrap().recover().unwrap();
        let number = block.header.number;
        assert_eq!(block.header.parent_hash, *hashes.0.last().unwrap(), "block {number}");
        spec.validate_header(&parent, &block.header).unwrap();
        let roots = Roots(trie.clone());
        let (executed, _) = executor
            .execute(BlockJob {
                env: BlockEnv::from(&block.header),
                transactions: &block.transactions,
                ommers: &block.ommers,
                withdrawals: block.withdrawals.as_deref(),
                state: &state,
                hashes: &hashes,
                mode: ExecuteMode::Replay,
                stop: &|| false,
                roots: Some(&roots),
            })
            .unwrap();
        check_outcome(&block.header, &executed).unwrap();
        assert_eq!(trie.apply(&executed.diff).unwrap(), block.header.state_root, "block {number}");
        state.apply(&executed.diff);
        hashes.0.push(block.hash);
        parent = block.header;
    }
    assert_eq!(parent.number, 54);
    assert_eq!(spec.fork(35, 350), Fork::GrayGlacier);
    assert_eq!(spec.fork(36, 360), Fork::Paris);
    assert_eq!(spec.fork(54, 540), Fork::Osaka);
    assert_eq!(spec.blob_params(509).unwrap().max_blob_count, 9);
    assert_eq!(spec.blob_params(540).unwrap().max_blob_count, 21);
}
