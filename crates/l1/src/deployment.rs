//! The addresses file: what `jovay deploy` writes and every other role reads.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, U256};
use jovay_da::DataLayerKind;
use serde::{Deserialize, Serialize};

/// Where a chain's contracts are on L1, and what every role must agree about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// L1 block in which the first of the contracts appeared, or one before: there is nothing to
    /// read before it.
    pub first_block: u64,
    /// `Rollup` (its proxy).
    pub rollup: Address,
    /// `L1Mailbox` (its proxy).
    pub mailbox: Address,
    /// `L1Bridge` (its proxy).
    pub bridge: Address,
    /// The timelock that owns all three.
    pub timelock: Address,
    /// Hash of the L2's genesis block.
    pub genesis_hash: B256,
    /// State root of the L2's genesis block.
    pub genesis_state_root: B256,
    /// Where the data of batches is. Fixed for the life of the chain.
    #[serde(with = "crate::deployment::data_layer")]
    pub data_layer: DataLayerKind,
    /// Who deployed. Has no rights any more.
    pub deployer: Address,
    /// Hash of the configuration that was deployed.
    pub config_hash: B256,
    /// What the proxies run.
    pub implementations: Implementations,
    /// Who may do what, and the settings that only the timelock changes.
    pub governance: Governance,
    /// What the L2 starts from.
    pub genesis: GenesisSettings,
}

/// The implementations behind the proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Implementations {
    /// Of `Rollup`.
    pub rollup: Address,
    /// Of `L1Mailbox`.
    pub mailbox: Address,
    /// Of `L1Bridge`.
    pub bridge: Address,
}

/// Who may do what on L1, and the settings that only the timelock changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governance {
    /// Seconds between scheduling and executing what the timelock does.
    pub timelock_delay_s: u64,
    /// Who schedules and cancels.
    pub proposers: Vec<Address>,
    /// Who executes what is due; the zero address stands for anyone.
    pub executors: Vec<Address>,
    /// Who may pause the three contracts for a bounded time; nobody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardian: Option<Address>,
    /// Who may commit batches.
    pub batchers: Vec<Address>,
    /// Who may drop batches that are not final.
    pub reverters: Vec<Address>,
    /// Who may set the price of L2 gas.
    pub fee_setters: Vec<Address>,
    /// Where the mailbox's fees go.
    pub fee_recipient: Address,
    /// The highest gas limit of a message to L2.
    pub max_gas_limit: u64,
    /// Seconds within which an L1 message must be in a batch.
    pub inclusion_deadline_s: u64,
    /// What leaves through the mailbox and the bridge without delay; absent is no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<OutflowLimit>,
}

/// How much of an asset leaves L2 without delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutflowLimit {
    /// The ERC-20 token on L1; ether if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Address>,
    /// How much in a window, in the asset's smallest unit (wei); below 2^208.
    pub capacity: U256,
    /// Seconds of a window.
    pub window_s: u64,
}

/// What an L2 starts from, beside its chain id and the two addresses on L1. Two nodes with the same
/// settings have the same genesis block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisSettings {
    /// Timestamp of the genesis block, in Unix seconds.
    pub timestamp: u64,
    /// Gas limit of the genesis block.
    pub gas_limit: u64,
    /// Owner of `L1GasOracle` and `L2CoinBase`.
    pub owner: Address,
    /// Who reports L1's prices to `L1GasOracle`.
    pub feeder: Address,
    /// Where `L2CoinBase` sends fees; zero: nowhere until the owner sets it.
    pub fee_recipient: Address,
    /// Who may have `L2CoinBase` send fees.
    pub fee_withdrawers: Vec<Address>,
    /// The least that `L2CoinBase` sends, in wei.
    pub fee_withdrawal_min: U256,
    /// L1's base fee until the first report, in wei per gas.
    pub l1_base_fee: u64,
    /// L1's blob base fee until the first report, in wei per blob gas.
    pub l1_blob_base_fee: u64,
    /// L1 execution gas charged per compressed byte, in millionths.
    pub exec_scalar: u64,
    /// L1 blob gas charged per compressed byte, in millionths.
    pub blob_scalar: u64,
    /// Accounts that have ether from the start: only for chains whose ether is worth nothing, since
    /// none is locked for it on L1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<FundedAccount>,
}

/// An account that has ether from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundedAccount {
    /// Whose.
    pub address: Address,
    /// Wei.
    pub balance: U256,
}

/// The two contracts on L1 that the L2's genesis names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Addresses {
    /// `L1Mailbox` (its proxy).
    pub mailbox: Address,
    /// `L1Bridge` (its proxy).
    pub bridge: Address,
}

/// What L1 keeps of the L2's genesis block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenesisCommitment {
    /// Its hash.
    pub hash: B256,
    /// Its state root.
    pub state_root: B256,
}

/// [`DataLayerKind`] by name, for `#[serde(with = ...)]`.
pub mod data_layer {
    use jovay_da::DataLayerKind;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the name.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(kind: &DataLayerKind, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(kind)
    }

    /// Reads the name.
    ///
    /// # Errors
    /// There is no such data layer.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DataLayerKind, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Why an addresses file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The file cannot be read or written.
    #[error("addresses file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not an addresses file.
    #[error("addresses file {path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, key and reason.
        message: String,
    },
}

impl Deployment {
    /// The two addresses that the L2's genesis has.
    pub fn l1_addresses(&self) -> L1Addresses {
        L1Addresses { mailbox: self.mailbox, bridge: self.bridge }
    }

    /// What L1 keeps of the L2's genesis block.
    pub fn genesis_commitment(&self) -> GenesisCommitment {
        GenesisCommitment { hash: self.genesis_hash, state_root: self.genesis_state_root }
    }

    /// Reads an addresses file.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or has a missing or unknown key.
    pub fn read(path: &Path) -> Result<Self, DeploymentError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| DeploymentError::File { path: path.into(), source })?;
        toml::from_str(&text).map_err(|error| DeploymentError::Parse {
            path: path.into(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write(&self, path: &Path) -> Result<(), DeploymentError> {
        let file = |source| DeploymentError::File { path: path.into(), source };
        let text = toml::to_string(self).map_err(|error| file(std::io::Error::other(error)))?;
        let draft = path.with_extension("draft");
        std::fs::write(&draft, text).map_err(file)?;
        std::fs::rename(&draft, path).map_err(file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.toml");
        let deployment = Deployment {
            l1_chain_id: 1,
            l2_chain_id: 2,
            first_block: 3,
            rollup: Address::repeat_byte(4),
            mailbox: Address::repeat_byte(5),
            bridge: Address::repeat_byte(6),
            timelock: Address::repeat_byte(7),
            genesis_hash: B256::repeat_byte(8),
            genesis_state_root: B256::repeat_byte(9),
            data_layer: DataLayerKind::Anchored,
            governance: Governance {
                guardian: Some(Address::repeat_byte(10)),
                limits: vec![OutflowLimit { token: None, capacity: U256::MAX >> 48, window_s: 11 }],
                ..Governance::default()
            },
            genesis: GenesisSettings {
                accounts: vec![FundedAccount { balance: U256::MAX, ..FundedAccount::default() }],
                ..GenesisSettings::default()
            },
            ..Deployment::default()
        };
        deployment.write(&path).unwrap();
        assert_eq!(Deployment::read(&path).unwrap(), deployment);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\nmailbox", "\nmailbocks")).unwrap();
        let error = Deployment::read(&path).unwrap_err().to_string();
        assert!(error.contains("mailbocks"), "{error}");
    }
}
