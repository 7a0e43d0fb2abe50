//! Watching blocks arrive and telling when each transaction had its receipt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy_primitives::{B256, U64};
use serde::Deserialize;
use serde_json::json;

use super::drive::Board;
use crate::BenchError;
use crate::client::Client;
use crate::cpu::Reading;

/// How long a phase may go without a new inclusion before it counts as stuck.
const STALL: Duration = Duration::from_secs(60);
/// Blocks asked for in one request: a node that seals each transaction makes thousands.
const BLOCKS_PER_REQUEST: usize = 50;

/// What was seen of a phase.
pub(super) struct Watched {
    /// Transactions in blocks, with a receipt of success.
    pub(super) included: usize,
    /// CPU used until the last transaction was in a block.
    pub(super) cpu: Reading,
    /// Microseconds from sending to the block's publication, ascending.
    latencies_us: Vec<u64>,
    elapsed: Duration,
    /// When each block with own transactions was seen, and how many it held.
    blocks: Vec<(Duration, usize)>,
}

impl Watched {
    /// Included transactions a second, from the first sent to the last in a block.
    pub(super) fn tps(&self) -> f64 {
        self.included as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Transactions a second between the first and the last but one moment at which blocks were
    /// seen: without the wait for the first block and the last, partly filled one. 0 when there
    /// are too few blocks to tell.
    pub(super) fn steady_tps(&self) -> f64 {
        let [(first, _), between @ .., _] = self.blocks.as_slice() else { return 0.0 };
        let Some((last, _)) = between.last() else { return 0.0 };
        let count: usize =
            between.iter().filter(|(seen, _)| seen > first).map(|(_, count)| count).sum();
        let seconds = last.saturating_sub(*first).as_secs_f64();
        if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
    }

    /// The latency that the fraction `q` of the transactions did not exceed, in milliseconds.
    pub(super) fn latency_ms(&self, q: f64) -> f64 {
        let at = (self.latencies_us.len() as f64 * q) as usize;
        let us = self.latencies_us.get(at.min(self.latencies_us.len().saturating_sub(1)));
        us.copied().unwrap_or_default() as f64 / 1_000.0
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
}

#[derive(Deserialize)]
struct Block {
    transactions: Vec<B256>,
}

#[derive(Deserialize)]
struct Receipt {
    #[serde(rename = "transactionHash")]
    hash: B256,
    status: U64,
}

/// Follows the chain until everything on `board` is settled; looks for new blocks each `poll`.
///
/// A transaction counts as there from the moment at which the node says that its block is the
/// latest: from then on it answers with the receipt.
pub(super) async fn watch(
    port: u16,
    pid: u32,
    board: Arc<Board>,
    poll: Duration,
) -> Result<Watched, BenchError> {
    let mut client = Client::connect(port).await?;
    let mut head: u64 = head_of(&mut client).await?;
    let start = Reading::now(pid);
    let mut watched = Watched {
        included: 0,
        cpu: Reading::default(),
        latencies_us: Vec::with_capacity(board.len()),
        elapsed: Duration::ZERO,
        blocks: Vec::new(),
    };
    let mut numbers = Vec::new();
    let mut progress = Instant::now();
    while !board.complete() {
        let latest = head_of(&mut client).await?;
        let seen = board.started.elapsed();
        let new: Vec<u64> = (head + 1..=latest).collect();
        for part in new.chunks(BLOCKS_PER_REQUEST) {
            let blocks: Vec<Block> =
                each(&mut client, "eth_getBlockByNumber", part, Some(false)).await?;
            for (number, block) in part.iter().zip(blocks) {
                let sent = block.transactions.iter().filter_map(|hash| board.sent_at(hash));
                let before = watched.latencies_us.len();
                let waits = sent.map(|sent| seen.saturating_sub(sent).as_micros() as u64);
                watched.latencies_us.extend(waits);
                let found = watched.latencies_us.len() - before;
                if found > 0 {
                    board.included.fetch_add(found, Ordering::Relaxed);
                    numbers.push(*number);
                    watched.blocks.push((seen, found));
                    (watched.elapsed, progress) = (seen, Instant::now());
                }
            }
        }
        head = latest;
        if progress.elapsed() > STALL {
            return Err(BenchError::Timeout(format!(
                "{} transactions do not get into blocks; refused: {:?}",
                board.len() - watched.latencies_us.len(),
                board.refusals()
            )));
        }
        if new.is_empty() {
            tokio::time::sleep(poll).await;
        }
    }
    watched.cpu = Reading::now(pid).since(&start);
    watched.included = successes(&mut client, &numbers, &board).await?;
    watched.latencies_us.sort_unstable();
    Ok(watched)
}

async fn head_of(client: &mut Client) -> Result<u64, BenchError> {
    client.call::<U64>("eth_blockNumber", json!([])).await.map(|number| number.to())
}

/// Calls `method` for every block in one request.
async fn each<T: serde::de::DeserializeOwned>(
    client: &mut Client,
    method: &str,
    numbers: &[u64],
    further: Option<bool>,
) -> Result<Vec<T>, BenchError> {
    let calls = numbers.iter().map(|number| {
        let mut params = vec![json!(format!("{number:#x}"))];
        params.extend(further.map(|flag| json!(flag)));
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    });
    let body = serde_json::Value::from_iter(calls).to_string();
    let answers: Vec<Answer<T>> = client.post(method, body).await?;
    let missing = || BenchError::Node {
        method: method.into(),
        message: "no answer for a published block".into(),
    };
    if answers.len() != numbers.len() {
        return Err(missing());
    }
    answers.into_iter().map(|answer| answer.result.ok_or_else(missing)).collect()
}

/// How many of the board's transactions have a receipt that says success.
async fn successes(
    client: &mut Client,
    numbers: &[u64],
    board: &Board,
) -> Result<usize, BenchError> {
    let mut count = 0;
    // Receipts are large; a few blocks at a time stay within any node's limits.
    for part in numbers.chunks(4) {
        let blocks: Vec<Vec<Receipt>> = each(client, "eth_getBlockReceipts", part, None).await?;
        let receipts = blocks.iter().flatten();
        count += receipts.filter(|r| r.status.to::<u64>() == 1 && board.contains(&r.hash)).count();
    }
    Ok(count)
}
