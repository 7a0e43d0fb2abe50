//! Carries out a plan and writes the addresses file.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use jovay_l1::{
    BlockTag, Deployment, GenesisCommitment, GenesisSettings, L1Addresses, L1Client, Signer,
};

use crate::progress::{Begun, difference};
use crate::send::{Courier, Pace};
use crate::steps::{Done, Step};
use crate::{DeployConfig, DeployError, Plan, Report, factory, verify};

/// What happens during a deployment or an upgrade, for whoever watches.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A step was sent.
    Sent {
        /// The step.
        what: String,
        /// Its transaction.
        transaction: B256,
    },
    /// A step's transaction is in a block.
    Included {
        /// The step.
        what: String,
        /// Its transaction.
        transaction: B256,
        /// The block.
        block: u64,
        /// Gas that it used.
        gas_used: u64,
    },
    /// L1 shows that an earlier run took a step.
    Done {
        /// The step.
        what: String,
    },
    /// What was deployed has been compared with what was configured.
    Verified(Report),
}

/// How to deploy, beside what.
pub struct Options<'a> {
    /// The addresses file; `None` leaves nothing on disk.
    pub out: Option<PathBuf>,
    /// How long to wait for what.
    pub pace: Pace,
    /// Hears what happens.
    pub tell: &'a mut (dyn FnMut(Progress) + Send),
}

/// Deploys `config` on the L1 behind `client`, or finds that it is deployed, or goes on where an
/// earlier run ended. `genesis` makes the L2's genesis block for the chain id, the settings and the
/// addresses on L1 that it is given. What it returns has been verified.
///
/// # Errors
/// See [`DeployError`]. The same call goes on from there.
pub async fn deploy<G>(
    client: &L1Client,
    signer: &Signer,
    config: &DeployConfig,
    genesis: G,
    options: Options<'_>,
) -> Result<Deployment, DeployError>
where
    G: FnOnce(u64, &GenesisSettings, L1Addresses) -> Result<GenesisCommitment, String>,
{
    let plan = Plan::new(config, signer.address(), genesis)?;
    check_chain(client, config.l1_chain_id).await?;
    let out = options.out.as_deref();
    if let Some(found) = finished(out, &plan.deployment)? {
        check(client, &found, options.tell).await?;
        return Ok(found);
    }
    let mut deployment = plan.deployment.clone();
    deployment.first_block = begin(client, out, &plan).await?;
    let courier = Courier {
        client,
        signer,
        l1_chain_id: config.l1_chain_id,
        fee_max: config.max_fee_per_gas.saturating_to(),
        first_block: deployment.first_block,
        pace: options.pace,
    };
    courier.check_funds(gas_left(client, &plan).await?).await?;
    factory::require(&courier, options.tell).await?;
    for wave in &plan.waves {
        courier.run(wave, options.tell).await?;
    }
    check(client, &deployment, options.tell).await?;
    if let Some(out) = out {
        deployment.write(out)?;
        Begun::remove(out)?;
    }
    Ok(deployment)
}

/// Refuses a node of another chain.
pub(crate) async fn check_chain(client: &L1Client, expected: u64) -> Result<(), DeployError> {
    let found = client.chain_id().await?;
    if found == expected { Ok(()) } else { Err(DeployError::WrongChain { expected, found }) }
}

async fn check(
    client: &L1Client,
    deployment: &Deployment,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), DeployError> {
    let report = verify(client, deployment).await?;
    let failed = report.first_failed().map(ToString::to_string);
    tell(Progress::Verified(report));
    failed.map_or(Ok(()), |failed| Err(DeployError::Verify(failed)))
}

/// The addresses file, if there is one; it must be of this deployment.
fn finished(out: Option<&Path>, planned: &Deployment) -> Result<Option<Deployment>, DeployError> {
    let Some(path) = out.filter(|path| path.exists()) else { return Ok(None) };
    let found = Deployment::read(path)?;
    let begun = Begun {
        config_hash: found.config_hash,
        deployer: found.deployer,
        l1_chain_id: found.l1_chain_id,
        mailbox: found.mailbox,
        first_block: found.first_block,
    };
    refuse_other(path, planned, &begun)?;
    Ok(Some(found))
}

fn refuse_other(path: &Path, planned: &Deployment, found: &Begun) -> Result<(), DeployError> {
    let other = |what| DeployError::OtherDeployment { path: path.display().to_string(), what };
    difference(planned, found).map_or(Ok(()), |what| Err(other(what)))
}

/// The block after which there is something to read. Kept in a file from before the first
/// transaction, so that a later run has it.
async fn begin(client: &L1Client, out: Option<&Path>, plan: &Plan) -> Result<u64, DeployError> {
    let planned = &plan.deployment;
    let found = out.map(Begun::read).transpose()?.flatten();
    if let (Some(out), Some(found)) = (out, found) {
        let path = Begun::path(out);
        refuse_other(&path, planned, &found)?;
        if found.mailbox != planned.mailbox {
            return Err(DeployError::OtherDeployment {
                path: path.display().to_string(),
                what: "begun by another version of this program, which must finish it".into(),
            });
        }
        return Ok(found.first_block);
    }
    let latest = client.block(BlockTag::Latest).await?;
    let latest = latest.ok_or_else(|| DeployError::FirstBlock("L1 has no block".into()))?.number;
    let first_block = before_all(client, plan, latest).await?;
    if let Some(out) = out {
        let begun = Begun {
            config_hash: planned.config_hash,
            deployer: planned.deployer,
            l1_chain_id: planned.l1_chain_id,
            mailbox: planned.mailbox,
            first_block,
        };
        begun.write(out)?;
    }
    Ok(first_block)
}

/// The last block in which none of the plan's contracts was there.
async fn before_all(client: &L1Client, plan: &Plan, latest: u64) -> Result<u64, DeployError> {
    let mut first = latest;
    for step in plan.waves.iter().flatten() {
        let Done::Created(address) = step.done else { continue };
        if !client.code(address, BlockTag::Latest).await?.is_empty() {
            first = first.min(before_creation(client, address, latest).await?);
        }
    }
    Ok(first)
}

/// The last block in which a contract was not there, by bisection.
async fn before_creation(
    client: &L1Client,
    address: Address,
    latest: u64,
) -> Result<u64, DeployError> {
    let (mut without, mut with) = (0, latest);
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        let code = client.code(address, BlockTag::Number(middle)).await.map_err(|error| {
            DeployError::FirstBlock(format!(
                "{address} is there already, and the node does not have the state of block \
                 {middle} to find out since when ({error}); use an archive node"
            ))
        })?;
        if code.is_empty() { without = middle } else { with = middle }
    }
    Ok(without)
}

/// About the gas of the steps that are not taken yet.
async fn gas_left(client: &L1Client, plan: &Plan) -> Result<u64, DeployError> {
    let mut gas = 0;
    for step in plan.waves.iter().flatten() {
        let created = match step.done {
            Done::Created(address) => !client.code(address, BlockTag::Latest).await?.is_empty(),
            // Cheap beside the others, and nobody can be asked before they are there.
            _ => false,
        };
        gas += if created { 0 } else { Step::likely_gas(step) };
    }
    Ok(gas)
}
