//! What a replica answers besides the chain on disk.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{B256, Bytes};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use jovay_evm::{BlockEnv, BlockHashes, ChainSpec};
use jovay_rpc::{SubmitError, SyncStatus};
use jovay_state::{ChainStore, SealOutcome};
use jovay_storage::Chain;
use jovay_types::RecoveredTx;
use tokio::sync::broadcast;

use super::sequencer::SequencerRpc;
use super::status::Status;
use crate::front::{CODE_REFUSED, Front};
use crate::import::PublishedHashes;

/// Transactions of one request that are forwarded at the same time.
const FORWARDED_AT_ONCE: usize = 32;

pub(super) struct ReplicaFront {
    pub(super) spec: Arc<ChainSpec>,
    pub(super) store: Arc<Chain>,
    pub(super) blocks: broadcast::Sender<SealOutcome>,
    pub(super) sequencer: Arc<SequencerRpc>,
    pub(super) status: Arc<Status>,
}

impl ReplicaFront {
    async fn forward(&self, raw: Bytes) -> Result<B256, SubmitError> {
        if let Some(reason) = self.status.failure() {
            let message = format!("the replica has halted: {reason}");
            return Err(SubmitError { code: CODE_REFUSED, message });
        }
        self.sequencer.send(raw).await
    }
}

impl Front for ReplicaFront {
    fn hashes(&self) -> Arc<dyn BlockHashes> {
        Arc::new(PublishedHashes(self.store.clone()))
    }

    fn next_block_env(&self) -> BlockEnv {
        let parent = self.store.head();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let timestamp = now.max(parent.header.timestamp);
        // Only prevRandao depends on it, and the next block's is a guess here anyway.
        let rolling_hash = self.store.l1_position().unwrap_or_default().rolling_hash;
        self.spec.next_block(&parent.header, timestamp, parent.header.gas_limit, rolling_hash)
    }

    fn submit_many(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<B256, SubmitError>>> {
        let sent = stream::iter(raws).map(|raw| self.forward(raw));
        Box::pin(sent.buffered(FORWARDED_AT_ONCE).collect())
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<SealOutcome> {
        self.blocks.subscribe()
    }

    /// Nothing comes: the sequencer has the pool. The channel closes at once.
    fn subscribe_pending(&self) -> broadcast::Receiver<Arc<RecoveredTx>> {
        broadcast::channel(1).1
    }

    fn syncing(&self, head: u64) -> Option<SyncStatus> {
        self.status.syncing(head)
    }
}
