//! `cargo run --release -p jovay-conformance --example suite -- state|blockchain DIR [FILTER]`

use std::{io, path::PathBuf, process::ExitCode};

use jovay_conformance::{Options, run_blockchain_tests, run_state_tests};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(kind), Some(dir)) = (args.next(), args.next()) else {
        eprintln!("usage: suite state|blockchain DIR [FILTER]");
        return ExitCode::FAILURE;
    };
    let options = Options { json: false, filter: args.next() };
    let run = if kind == "state" { run_state_tests } else { run_blockchain_tests };
    match run(&PathBuf::from(dir), &options, &mut io::stdout()) {
        Ok(summary) => {
            for failure in &summary.failures {
                println!("{} {} {}: {}", failure.file, failure.test, failure.fork, failure.error);
            }
            println!("{summary}");
            ExitCode::from(u8::from(summary.failed() > 0))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
