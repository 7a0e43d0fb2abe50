//! Storage, and what stands before it, as the RPC server sees them.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::future::BoxFuture;
use jovay_evm::{BlockEnv, BlockHashes, ChainSpec};
use jovay_rpc::{
    BlockTags, ChainApi, ChainError, DevApi, PoolContent, PoolStatus, RollupApi, SubmitError,
    SyncStatus, TagSource,
};
use jovay_state::{AccountProof, ChainStore, SealOutcome, StateView};
use jovay_storage::{Chain, ChainError as StorageError};
use jovay_types::{RecoveredTx, SealedBlock, StateDiff, TxReceipt};
use tokio::sync::broadcast;

use crate::front::Front;

/// The chain that the RPC server serves.
pub(crate) struct NodeChain {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Arc<Chain>,
    pub(crate) front: Box<dyn Front>,
    pub(crate) tags: OnceLock<Arc<dyn TagSource>>,
    pub(crate) rollup: OnceLock<Arc<dyn RollupApi>>,
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
        let latest = self.store.head().number();
        match self.tags.get() {
            Some(source) => source.tags(latest),
            // Without L1, what is durable is all the safety and finality there is.
            None => BlockTags { latest, safe: latest, finalized: latest },
        }
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
        self.front.hashes()
    }

    fn next_block_env(&self) -> BlockEnv {
        self.front.next_block_env()
    }

    fn submit_many(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>> {
        self.front.submit_many(raws)
    }

    fn pool_nonce(&self, sender: &Address) -> Option<u64> {
        self.front.pool_nonce(sender)
    }

    fn pool_get(&self, hash: &B256) -> Option<Arc<RecoveredTx>> {
        self.front.pool_get(hash)
    }

    fn pool_status(&self) -> PoolStatus {
        self.front.pool_status()
    }

    fn pool_content(&self, sender: Option<&Address>) -> PoolContent {
        self.front.pool_content(sender)
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        self.front.subscribe_blocks()
    }

    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        self.front.subscribe_pending()
    }

    fn syncing(&self) -> Option<SyncStatus> {
        self.front.syncing(self.store.head().number())
    }

    fn rollup(&self) -> Option<Arc<dyn RollupApi>> {
        self.rollup.get().cloned()
    }

    fn dev(&self) -> Option<&dyn DevApi> {
        self.front.dev()
    }
}
