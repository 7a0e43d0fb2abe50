//! Another implementation behind a proxy, through the timelock.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use jovay_l1::bindings::{L1Bridge, Rollup, TimelockController};
use jovay_l1::{BlockTag, Deployment, L1Client, L1Error, Signer};

use crate::contracts::{create2_address, create2_call};
use crate::deploy::{Options, check_chain};
use crate::plan::salt;
use crate::roles::{CANCELLER, EXECUTOR, PROPOSER, Role};
use crate::send::Courier;
use crate::steps::{Done, Step, has_role};
use crate::verify::IMPLEMENTATION_SLOT;
use crate::{CREATE2_FACTORY, Contract, DeployError};

/// The change of one contract to another implementation.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Which contract.
    pub contract: Contract,
    /// What its proxy shall run.
    pub implementation: Address,
    /// What the new implementation is called with at once; empty for nothing.
    pub call: Bytes,
    /// Tells apart operations that are otherwise the same: the timelock takes each once.
    pub salt: B256,
    /// The implementation's creation code, if it is this build's.
    init_code: Option<Bytes>,
}

/// How far an operation of the timelock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// It is not scheduled, or was cancelled.
    Unset,
    /// It can be executed from this Unix time on.
    Waiting(u64),
    /// It can be executed.
    Ready,
    /// It was executed.
    Done,
}

impl std::fmt::Display for OperationState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset => f.write_str("not scheduled"),
            Self::Waiting(from) => write!(f, "waiting: can be executed from Unix time {from} on"),
            Self::Ready => f.write_str("ready: can be executed now"),
            Self::Done => f.write_str("executed"),
        }
    }
}

impl Upgrade {
    /// The upgrade to this build's implementation, which need not be on L1 yet.
    pub fn new(deployment: &Deployment, contract: Contract, salt: B256) -> Self {
        let Deployment { mailbox, l2_chain_id, data_layer, .. } = *deployment;
        let init_code = contract.init_code(mailbox, l2_chain_id, data_layer);
        let implementation = create2_address(creation_salt(deployment), &init_code);
        let init_code = Some(init_code);
        Self { contract, implementation, call: Bytes::new(), salt, init_code }
    }

    /// The upgrade to an implementation that is on L1.
    pub fn to_existing(contract: Contract, implementation: Address, salt: B256) -> Self {
        Self { contract, implementation, call: Bytes::new(), salt, init_code: None }
    }

    /// Whom the timelock calls, and with what.
    pub fn target(&self, deployment: &Deployment) -> (Address, Bytes) {
        // The three contracts have this function from the same library.
        let call = Rollup::upgradeToAndCallCall {
            newImplementation: self.implementation,
            data: self.call.clone(),
        };
        (self.contract.proxy(deployment), call.abi_encode().into())
    }

    /// The timelock's id of the operation.
    pub fn id(&self, deployment: &Deployment) -> B256 {
        let (target, data) = self.target(deployment);
        let (value, predecessor, salt) = (U256::ZERO, B256::ZERO, self.salt);
        let call = TimelockController::hashOperationCall { target, value, data, predecessor, salt };
        keccak256(&call.abi_encode()[4..])
    }

    /// How far it is.
    ///
    /// # Errors
    /// L1 gives no answer.
    pub async fn state(
        &self,
        client: &L1Client,
        deployment: &Deployment,
    ) -> Result<OperationState, DeployError> {
        check_chain(client, deployment.l1_chain_id).await?;
        state_of(client, deployment.timelock, self.id(deployment)).await
    }

    /// Creates the implementation if it is this build's and not there, checks it, and schedules.
    ///
    /// # Errors
    /// The implementation is not one for this chain, the proxy runs it already, the signer is no
    /// proposer, or L1 refuses.
    pub async fn schedule(
        &self,
        client: &L1Client,
        signer: &Signer,
        deployment: &Deployment,
        fee_max: u128,
        options: Options<'_>,
    ) -> Result<OperationState, DeployError> {
        check_chain(client, deployment.l1_chain_id).await?;
        let current = self.current(client, deployment).await?;
        if current == self.implementation {
            return Err(self.refuse(deployment, "the proxy runs this implementation already"));
        }
        let courier = courier(client, signer, deployment, fee_max, &options);
        if let Some(init_code) = &self.init_code {
            let salt = creation_salt(deployment);
            let step = Step {
                what: format!("create {} implementation", self.contract.name()),
                to: CREATE2_FACTORY,
                data: create2_call(salt, init_code),
                value: U256::ZERO,
                done: Done::Created(self.implementation),
            };
            courier.run(&[step], options.tell).await?;
        }
        self.check_implementation(client, deployment).await?;
        let (id, timelock) = (self.id(deployment), deployment.timelock);
        if state_of(client, timelock, id).await? == OperationState::Done {
            let message = "it was executed before; give another --salt to do it again";
            return Err(self.refuse(deployment, message));
        }
        let (target, data) = self.target(deployment);
        let delay = TimelockController::getMinDelayCall {};
        let delay = client.view(timelock, &delay, BlockTag::Latest).await?;
        let call = TimelockController::scheduleCall {
            target,
            value: U256::ZERO,
            data,
            predecessor: B256::ZERO,
            salt: self.salt,
            delay,
        };
        let step = Step {
            what: format!("schedule the upgrade of {}", self.contract.name()),
            to: timelock,
            data: call.abi_encode().into(),
            value: U256::ZERO,
            done: Done::Scheduled { timelock, id },
        };
        require_role(client, signer, PROPOSER, &step).await?;
        courier.run(&[step], options.tell).await?;
        state_of(client, timelock, id).await
    }

    /// Executes what was scheduled when its time has come, and looks that the proxy runs it. Returns
    /// what the addresses file must say now.
    ///
    /// # Errors
    /// It is not scheduled or not due, the signer may not, or L1 refuses.
    pub async fn execute(
        &self,
        client: &L1Client,
        signer: &Signer,
        deployment: &Deployment,
        fee_max: u128,
        options: Options<'_>,
    ) -> Result<Deployment, DeployError> {
        let (id, timelock) = (self.id(deployment), deployment.timelock);
        match self.state(client, deployment).await? {
            OperationState::Ready | OperationState::Done => {}
            state => return Err(self.refuse(deployment, &state.to_string())),
        }
        self.check_implementation(client, deployment).await?;
        let (target, payload) = self.target(deployment);
        let call = TimelockController::executeCall {
            target,
            value: U256::ZERO,
            payload,
            predecessor: B256::ZERO,
            salt: self.salt,
        };
        let step = Step {
            what: format!("upgrade {}", self.contract.name()),
            to: timelock,
            data: call.abi_encode().into(),
            value: U256::ZERO,
            done: Done::Executed { timelock, id },
        };
        if !has_role(client, timelock, EXECUTOR, Address::ZERO).await? {
            require_role(client, signer, EXECUTOR, &step).await?;
        }
        let courier = courier(client, signer, deployment, fee_max, &options);
        courier.run(&[step], options.tell).await?;
        if self.current(client, deployment).await? != self.implementation {
            return Err(self.refuse(deployment, "executed, but the proxy runs another since"));
        }
        let mut upgraded = deployment.clone();
        self.contract.set_implementation(&mut upgraded, self.implementation);
        Ok(upgraded)
    }

    /// Cancels what was scheduled.
    ///
    /// # Errors
    /// It is not scheduled or was executed, the signer may not, or L1 refuses.
    pub async fn cancel(
        &self,
        client: &L1Client,
        signer: &Signer,
        deployment: &Deployment,
        fee_max: u128,
        options: Options<'_>,
    ) -> Result<(), DeployError> {
        let (id, timelock) = (self.id(deployment), deployment.timelock);
        match self.state(client, deployment).await? {
            OperationState::Ready | OperationState::Waiting(_) => {}
            state => return Err(self.refuse(deployment, &state.to_string())),
        }
        let step = Step {
            what: format!("cancel the upgrade of {}", self.contract.name()),
            to: timelock,
            data: TimelockController::cancelCall { id }.abi_encode().into(),
            value: U256::ZERO,
            done: Done::Cancelled { timelock, id },
        };
        require_role(client, signer, CANCELLER, &step).await?;
        courier(client, signer, deployment, fee_max, &options).run(&[step], options.tell).await
    }

    /// What the proxy runs now.
    async fn current(
        &self,
        client: &L1Client,
        deployment: &Deployment,
    ) -> Result<Address, DeployError> {
        let proxy = self.contract.proxy(deployment);
        let slot = client.storage(proxy, IMPLEMENTATION_SLOT, BlockTag::Latest).await?;
        Ok(Address::from_word(slot))
    }

    /// Refuses an implementation that is none for this proxy: one that is not UUPS would end all
    /// upgrades, one for another chain all deposits.
    async fn check_implementation(
        &self,
        client: &L1Client,
        deployment: &Deployment,
    ) -> Result<(), DeployError> {
        let (at, latest) = (self.implementation, BlockTag::Latest);
        let wrong = |message: String| DeployError::WrongCode {
            what: format!("{} implementation", self.contract.name()),
            address: at,
            message,
        };
        if client.code(at, latest).await?.is_empty() {
            return Err(wrong("there is no code".into()));
        }
        match client.view(at, &Rollup::proxiableUUIDCall {}, latest).await {
            Ok(IMPLEMENTATION_SLOT) => {}
            Ok(slot) => return Err(wrong(format!("its proxiableUUID is {slot}, not ERC-1967's"))),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(_) => return Err(wrong("it has no proxiableUUID: it is not for a proxy".into())),
        }
        let same = match self.contract {
            Contract::Mailbox => Ok(true),
            Contract::Bridge => {
                let mailbox = client.view(at, &L1Bridge::mailboxCall {}, latest).await;
                mailbox.map(|mailbox| mailbox == deployment.mailbox)
            }
            Contract::Rollup => self.is_same_chain(client, deployment).await,
        };
        match same {
            Ok(true) => Ok(()),
            Ok(false) => Err(wrong("its immutable values are those of another chain".into())),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => Err(wrong(format!("it is no {}: {error}", self.contract.name()))),
        }
    }

    async fn is_same_chain(
        &self,
        client: &L1Client,
        deployment: &Deployment,
    ) -> Result<bool, L1Error> {
        let (at, latest) = (self.implementation, BlockTag::Latest);
        let mailbox = client.view(at, &Rollup::mailboxCall {}, latest).await?;
        let chain_id = client.view(at, &Rollup::l2ChainIdCall {}, latest).await?;
        let layer = client.view(at, &Rollup::dataLayerCall {}, latest).await?;
        let expected = (deployment.mailbox, deployment.l2_chain_id, deployment.data_layer as u8);
        Ok((mailbox, chain_id, layer) == expected)
    }

    fn refuse(&self, deployment: &Deployment, message: &str) -> DeployError {
        DeployError::Operation { id: self.id(deployment), message: message.into() }
    }
}

/// The same salt as at first: the same code has the same address.
fn creation_salt(deployment: &Deployment) -> B256 {
    salt(deployment.config_hash, deployment.deployer)
}

fn courier<'a>(
    client: &'a L1Client,
    signer: &'a Signer,
    deployment: &Deployment,
    fee_max: u128,
    options: &Options<'_>,
) -> Courier<'a> {
    let (l1_chain_id, first_block) = (deployment.l1_chain_id, deployment.first_block);
    Courier { client, signer, l1_chain_id, fee_max, first_block, pace: options.pace }
}

/// Refuses a signer without the role, and says what whoever has it can call instead.
async fn require_role(
    client: &L1Client,
    signer: &Signer,
    role: Role,
    step: &Step,
) -> Result<(), DeployError> {
    let account = signer.address();
    if has_role(client, step.to, role, account).await? {
        return Ok(());
    }
    Err(DeployError::NotAllowed {
        account,
        role: role.name(),
        to: step.to,
        data: step.data.clone(),
    })
}

/// How far an operation is.
pub(crate) async fn state_of(
    client: &L1Client,
    timelock: Address,
    id: B256,
) -> Result<OperationState, DeployError> {
    let call = TimelockController::getTimestampCall { id };
    let timestamp: u64 = client.view(timelock, &call, BlockTag::Latest).await?.saturating_to();
    Ok(match timestamp {
        0 => OperationState::Unset,
        1 => OperationState::Done,
        due => {
            let latest = client.block(BlockTag::Latest).await?.map(|block| block.timestamp);
            let ready = latest.is_some_and(|now| now >= due);
            if ready { OperationState::Ready } else { OperationState::Waiting(due) }
        }
    })
}
