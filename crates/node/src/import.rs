//! Import of a chain: each block is checked, executed and must come out as it says.

use std::path::Path;
use std::sync::Arc;

use alloy_primitives::B256;
use alloy_rlp::Decodable;
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, IntermediateRoot,
    SerialExecutor, check_outcome,
};
use jovay_state::{ChainStore, StateError};
use jovay_storage::Chain;
use jovay_types::{Block, SealedBlock, StateDiff};

use crate::NodeError;

/// Imports the concatenated RLP of blocks in `path` on top of the chain's head. Blocks up to the
/// head are passed over, so an interrupted import goes on where it stopped. Proof-of-work seals
/// are not checked.
///
/// # Errors
/// The file is unreadable or malformed, or a block breaks a rule: the blocks before it stay.
pub(crate) fn import(
    path: &Path,
    spec: &Arc<ChainSpec>,
    chain: &Arc<Chain>,
) -> Result<u64, NodeError> {
    let file =
        std::fs::read(path).map_err(|source| NodeError::Read { path: path.into(), source })?;
    let mut importer = Importer {
        executor: SerialExecutor::new(spec.clone()),
        spec: spec.clone(),
        chain: chain.clone(),
    };
    let mut rest = file.as_slice();
    let mut imported = 0;
    while !rest.is_empty() {
        let offset = file.len() - rest.len();
        let block = Block::decode(&mut rest).map_err(|error| NodeError::Malformed {
            path: path.into(),
            offset,
            message: error.to_string(),
        })?;
        let number = block.header.number;
        if number <= chain.head().number() {
            continue;
        }
        importer.extend(block).map_err(|message| NodeError::Import { number, message })?;
        imported += 1;
    }
    Ok(imported)
}

struct Importer {
    spec: Arc<ChainSpec>,
    chain: Arc<Chain>,
    executor: SerialExecutor,
}

impl Importer {
    fn extend(&mut self, block: Block) -> Result<(), String> {
        let block = block.recover().map_err(|error| error.to_string())?;
        let parent = self.chain.head();
        if block.header.parent_hash != parent.hash {
            return Err(format!(
                "its parent is {}, the head of the chain is {}",
                block.header.parent_hash, parent.hash
            ));
        }
        self.spec.validate_header(&parent.header, &block.header).map_err(|e| e.to_string())?;
        let executed = self.execute(&block)?;
        check_outcome(&block.header, &executed).map_err(|error| error.to_string())?;
        let executed = Arc::new(executed);
        let failed = |error: jovay_state::StoreError| error.to_string();
        self.chain.stage(executed.clone()).map_err(failed)?;
        self.chain.log(&[executed]).map_err(failed)?;
        let sealed = self.chain.seal().map_err(failed)?;
        if sealed.block.hash != block.hash {
            self.chain.revert_to(parent.number()).map_err(failed)?;
            return Err(difference(&block, &sealed.block));
        }
        self.chain.publish(&sealed).map_err(failed)
    }

    fn execute(&mut self, block: &SealedBlock) -> Result<jovay_types::ExecutedBlock, String> {
        let state = self.chain.staged_state();
        let parent = block.number().saturating_sub(1);
        let roots = RootsAfter { chain: &self.chain, number: parent };
        let job = BlockJob {
            env: BlockEnv::from(&block.header),
            transactions: &block.transactions,
            ommers: &block.ommers,
            withdrawals: block.withdrawals.as_deref(),
            state: &*state,
            hashes: &PublishedHashes(&self.chain),
            mode: ExecuteMode::Replay,
            stop: &|| false,
            roots: Some(&roots),
        };
        let (executed, _) = self.executor.execute(job).map_err(|error| error.to_string())?;
        Ok(executed)
    }
}

/// Says which header field came out otherwise.
fn difference(told: &SealedBlock, found: &SealedBlock) -> String {
    let (t, f) = (&told.header, &found.header);
    let fields = [
        ("state root", t.state_root, f.state_root),
        ("transactions root", t.transactions_root, f.transactions_root),
        ("receipts root", t.receipts_root, f.receipts_root),
        ("ommers hash", t.ommers_hash, f.ommers_hash),
        ("hash", told.hash, found.hash),
    ];
    let differing = fields.into_iter().find(|(_, told, found)| told != found);
    let (name, told, found) = differing.unwrap_or(("hash", told.hash, found.hash));
    format!("invalid {name}: the block says {told}, execution gives {found}")
}

struct PublishedHashes<'a>(&'a Chain);

impl BlockHashes for PublishedHashes<'_> {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = self.0.sealed_hash(number).map_err(|e| StateError::Backend(e.to_string()))?;
        hash.ok_or_else(|| StateError::Missing { what: "block hash", key: number.to_string() })
    }
}

struct RootsAfter<'a> {
    chain: &'a Chain,
    number: u64,
}

impl IntermediateRoot for RootsAfter<'_> {
    fn root(&self, diff: &StateDiff) -> Result<B256, StateError> {
        self.chain
            .state_root_after(self.number, diff)
            .map_err(|error| StateError::Backend(error.to_string()))
    }
}
