//! Sending: as fast as the node takes it, or evenly at a given rate.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use serde::Deserialize;

use crate::BenchError;
use crate::client::Client;
use crate::wallet::Signed;

/// Signed transactions, one lane for each sender, in nonce order.
pub(super) struct Work {
    pub(super) lanes: Vec<Vec<Signed>>,
}

/// How fast to send, `batch` transactions a request.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// As fast as the node answers, while at most so many transactions are without a receipt.
    Full { batch: usize, outstanding_max: usize },
    /// Evenly, at this rate of transactions.
    Even { batch: usize, per_second: f64 },
}

/// When each transaction was sent, shared with the watcher.
pub(super) struct Board {
    pub(super) started: Instant,
    index: HashMap<B256, usize>,
    /// Microseconds since `started`; 0 means not sent.
    sent_us: Vec<AtomicU64>,
    refused: AtomicUsize,
    refusals: Mutex<BTreeMap<String, usize>>,
    pub(super) included: AtomicUsize,
    sent: AtomicUsize,
    /// Transactions that are still to be settled: fewer than there are when time has run out.
    expected: AtomicUsize,
}

impl Board {
    pub(super) fn new(work: &Work) -> Arc<Self> {
        let hashes = work.lanes.iter().flatten().map(|tx| tx.hash);
        let index: HashMap<_, _> = hashes.enumerate().map(|(i, hash)| (hash, i)).collect();
        Arc::new(Self {
            started: Instant::now(),
            sent_us: (0..index.len()).map(|_| AtomicU64::new(0)).collect(),
            refused: AtomicUsize::new(0),
            refusals: Mutex::default(),
            included: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            expected: AtomicUsize::new(index.len()),
            index,
        })
    }

    /// How many transactions there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.index.contains_key(hash)
    }

    /// The node's words for each refusal, and how often it said them.
    pub(super) fn refusals(&self) -> BTreeMap<String, usize> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the transaction with this hash was sent.
    pub(super) fn sent_at(&self, hash: &B256) -> Option<Duration> {
        let us = self.sent_us[*self.index.get(hash)?].load(Ordering::Relaxed);
        (us != 0).then(|| Duration::from_micros(us))
    }

    /// Whether nothing more is to come: everything was refused or is in a block.
    pub(super) fn complete(&self) -> bool {
        let settled = self.refused.load(Ordering::Relaxed) + self.included.load(Ordering::Relaxed);
        settled >= self.expected.load(Ordering::Relaxed)
    }

    /// Nothing more will be sent.
    pub(super) fn close(&self) {
        self.expected.store(self.sent.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn outstanding(&self) -> usize {
        let settled = self.refused.load(Ordering::Relaxed) + self.included.load(Ordering::Relaxed);
        self.sent.load(Ordering::Relaxed).saturating_sub(settled)
    }

    /// Takes down `txs` as sent at `at` after the start.
    fn mark(&self, txs: &[Signed], at: Duration) {
        // Never 0, which means "not sent".
        let now = at.as_micros().max(1) as u64;
        for tx in txs {
            if let Some(&i) = self.index.get(&tx.hash) {
                self.sent_us[i].store(now, Ordering::Relaxed);
            }
        }
        self.sent.fetch_add(txs.len(), Ordering::Relaxed);
    }
}

/// Sends all of `work` over `connections`, each with senders of its own, and returns when the
/// last has been answered; sends nothing after `longest`.
pub(super) async fn drive(
    port: u16,
    connections: usize,
    work: Work,
    (pace, longest): (Pace, Duration),
    board: Arc<Board>,
) -> Result<(), BenchError> {
    let mut shares: Vec<Vec<Vec<Signed>>> = (0..connections.max(1)).map(|_| Vec::new()).collect();
    for (i, lane) in work.lanes.into_iter().enumerate() {
        shares[i % connections.max(1)].push(lane);
    }
    let count = connections.max(1);
    let tasks: Vec<_> = shares
        .into_iter()
        .enumerate()
        .map(|(at, lanes)| {
            let order = round_robin(lanes);
            let board = board.clone();
            tokio::spawn(async move {
                let client = Client::connect(port).await?;
                match pace {
                    Pace::Full { batch, outstanding_max } => {
                        let limits = (outstanding_max, longest);
                        full(client, order, batch.max(1), limits, board).await
                    }
                    Pace::Even { batch, per_second } => {
                        let every = batch.max(1) as f64 / per_second;
                        // The connections take turns.
                        let first = Duration::from_secs_f64(every * at as f64);
                        let every = Duration::from_secs_f64(every * count as f64);
                        even(client, order, batch.max(1), (first, every, longest), board).await
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| BenchError::Timeout(error.to_string()))??;
    }
    board.close();
    Ok(())
}

/// One transaction of each sender in turn, so that no sender's queue grows long.
fn round_robin(lanes: Vec<Vec<Signed>>) -> Vec<Signed> {
    let mut lanes: Vec<_> = lanes.into_iter().map(Vec::into_iter).collect();
    let mut order = Vec::new();
    loop {
        let before = order.len();
        order.extend(lanes.iter_mut().filter_map(Iterator::next));
        if order.len() == before {
            return order;
        }
    }
}

async fn full(
    mut client: Client,
    order: Vec<Signed>,
    batch: usize,
    (outstanding_max, longest): (usize, Duration),
    board: Arc<Board>,
) -> Result<(), BenchError> {
    for chunk in order.chunks(batch) {
        while board.started.elapsed() < longest && board.outstanding() > outstanding_max {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if board.started.elapsed() >= longest {
            break;
        }
        board.mark(chunk, board.started.elapsed());
        send(&mut client, chunk, &board).await?;
    }
    Ok(())
}

/// Sends the first request after `first` and then one each `every`, until `longest` is over. One
/// that goes out late because the node was slow to answer counts from when it was due.
async fn even(
    mut client: Client,
    order: Vec<Signed>,
    batch: usize,
    (first, every, longest): (Duration, Duration, Duration),
    board: Arc<Board>,
) -> Result<(), BenchError> {
    let mut due = board.started.elapsed() + first;
    for chunk in order.chunks(batch) {
        if board.started.elapsed() >= longest {
            break;
        }
        if let Some(wait) = due.checked_sub(board.started.elapsed()) {
            tokio::time::sleep(wait).await;
        }
        board.mark(chunk, due);
        send(&mut client, chunk, &board).await?;
        due += every;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    message: String,
}

/// Sends `txs` in one request and takes down the refusals.
async fn send(client: &mut Client, txs: &[Signed], board: &Board) -> Result<(), BenchError> {
    let mut body = String::with_capacity(txs.iter().map(|tx| tx.raw.len() + 128).sum());
    for tx in txs {
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":[""#);
        body.push_str(&tx.raw);
        body.push_str(r#""]}"#);
    }
    let answers: Vec<Answer> = if txs.len() == 1 {
        // A single request stands without the array.
        body.remove(0);
        vec![client.post("eth_sendRawTransaction", body).await?]
    } else {
        body.push(']');
        client.post("eth_sendRawTransaction", body).await?
    };
    for error in answers.into_iter().filter_map(|answer| answer.error) {
        let mut refusals = board.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(error.message).or_default() += 1;
        board.refused.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
