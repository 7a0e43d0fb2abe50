//! `jovay bench rpc`: throughput and latency through real HTTP, with a peer in the same run.

mod drive;
mod prepare;
mod report;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::BenchError;
use crate::client::Client;
use crate::cpu::{self, CpuSeconds};
pub use crate::load::Load;
use crate::node::{Node, Program};
use drive::{Board, Pace, Work};
use prepare::Prepared;
pub use report::print;
use watch::Watched;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Kinds of transactions
    #[arg(long, value_enum, value_delimiter = ',', default_value = "eth,erc20")]
    pub load: Vec<Load>,
    /// Transactions per request; 1 sends them singly
    #[arg(long, value_delimiter = ',', default_value = "1,50")]
    pub batch: Vec<usize>,
    /// Transactions in the throughput phase, at most
    #[arg(long, default_value_t = 60_000)]
    pub transactions: usize,
    /// Seconds of sending in the throughput phase, at most
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Sending accounts
    #[arg(long, default_value_t = 400)]
    pub senders: usize,
    /// Connections
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Seconds of the latency phase, which runs just under half of the measured throughput
    #[arg(long, default_value_t = 10)]
    pub latency_seconds: u64,
    /// Seconds between blocks of our node
    #[arg(long, default_value_t = 0.2)]
    pub block_time: f64,
    /// Path of an `anvil` binary to measure beside ours
    #[arg(long, env = "JOVAY_ANVIL")]
    pub anvil: Option<PathBuf>,
    /// Write the results as JSON to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// One node's result under one load.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Which node in which mode.
    pub node: &'static str,
    /// The node's own name and version.
    pub client: String,
    /// Transactions with a successful receipt in the throughput phase.
    pub transactions: usize,
    /// Transactions that were refused in either phase, by the node's message.
    pub refused: BTreeMap<String, usize>,
    /// Transactions a second, from the first sent to the last in a block.
    pub tps: f64,
    /// Transactions a second between the first block and the last but one; 0 if there were too
    /// few blocks to tell.
    pub steady_tps: f64,
    /// Offered transactions a second in the latency phase.
    pub offered_tps: f64,
    /// Median time from when a transaction was due to be sent until its receipt could be had, in
    /// the latency phase, in milliseconds.
    pub latency_p50_ms: f64,
    /// The same for the slowest hundredth.
    pub latency_p99_ms: f64,
    /// The same for the slowest.
    pub latency_max_ms: f64,
    /// Resident memory before the first transaction, in MiB.
    pub idle_mib: f64,
    /// Resident memory after the throughput phase, in MiB.
    pub loaded_mib: f64,
    /// CPU microseconds per transaction by the node's component, until the last transaction of
    /// the throughput phase was in a block.
    pub cpu_us_per_tx: CpuSeconds,
    /// The load generator's own, in the same time.
    pub generator_us_per_tx: f64,
    /// CPU microseconds per transaction of the node in the latency phase.
    pub half_load_cpu_us_per_tx: f64,
    /// Load average of the machine before the node was started.
    pub load_average: f64,
}

/// All nodes under one load.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// The load.
    pub load: Load,
    /// Transactions per request.
    pub batch: usize,
    /// Our node first.
    pub nodes: Vec<Measured>,
    /// Why a peer could not be measured.
    pub failures: Vec<String>,
}

impl Case {
    /// How many times the best throughput of the peer ours is; the peer is taken at the better
    /// of its figures.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, peers) = self.nodes.split_first()?;
        let best = peers.iter().map(|peer| peer.tps.max(peer.steady_tps)).reduce(f64::max)?;
        Some(ours.tps / best.max(1e-9))
    }
}

/// Everything a run found out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Cores of the machine, shared by node and load generator.
    pub cores: usize,
    /// Seconds between our node's blocks.
    pub block_time: f64,
    /// Connections.
    pub connections: usize,
    /// Sending accounts.
    pub senders: usize,
    /// The loads.
    pub cases: Vec<Case>,
}

/// Measures our node, from the binary `jovay`, and the peer.
///
/// # Errors
/// Our node could not be started, broke off, or left transactions without a receipt; for a peer
/// the report says so.
pub fn run(jovay: PathBuf, options: &Options) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| BenchError::Io { what: "start the runtime".into(), source })?;
    let report = runtime.block_on(measure_all(jovay, options))?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        std::fs::write(path, text + "\n").map_err(|source| BenchError::Io {
            what: format!("write {}", path.display()),
            source,
        })?;
    }
    Ok(report)
}

async fn measure_all(jovay: PathBuf, options: &Options) -> Result<Report, BenchError> {
    let mut programs = vec![Program::Jovay(jovay)];
    if let Some(path) = &options.anvil {
        programs.push(Program::AnvilAutomine(path.clone()));
        programs.push(Program::AnvilInterval(path.clone()));
    }
    let mut cases = Vec::new();
    for &load in &options.load {
        for &batch in &options.batch {
            let (mut nodes, mut failures) = (Vec::new(), Vec::new());
            for program in &programs {
                match measure(program, load, batch.max(1), options).await {
                    Ok(measured) => nodes.push(measured),
                    Err(error) if matches!(program, Program::Jovay(_)) => return Err(error),
                    Err(error) => failures.push(format!("{}: {error}", program.title())),
                }
            }
            cases.push(Case { load, batch: batch.max(1), nodes, failures });
        }
    }
    let (cores, _) = cpu::cores_and_load();
    let Options { block_time, connections, senders, .. } = *options;
    Ok(Report { cores, block_time, connections, senders, cases })
}

/// Time between two looks for new blocks at full load, where only the sum counts.
const POLL_FULL: Duration = Duration::from_millis(10);
/// The same where the time of each block counts.
const POLL_EVEN: Duration = Duration::from_millis(3);
/// The latency phase's part of the throughput.
const HALF_LOAD: f64 = 0.48;
/// A node is left alone for this time before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(1);

async fn measure(
    program: &Program,
    load: Load,
    batch: usize,
    options: &Options,
) -> Result<Measured, BenchError> {
    let (_, load_average) = cpu::cores_and_load();
    let node = Node::start(program, options.block_time).await?;
    tokio::time::sleep(SETTLE).await;
    let idle_mib = cpu::resident_mib(node.pid());
    let mut client = Client::connect(node.port).await?;
    let version: String = client.call("web3_clientVersion", serde_json::json!([])).await?;
    let mut prepared = Prepared::new(&mut client, load, options).await?;

    let work = prepared.sign(options.transactions);
    let pace = Pace::Full { batch, outstanding_max: program.outstanding_max() };
    let (peak, mut refused) = phase(&node, options, work, pace).await?;
    prepared.forget_unsent(&mut client).await?;
    let loaded_mib = cpu::resident_mib(node.pid());

    let offered = peak.tps() * HALF_LOAD;
    let work = prepared.sign((offered * options.latency_seconds as f64).ceil() as usize);
    let pace = Pace::Even { batch, per_second: offered };
    let (half, refused_later) = phase(&node, options, work, pace).await?;
    for (message, count) in refused_later {
        *refused.entry(message).or_default() += count;
    }

    let us_each = |seconds: f64, txs: usize| seconds * 1e6 / txs.max(1) as f64;
    let components = peak.cpu.node.iter();
    Ok(Measured {
        node: program.title(),
        client: version,
        transactions: peak.included,
        refused,
        tps: peak.tps(),
        steady_tps: peak.steady_tps(),
        offered_tps: offered,
        latency_p50_ms: half.latency_ms(0.50),
        latency_p99_ms: half.latency_ms(0.99),
        latency_max_ms: half.latency_ms(1.0),
        idle_mib,
        loaded_mib,
        cpu_us_per_tx: components.map(|(k, s)| (k.clone(), us_each(*s, peak.included))).collect(),
        generator_us_per_tx: us_each(peak.cpu.generator, peak.included),
        half_load_cpu_us_per_tx: us_each(half.cpu.node.values().sum(), half.included),
        load_average,
    })
}

/// Sends `work` and waits until it is in blocks; what was seen, and the refusals.
async fn phase(
    node: &Node,
    options: &Options,
    work: Work,
    pace: Pace,
) -> Result<(Watched, BTreeMap<String, usize>), BenchError> {
    let board = Board::new(&work);
    let poll = if matches!(pace, Pace::Full { .. }) { POLL_FULL } else { POLL_EVEN };
    let watcher = tokio::spawn(watch::watch(node.port, node.pid(), board.clone(), poll));
    let seconds = match pace {
        Pace::Full { .. } => options.seconds,
        Pace::Even { .. } => options.latency_seconds * 2,
    };
    let pace = (pace, Duration::from_secs(seconds));
    let sent = drive::drive(node.port, options.connections, work, pace, board.clone()).await;
    if let Err(error) = sent {
        watcher.abort();
        return Err(error);
    }
    let watched = watcher.await.map_err(|error| BenchError::Timeout(error.to_string()))??;
    Ok((watched, board.refusals()))
}
