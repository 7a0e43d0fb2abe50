//! Storage and sequencer as the RPC server sees them.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::future::BoxFuture;
use jovay_evm::{BlockEnv, BlockHashes, ChainSpec};
use jovay_rpc::{BlockTags, ChainApi, ChainError, DevApi, PoolContent, PoolStatus, SubmitError};
use jovay_sequencer::{PoolError, Sequencer};
use jovay_state::{AccountProof, ChainStore, SealOutcome, StateView};
use jovay_storage::{Chain, ChainError as StorageError};
use jovay_types::{RecoveredTx, SealedBlock, StateDiff, TxReceipt};
use tokio::sync::broadcast;

use crate::dev::DevChain;

/// The chain that the RPC server serves.
pub(crate) struct NodeChain {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Arc<Chain>,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) dev: Option<DevChain>,
}

/// JSON-RPC code of a refused transaction (geth's).
const CODE_REFUSED: i32 = -32_000;

pub(crate) fn refused(error: PoolError) -> SubmitError {
    SubmitError { code: CODE_REFUSED, message: error.to_string() }
}

fn unavailable(error: StorageError) -> ChainError {
    match error {
        StorageError::StatePruned { number, oldest } => ChainError::StatePruned { number, oldest },
        StorageError::UnknownBlock(_) => ChainError::UnknownBlock,
        StorageError::State(error) => ChainError::State(error),
        other => ChainError::Backend(other.to_string()),
    }
}

impl ChainApi for NodeChain {
    fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    fn tags(&self) -> BlockTags {
        // Until L1 is connected, what is durable is all the safety and finality there is.
        let latest = self.store.head().number();
        BlockTags { latest, safe: latest, finalized: latest }
    }

    fn oldest_state(&self) -> u64 {
        self.store.oldest_state()
    }

    fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ChainError> {
        self.store.block(number).map_err(unavailable)
    }

    fn block_number(&self, hash: &B256) -> Result<Option<u64>, ChainError> {
        self.store.block_number(hash).map_err(unavailable)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        self.store.block_hash(number).map_err(unavailable)
    }

    fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<TxReceipt>>>, ChainError> {
        self.store.receipts(number).map_err(unavailable)
    }

    fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, usize)>, ChainError> {
        self.store.transaction_location(hash).map_err(unavailable)
    }

    fn log_candidates(
        &self,
        from: u64,
        to: u64,
        addresses: &[Address],
        topics: &[Vec<B256>],
        limit: usize,
    ) -> Result<(Vec<u64>, Option<u64>), ChainError> {
        self.store.log_candidates(from, to, addresses, topics, limit).map_err(unavailable)
    }

    fn state_at(&self, number: u64) -> Result<Arc<dyn StateView>, ChainError> {
        self.store.state_at(number).map_err(unavailable)
    }

    fn proof(
        &self,
        address: Address,
        slots: &[U256],
        number: u64,
    ) -> Result<AccountProof, ChainError> {
        self.store.proof(address, slots, number).map_err(unavailable)
    }

    fn state_root_after(&self, number: u64, diff: &StateDiff) -> Result<B256, ChainError> {
        self.store.state_root_after(number, diff).map_err(unavailable)
    }

    fn account_change_blocks(
        &self,
        address: &Address,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ChainError> {
        self.store.account_change_blocks(address, from, to, descending, limit).map_err(unavailable)
    }

    fn hashes(&self) -> Arc<dyn BlockHashes> {
        self.sequencer.hashes()
    }

    fn next_block_env(&self) -> BlockEnv {
        self.sequencer.next_block_env()
    }

    fn submit_many(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>> {
        Box::pin(async move {
            let answers = self.sequencer.submit_many(raws).await.into_iter();
            answers.map(|answer| answer.map_err(refused)).collect()
        })
    }

    fn pool_nonce(&self, sender: &Address) -> Option<u64> {
        self.sequencer.pool().next_nonce(sender)
    }

    fn pool_get(&self, hash: &B256) -> Option<Arc<RecoveredTx>> {
        self.sequencer.pool().get(hash)
    }

    fn pool_status(&self) -> PoolStatus {
        let status = self.sequencer.pool().status();
        PoolStatus { pending: status.pending, queued: status.queued }
    }

    fn pool_content(&self, sender: Option<&Address>) -> PoolContent {
        let content = self.sequencer.pool().content(sender);
        PoolContent { pending: content.pending, queued: content.queued }
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        self.sequencer.subscribe_blocks()
    }

    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        self.sequencer.pool().subscribe()
    }

    fn dev(&self) -> Option<&dyn DevApi> {
        self.dev.as_ref().map(|dev| dev as &dyn DevApi)
    }
}
