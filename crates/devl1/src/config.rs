//! What a development L1 can be told.

use std::net::IpAddr;
use std::path::PathBuf;

use jovay_node::{DEV_ACCOUNTS, NodeConfig};

use crate::DevL1Error;

/// Chain id of development Ethereums, as anvil and Hardhat have it.
pub const DEV_L1_CHAIN_ID: u64 = 31_337;

/// Ethereum's main network, whose id no development chain may carry: what is signed here would be
/// valid there.
const MAINNET: u64 = 1;
/// The longest block time in seconds.
const BLOCK_TIME_MAX_S: f64 = 3_600.0;
/// Least gas limit: enough for any transaction that EIP-7825 allows.
const GAS_LIMIT_MIN: u64 = 1 << 24;

/// Settings of a [`DevL1`](crate::DevL1).
#[derive(Clone, Debug, PartialEq)]
pub struct DevL1Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port of JSON-RPC and the beacon API; 0 picks a free one.
    pub port: u16,
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// Seconds between two blocks, which come with transactions or without; 0 seals each
    /// transaction as it arrives and nothing else.
    pub block_time_s: f64,
    /// Blocks that `safe` is behind the last one.
    pub safe_depth: u64,
    /// Blocks that `finalized` is behind the last one.
    pub finalized_depth: u64,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Folder of the database; `None` keeps the chain in memory.
    pub datadir: Option<PathBuf>,
    /// Prefunded accounts, the first of [`DEV_ACCOUNTS`].
    pub accounts: usize,
    /// Ether of each.
    pub balance: u64,
}

impl Default for DevL1Config {
    fn default() -> Self {
        let node = NodeConfig::default();
        Self {
            host: node.host,
            port: 18_545,
            chain_id: DEV_L1_CHAIN_ID,
            block_time_s: 1.0,
            safe_depth: 1,
            finalized_depth: 3,
            // The main network's.
            gas_limit: 60_000_000,
            datadir: None,
            accounts: node.accounts,
            balance: node.balance,
        }
    }
}

impl DevL1Config {
    /// The settings of the node behind it.
    pub(crate) fn node(&self) -> NodeConfig {
        NodeConfig {
            chain_id: self.chain_id,
            datadir: self.datadir.as_ref().map_or_else(String::new, |d| d.display().to_string()),
            host: self.host,
            port: self.port,
            block_time: self.block_time_s,
            heartbeat: 0.0,
            gas_limit: self.gas_limit,
            accounts: self.accounts,
            balance: self.balance,
            ..NodeConfig::default()
        }
    }

    /// # Errors
    /// A value that no development L1 can have.
    pub(crate) fn check(&self) -> Result<(), DevL1Error> {
        let refuse =
            |key, message: &str| Err(DevL1Error::Config { key, message: message.to_owned() });
        if self.chain_id == 0 || self.chain_id == MAINNET {
            return refuse("chain_id", "must be neither 0 nor that of Ethereum's main network, 1");
        }
        if !(0.0..=BLOCK_TIME_MAX_S).contains(&self.block_time_s) {
            return refuse("block_time_s", "must be 0 to 3600 seconds");
        }
        if self.block_time_s > 0.0 && self.block_time_s < 1.0 {
            return refuse(
                "block_time_s",
                "must be 0 or at least 1 second, since timestamps have seconds and rise",
            );
        }
        if self.finalized_depth < self.safe_depth {
            return refuse("finalized_depth", "must not be below safe_depth");
        }
        if self.gas_limit < GAS_LIMIT_MIN {
            return refuse("gas_limit", "must be at least 16777216, the most of one transaction");
        }
        if !(1..=DEV_ACCOUNTS.len()).contains(&self.accounts) {
            return refuse("accounts", "must be 1 to 20");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let ok = DevL1Config::default;
        assert!(ok().check().is_ok());
        let refused = |config: DevL1Config, key: &str| {
            let error = config.check().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(key), "{key}: {error}");
        };
        refused(DevL1Config { chain_id: 1, ..ok() }, "chain_id");
        refused(DevL1Config { chain_id: 0, ..ok() }, "chain_id");
        refused(DevL1Config { block_time_s: 0.2, ..ok() }, "block_time_s");
        refused(DevL1Config { block_time_s: f64::NAN, ..ok() }, "block_time_s");
        refused(DevL1Config { safe_depth: 9, ..ok() }, "finalized_depth");
        refused(DevL1Config { gas_limit: 16_000_000, ..ok() }, "gas_limit");
        refused(DevL1Config { accounts: 21, ..ok() }, "accounts");
    }
}
