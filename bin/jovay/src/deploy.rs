//! `jovay deploy` and `jovay upgrade`.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use alloy_primitives::{Address, B256, Bytes, U256};
use clap::{Args, ValueEnum};
use jovay_deploy::{
    Contract, DeployConfig, DeployError, Options, Pace, Plan, Progress, TEMPLATE, Upgrade, verify,
};
use jovay_l1::{Deployment, GenesisCommitment, GenesisSettings, KeySource, L1Addresses, L1Client};
use jovay_node::{ChainStart, NodeConfig};

use crate::{Outcome, runtime};

#[derive(Args)]
pub(crate) struct DeployArgs {
    /// What to deploy; --print-config prints one with every default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Addresses file to write; one that is there must be of the same deployment
    #[arg(long, value_name = "FILE", default_value = "addresses.toml")]
    out: PathBuf,
    #[command(flatten)]
    l1: L1Args,
    /// Print the addresses and the steps without asking or changing anything
    #[arg(long)]
    dry_run: bool,
    /// Only compare what is on L1 with this addresses file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "dry_run"])]
    verify: Option<PathBuf>,
    /// Print a commented configuration with every default
    #[arg(long, exclusive = true)]
    print_config: bool,
}

/// Which L1, and who pays there.
#[derive(Args)]
struct L1Args {
    /// JSON-RPC of the L1 node (http or https)
    #[arg(
        long,
        env = "JOVAY_L1_RPC",
        value_name = "URL",
        default_value = "http://127.0.0.1:18545"
    )]
    l1_rpc: String,
    /// Key that signs and pays: file:PATH, env:NAME or keystore:PATH
    #[arg(long, value_name = "SOURCE", default_value = "env:JOVAY_DEPLOYER_KEY")]
    key: KeySource,
}

#[derive(Args)]
pub(crate) struct UpgradeArgs {
    /// Addresses file of the chain; rewritten by --execute
    #[arg(long, value_name = "FILE", default_value = "addresses.toml")]
    addresses: PathBuf,
    #[command(flatten)]
    l1: L1Args,
    /// Which contract
    #[arg(long, value_enum)]
    contract: ContractName,
    /// An implementation that is on L1; without it this build's is created if need be
    #[arg(long, value_name = "ADDRESS")]
    implementation: Option<Address>,
    /// What the new implementation is called with at once, in hexadecimal
    #[arg(long, value_name = "HEX", default_value = "0x")]
    call: Bytes,
    /// Any number: the timelock takes the same operation only once
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    salt: U256,
    /// The most to pay per unit of L1 gas, in wei
    #[arg(long, value_name = "WEI", default_value = "200000000000")]
    max_fee_per_gas: u128,
    /// Execute what was scheduled
    #[arg(long, group = "action")]
    execute: bool,
    /// Cancel what was scheduled
    #[arg(long, group = "action")]
    cancel: bool,
    /// Only say how far it is
    #[arg(long, group = "action")]
    status: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ContractName {
    Rollup,
    Mailbox,
    Bridge,
}

impl From<ContractName> for Contract {
    fn from(name: ContractName) -> Self {
        match name {
            ContractName::Rollup => Self::Rollup,
            ContractName::Mailbox => Self::Mailbox,
            ContractName::Bridge => Self::Bridge,
        }
    }
}

/// Deploys, or only verifies, or only prints.
pub(crate) fn deploy(args: &DeployArgs) -> Outcome {
    if args.print_config {
        print!("{TEMPLATE}");
        return Ok(ExitCode::SUCCESS);
    }
    let client = L1Client::new(&args.l1.l1_rpc).map_err(|error| error.to_string())?;
    if let Some(file) = &args.verify {
        return block_on(compare(&client, file));
    }
    let Some(file) = &args.config else {
        return Err("nothing to deploy: name a configuration with --config".into());
    };
    let config = DeployConfig::read(file).map_err(|error| error.to_string())?;
    let signer = args.l1.key.signer().map_err(|error| error.to_string())?;
    if args.dry_run {
        let plan = Plan::new(&config, signer.address(), genesis).map_err(|e| e.to_string())?;
        print_addresses(&plan.deployment);
        plan.steps().enumerate().for_each(|(at, step)| println!("{:>3}. {step}", at + 1));
        return Ok(ExitCode::SUCCESS);
    }
    println!("Deploying to {} as {}", client.shown_url(), signer.address());
    let options =
        Options { out: Some(args.out.clone()), pace: Pace::default(), tell: &mut print_progress };
    let run = jovay_deploy::deploy(&client, &signer, &config, genesis, options);
    block_on(async {
        let deployment = run.await.map_err(|error| error.to_string())?;
        print_addresses(&deployment);
        println!("All of it is in {}", args.out.display());
        Ok(ExitCode::SUCCESS)
    })
}

/// What the node would start from.
fn genesis(
    chain_id: u64,
    settings: &GenesisSettings,
    l1: L1Addresses,
) -> Result<GenesisCommitment, String> {
    jovay_node::genesis_commitment(chain_id, settings, l1).map_err(|error| error.to_string())
}

async fn compare(client: &L1Client, file: &std::path::Path) -> Outcome {
    let deployment = Deployment::read(file).map_err(|error| error.to_string())?;
    let report = verify(client, &deployment).await.map_err(|error| error.to_string())?;
    println!("{report}");
    // And that a node of this build starts with the genesis that L1 has.
    ChainStart::deployed(&NodeConfig::default(), &deployment).map_err(|error| error.to_string())?;
    match report.first_failed() {
        None => Ok(ExitCode::SUCCESS),
        Some(failed) => Err(failed.to_string()),
    }
}

fn print_addresses(deployment: &Deployment) {
    println!("Rollup     {}", deployment.rollup);
    println!("L1Mailbox  {}", deployment.mailbox);
    println!("L1Bridge   {}", deployment.bridge);
    println!("Timelock   {}", deployment.timelock);
    println!("Genesis    {} (chain {})", deployment.genesis_hash, deployment.l2_chain_id);
}

fn print_progress(progress: Progress) {
    match progress {
        Progress::Sent { what, transaction } => println!("sent      {what} ({transaction})"),
        Progress::Included { what, block, gas_used, .. } => {
            println!("included  {what} (block {block}, {gas_used} gas)");
        }
        Progress::Done { what } => println!("there     {what}"),
        Progress::Verified(report) => println!("{report}"),
    }
}

/// Schedules, executes, cancels or looks.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Outcome {
    let client = L1Client::new(&args.l1.l1_rpc).map_err(|error| error.to_string())?;
    let deployment = Deployment::read(&args.addresses).map_err(|error| error.to_string())?;
    let (contract, salt) = (args.contract.into(), B256::from(args.salt));
    let mut upgrade = match args.implementation {
        Some(implementation) => Upgrade::to_existing(contract, implementation, salt),
        None => Upgrade::new(&deployment, contract, salt),
    };
    upgrade.call = args.call.clone();
    println!("{} {}", contract.name(), contract.proxy(&deployment));
    println!("to implementation {}", upgrade.implementation);
    println!("operation {}", upgrade.id(&deployment));
    let run = carry_out(args, &client, &deployment, &upgrade);
    block_on(async { run.await.map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string()) })
}

async fn carry_out(
    args: &UpgradeArgs,
    client: &L1Client,
    deployment: &Deployment,
    upgrade: &Upgrade,
) -> Result<(), DeployError> {
    if args.status {
        println!("{}", upgrade.state(client, deployment).await?);
        return Ok(());
    }
    let signer = args.l1.key.signer()?;
    let fee_max = args.max_fee_per_gas;
    let options = Options { out: None, pace: Pace::default(), tell: &mut print_progress };
    if args.execute {
        let upgraded = upgrade.execute(client, &signer, deployment, fee_max, options).await?;
        upgraded.write(&args.addresses)?;
        println!("{} says so", args.addresses.display());
        let report = verify(client, &upgraded).await?;
        println!("{report}");
        return match report.first_failed() {
            None => Ok(()),
            Some(failed) => Err(DeployError::Verify(failed.to_string())),
        };
    }
    if args.cancel {
        upgrade.cancel(client, &signer, deployment, fee_max, options).await?;
        println!("cancelled");
        return Ok(());
    }
    let state = upgrade.schedule(client, &signer, deployment, fee_max, options).await?;
    println!("{state}");
    Ok(())
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    runtime()?.block_on(work)
}
