//! Roles of the contracts, and who has them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolEvent;
use jovay_l1::bindings::Rollup::{RoleGranted, RoleRevoked};
use jovay_l1::{Deployment, L1Client};

use crate::logs::read_logs;
use crate::{Contract, DeployError};

/// A role of OpenZeppelin's `AccessControl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role(&'static str);

/// May do everything, upgrades included, and appoints everybody.
pub(crate) const ADMIN: Role = Role("DEFAULT_ADMIN_ROLE");
/// May pause.
pub(crate) const GUARDIAN: Role = Role("GUARDIAN_ROLE");
/// May commit batches.
pub(crate) const BATCHER: Role = Role("BATCHER_ROLE");
/// May drop batches that are not final.
pub(crate) const REVERTER: Role = Role("REVERTER_ROLE");
/// May set the price of L2 gas.
pub(crate) const FEE_SETTER: Role = Role("FEE_SETTER_ROLE");
/// May schedule, at the timelock.
pub(crate) const PROPOSER: Role = Role("PROPOSER_ROLE");
/// May cancel, at the timelock.
pub(crate) const CANCELLER: Role = Role("CANCELLER_ROLE");
/// May execute what is due, at the timelock.
pub(crate) const EXECUTOR: Role = Role("EXECUTOR_ROLE");

const ALL: [Role; 8] =
    [ADMIN, GUARDIAN, BATCHER, REVERTER, FEE_SETTER, PROPOSER, CANCELLER, EXECUTOR];

impl Role {
    /// Its name in Solidity.
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }

    /// What contracts know it by.
    pub(crate) fn hash(self) -> B256 {
        if self == ADMIN { B256::ZERO } else { keccak256(self.0) }
    }

    /// The name of a role, if it is one of ours.
    fn name_of(hash: B256) -> String {
        let known = ALL.into_iter().find(|role| role.hash() == hash);
        known.map_or_else(|| format!("unknown role {hash}"), |role| role.0.into())
    }
}

/// The accounts that have each role of each contract, both by name.
pub(crate) type Holders = BTreeMap<(String, String), BTreeSet<Address>>;

/// Who must have which role, and nobody else.
pub(crate) fn expected(of: &Deployment) -> Holders {
    let governance = &of.governance;
    let timelock = [of.timelock];
    let guardian: Vec<Address> = governance.guardian.into_iter().collect();
    let mut lists: Vec<(&str, Role, &[Address])> = vec![
        ("TimelockController", ADMIN, &timelock),
        ("TimelockController", PROPOSER, &governance.proposers),
        ("TimelockController", CANCELLER, &governance.proposers),
        ("TimelockController", EXECUTOR, &governance.executors),
        ("Rollup", BATCHER, &governance.batchers),
        ("Rollup", REVERTER, &governance.reverters),
        ("L1Mailbox", FEE_SETTER, &governance.fee_setters),
    ];
    for contract in Contract::ALL {
        lists.push((contract.name(), ADMIN, &timelock));
        lists.push((contract.name(), GUARDIAN, &guardian));
    }
    let entry = |(contract, role, list): (&str, Role, &[Address])| {
        ((contract.to_owned(), role.0.to_owned()), list.iter().copied().collect())
    };
    lists.into_iter().map(entry).collect()
}

/// Who has which role, from the events of the contracts since the deployment.
pub(crate) async fn found(client: &L1Client, of: &Deployment) -> Result<Holders, DeployError> {
    let mut contracts = vec![(of.timelock, "TimelockController")];
    contracts.extend(Contract::ALL.map(|contract| (contract.proxy(of), contract.name())));
    let addresses = contracts.iter().map(|(address, _)| *address).collect();
    let topics = vec![RoleGranted::SIGNATURE_HASH, RoleRevoked::SIGNATURE_HASH];
    let mut holders = Holders::new();
    for log in read_logs(client, of.first_block, addresses, topics).await? {
        let [event, role, account, _] = log.topics[..] else { continue };
        let Some((_, name)) = contracts.iter().find(|(address, _)| *address == log.address) else {
            continue;
        };
        let key = ((*name).to_owned(), Role::name_of(role));
        let accounts = holders.entry(key).or_default();
        let account = Address::from_word(account);
        if event == RoleGranted::SIGNATURE_HASH {
            accounts.insert(account);
        } else {
            accounts.remove(&account);
        }
    }
    Ok(holders)
}
