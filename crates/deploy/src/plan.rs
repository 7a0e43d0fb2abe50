//! What a deployment consists of: addresses, and steps in waves.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use jovay_l1::bindings::{L1Bridge, L1Mailbox, Rollup};
use jovay_l1::{Deployment, GenesisCommitment, GenesisSettings, L1Addresses};

use crate::contracts::{
    Contract, create2_address, create2_call, proxy_init_code, timelock_init_code,
};
use crate::roles::{ADMIN, BATCHER, FEE_SETTER, REVERTER};
use crate::steps::{Done, Step};
use crate::{CREATE2_FACTORY, DeployConfig, DeployError};

/// A deployment as it will be: everything in it follows from the configuration, the deployer and
/// this build, none of it from L1.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the addresses file will say; the first block is not known yet.
    pub deployment: Deployment,
    /// The steps. Those of one wave do not need each other; each wave needs the one before.
    pub(crate) waves: Vec<Vec<Step>>,
}

impl Plan {
    /// Plans the deployment of `config` by `deployer`. `genesis` makes the L2's genesis block for
    /// the chain id, the settings and the addresses on L1 that it is given.
    ///
    /// # Errors
    /// The configuration cannot be deployed, or `genesis` fails.
    pub fn new<G>(config: &DeployConfig, deployer: Address, genesis: G) -> Result<Self, DeployError>
    where
        G: FnOnce(u64, &GenesisSettings, L1Addresses) -> Result<GenesisCommitment, String>,
    {
        config.check()?;
        let mut planner = Planner::new(config, deployer);
        planner.timelock();
        planner.mailbox();
        planner.bridge();
        let addresses = planner.deployment.l1_addresses();
        let made = genesis(config.l2_chain_id, &config.genesis, addresses);
        let commitment = made.map_err(DeployError::Genesis)?;
        planner.deployment.genesis_hash = commitment.hash;
        planner.deployment.genesis_state_root = commitment.state_root;
        planner.rollup();
        planner.settings();
        planner.hand_over();
        Ok(Self { deployment: planner.deployment, waves: planner.waves.into() })
    }

    /// What each step does, in order.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.waves.iter().flatten().map(|step| step.what.as_str())
    }
}

/// Where each kind of step goes.
const IMPLEMENTATIONS: usize = 0;
const PROXIES: usize = 1;
const SETTINGS: usize = 2;
const HAND_OVER: usize = 3;

struct Planner<'a> {
    config: &'a DeployConfig,
    salt: B256,
    deployment: Deployment,
    waves: [Vec<Step>; 4],
}

impl<'a> Planner<'a> {
    fn new(config: &'a DeployConfig, deployer: Address) -> Self {
        let config_hash = config.hash();
        let deployment = Deployment {
            l1_chain_id: config.l1_chain_id,
            l2_chain_id: config.l2_chain_id,
            data_layer: config.data_layer,
            deployer,
            config_hash,
            governance: config.governance(),
            genesis: config.genesis.clone(),
            ..Deployment::default()
        };
        Self { config, salt: salt(config_hash, deployer), deployment, waves: Default::default() }
    }

    fn create(&mut self, wave: usize, what: &str, init_code: &Bytes) -> Address {
        let address = create2_address(self.salt, init_code);
        self.waves[wave].push(Step {
            what: format!("create {what}"),
            to: CREATE2_FACTORY,
            data: create2_call(self.salt, init_code),
            value: U256::ZERO,
            done: Done::Created(address),
        });
        address
    }

    /// Creates an implementation, and its proxy, which is initialized by `initialize`.
    fn create_behind_proxy(&mut self, contract: Contract, initialize: Bytes) -> (Address, Address) {
        let name = contract.name();
        let Deployment { mailbox, l2_chain_id, data_layer, .. } = self.deployment;
        let init_code = contract.init_code(mailbox, l2_chain_id, data_layer);
        let implementation =
            self.create(IMPLEMENTATIONS, &format!("{name} implementation"), &init_code);
        let init_code = proxy_init_code(implementation, initialize);
        (implementation, self.create(PROXIES, &format!("{name} proxy"), &init_code))
    }

    fn timelock(&mut self) {
        let timelock = &self.config.timelock;
        let (proposers, executors) = (timelock.proposers.clone(), timelock.executors.clone());
        let init_code = timelock_init_code(timelock.delay_s, proposers, executors);
        self.deployment.timelock = self.create(IMPLEMENTATIONS, "TimelockController", &init_code);
    }

    fn mailbox(&mut self) {
        let initialize = L1Mailbox::initializeCall {
            admin: self.deployment.deployer,
            guardian: self.guardian(),
            feeRecipient_: self.config.mailbox.fee_recipient,
            gasPrice_: self.config.mailbox.gas_price,
            maxGasLimit_: self.config.mailbox.max_gas_limit,
        };
        let made = self.create_behind_proxy(Contract::Mailbox, initialize.abi_encode().into());
        (self.deployment.implementations.mailbox, self.deployment.mailbox) = made;
    }

    fn bridge(&mut self) {
        let (admin, guardian) = (self.deployment.deployer, self.guardian());
        let initialize = L1Bridge::initializeCall { admin, guardian };
        let made = self.create_behind_proxy(Contract::Bridge, initialize.abi_encode().into());
        (self.deployment.implementations.bridge, self.deployment.bridge) = made;
    }

    fn rollup(&mut self) {
        let initialize = Rollup::initializeCall {
            admin: self.deployment.deployer,
            guardian: self.guardian(),
            genesisStateRoot: self.deployment.genesis_state_root,
            genesisBlockHash: self.deployment.genesis_hash,
            deadline: self.config.rollup.inclusion_deadline_s,
        };
        let made = self.create_behind_proxy(Contract::Rollup, initialize.abi_encode().into());
        (self.deployment.implementations.rollup, self.deployment.rollup) = made;
    }

    /// Everything that only the admin may do, and last the timelock as a second admin.
    fn settings(&mut self) {
        let Deployment { rollup, mailbox, bridge, .. } = self.deployment;
        let config = self.config;
        self.set(
            "connect L1Mailbox with Rollup",
            mailbox,
            &L1Mailbox::setRollupCall { newRollup: rollup },
            Done::RollupSet { mailbox, rollup },
        );
        for batcher in &config.roles.batchers {
            self.grant("Rollup", rollup, BATCHER, *batcher);
        }
        for reverter in &config.roles.reverters {
            self.grant("Rollup", rollup, REVERTER, *reverter);
        }
        for setter in &config.roles.fee_setters {
            self.grant("L1Mailbox", mailbox, FEE_SETTER, *setter);
        }
        for limit in &config.limits {
            let capacity = limit.capacity.saturating_to();
            let window = alloy_primitives::aliases::U48::saturating_from(limit.window_s);
            let what = "limit what leaves";
            match limit.token {
                None => {
                    let call = L1Mailbox::setEtherLimitCall { capacity, window };
                    self.set(what, mailbox, &call, Done::Limited { at: mailbox, limit: *limit });
                }
                Some(token) => {
                    let call = L1Bridge::setTokenLimitCall { token, capacity, window };
                    self.set(what, bridge, &call, Done::Limited { at: bridge, limit: *limit });
                }
            }
        }
        let timelock = self.deployment.timelock;
        for contract in Contract::ALL {
            self.grant(contract.name(), contract.proxy(&self.deployment), ADMIN, timelock);
        }
    }

    fn hand_over(&mut self) {
        let deployer = self.deployment.deployer;
        for contract in Contract::ALL {
            let at = contract.proxy(&self.deployment);
            let call =
                Rollup::renounceRoleCall { role: ADMIN.hash(), callerConfirmation: deployer };
            self.waves[HAND_OVER].push(Step {
                what: format!("{}: the deployer gives up its rights", contract.name()),
                to: at,
                data: call.abi_encode().into(),
                value: U256::ZERO,
                done: Done::HandedOver { at, deployer },
            });
        }
    }

    /// A step that only the admin can take.
    fn set(&mut self, what: &str, to: Address, call: &impl SolCall, done: Done) {
        let data = call.abi_encode().into();
        self.waves[SETTINGS].push(Step { what: what.into(), to, data, value: U256::ZERO, done });
    }

    fn grant(&mut self, name: &str, at: Address, role: crate::roles::Role, account: Address) {
        let what = format!("{name}: {account} becomes {}", role.name());
        // The three contracts have their roles from the same library.
        let call = Rollup::grantRoleCall { role: role.hash(), account };
        self.set(&what, at, &call, Done::Granted { at, role, account });
    }

    fn guardian(&self) -> Address {
        self.config.roles.guardian.unwrap_or_default()
    }
}

/// The salt of every contract of a deployment: another deployer or another configuration, other
/// addresses.
pub(crate) fn salt(config_hash: B256, deployer: Address) -> B256 {
    keccak256([config_hash.as_slice(), deployer.as_slice()].concat())
}
