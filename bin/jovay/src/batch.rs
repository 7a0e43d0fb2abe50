//! `jovay batch`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jovay_da::{describe_batch, parse_blob_file};
use jovay_l1::L1Client;
use serde_json::{Value, json};

use crate::batch_export::{self, ExportArgs};
use crate::bridge::L2Args;
use crate::{Outcome, runtime};

/// Most bytes that a file of blobs may have: the largest batch there is, in hexadecimal.
const FILE_BYTES_MAX: u64 = 40 << 20;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the batch in some blobs as JSON: versions, hashes, chunks, blocks, transactions
    Decode {
        /// The batch's blobs in order: files of raw blobs (131,072 bytes each) or of hexadecimal
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        blob: Vec<PathBuf>,
    },
    /// Print a batch as a node of L2 tells it
    Show {
        /// Its number, or latest
        number: String,
        #[command(flatten)]
        l2: L2Args,
    },
    /// Fetch a batch's data from L1, check it, and write it down
    Export(Box<ExportArgs>),
}

pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Decode { blob } => decode(&blob),
        Command::Show { number, l2 } => show(&number, &l2),
        Command::Export(args) => batch_export::run(&args),
    }
}

fn decode(files: &[PathBuf]) -> Outcome {
    let mut blobs = Vec::new();
    for file in files {
        let name = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let bytes = read(file).map_err(|error| name(&error))?;
        blobs.extend(parse_blob_file(&bytes).map_err(|error| name(&error))?);
    }
    print(&describe_batch(&blobs).map_err(|error| error.to_string())?)
}

fn print(batch: &Value) -> Outcome {
    let text = serde_json::to_string_pretty(batch).map_err(|error| error.to_string())?;
    // A reader such as `head` may have had enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(ExitCode::SUCCESS)
}

fn show(number: &str, l2: &L2Args) -> Outcome {
    let index = match number {
        "latest" => json!("latest"),
        number => {
            let index: u64 =
                number.parse().map_err(|_| format!("{number:?} is neither a number nor latest"))?;
            json!(format!("{index:#x}"))
        }
    };
    let client = L1Client::new(&l2.l2_rpc).map_err(|error| error.to_string())?;
    let asked = client.request("jovay_getBatchByNumber", json!([index]));
    let batch: Value = runtime()?.block_on(asked).map_err(|error| error.to_string())?;
    if batch.is_null() {
        return Err(format!("batch {number} is not sealed"));
    }
    print(&batch)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(file).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("more than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}
