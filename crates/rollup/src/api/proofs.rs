//! Proofs of messages to L1.

use jovay_l1::BlockTag;
use jovay_l1::bindings::Rollup;
use jovay_rpc::jovay::{L2Message, MessageProof, RollupError};

use super::{RollupNode, RollupParts, backend, index as index_error, l1};

impl RollupNode {
    /// The proof of message `index` against the last final batch: its tree has every earlier message
    /// too, and L1 has its root.
    pub(super) async fn prove(&self, index: u64) -> Result<MessageProof, RollupError> {
        let RollupParts { chain, batches, messages, client, deployment, .. } = &self.parts;
        messages.follow(chain).map_err(index_error)?;
        let Some(found) = messages.find(chain, index).map_err(index_error)? else {
            let count = messages.count_at(self.head()).map_err(index_error)?;
            return Err(RollupError::NoMessage { index, count });
        };
        let latest = client.block(BlockTag::Latest).await.map_err(l1)?;
        let latest = latest.ok_or_else(|| RollupError::L1("L1 node: no latest block".into()))?;
        let at = BlockTag::Hash(latest.hash);
        let rollup = deployment.rollup;
        let last = Rollup::lastFinalizedBatchCall {};
        let last = client.view(rollup, &last, at).await.map_err(l1)?;
        let record = batches.get(last).map_err(backend)?;
        let Some(record) = record.filter(|record| record.last_block >= found.block) else {
            let batch = batches.by_block(found.block).map_err(backend)?;
            let batch = batch.map(|batch| (batch.index, self.parts.tracker.stage(&batch)));
            return Err(RollupError::NotFinal { index, block: found.block, batch });
        };
        let root = Rollup::finalizedMessageRootCall { batchIndex: last };
        let root = client.view(rollup, &root, at).await.map_err(l1)?;
        let count = messages.count_at(record.last_block).map_err(index_error)?;
        let ours = messages.root(count).map_err(index_error)?;
        if ours != root {
            return Err(RollupError::L1(format!(
                "the message root of batch {last} is {root} on L1 and {ours} here: L1 finalized \
                 another chain, or this node has"
            )));
        }
        let sent = found.sent;
        Ok(MessageProof {
            message: L2Message {
                sender: sent.sender,
                target: sent.target,
                value: sent.value,
                nonce: sent.nonce,
                message: sent.message,
            },
            message_hash: found.hash,
            block_number: found.block,
            batch_index: last,
            root,
            proof: messages.proof(index, count).map_err(index_error)?,
        })
    }
}
