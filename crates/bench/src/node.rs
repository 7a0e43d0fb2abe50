//! A node under test, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::BenchError;
use crate::client::Client;

/// How long a node may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Which node to start.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// Our own binary, with its database on disk.
    Jovay(PathBuf),
    /// Foundry's development node, sealing each transaction on arrival, which is its default.
    AnvilAutomine(PathBuf),
    /// The same, sealing a block a second.
    AnvilInterval(PathBuf),
}

impl Program {
    /// What it is called in the report.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Jovay(_) => "jovay",
            Self::AnvilAutomine(_) => "anvil automine",
            Self::AnvilInterval(_) => "anvil 1 s",
        }
    }

    /// How many transactions it is given before it has to have them in blocks.
    pub(crate) fn outstanding_max(&self) -> usize {
        match self {
            Self::Jovay(_) | Self::AnvilInterval(_) => OUTSTANDING_MAX,
            Self::AnvilAutomine(_) => OUTSTANDING_MAX_AUTOMINE,
        }
    }
}

/// Transactions that may be without a receipt while sending at full pace: enough to keep a node
/// busy for over a second, and below the pool limits of the nodes measured.
const OUTSTANDING_MAX: usize = 15_000;
/// The same for a node that seals each transaction: a long queue makes anvil crawl, which would
/// not be its best.
const OUTSTANDING_MAX_AUTOMINE: usize = 100;

/// A running node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) port: u16,
    _datadir: TempDir,
}

impl Node {
    /// Starts `program` on a free port and waits until it answers.
    pub(crate) async fn start(program: &Program, block_time: f64) -> Result<Self, BenchError> {
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| BenchError::Io { what, source }
        };
        let datadir = TempDir::new().map_err(io("make a temporary folder"))?;
        let port = free_port().map_err(io("find a free port"))?;
        let mut command = command(program, port, block_time, datadir.path());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io(&format!("start {:?}", command.get_program())))?;
        let mut node = Self { child, port, _datadir: datadir };
        node.wait_ready().await?;
        Ok(node)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn wait_ready(&mut self) -> Result<(), BenchError> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            if let Ok(mut client) = Client::connect(self.port).await
                && client.call::<String>("eth_chainId", json!([])).await.is_ok()
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let message = format!("it ended before it answered: {status}");
                return Err(BenchError::Node { method: "start".into(), message });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(BenchError::Timeout("the node did not answer after its start".into()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors mean that it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn command(program: &Program, port: u16, block_time: f64, datadir: &Path) -> Command {
    let port = port.to_string();
    match program {
        Program::Jovay(path) => {
            let mut command = Command::new(path);
            command.args(["dev", "--no-l1", "--port", &port, "--log", "warn"]);
            command.args(["--block-time", &block_time.to_string(), "--datadir"]).arg(datadir);
            command
        }
        Program::AnvilAutomine(path) => anvil(path, &port),
        Program::AnvilInterval(path) => {
            let mut command = anvil(path, &port);
            command.args(["--block-time", "1"]);
            command
        }
    }
}

/// The gas limit leaves room for all that anvil can execute in a second.
fn anvil(path: &Path, port: &str) -> Command {
    let mut command = Command::new(path);
    command.args(["--port", port, "--silent", "--hardfork", "osaka"]);
    command.args(["--gas-limit", "1000000000"]);
    command
}
