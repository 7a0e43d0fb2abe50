//! Compares what is on L1 with the addresses file.

use std::fmt;

use alloy_primitives::{Address, B256, U256, b256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use jovay_da::DataLayerKind;
use jovay_l1::bindings::{ERC1967Proxy, L1Bridge, L1Mailbox, Rollup, TimelockController};
use jovay_l1::{BlockTag, Deployment, L1Client, L1Error};

use crate::code::deployed_code;
use crate::contracts::timelock_init_code;
use crate::deploy::check_chain;
use crate::logs::read_logs;
use crate::steps::last_limit;
use crate::{Contract, DeployError, roles};

/// Where a proxy keeps the address of its implementation (ERC-1967).
pub(crate) const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// Where OpenZeppelin's `Initializable` keeps the version to which a contract is initialized.
const INITIALIZED_SLOT: B256 =
    b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");

/// One thing that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub what: String,
    /// What the addresses file or this build says.
    pub expected: String,
    /// What L1 says.
    pub found: String,
}

impl Check {
    /// Whether both are the same.
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.what, self.expected, self.found)
    }
}

/// All that was compared. Displays as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order of the table.
    pub checks: Vec<Check>,
}

impl Report {
    /// The first difference.
    pub fn first_failed(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.holds())
    }

    /// Whether there is no difference.
    pub fn holds(&self) -> bool {
        self.first_failed().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
        for check in &self.checks {
            let what = &check.what;
            if check.holds() {
                writeln!(f, "ok    {what:width$}  {}", check.found)?;
            } else {
                writeln!(f, "WRONG {what:width$}  {}", check.found)?;
                writeln!(f, "      {:width$}  expected {}", "", check.expected)?;
            }
        }
        let failed = self.checks.iter().filter(|check| !check.holds()).count();
        write!(f, "{} checks, {failed} failed", self.checks.len())
    }
}

/// Compares the contracts on the L1 behind `client` with `deployment` and with this build's code.
///
/// # Errors
/// L1 gives no answer, or is another chain. A difference is no error: see [`Report::holds`].
pub async fn verify(client: &L1Client, deployment: &Deployment) -> Result<Report, DeployError> {
    check_chain(client, deployment.l1_chain_id).await?;
    let mut checker = Checker { client, of: deployment, checks: Vec::new() };
    checker.timelock().await?;
    for contract in Contract::ALL {
        checker.contract(contract).await?;
    }
    checker.mailbox().await?;
    checker.bridge().await?;
    checker.rollup().await?;
    checker.genesis().await?;
    checker.limits().await?;
    checker.roles().await?;
    Ok(Report { checks: checker.checks })
}

struct Checker<'a> {
    client: &'a L1Client,
    of: &'a Deployment,
    checks: Vec<Check>,
}

impl Checker<'_> {
    fn add(&mut self, what: impl Into<String>, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        self.checks.push(Check { what: what.into(), expected, found });
    }

    /// Compares what a view function returns. That it fails is a difference too.
    async fn view<C: SolCall, S: ToString>(
        &mut self,
        what: &str,
        at: Address,
        call: C,
        expected: S,
        show: impl FnOnce(C::Return) -> S,
    ) -> Result<(), DeployError> {
        let found = match self.client.view(at, &call, BlockTag::Latest).await {
            Ok(found) => show(found).to_string(),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => failure(&error),
        };
        self.add(what, expected, found);
        Ok(())
    }

    async fn code(&mut self, what: &str, at: Address, expected: &[u8]) -> Result<(), DeployError> {
        let show = |code: &[u8]| match code {
            [] => "no code".to_owned(),
            code => format!("{} bytes, hash {}", code.len(), keccak256(code)),
        };
        let found = self.client.code(at, BlockTag::Latest).await?;
        self.add(what, show(expected), show(&found));
        Ok(())
    }

    async fn timelock(&mut self) -> Result<(), DeployError> {
        let (at, governance) = (self.of.timelock, &self.of.governance);
        let init_code = timelock_init_code(governance.timelock_delay_s, vec![], vec![]);
        let code = deployed_code("TimelockController", &init_code, at, self.of.l1_chain_id)?;
        let delay = U256::from(governance.timelock_delay_s);
        self.code("TimelockController code", at, &code).await?;
        let call = TimelockController::getMinDelayCall {};
        self.view("TimelockController delay in seconds", at, call, delay, |found| found).await
    }

    /// The proxy, what it runs, and that nobody can initialize that.
    async fn contract(&mut self, contract: Contract) -> Result<(), DeployError> {
        let (name, of) = (contract.name(), self.of);
        let (proxy, implementation) = (contract.proxy(of), contract.implementation(of));
        self.code(&format!("{name} proxy code"), proxy, &ERC1967Proxy::DEPLOYED_BYTECODE).await?;
        let found = self.client.storage(proxy, IMPLEMENTATION_SLOT, BlockTag::Latest).await?;
        self.add(format!("{name} implementation"), implementation, Address::from_word(found));
        let init_code = contract.init_code(of.mailbox, of.l2_chain_id, of.data_layer);
        let code = deployed_code(name, &init_code, implementation, of.l1_chain_id)?;
        self.code(&format!("{name} implementation code"), implementation, &code).await?;
        let tag = BlockTag::Latest;
        let version = self.client.storage(implementation, INITIALIZED_SLOT, tag).await?;
        let (never, version) = (U256::from(u64::MAX), U256::from_be_bytes(version.0));
        self.add(format!("{name} implementation is closed"), never, version);
        let version = self.client.storage(proxy, INITIALIZED_SLOT, tag).await?;
        let initialized = version != B256::ZERO;
        self.add(format!("{name} proxy is initialized"), true, initialized);
        Ok(())
    }

    async fn mailbox(&mut self) -> Result<(), DeployError> {
        let (at, governance) = (self.of.mailbox, &self.of.governance);
        let (recipient, limit) = (governance.fee_recipient, governance.max_gas_limit);
        let rollup = self.of.rollup;
        self.view("L1Mailbox rollup", at, L1Mailbox::rollupCall {}, rollup, |f| f).await?;
        let call = L1Mailbox::feeRecipientCall {};
        self.view("L1Mailbox fee recipient", at, call, recipient, |f| f).await?;
        let call = L1Mailbox::maxGasLimitCall {};
        self.view("L1Mailbox maximal gas limit", at, call, limit, |f| f).await
    }

    async fn bridge(&mut self) -> Result<(), DeployError> {
        let (at, mailbox) = (self.of.bridge, self.of.mailbox);
        self.view("L1Bridge mailbox", at, L1Bridge::mailboxCall {}, mailbox, |f| f).await
    }

    async fn rollup(&mut self) -> Result<(), DeployError> {
        let (at, of) = (self.of.rollup, self.of);
        self.view("Rollup mailbox", at, Rollup::mailboxCall {}, of.mailbox, |f| f).await?;
        self.view("Rollup L2 chain id", at, Rollup::l2ChainIdCall {}, of.l2_chain_id, |f| f)
            .await?;
        let name = |kind| match DataLayerKind::try_from(kind) {
            Ok(kind) => kind.to_string(),
            Err(_) => format!("unknown kind {kind}"),
        };
        let layer = of.data_layer.to_string();
        self.view("Rollup data layer", at, Rollup::dataLayerCall {}, layer, name).await?;
        let deadline = of.governance.inclusion_deadline_s;
        let call = Rollup::inclusionDeadlineCall {};
        self.view("Rollup inclusion deadline in seconds", at, call, deadline, |f| f).await
    }

    /// The genesis values. The block hash is overwritten when something becomes final, so it is
    /// read from the event.
    async fn genesis(&mut self) -> Result<(), DeployError> {
        let (at, of) = (self.of.rollup, self.of);
        let root = of.genesis_state_root;
        let call = Rollup::finalizedStateRootCall { batchIndex: 0 };
        self.view("Rollup genesis state root", at, call, root, |f| f).await?;
        let event = Rollup::BatchesFinalized::SIGNATURE_HASH;
        let logs = read_logs(self.client, of.first_block, vec![at], vec![event]).await?;
        let decoded = logs.iter().filter_map(|log| {
            let topics = log.topics.iter().copied();
            Rollup::BatchesFinalized::decode_raw_log(topics, &log.data).ok()
        });
        let hash = decoded.filter(|event| event.lastBatch == 0).map(|event| event.blockHash).next();
        let hash = hash.map_or_else(|| "no event of batch 0".into(), |hash| hash.to_string());
        self.add("Rollup genesis block hash", of.genesis_hash, hash);
        Ok(())
    }

    async fn limits(&mut self) -> Result<(), DeployError> {
        for limit in &self.of.governance.limits {
            let (at, asset) = match limit.token {
                None => (self.of.mailbox, "ether".into()),
                Some(token) => (self.of.bridge, token.to_string()),
            };
            let found = last_limit(self.client, self.of.first_block, at, limit.token).await?;
            let show = |capacity, window_s| format!("{capacity} in {window_s} s");
            let found =
                found.map_or_else(|| "none".into(), |found| show(found.capacity, found.window_s));
            let expected = show(limit.capacity, limit.window_s);
            self.add(format!("limit of {asset}"), expected, found);
        }
        Ok(())
    }

    async fn roles(&mut self) -> Result<(), DeployError> {
        let expected = roles::expected(self.of);
        let found = roles::found(self.client, self.of).await?;
        let mut keys: Vec<_> = expected.keys().chain(found.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let show = |holders: Option<&std::collections::BTreeSet<Address>>| {
            let list: Vec<_> = holders.into_iter().flatten().map(ToString::to_string).collect();
            if list.is_empty() { "nobody".into() } else { list.join(" ") }
        };
        for key in keys {
            let (contract, role) = key;
            self.add(format!("{contract} {role}"), show(expected.get(key)), show(found.get(key)));
        }
        Ok(())
    }
}

/// A failed call as a value in the table.
fn failure(error: &L1Error) -> String {
    match error {
        L1Error::Rpc { message, .. } => format!("a failed call: {message}"),
        L1Error::Malformed { message, .. } => format!("no such answer: {message}"),
        other => other.to_string(),
    }
}
