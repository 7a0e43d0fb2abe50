//! Import of a chain: each block is checked, executed and must come out as it says.

use std::path::Path;
use std::sync::Arc;

use alloy_primitives::B256;
use alloy_rlp::Decodable;
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, IntermediateRoot,
    SerialExecutor, check_outcome,
};
use jovay_state::{ChainStore, SealOutcome, StateError};
use jovay_storage::Chain;
use jovay_types::{Block, SealedBlock, StateDiff};
use tokio::sync::broadcast;

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
    let (told, _) = broadcast::channel(1);
    let mut importer = Importer::new(spec.clone(), chain.clone(), told);
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
        let block = block.recover().map_err(|error| error.to_string());
        block
            .and_then(|block| importer.extend(block))
            .map_err(|message| NodeError::Import { number, message })?;
        imported += 1;
    }
    Ok(imported)
}

/// Adds blocks that others built.
pub(crate) struct Importer {
    spec: Arc<ChainSpec>,
    chain: Arc<Chain>,
    executor: SerialExecutor,
    told: broadcast::Sender<SealOutcome>,
}

impl Importer {
    /// Adds to `chain`; `told` hears of every block.
    pub(crate) fn new(
        spec: Arc<ChainSpec>,
        chain: Arc<Chain>,
        told: broadcast::Sender<SealOutcome>,
    ) -> Self {
        Self { executor: SerialExecutor::new(spec.clone()), spec, chain, told }
    }

    /// Adds a block of the L2, whose header must be what the rules give: nothing is left to
    /// whoever built it but timestamp and gas limit. Its L1 messages must be the next ones.
    ///
    /// # Errors
    /// As [`Self::extend`].
    pub(crate) fn extend_by_rules(&mut self, block: SealedBlock) -> Result<(), String> {
        let (header, parent) = (&block.header, self.chain.head());
        let before = self.chain.l1_position().map_err(|error| error.to_string())?;
        if header.number != parent.number() + 1 || header.timestamp < parent.header.timestamp {
            return Err(format!("it does not follow block {}", parent.number()));
        }
        let (timestamp, gas_limit) = (header.timestamp, header.gas_limit);
        let ruled = self.spec.next_block(&parent.header, timestamp, gas_limit, before.rolling_hash);
        let told = BlockEnv::from(header);
        if told != ruled {
            return Err(format!("its header is {told:?}, the rules give {ruled:?}"));
        }
        let mut messages = block.transactions.iter().map(|tx| tx.as_l1_message());
        let first = messages.by_ref().map_while(|message| message);
        let taken = first.zip(before.next..).try_fold((), |(), (message, next)| {
            let index = message.queue_index;
            if index == next { Ok(()) } else { Err(format!("L1 message {index}, {next} is next")) }
        });
        taken?;
        if messages.any(|message| message.is_some()) {
            return Err("an L1 message stands behind another transaction".into());
        }
        self.extend(block)
    }

    /// Executes `block`, which must come out as it says, and adds it behind the head.
    ///
    /// # Errors
    /// What is wrong with it, or with the disk. The chain is as before.
    pub(crate) fn extend(&mut self, block: SealedBlock) -> Result<(), String> {
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
        self.chain.publish(&sealed).map_err(failed)?;
        // Nobody may be listening.
        let _ = self.told.send(sealed);
        Ok(())
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
            hashes: &PublishedHashes(self.chain.clone()),
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

/// Hashes of blocks of a chain whose blocks are published one by one.
pub(crate) struct PublishedHashes(pub(crate) Arc<Chain>);

impl BlockHashes for PublishedHashes {
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
