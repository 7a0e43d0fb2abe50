//! A step of a deployment: one transaction, and how to see that it was made.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolEvent;
use jovay_l1::bindings::{L1Bridge, L1Mailbox, Rollup};
use jovay_l1::{BlockTag, L1Client, L1Error, OutflowLimit};

use crate::logs::read_logs;
use crate::roles::{ADMIN, Role};
use crate::upgrade::state_of;
use crate::{DeployError, OperationState};

/// One transaction of the deployer.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What it does, for a person.
    pub(crate) what: String,
    /// Whom it calls.
    pub(crate) to: Address,
    /// With what.
    pub(crate) data: Bytes,
    /// Wei that go along.
    pub(crate) value: U256,
    /// How to see that it was done.
    pub(crate) done: Done,
}

impl Step {
    /// About what it will use, for the check of the balance: nothing can be estimated before the
    /// contracts are there.
    pub(crate) fn likely_gas(&self) -> u64 {
        match self.done {
            // 200 gas per byte of code (EIP-2028 and calldata included 230), and a constructor.
            Done::Created(_) => 300_000 + 230 * self.data.len() as u64,
            _ => 100_000,
        }
    }
}

/// What is so once a step was done.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    /// There is a contract: its address is the hash of its creation code.
    Created(Address),
    /// The account has so much ether, in wei.
    Funded { account: Address, balance: U256 },
    /// The account has the role.
    Granted { at: Address, role: Role, account: Address },
    /// The deployer is no admin any more.
    HandedOver { at: Address, deployer: Address },
    /// The mailbox has its rollup.
    RollupSet { mailbox: Address, rollup: Address },
    /// The asset has its limit.
    Limited { at: Address, limit: OutflowLimit },
    /// The timelock has the operation, whatever became of it.
    Scheduled { timelock: Address, id: B256 },
    /// The timelock has executed the operation.
    Executed { timelock: Address, id: B256 },
    /// The timelock does not have the operation.
    Cancelled { timelock: Address, id: B256 },
}

impl Done {
    /// Whether it is so now. `first_block` is where the deployment's logs begin.
    pub(crate) async fn holds(
        &self,
        client: &L1Client,
        first_block: u64,
    ) -> Result<bool, DeployError> {
        match self {
            Self::Created(address) => {
                Ok(!client.code(*address, BlockTag::Latest).await?.is_empty())
            }
            Self::Funded { account, balance } => {
                Ok(client.balance(*account, BlockTag::Latest).await? >= *balance)
            }
            Self::Granted { at, role, account } => has_role(client, *at, *role, *account).await,
            Self::HandedOver { at, deployer } => {
                Ok(!has_role(client, *at, ADMIN, *deployer).await?)
            }
            Self::RollupSet { mailbox, rollup } => {
                let call = L1Mailbox::rollupCall {};
                Ok(client.view(*mailbox, &call, BlockTag::Latest).await? == *rollup)
            }
            Self::Limited { at, limit } => {
                let found = last_limit(client, first_block, *at, limit.token).await?;
                Ok(found == Some(*limit))
            }
            Self::Scheduled { timelock, id } => {
                Ok(state_of(client, *timelock, *id).await? != OperationState::Unset)
            }
            Self::Executed { timelock, id } => {
                Ok(state_of(client, *timelock, *id).await? == OperationState::Done)
            }
            Self::Cancelled { timelock, id } => {
                Ok(state_of(client, *timelock, *id).await? == OperationState::Unset)
            }
        }
    }

    /// The contract whose admin the deployer must be for the step.
    pub(crate) fn admin_of(&self) -> Option<Address> {
        match self {
            Self::Granted { at, .. } | Self::Limited { at, .. } => Some(*at),
            Self::RollupSet { mailbox, .. } => Some(*mailbox),
            _ => None,
        }
    }
}

/// Whether an account has a role at a contract.
pub(crate) async fn has_role(
    client: &L1Client,
    at: Address,
    role: Role,
    account: Address,
) -> Result<bool, DeployError> {
    let call = Rollup::hasRoleCall { role: role.hash(), account };
    Ok(client.view(at, &call, BlockTag::Latest).await?)
}

/// The limit of an asset as it was set last; `None` if it never was or was lifted. The contracts
/// tell only what is left of a limit, so this is from their logs.
pub(crate) async fn last_limit(
    client: &L1Client,
    first_block: u64,
    at: Address,
    token: Option<Address>,
) -> Result<Option<OutflowLimit>, DeployError> {
    let (ether, erc20) =
        (L1Mailbox::EtherLimitUpdated::SIGNATURE_HASH, L1Bridge::TokenLimitUpdated::SIGNATURE_HASH);
    let logs = read_logs(client, first_block, vec![at], vec![ether, erc20]).await?;
    let mut last = None;
    for log in logs {
        let malformed = |error: alloy_sol_types::Error| L1Error::Malformed {
            method: "eth_getLogs".into(),
            message: error.to_string(),
        };
        let topics = log.topics.iter().copied();
        let (of, capacity, window) = if log.topics.first() == Some(&ether) {
            let event = L1Mailbox::EtherLimitUpdated::decode_raw_log(topics, &log.data);
            let event = event.map_err(malformed)?;
            (None, event.capacity, event.window)
        } else {
            let event = L1Bridge::TokenLimitUpdated::decode_raw_log(topics, &log.data);
            let event = event.map_err(malformed)?;
            (Some(event.token), event.capacity, event.window)
        };
        if of == token {
            let capacity = U256::from(capacity);
            let limit = OutflowLimit { token, capacity, window_s: window.to() };
            last = (!limit.capacity.is_zero()).then_some(limit);
        }
    }
    Ok(last)
}
