//! The running network.

use std::path::Path;
use std::time::Duration;

use alloy_primitives::{U256, utils::Unit};
use jovay_deploy::{
    DeployConfig, MailboxConfig, Options, Pace as DeployPace, Progress, RolesConfig,
    TimelockConfig, deploy,
};
use jovay_devl1::{DevL1, DevL1Config};
use jovay_l1::{Deployment, FundedAccount, L1Client};
use jovay_node::{
    ChainStart, Core, DEV_ACCOUNTS, L1Services, Node, NodeConfig, NodeError, Pace, SequencerKeys,
    development_genesis, genesis_commitment,
};

use crate::{DevnetError, Operator};

/// Under the data folder: the development L1's own.
const L1_FOLDER: &str = "l1";
/// Under the data folder: where the contracts are.
const ADDRESSES: &str = "addresses.toml";
/// Under the data folder: the batches of a chain whose data is anchored.
const ANCHORED: &str = "anchored";
/// Seconds that a change by the timelock waits.
const TIMELOCK_DELAY_S: u64 = 60;

/// A running development network.
pub struct Devnet {
    l1: DevL1,
    services: L1Services,
    node: Node,
    deployment: Deployment,
}

impl Devnet {
    /// Starts an L1, deploys the contracts unless they are there, and starts the sequencer.
    ///
    /// # Errors
    /// See [`DevnetError`]. Nothing runs on then.
    pub async fn start(mut config: NodeConfig) -> Result<Self, DevnetError> {
        if !config.genesis.is_empty() || !config.import.is_empty() {
            return Err(DevnetError::NeedsNoL1("a chain from a file has no contracts on L1"));
        }
        let listener = Node::listen(&config).await?;
        let l1 = DevL1::start(l1_config(&config)).await?;
        config.l1_rpc = l1.url();
        config.l1_beacon = l1.url();
        tracing::info!(url = l1.url(), chain_id = l1.chain_id(), "L1 is ready");
        let deployment = deploy_contracts(&config, &l1).await?;
        if config.data_store.is_empty() && !config.datadir.is_empty() {
            config.data_store = Path::new(&config.datadir).join(ANCHORED).display().to_string();
        }
        let core = open(config.clone(), deployment.clone()).await?;
        let keys = SequencerKeys {
            batcher: Operator::Batcher.signer()?,
            feeder: Operator::Feeder.signer()?,
        };
        let services =
            L1Services::start(&core, &config, &deployment, keys, Pace::Development).await?;
        let node = Node::serve(core, listener, Default::default())?;
        Ok(Self { l1, services, node, deployment })
    }

    /// The L1.
    pub fn l1(&self) -> &DevL1 {
        &self.l1
    }

    /// The sequencer's node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Where the contracts are.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Returns when either chain has failed, with the reason; never while both run.
    pub async fn failed(&self) -> String {
        tokio::select! {
            reason = self.node.failed() => reason,
            reason = self.l1.failed() => format!("development L1: {reason}"),
        }
    }

    /// Stops in order: the sequencer, what joins it with L1, L1.
    pub async fn stop(self) {
        self.services.stop().await;
        self.node.stop().await;
        self.l1.stop().await;
    }
}

fn l1_config(config: &NodeConfig) -> DevL1Config {
    let folder = Path::new(&config.datadir).join(L1_FOLDER);
    DevL1Config {
        host: config.host,
        port: config.l1_port,
        block_time_s: config.l1_block_time,
        datadir: (!config.datadir.is_empty()).then_some(folder),
        // The operator's accounts are the last.
        accounts: DEV_ACCOUNTS.len(),
        balance: config.balance,
        ..DevL1Config::default()
    }
}

/// What is deployed on a development L1: everything belongs to the first account, which the
/// user has.
fn deploy_config(config: &NodeConfig, l1_chain_id: u64) -> Result<DeployConfig, DevnetError> {
    let (user, _) = DEV_ACCOUNTS[0];
    let mut genesis = development_genesis(config);
    genesis.feeder = Operator::Feeder.address();
    let balance = U256::from(config.balance) * Unit::ETHER.wei();
    if genesis.accounts.iter().all(|funded| funded.address != genesis.feeder) {
        genesis.accounts.push(FundedAccount { address: genesis.feeder, balance });
    }
    let data_layer = config.data_layer.parse().map_err(DevnetError::DataLayer)?;
    Ok(DeployConfig {
        data_layer,
        l1_chain_id,
        l2_chain_id: config.chain_id,
        timelock: TimelockConfig {
            delay_s: TIMELOCK_DELAY_S,
            proposers: vec![user],
            executors: vec![user],
        },
        roles: RolesConfig {
            guardian: Some(user),
            batchers: vec![Operator::Batcher.address()],
            reverters: vec![Operator::Batcher.address()],
            fee_setters: vec![user],
        },
        mailbox: MailboxConfig { fee_recipient: user, ..MailboxConfig::default() },
        genesis,
        ..DeployConfig::default()
    })
}

async fn deploy_contracts(config: &NodeConfig, l1: &DevL1) -> Result<Deployment, DevnetError> {
    let client = L1Client::new(&l1.url())?;
    let out = (!config.datadir.is_empty()).then(|| Path::new(&config.datadir).join(ADDRESSES));
    let mut transactions = 0;
    let mut tell = |progress: Progress| match progress {
        Progress::Included { what, transaction, block, .. } => {
            transactions += 1;
            tracing::info!(%transaction, block, "L1: {what}");
        }
        Progress::Sent { .. } | Progress::Done { .. } | Progress::Verified(_) => {}
    };
    let pace = DeployPace { poll: Duration::from_millis(50), ..DeployPace::default() };
    let genesis = |chain_id, settings: &_, addresses| {
        genesis_commitment(chain_id, settings, addresses).map_err(|error| error.to_string())
    };
    let (signer, wanted) = (Operator::Deployer.signer()?, deploy_config(config, l1.chain_id())?);
    let options = Options { out, pace, tell: &mut tell };
    let deployment = deploy(&client, &signer, &wanted, genesis, options).await?;
    tracing::info!(
        rollup = %deployment.rollup, mailbox = %deployment.mailbox, bridge = %deployment.bridge,
        transactions, "the contracts are on L1 and checked"
    );
    Ok(deployment)
}

async fn open(config: NodeConfig, deployment: Deployment) -> Result<Core, NodeError> {
    let opening = tokio::task::spawn_blocking(move || {
        let start = ChainStart::deployed(&config, &deployment)?;
        Core::open(&config, start)
    });
    opening.await.map_err(|error| NodeError::Store(error.to_string()))?
}
