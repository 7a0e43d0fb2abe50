//! What stands before the chain on disk: whoever makes its blocks, or follows who does.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes};
use futures_util::future::BoxFuture;
use jovay_evm::{BlockEnv, BlockHashes};
use jovay_rpc::{DevApi, PoolContent, PoolStatus, SubmitError, SyncStatus};
use jovay_sequencer::{PoolError, Sequencer};
use jovay_state::SealOutcome;
use jovay_types::RecoveredTx;
use tokio::sync::broadcast;

use crate::dev::DevChain;

/// The part of [`ChainApi`](jovay_rpc::ChainApi) that the chain on disk cannot answer; each method
/// is described there.
pub(crate) trait Front: Send + Sync + 'static {
    fn hashes(&self) -> Arc<dyn BlockHashes>;
    fn next_block_env(&self) -> BlockEnv;
    fn submit_many(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>>;
    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome>;
    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>>;

    /// Without a pool of its own a node knows of no transactions that wait.
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

    /// How far the chain here, whose head is block `head`, is behind; `None` if it is not.
    fn syncing(&self, _head: u64) -> Option<SyncStatus> {
        None
    }

    fn dev(&self) -> Option<&dyn DevApi> {
        None
    }
}

/// JSON-RPC code of a refused transaction (geth's).
pub(crate) const CODE_REFUSED: i32 = -32_000;

pub(crate) fn refused(error: PoolError) -> SubmitError {
    SubmitError { code: CODE_REFUSED, message: error.to_string() }
}

/// A node that makes the chain.
pub(crate) struct SequencerFront {
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) dev: Option<DevChain>,
}

impl Front for SequencerFront {
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

    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        self.sequencer.subscribe_blocks()
    }

    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        self.sequencer.pool().subscribe()
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

    fn dev(&self) -> Option<&dyn DevApi> {
        self.dev.as_ref().map(|dev| dev as &dyn DevApi)
    }
}
