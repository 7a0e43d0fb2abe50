//! `eth_subscribe`: what a WebSocket client is told without asking.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use futures_util::future::BoxFuture;
use jovay_state::SealOutcome;
use jovay_types::RecoveredTx;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::metrics::Open;
use crate::error::METHOD_NOT_FOUND;
use crate::eth::LogFilter;
use crate::fresh_id::fresh_id;
use crate::params::Params;
use crate::registry::Answer;
use crate::render::{RpcHeader, RpcLog, RpcTransaction};
use crate::{Context, RpcError};

/// Blocks with logs that one subscription can take back.
const TAKEN_BACK_MAX: usize = 64;

/// What goes out on a WebSocket. Whoever finds it full waits; the writer ends the connection of
/// a client that does not read.
pub(super) type Outgoing = mpsc::Sender<Utf8Bytes>;

/// The subscriptions of one connection.
pub(super) struct Subscriptions {
    outgoing: Outgoing,
    running: Mutex<HashMap<String, AbortHandle>>,
}

impl Subscriptions {
    pub(super) fn new(outgoing: Outgoing) -> Arc<Self> {
        Arc::new(Self { outgoing, running: Mutex::default() })
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for task in self.running.get_mut().values() {
            task.abort();
        }
    }
}

/// The session as one message sees it. Subscriptions begin when it is dropped: after the
/// message's answer, which carries their ids, has been queued.
pub(super) struct Session {
    subscriptions: Arc<Subscriptions>,
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

enum Kind {
    NewHeads,
    Logs(LogFilter),
    PendingTransactions { full: bool },
    Syncing,
}

impl Session {
    pub(super) fn new(subscriptions: Arc<Subscriptions>) -> Self {
        Self { subscriptions, waiting: Mutex::default() }
    }

    /// Lets the subscriptions made by this message begin.
    pub(super) fn answered(self) {
        for start in self.waiting.into_inner() {
            let _ = start.send(());
        }
    }

    /// Runs `eth_subscribe` or `eth_unsubscribe`.
    pub(super) fn run(&self, context: &Context, method: &str, params: &Params<'_>) -> Answer {
        let answer = match method {
            "eth_subscribe" => to_raw_value(&self.subscribe(context, params)?),
            "eth_unsubscribe" => {
                let id: String = params.get(0)?;
                let task = self.subscriptions.running.lock().remove(&id);
                let task = task.ok_or_else(|| RpcError::server("subscription not found"))?;
                task.abort();
                to_raw_value(&true)
            }
            _ => return Err(RpcError::method_not_found(method)),
        };
        answer.map_err(RpcError::internal)
    }

    fn subscribe(&self, context: &Context, params: &Params<'_>) -> Result<String, RpcError> {
        let kind = kind(params)?;
        let mut running = self.subscriptions.running.lock();
        let limit = context.config.subscription_limit;
        if running.len() >= limit {
            return Err(RpcError::limit(format!("too many subscriptions, the limit is {limit}")));
        }
        let id = fresh_id();
        let (start, started) = oneshot::channel();
        let sink = Sink { id: id.clone(), outgoing: self.subscriptions.outgoing.clone() };
        let feed = feed(context.clone(), kind, sink);
        let task = tokio::spawn(async move {
            let _open = Open::new("jovay_rpc_subscriptions");
            if started.await.is_ok() {
                feed.await;
            }
        });
        running.insert(id.clone(), task.abort_handle());
        self.waiting.lock().push(start);
        Ok(id)
    }
}

fn kind(params: &Params<'_>) -> Result<Kind, RpcError> {
    let name: String = params.get(0)?;
    Ok(match name.as_str() {
        "newHeads" => Kind::NewHeads,
        "logs" => Kind::Logs(params.opt(1)?.unwrap_or_default()),
        "newPendingTransactions" => {
            Kind::PendingTransactions { full: params.opt(1)?.unwrap_or(false) }
        }
        "syncing" => Kind::Syncing,
        _ => {
            let shown: String = name.chars().take(64).collect();
            let message = format!("no {shown:?} subscription in eth namespace");
            return Err(RpcError::new(METHOD_NOT_FOUND, message));
        }
    })
}

/// The client no longer listens.
struct Gone;

struct Sink {
    id: String,
    outgoing: Outgoing,
}

impl Sink {
    /// Sends one notification when there is room for it. Waiting here is what slows a feed down
    /// to the speed of its client.
    async fn notify<T: Serialize>(&self, result: &T) -> Result<(), Gone> {
        #[derive(Serialize)]
        struct Notification<'a, T> {
            jsonrpc: &'a str,
            method: &'a str,
            params: Body<'a, T>,
        }
        #[derive(Serialize)]
        struct Body<'a, T> {
            subscription: &'a str,
            result: T,
        }
        let params = Body { subscription: &self.id, result };
        let message = Notification { jsonrpc: "2.0", method: "eth_subscription", params };
        let text = serde_json::to_string(&message).map_err(|_| Gone)?;
        self.outgoing.send(text.into()).await.map_err(|_| Gone)
    }

    /// Tells of the logs of a block that the chain has taken back.
    async fn tell_removed(&self, filter: &LogFilter, outcome: &SealOutcome) -> Result<(), Gone> {
        for (log, shown) in RpcLog::of_block(&outcome.block, &outcome.receipts) {
            if filter.matches(log) {
                self.notify(&shown.removed()).await?;
            }
        }
        Ok(())
    }

    async fn tell_block(&self, kind: &Kind, outcome: &SealOutcome) -> Result<(), Gone> {
        match kind {
            Kind::NewHeads => {
                self.notify(&RpcHeader::new(&outcome.block.header, outcome.block.hash)).await
            }
            Kind::Logs(filter) => {
                for (log, shown) in RpcLog::of_block(&outcome.block, &outcome.receipts) {
                    if filter.matches(log) {
                        self.notify(&shown).await?;
                    }
                }
                Ok(())
            }
            Kind::PendingTransactions { .. } | Kind::Syncing => Ok(()),
        }
    }
}

/// Tells `sink` until it is gone. The streams are opened at once, so nothing that happens after
/// the subscription was made is missed.
fn feed(context: Context, kind: Kind, sink: Sink) -> BoxFuture<'static, ()> {
    match kind {
        Kind::NewHeads | Kind::Logs(_) => {
            let blocks = context.chain.subscribe_blocks();
            Box::pin(async move {
                let Err(Gone) = follow_blocks(&context, blocks, &kind, &sink).await;
            })
        }
        Kind::PendingTransactions { full } => {
            let pending = context.chain.subscribe_pending();
            Box::pin(async move {
                let Err(Gone) = follow_pending(pending, full, &sink).await;
            })
        }
        // A sequencer is never behind, so there is nothing to tell.
        Kind::Syncing => Box::pin(async move { sink.outgoing.closed().await }),
    }
}

/// Tells of each published block, in order and without a gap: what the channel has dropped while
/// the client was slow is read from the chain.
async fn follow_blocks(
    context: &Context,
    mut blocks: Receiver<SealOutcome>,
    kind: &Kind,
    sink: &Sink,
) -> Result<Infallible, Gone> {
    let mut next = None;
    let mut told = VecDeque::new();
    loop {
        match blocks.recv().await {
            Ok(outcome) => {
                let number = outcome.block.number();
                take_back(&mut told, number, kind, sink).await?;
                for missed in next.unwrap_or(number)..number {
                    if let Some(missed) = read_outcome(context, missed) {
                        sink.tell_block(kind, &missed).await?;
                        remember(&mut told, missed, kind);
                    }
                }
                sink.tell_block(kind, &outcome).await?;
                remember(&mut told, outcome, kind);
                next = Some(number + 1);
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(Gone),
        }
    }
}

/// A chain that goes back, by a reorg or to a snapshot, publishes a block number again: what was
/// told of the old blocks from there on is taken back, the last block first.
async fn take_back(
    told: &mut VecDeque<SealOutcome>,
    number: u64,
    kind: &Kind,
    sink: &Sink,
) -> Result<(), Gone> {
    let Kind::Logs(filter) = kind else { return Ok(()) };
    while let Some(last) = told.pop_back_if(|last| last.block.number() >= number) {
        sink.tell_removed(filter, &last).await?;
    }
    Ok(())
}

/// Keeps a block of which logs have been told.
fn remember(told: &mut VecDeque<SealOutcome>, outcome: SealOutcome, kind: &Kind) {
    let Kind::Logs(filter) = kind else { return };
    let has_logs = |outcome: &SealOutcome| {
        RpcLog::of_block(&outcome.block, &outcome.receipts).any(|(log, _)| filter.matches(log))
    };
    if !has_logs(&outcome) {
        return;
    }
    if told.len() >= TAKEN_BACK_MAX {
        told.pop_front();
    }
    told.push_back(outcome);
}

fn read_outcome(context: &Context, number: u64) -> Option<SealOutcome> {
    let block = context.chain.block(number).ok()??;
    let receipts = context.chain.receipts(number).ok()??;
    Some(SealOutcome { block, receipts, diff: Arc::default() })
}

async fn follow_pending(
    mut pending: Receiver<Arc<RecoveredTx>>,
    full: bool,
    sink: &Sink,
) -> Result<Infallible, Gone> {
    loop {
        match pending.recv().await {
            Ok(tx) if full => sink.notify(&RpcTransaction::pending(&tx)).await?,
            Ok(tx) => sink.notify(&tx.hash()).await?,
            // What waits in a pool is no promise: a gap is allowed.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(Gone),
        }
    }
}
