//! Blockchain tests: blocks on a genesis, some of them invalid.

use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::B256;
use jovay_evm::{
    BLOCK_RLP_MAX, BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, Fork,
    SerialExecutor, check_outcome,
};
use jovay_state::{MemoryState, StateError, StateTrie, StateView};
use jovay_types::{Block, SealedBlock};
use serde_json::json;

use crate::{
    Outcome,
    fixture::{Alloc, BlockchainCase, Cases, memory_state},
    network::chain_spec,
    root::{RootsAfter, trie_of},
};

pub(crate) fn run_file(text: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Outcome>, String> {
    let cases: Cases<BlockchainCase> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let run = |(name, case): (&String, &BlockchainCase)| Outcome {
        test: name.clone(),
        fork: case.network.clone(),
        error: run_case(case).err(),
        details: json!({ "lastblockhash": case.lastblockhash, "blocks": case.blocks.len() }),
    };
    Ok(cases.iter().filter(|(name, _)| wanted(name)).map(run).collect())
}

fn run_case(case: &BlockchainCase) -> Result<(), String> {
    let mut chain = Chain::new(case)?;
    for (index, block) in case.blocks.iter().enumerate() {
        match (chain.import(&block.rlp), &block.expect_exception) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(expected)) => {
                return Err(format!("block {index}: expected {expected}, but it is valid"));
            }
            (Err(error), None) => return Err(format!("block {index}: {error}")),
        }
    }
    chain.check_end(case)
}

/// A chain in memory.
struct Chain {
    spec: Arc<ChainSpec>,
    executor: SerialExecutor,
    state: MemoryState,
    trie: StateTrie,
    headers: Vec<Header>,
    hashes: Hashes,
}

/// Hashes by number.
struct Hashes(Vec<B256>);

impl BlockHashes for Hashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = usize::try_from(number).ok().and_then(|number| self.0.get(number));
        hash.copied().ok_or(StateError::Missing { what: "block hash", key: number.to_string() })
    }
}

impl Chain {
    fn new(case: &BlockchainCase) -> Result<Self, String> {
        let spec = Arc::new(chain_spec(&case.network, &case.config)?);
        let genesis = Block::decode_exact(&case.genesis_rlp).map_err(|error| error.to_string())?;
        let state = memory_state(&case.pre);
        let trie = trie_of(&state).map_err(|error| error.to_string())?;
        if trie.root() != genesis.header.state_root {
            return Err(format!("genesis state root {}", trie.root()));
        }
        Ok(Self {
            executor: SerialExecutor::new(spec.clone()),
            spec,
            state,
            trie,
            hashes: Hashes(vec![genesis.header.hash_slow()]),
            headers: vec![genesis.header],
        })
    }

    fn head(&self) -> &Header {
        &self.headers[self.headers.len() - 1]
    }

    fn head_hash(&self) -> B256 {
        self.hashes.0[self.hashes.0.len() - 1]
    }

    /// Checks and executes a block; the chain is as before when it is invalid.
    fn import(&mut self, raw: &[u8]) -> Result<(), String> {
        let block = Block::decode_exact(raw).map_err(|error| error.to_string())?;
        let block = block.recover().map_err(|error| error.to_string())?;
        if self.spec.fork_of_header(&block.header) >= Fork::Osaka && raw.len() > BLOCK_RLP_MAX {
            return Err("block RLP too long".into());
        }
        if block.encoded() != raw {
            return Err("block does not encode to itself".into());
        }
        if block.header.parent_hash != self.head_hash() {
            return Err("unknown parent".into());
        }
        self.validate(&block)?;
        self.execute(block)
    }

    fn validate(&self, block: &SealedBlock) -> Result<(), String> {
        let header_of = |hash: &B256| {
            let at = self.hashes.0.iter().position(|known| known == hash)?;
            self.headers.get(at).cloned()
        };
        self.spec
            .validate_header(self.head(), &block.header)
            .and_then(|()| self.spec.validate_ommers(&block.header, &block.ommers, &header_of))
            .map_err(|error| error.to_string())
    }

    fn execute(&mut self, block: SealedBlock) -> Result<(), String> {
        let job = BlockJob {
            env: BlockEnv::from(&block.header),
            transactions: &block.transactions,
            ommers: &block.ommers,
            withdrawals: block.withdrawals.as_deref(),
            state: &self.state,
            hashes: &self.hashes,
            mode: ExecuteMode::Replay,
            stop: &|| false,
            roots: Some(&RootsAfter(&self.trie)),
        };
        let (executed, _) = self.executor.execute(job).map_err(|error| error.to_string())?;
        check_outcome(&block.header, &executed).map_err(|error| error.to_string())?;
        let mut trie = self.trie.clone();
        let root = trie.apply(&executed.diff).map_err(|error| error.to_string())?;
        if root != block.header.state_root {
            return Err(format!("state root {root}, header says {}", block.header.state_root));
        }
        self.state.apply(&executed.diff);
        self.trie = trie;
        self.headers.push(block.header);
        self.hashes.0.push(block.hash);
        Ok(())
    }

    fn check_end(&self, case: &BlockchainCase) -> Result<(), String> {
        if self.head_hash() != case.lastblockhash {
            return Err(format!("head {}, expected {}", self.head_hash(), case.lastblockhash));
        }
        if let Some(expected) = case.post_state_hash
            && expected != self.head().state_root
        {
            return Err(format!("post state hash {}", self.head().state_root));
        }
        match &case.post_state {
            Some(alloc) => self.check_alloc(alloc),
            None => Ok(()),
        }
    }

    fn check_alloc(&self, alloc: &Alloc) -> Result<(), String> {
        let expected = memory_state(alloc);
        let count = expected.accounts().count();
        let have = self.state.accounts().count();
        if count != have {
            return Err(format!("{have} accounts in the post state, expected {count}"));
        }
        for (address, account) in expected.accounts() {
            let slots = |state: &MemoryState| state.storage_of(address).unwrap_or_default();
            let found = self.state.account(address).ok().flatten();
            if found != Some(*account) || slots(&self.state) != slots(&expected) {
                return Err(format!("account {address} differs: {found:?}, expected {account:?}"));
            }
        }
        Ok(())
    }
}
