//! `jovay bridge`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use clap::{Args, Subcommand};
use jovay_l1::{Deployment, KeySource, L1Client, Signer};
use jovay_rollup::bridge::{
    Bridge, BridgeAddresses, Deposited, addresses_of, asset, deposit_status, l2_receipt,
};
use serde_json::Value;

use crate::Outcome;

/// How often L2 is asked for the receipt.
const POLL: Duration = Duration::from_millis(250);

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Bring ether or tokens from L1 to L2
    Deposit(Box<DepositArgs>),
    /// Tell how far the deposits of an L1 transaction are
    Status {
        /// The L1 transaction
        transaction: B256,
        #[command(flatten)]
        l2: L2Args,
    },
}

/// Which L2.
#[derive(Args)]
pub(crate) struct L2Args {
    /// JSON-RPC of a node of L2 (http or https)
    #[arg(long, env = "JOVAY_L2_RPC", value_name = "URL", default_value = "http://127.0.0.1:8545")]
    pub(crate) l2_rpc: String,
}

#[derive(Args)]
pub(crate) struct DepositArgs {
    /// JSON-RPC of the L1 node (http or https)
    #[arg(
        long,
        env = "JOVAY_L1_RPC",
        value_name = "URL",
        default_value = "http://127.0.0.1:18545"
    )]
    l1_rpc: String,
    /// Addresses file of the chain; without it the node of L2 is asked
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    #[command(flatten)]
    l2: L2Args,
    /// How much: ether, or the token's own unit; with --token-id a number of tokens
    #[arg(long)]
    amount: Option<String>,
    /// A token's contract on L1; without it ether is deposited
    #[arg(long, value_name = "ADDRESS")]
    token: Option<Address>,
    /// Which token of an ERC-721 or ERC-1155 contract
    #[arg(long, value_name = "NUMBER", requires = "token")]
    token_id: Option<U256>,
    /// Who gets it on L2; without it the signer
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    #[command(flatten)]
    key: KeyArgs,
    /// Wait until it is executed on L2 and print the receipt
    #[arg(long)]
    wait: bool,
    /// Seconds that --wait waits at most
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
}

/// Who signs and pays on L1.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct KeyArgs {
    /// File with the private key in hexadecimal, which only its owner may read
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Environment variable with the private key in hexadecimal
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Where the key is: file:PATH, env:NAME or keystore:PATH
    #[arg(long, value_name = "SOURCE")]
    key: Option<KeySource>,
}

impl KeyArgs {
    fn signer(&self) -> Result<Signer, String> {
        let source = match (&self.key_file, &self.key_env, &self.key) {
            (Some(path), _, _) => KeySource::File(path.clone()),
            (_, Some(name), _) => KeySource::Env(name.clone()),
            (_, _, Some(source)) => source.clone(),
            _ => return Err("give the key with --key-file, --key-env or --key".into()),
        };
        source.signer().map_err(|error| error.to_string())
    }
}

pub(crate) fn run(command: Command) -> Outcome {
    crate::runtime()?.block_on(async {
        match command {
            Command::Deposit(args) => deposit(&args).await,
            Command::Status { transaction, l2 } => status(transaction, &l2).await,
        }
    })
}

fn client(url: &str) -> Result<L1Client, String> {
    L1Client::new(url).map_err(|error| error.to_string())
}

async fn deposit(args: &DepositArgs) -> Outcome {
    let (l1, l2) = (client(&args.l1_rpc)?, client(&args.l2.l2_rpc)?);
    let signer = args.key.signer()?;
    let addresses = match &args.addresses {
        Some(path) => {
            let deployment = Deployment::read(path).map_err(|error| error.to_string())?;
            BridgeAddresses::from(&deployment)
        }
        None => addresses_of(&l2).await.map_err(|error| {
            format!("node of L2 at {}: {error}; --addresses does without it", l2.shown_url())
        })?,
    };
    let amount = args.amount.as_deref();
    let asset = asset(&l1, amount, args.token, args.token_id);
    let asset = asset.await.map_err(|error| error.to_string())?;
    let to = args.to.unwrap_or(signer.address());
    let bridge = Bridge { client: l1, addresses, signer };
    let tell = &mut |what: &str, hash: B256| println!("{what}: L1 transaction {hash}");
    let deposited = bridge.deposit(&asset, to, tell).await.map_err(|error| error.to_string())?;
    let Deposited { receipt, messages } = &deposited;
    println!("in L1 block {} ({})", receipt.block_number, receipt.block_hash);
    for message in messages {
        let index = message.message.queue_index;
        println!("queue index {index}: L2 transaction {}", message.hash);
    }
    match messages.last().filter(|_| args.wait) {
        Some(last) => wait(&l2, last.hash, Duration::from_secs(args.timeout)).await,
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Prints the receipt on L2 once there is one; fails if the transaction did.
async fn wait(l2: &L1Client, hash: B256, timeout: Duration) -> Outcome {
    let begun = Instant::now();
    let mut trouble = None;
    while begun.elapsed() < timeout {
        match l2_receipt(l2, hash).await {
            Ok(Some(receipt)) => {
                let text = serde_json::to_string_pretty(&receipt);
                println!("{}", text.map_err(|error| error.to_string())?);
                let failed = receipt["status"] != "0x1";
                return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
            }
            Ok(None) => trouble = None,
            Err(error) => trouble = Some(error.to_string()),
        }
        tokio::time::sleep(POLL).await;
    }
    let seconds = timeout.as_secs();
    Err(trouble.unwrap_or_else(|| {
        format!("L2 transaction {hash} is in no block after {seconds} s; the deposit is not lost")
    }))
}

async fn status(transaction: B256, l2: &L2Args) -> Outcome {
    let l2 = client(&l2.l2_rpc)?;
    let deposits = deposit_status(&l2, transaction).await.map_err(|error| error.to_string())?;
    if deposits.is_empty() {
        return Err(format!("L1 transaction {transaction} is in no block, or deposits nothing"));
    }
    for deposit in deposits {
        println!("{}", line(&deposit));
    }
    Ok(ExitCode::SUCCESS)
}

/// A deposit in one line.
fn line(deposit: &Value) -> String {
    let text = |key: &str| deposit[key].as_str().unwrap_or("-").to_owned();
    let number = |value: &Value| {
        let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
    };
    let place = match deposit["blockNumber"] {
        Value::Null => String::new(),
        ref block => format!(", L2 block {}", number(block)),
    };
    format!(
        "queue index {}: {}; {} confirmations on L1; L2 transaction {}{place}",
        number(&deposit["queueIndex"]),
        text("status"),
        number(&deposit["confirmations"]),
        text("transactionHash"),
    )
}
