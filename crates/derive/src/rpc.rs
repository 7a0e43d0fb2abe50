//! [`RollupL1`] by JSON-RPC.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolEvent};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jovay_da::DataLayerKind;
use jovay_l1::bindings::{L1Mailbox, Rollup};
use jovay_l1::{BlobHint, BlockTag, Deployment, L1Client, L1Error, L1Log, LogFilter};
use jovay_types::L1Message;

use crate::{
    CarriedBlobs, Committed, EventPlace, L1Ref, QueuedMessage, RollupEvent, RollupFacts, RollupL1,
};

/// How often a request is repeated when the node does not answer.
const ATTEMPTS: u32 = 5;
/// First wait before that; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Blocks that one query for logs spans at first.
const LOG_SPAN: u64 = 2_000;

/// The contracts of a deployment, read through a node of L1.
#[derive(Debug)]
pub struct RpcL1 {
    client: L1Client,
    rollup: Address,
    mailbox: Address,
    /// Blocks that the node lets one query for logs span, as far as known.
    log_span: AtomicU64,
}

impl RpcL1 {
    /// Reads the contracts of `deployment` through `client`.
    pub fn new(client: L1Client, deployment: &Deployment) -> Self {
        let Deployment { rollup, mailbox, .. } = *deployment;
        Self { client, rollup, mailbox, log_span: AtomicU64::new(LOG_SPAN) }
    }

    /// Logs of `address` with one of `events`, in as many queries as the node needs.
    async fn logs(
        &self,
        address: Address,
        events: Vec<B256>,
        from: u64,
        to: u64,
    ) -> Result<Vec<L1Log>, L1Error> {
        let mut logs = Vec::new();
        let mut first = from;
        while first <= to {
            // The span is a hint that only this method changes (Relaxed).
            let span = self.log_span.load(Ordering::Relaxed).max(1);
            let last = to.min(first.saturating_add(span - 1));
            let filter = LogFilter {
                from_block: first,
                to_block: last,
                address: vec![address],
                topics: vec![events.clone()],
            };
            match patiently(|| self.client.logs(&filter)).await {
                Ok(found) => {
                    if let Some(gone) = found.iter().find(|log| log.removed) {
                        let message = format!("a log of block {} is gone", gone.block_number);
                        return Err(malformed("eth_getLogs", message));
                    }
                    logs.extend(found);
                    first = last + 1;
                }
                // Nodes limit the blocks or the logs of a query, each with words of its own.
                Err(L1Error::Rpc { .. }) if first < last => {
                    self.log_span.store((last - first).div_ceil(2).max(1), Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    async fn view<C: SolCall>(
        &self,
        to: Address,
        call: C,
        tag: BlockTag,
    ) -> Result<C::Return, L1Error> {
        patiently(|| self.client.view(to, &call, tag)).await
    }
}

impl RollupL1 for RpcL1 {
    fn facts(&self) -> BoxFuture<'_, Result<RollupFacts, L1Error>> {
        async move {
            let l1_chain_id = patiently(|| self.client.chain_id()).await?;
            let latest = BlockTag::Latest;
            let kind = self.view(self.rollup, Rollup::dataLayerCall {}, latest).await?;
            let data_layer = DataLayerKind::try_from(kind as u8)
                .map_err(|error| malformed("dataLayer", error))?;
            Ok(RollupFacts {
                l1_chain_id,
                l2_chain_id: self.view(self.rollup, Rollup::l2ChainIdCall {}, latest).await?,
                mailbox: self.view(self.rollup, Rollup::mailboxCall {}, latest).await?,
                data_layer,
            })
        }
        .boxed()
    }

    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L1Ref>, L1Error>> {
        async move {
            let block = patiently(|| self.client.block(tag)).await?;
            Ok(block.map(|block| L1Ref { number: block.number, hash: block.hash }))
        }
        .boxed()
    }

    fn rollup_events(
        &self,
        from: u64,
        to: u64,
    ) -> BoxFuture<'_, Result<Vec<RollupEvent>, L1Error>> {
        async move {
            let events = vec![
                Rollup::BatchCommitted::SIGNATURE_HASH,
                Rollup::BatchesReverted::SIGNATURE_HASH,
                Rollup::BatchesFinalized::SIGNATURE_HASH,
            ];
            let logs = self.logs(self.rollup, events, from, to).await?;
            logs.iter().map(rollup_event).collect()
        }
        .boxed()
    }

    fn messages(&self, from: u64, to: u64) -> BoxFuture<'_, Result<Vec<QueuedMessage>, L1Error>> {
        async move {
            let events = vec![L1Mailbox::TransactionQueued::SIGNATURE_HASH];
            let logs = self.logs(self.mailbox, events, from, to).await?;
            logs.iter().map(queued_message).collect()
        }
        .boxed()
    }

    fn last_batch(&self, at: L1Ref) -> BoxFuture<'_, Result<(u64, B256), L1Error>> {
        async move {
            let tag = BlockTag::Number(at.number);
            let last = self.view(self.rollup, Rollup::lastCommittedBatchCall {}, tag).await?;
            let call = Rollup::batchCall { batchIndex: last };
            Ok((last, self.view(self.rollup, call, tag).await?.hash))
        }
        .boxed()
    }

    fn blobs(&self, at: EventPlace) -> BoxFuture<'_, Result<Option<CarriedBlobs>, L1Error>> {
        async move {
            let found = patiently(|| self.client.transaction(at.transaction)).await?;
            let block = patiently(|| self.client.block(BlockTag::Hash(at.block_hash))).await?;
            let (Some(found), Some(block)) = (found, block) else { return Ok(None) };
            let hint = BlobHint {
                number: block.number,
                timestamp: block.timestamp,
                parent_beacon_root: block.parent_beacon_block_root,
            };
            Ok(Some(CarriedBlobs { hashes: found.blob_versioned_hashes, hint }))
        }
        .boxed()
    }

    fn batch_inputs(
        &self,
        transaction: B256,
    ) -> BoxFuture<'_, Result<Option<Vec<Bytes>>, L1Error>> {
        async move {
            let found = patiently(|| self.client.transaction(transaction)).await?;
            let Some(found) = found.filter(|found| found.to == Some(self.rollup)) else {
                return Ok(None);
            };
            let call = Rollup::commitBatchesCall::abi_decode(&found.input)
                .map_err(|error| malformed("commitBatches", error))?;
            Ok(Some(call.batches.into_iter().map(|batch| batch.data).collect()))
        }
        .boxed()
    }
}

/// Repeats a request while the node does not answer.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, L1Error>
where
    F: Future<Output = Result<T, L1Error>>,
{
    let mut wait = RETRY_FIRST;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "the L1 node does not answer, asking again");
            }
            answer => return answer,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    ask().await
}

fn malformed(method: &str, message: impl ToString) -> L1Error {
    L1Error::Malformed { method: method.into(), message: message.to_string() }
}

fn position(log: &L1Log) -> EventPlace {
    EventPlace {
        block: log.block_number,
        block_hash: log.block_hash,
        transaction: log.transaction_hash,
    }
}

fn event<E: SolEvent>(log: &L1Log) -> Result<E, L1Error> {
    E::decode_raw_log(log.topics.iter().copied(), &log.data)
        .map_err(|error| malformed("eth_getLogs", error))
}

fn rollup_event(log: &L1Log) -> Result<RollupEvent, L1Error> {
    let at = position(log);
    match log.topics.first().copied().unwrap_or_default() {
        Rollup::BatchCommitted::SIGNATURE_HASH => {
            let event: Rollup::BatchCommitted = event(log)?;
            let small = |value: alloy_primitives::U256| {
                u64::try_from(value).map_err(|error| malformed("BatchCommitted", error))
            };
            Ok(RollupEvent::Committed(Committed {
                index: event.batchIndex,
                hash: event.batchHash,
                version: event.version,
                l1_message_count: event.l1MessageCount,
                l1_rolling_hash: event.l1RollingHash,
                data_hash: event.dataHash,
                first_blob: small(event.firstBlob)?,
                blob_count: small(event.blobCount)?,
                at,
            }))
        }
        Rollup::BatchesReverted::SIGNATURE_HASH => {
            let Rollup::BatchesReverted { firstBatch, lastBatch } = event(log)?;
            Ok(RollupEvent::Reverted { first: firstBatch, last: lastBatch, at })
        }
        Rollup::BatchesFinalized::SIGNATURE_HASH => {
            let event: Rollup::BatchesFinalized = event(log)?;
            Ok(RollupEvent::Finalized {
                first: event.firstBatch,
                last: event.lastBatch,
                state_root: event.stateRoot,
                block_hash: event.blockHash,
                at,
            })
        }
        other => Err(malformed("eth_getLogs", format!("an event {other} that was not asked for"))),
    }
}

fn queued_message(log: &L1Log) -> Result<QueuedMessage, L1Error> {
    let event: L1Mailbox::TransactionQueued = event(log)?;
    Ok(QueuedMessage {
        message: L1Message {
            queue_index: event.queueIndex,
            gas_limit: event.gasLimit,
            sender: event.sender,
            to: event.to,
            value: event.value,
            data: event.data,
        },
        hash: event.transactionHash,
        rolling_hash: event.rollingHash,
        block: log.block_number,
    })
}
