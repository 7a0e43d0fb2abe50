//! `jovay db`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use jovay_node::{ConfigFlags, NodeConfig};
use jovay_storage::{Chain, ChainError, Config, SnapshotInfo, Stat};

use crate::Outcome;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print what the database holds: blocks, states, rows and bytes of each table
    Stat(Box<ConfigFlags>),
    /// Recompute everything and compare: hashes, roots, the state against its trie
    Verify(Box<ConfigFlags>),
    /// Copy the chain, consistent at its head, into a file that does not exist yet
    Snapshot {
        /// The file to write
        destination: PathBuf,
        #[command(flatten)]
        flags: Box<ConfigFlags>,
    },
    /// Make a database from a snapshot; the data folder must not hold one
    Restore {
        /// The snapshot's file
        source: PathBuf,
        #[command(flatten)]
        flags: Box<ConfigFlags>,
    },
}

pub(crate) fn run(command: Command) -> Outcome {
    let text = |error: ChainError| error.to_string();
    match command {
        Command::Stat(flags) => print_stat(&open(&flags)?.stat().map_err(text)?),
        Command::Verify(flags) => {
            let done = open(&flags)?.verify().map_err(text)?;
            println!("the chain is sound: checked");
            println!("{:>14} blocks with {} transactions", done.blocks, done.transactions);
            println!("{:>14} accounts with {} slots", done.accounts, done.slots);
            println!("{:>14} trie nodes", done.nodes);
            println!("{:>14} blocks of history", done.history_blocks);
        }
        Command::Snapshot { destination, flags } => {
            print_snapshot("wrote", &open(&flags)?.snapshot(&destination).map_err(text)?);
        }
        Command::Restore { source, flags } => {
            let (datadir, _) = config(&flags)?;
            print_snapshot("restored", &jovay_storage::restore(&source, &datadir).map_err(text)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_stat(stat: &Stat) {
    println!("head block        {}", stat.head);
    println!("oldest state      {}", stat.oldest_state);
    println!("in tables up to   {}", stat.flushed);
    println!("block log         {} bytes", stat.log_bytes);
    println!("\n{:<20}{:>12}{:>16}{:>16}", "table", "rows", "bytes", "on disk");
    for table in &stat.tables {
        let (name, rows) = (table.name, table.rows);
        println!("{name:<20}{rows:>12}{:>16}{:>16}", table.bytes, table.stored_bytes);
    }
}

fn print_snapshot(what: &str, info: &SnapshotInfo) {
    println!("{what} the chain up to block {} ({})", info.head, info.head_hash);
    println!("genesis {}, {} rows", info.genesis, info.rows);
}

fn config(flags: &ConfigFlags) -> Result<(PathBuf, NodeConfig), String> {
    let config = NodeConfig::default().load(flags).map_err(|error| error.to_string())?;
    if config.datadir.is_empty() {
        return Err("no database: name its folder with --datadir".into());
    }
    Ok((PathBuf::from(&config.datadir), config))
}

fn open(flags: &ConfigFlags) -> Result<Chain, String> {
    let (datadir, config) = config(flags)?;
    if !datadir.is_dir() {
        return Err(format!("no database: {} is not a folder", datadir.display()));
    }
    let store = Config {
        history_blocks: config.history_blocks,
        archive: config.archive,
        ..Config::on_disk(datadir)
    };
    Chain::open_existing(store).map_err(|error| error.to_string())
}
