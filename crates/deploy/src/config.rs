//! What is to be deployed: one TOML file.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, U256, keccak256};
use jovay_da::DataLayerKind;
use jovay_l1::{GenesisSettings, Governance, OutflowLimit};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// The default configuration as a file, with comments.
pub const TEMPLATE: &str = include_str!("template.toml");

/// The longest delay of a timelock, in seconds. More is a mistake in the unit.
pub const TIMELOCK_DELAY_MAX_S: u64 = 30 * 86_400;
/// Most addresses in a list of the configuration: each is a transaction.
pub const LIST_MAX: usize = 32;

/// `L1Mailbox.MAX_GAS_PRICE`.
const GAS_PRICE_MAX: u64 = 1_000_000_000_000;
/// `L1Mailbox.LOWEST_MAX_GAS_LIMIT` and `HIGHEST_MAX_GAS_LIMIT`.
const MAX_GAS_LIMIT: (u64, u64) = (5_000_000, 100_000_000);
/// `Rollup.MIN_INCLUSION_DEADLINE` and `MAX_INCLUSION_DEADLINE`.
const DEADLINE_S: (u64, u64) = (60, 604_800);
/// `OutflowLimit.MAX_WINDOW`.
const WINDOW_MAX_S: u64 = 30 * 86_400;

/// Why a configuration cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has an unknown key or a value of the wrong kind.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, key and reason.
        message: String,
    },
    /// A value cannot be deployed.
    #[error("setting `{key}`: {message}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeployConfig {
    /// Chain id of L1; any other is refused.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// Where the data of batches is.
    #[serde(with = "jovay_l1::deployment::data_layer")]
    pub data_layer: DataLayerKind,
    /// Any text: separates chains that are otherwise configured the same.
    pub salt: String,
    /// The most that the deployer pays per unit of L1 gas, in wei. Not part of what is deployed.
    pub max_fee_per_gas: U256,
    /// The timelock.
    pub timelock: TimelockConfig,
    /// Who may do what.
    pub roles: RolesConfig,
    /// The mailbox's settings.
    pub mailbox: MailboxConfig,
    /// The rollup's settings.
    pub rollup: RollupConfig,
    /// Limits on what leaves without delay.
    pub limits: Vec<OutflowLimit>,
    /// What the L2 starts from.
    #[serde(deserialize_with = "genesis_over_default")]
    pub genesis: GenesisSettings,
}

/// The timelock that owns the contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimelockConfig {
    /// Seconds from scheduling to executing.
    pub delay_s: u64,
    /// Who schedules and cancels.
    pub proposers: Vec<Address>,
    /// Who executes; the zero address stands for anyone.
    pub executors: Vec<Address>,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolesConfig {
    /// Who may pause; nobody if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardian: Option<Address>,
    /// Who commits batches.
    pub batchers: Vec<Address>,
    /// Who drops batches that are not final.
    pub reverters: Vec<Address>,
    /// Who sets the price of L2 gas.
    pub fee_setters: Vec<Address>,
}

/// The settings of `L1Mailbox`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailboxConfig {
    /// Where fees go.
    pub fee_recipient: Address,
    /// Wei per unit of L2 gas.
    pub gas_price: u64,
    /// The highest gas limit of a message.
    pub max_gas_limit: u64,
}

/// The settings of `Rollup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollupConfig {
    /// Seconds within which an L1 message must be in a batch.
    pub inclusion_deadline_s: u64,
}

/// Settings of the genesis with those that are left out as they are by default. In an addresses
/// file, which has the same table, none may be left out.
fn genesis_over_default<'de, D: Deserializer<'de>>(from: D) -> Result<GenesisSettings, D::Error> {
    let given = toml::Table::deserialize(from)?;
    let default = DeployConfig::default().genesis;
    let mut settings = toml::Table::try_from(&default).map_err(D::Error::custom)?;
    settings.extend(given);
    settings.try_into().map_err(|error: toml::de::Error| D::Error::custom(error.message()))
}

impl Default for DeployConfig {
    fn default() -> Self {
        let scalars = jovay_evm::genesis::L2GenesisConfig::default();
        Self {
            l1_chain_id: 0,
            l2_chain_id: 0,
            data_layer: DataLayerKind::Blobs,
            salt: String::new(),
            max_fee_per_gas: U256::from(200_000_000_000u64),
            timelock: TimelockConfig::default(),
            roles: RolesConfig::default(),
            mailbox: MailboxConfig::default(),
            rollup: RollupConfig::default(),
            limits: Vec::new(),
            genesis: GenesisSettings {
                timestamp: 1_767_225_600,
                gas_limit: jovay_evm::L2_GAS_LIMIT,
                l1_base_fee: scalars.l1_base_fee,
                l1_blob_base_fee: scalars.l1_blob_base_fee,
                exec_scalar: scalars.exec_scalar,
                blob_scalar: scalars.blob_scalar,
                ..GenesisSettings::default()
            },
        }
    }
}

impl Default for TimelockConfig {
    fn default() -> Self {
        Self { delay_s: 7 * 86_400, proposers: vec![Address::ZERO], executors: vec![Address::ZERO] }
    }
}

impl Default for RolesConfig {
    fn default() -> Self {
        let (reverters, fee_setters) = (Vec::new(), Vec::new());
        Self { guardian: None, batchers: vec![Address::ZERO], reverters, fee_setters }
    }
}

impl Default for MailboxConfig {
    fn default() -> Self {
        let (gas_price, max_gas_limit) = (10_000_000, 20_000_000);
        Self { fee_recipient: Address::ZERO, gas_price, max_gas_limit }
    }
}

impl Default for RollupConfig {
    fn default() -> Self {
        Self { inclusion_deadline_s: 86_400 }
    }
}

impl DeployConfig {
    /// Reads a configuration file and checks it.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.into(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Checks every value against what the contracts accept.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that cannot be deployed.
    pub fn check(&self) -> Result<(), ConfigError> {
        require("l1_chain_id", self.l1_chain_id != 0, "must be set to L1's chain id")?;
        require("l2_chain_id", self.l2_chain_id != 0, "must be set to L2's chain id")?;
        let differ = self.l2_chain_id != self.l1_chain_id;
        require("l2_chain_id", differ, "must not be L1's: transactions could be replayed")?;
        within("timelock.delay_s", self.timelock.delay_s, (1, TIMELOCK_DELAY_MAX_S))?;
        accounts("timelock.proposers", &self.timelock.proposers, true)?;
        if self.timelock.executors != [Address::ZERO] {
            accounts("timelock.executors", &self.timelock.executors, true)?;
        }
        let guarded = self.roles.guardian != Some(Address::ZERO);
        require("roles.guardian", guarded, "must not be zero; leave it out for nobody")?;
        accounts("roles.batchers", &self.roles.batchers, true)?;
        accounts("roles.reverters", &self.roles.reverters, false)?;
        accounts("roles.fee_setters", &self.roles.fee_setters, false)?;
        let paid = self.mailbox.fee_recipient != Address::ZERO;
        require("mailbox.fee_recipient", paid, "must be set to an address")?;
        within("mailbox.gas_price", self.mailbox.gas_price, (0, GAS_PRICE_MAX))?;
        within("mailbox.max_gas_limit", self.mailbox.max_gas_limit, MAX_GAS_LIMIT)?;
        within("rollup.inclusion_deadline_s", self.rollup.inclusion_deadline_s, DEADLINE_S)?;
        self.check_limits()?;
        self.check_genesis()
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        require("limits", self.limits.len() <= LIST_MAX, "has more than 32 entries")?;
        for (at, limit) in self.limits.iter().enumerate() {
            let fits = !limit.capacity.is_zero() && limit.capacity.bit_len() <= 208;
            require("limits.capacity", fits, "must be above 0 and below 2^208")?;
            within("limits.window_s", limit.window_s, (1, WINDOW_MAX_S))?;
            let once = self.limits[..at].iter().all(|other| other.token != limit.token);
            require("limits.token", once, "names the same asset twice")?;
            let named = limit.token != Some(Address::ZERO);
            require("limits.token", named, "must not be zero; leave it out for ether")?;
        }
        Ok(())
    }

    fn check_genesis(&self) -> Result<(), ConfigError> {
        let genesis = &self.genesis;
        let least = jovay_evm::GAS_LIMIT_MIN.max(self.mailbox.max_gas_limit);
        let roomy = genesis.gas_limit >= least && genesis.gas_limit <= jovay_evm::GAS_LIMIT_MAX;
        let message = "must be between mailbox.max_gas_limit and 2^63 - 1: messages must fit";
        require("genesis.gas_limit", roomy, message)?;
        let owned = genesis.owner != Address::ZERO;
        require("genesis.owner", owned, "must be set to an address")?;
        let fed = genesis.feeder != Address::ZERO;
        require("genesis.feeder", fed, "must be set to an address")?;
        accounts("genesis.fee_withdrawers", &genesis.fee_withdrawers, false)?;
        for (at, funded) in genesis.accounts.iter().enumerate() {
            let once = genesis.accounts[..at].iter().all(|other| other.address != funded.address);
            require("genesis.accounts", once, "has an address twice")?;
        }
        Ok(())
    }

    /// Who may do what, and the settings that only the timelock changes.
    pub fn governance(&self) -> Governance {
        Governance {
            timelock_delay_s: self.timelock.delay_s,
            proposers: self.timelock.proposers.clone(),
            executors: self.timelock.executors.clone(),
            guardian: self.roles.guardian,
            batchers: self.roles.batchers.clone(),
            reverters: self.roles.reverters.clone(),
            fee_setters: self.roles.fee_setters.clone(),
            fee_recipient: self.mailbox.fee_recipient,
            max_gas_limit: self.mailbox.max_gas_limit,
            inclusion_deadline_s: self.rollup.inclusion_deadline_s,
            limits: self.limits.clone(),
        }
    }

    /// What tells one configuration from another, whatever the file looks like. What the deployer
    /// pays is no part of it.
    pub fn hash(&self) -> B256 {
        let plain = Self { max_fee_per_gas: U256::ZERO, ..self.clone() };
        // A struct of plain values always has a JSON form.
        keccak256(serde_json::to_vec(&plain).unwrap_or_default())
    }
}

fn require(key: &'static str, holds: bool, message: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { key, message: message.into() }) }
}

fn within(key: &'static str, value: u64, (least, most): (u64, u64)) -> Result<(), ConfigError> {
    require(key, (least..=most).contains(&value), &format!("is {value}, must be {least} to {most}"))
}

fn accounts(key: &'static str, list: &[Address], needed: bool) -> Result<(), ConfigError> {
    require(key, !needed || !list.is_empty(), "must have at least one address")?;
    require(key, !list.contains(&Address::ZERO), "must be set: the zero address is nobody's")?;
    require(key, list.len() <= LIST_MAX, "has more than 32 addresses")?;
    let once = list.iter().enumerate().all(|(at, one)| !list[..at].contains(one));
    require(key, once, "has an address twice")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_template_is_the_default() {
        let read: DeployConfig = toml::from_str(TEMPLATE).unwrap();
        assert_eq!(read, DeployConfig::default());
    }

    #[test]
    fn what_the_template_shows_as_a_comment_is_understood() {
        let address = "0x00000000000000000000000000000000000000aa";
        let text = TEMPLATE.replace("0x...", address);
        let shown =
            ["guardian =", "[[", "token =", "capacity =", "window_s =", "address =", "balance ="];
        let uncomment = |line: &str| {
            let plain = line.strip_prefix("# ").unwrap_or(line);
            if shown.iter().any(|key| plain.starts_with(key)) {
                plain.into()
            } else {
                line.to_owned()
            }
        };
        let text: Vec<_> = text.lines().map(uncomment).collect();
        let read: DeployConfig = toml::from_str(&text.join("\n")).unwrap();
        assert_eq!(read.roles.guardian, Some(address.parse().unwrap()));
        assert_eq!(read.limits[0].capacity, U256::from(10).pow(U256::from(21)));
        assert_eq!(read.genesis.accounts[0].balance, U256::from(10).pow(U256::from(18)));
    }

    fn good() -> DeployConfig {
        let one = Address::repeat_byte(1);
        let mut config = DeployConfig { l1_chain_id: 1, l2_chain_id: 2, ..DeployConfig::default() };
        config.timelock.proposers = vec![one];
        config.roles.batchers = vec![one];
        config.mailbox.fee_recipient = one;
        config.genesis.owner = one;
        config.genesis.feeder = one;
        config
    }

    #[test]
    fn each_value_is_checked() {
        good().check().unwrap();
        let one = Address::repeat_byte(1);
        type Spoil = fn(&mut DeployConfig, Address);
        let cases: &[(&str, Spoil)] = &[
            ("l1_chain_id", |c, _| c.l1_chain_id = 0),
            ("l2_chain_id", |c, _| c.l2_chain_id = 0),
            ("l2_chain_id", |c, _| c.l2_chain_id = c.l1_chain_id),
            ("timelock.delay_s", |c, _| c.timelock.delay_s = 0),
            ("timelock.delay_s", |c, _| c.timelock.delay_s = 604_800_000),
            ("timelock.proposers", |c, _| c.timelock.proposers.clear()),
            ("timelock.proposers", |c, one| c.timelock.proposers.push(one)),
            ("timelock.executors", |c, one| c.timelock.executors.push(one)),
            ("roles.guardian", |c, _| c.roles.guardian = Some(Address::ZERO)),
            ("roles.batchers", |c, _| c.roles.batchers = vec![Address::ZERO]),
            ("roles.reverters", |c, _| c.roles.reverters = vec![Address::ZERO]),
            ("mailbox.fee_recipient", |c, _| c.mailbox.fee_recipient = Address::ZERO),
            ("mailbox.gas_price", |c, _| c.mailbox.gas_price = GAS_PRICE_MAX + 1),
            ("mailbox.max_gas_limit", |c, _| c.mailbox.max_gas_limit = 1),
            ("rollup.inclusion_deadline_s", |c, _| c.rollup.inclusion_deadline_s = 59),
            ("limits.capacity", |c, _| c.limits.push(OutflowLimit::default())),
            ("genesis.gas_limit", |c, _| c.genesis.gas_limit = 19_999_999),
            ("genesis.owner", |c, _| c.genesis.owner = Address::ZERO),
            ("genesis.feeder", |c, _| c.genesis.feeder = Address::ZERO),
            ("genesis.fee_withdrawers", |c, one| c.genesis.fee_withdrawers = vec![one, one]),
        ];
        for (key, spoil) in cases {
            let mut config = good();
            spoil(&mut config, one);
            let message = config.check().unwrap_err().to_string();
            assert!(message.starts_with(&format!("setting `{key}`")), "{key}: {message}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let text = "l1_chain_id = 1\n[genesis]\ngas_limit = 7\n[mailbox]\ngas_price = 8\n";
        let read: DeployConfig = toml::from_str(text).unwrap();
        let mut expected = DeployConfig { l1_chain_id: 1, ..DeployConfig::default() };
        expected.genesis.gas_limit = 7;
        expected.mailbox.gas_price = 8;
        assert_eq!(read, expected);
    }

    #[test]
    fn unknown_keys_are_errors_everywhere() {
        for section in ["timelock", "roles", "mailbox", "rollup", "genesis"] {
            let text =
                TEMPLATE.replace(&format!("\n[{section}]\n"), &format!("\n[{section}]\nx = 1\n"));
            let error = toml::from_str::<DeployConfig>(&text).unwrap_err().to_string();
            assert!(error.contains("unknown field `x`"), "{section}: {error}");
        }
    }

    #[test]
    fn the_hash_is_of_what_is_deployed() {
        let config = good();
        let dearer = DeployConfig { max_fee_per_gas: U256::from(1), ..config.clone() };
        assert_eq!(config.hash(), dearer.hash());
        let mut other = config.clone();
        other.mailbox.gas_price += 1;
        assert_ne!(config.hash(), other.hash());
    }
}
