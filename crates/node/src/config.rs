//! The one configuration: defaults, TOML, environment and flags come from the table below.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use jovay_da::DataLayerKind;
use serde::{Deserialize, Serialize};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not valid: broken TOML, an unknown key, a value of the wrong kind.
    #[error("configuration file {path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, key and reason.
        message: String,
    },
    /// A value is outside what the node can work with.
    #[error("setting `{key}`: {message}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// Makes [`NodeConfig`] (defaults and TOML keys) and [`ConfigFlags`] (flags and environment)
/// from one table, so that they cannot drift apart.
macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, $env:literal $(, ($($arg:tt)+))?; )+) => {
        /// Everything a node can be told. The TOML keys are the field names; the flags are the
        /// same with dashes.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct NodeConfig {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl Default for NodeConfig {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        /// The flags of a node. What is given on the command line or in the environment
        /// overrides the file.
        #[derive(Args, Clone, Debug, Default)]
        pub struct ConfigFlags {
            /// TOML file with settings; `jovay config` prints one with every default
            #[arg(long, env = "JOVAY_CONFIG", value_name = "FILE")]
            pub config: Option<PathBuf>,
            $( $(#[doc = $doc])+ #[arg(long, env = $env $(, $($arg)+)?)] pub $key: Option<Flag<$type>>, )+
        }

        impl ConfigFlags {
            fn apply(&self, config: &mut NodeConfig) {
                $( if let Some(flag) = &self.$key { config.$key = flag.0.clone(); } )+
            }
        }

        /// Every setting as (key, environment variable, description).
        pub const SETTINGS: &[(&str, &str, &str)] =
            &[ $( (stringify!($key), $env, concat!($($doc, " "),+)), )+ ];
    };
}

settings! {
    /// Chain id (EIP-155)
    chain_id: u64 = 20_197_750, "JOVAY_CHAIN_ID";
    /// Folder of the database; empty keeps the chain in memory
    datadir: String = String::new(), "JOVAY_DATADIR";
    /// Genesis file in geth's format; empty takes the built-in genesis
    genesis: String = String::new(), "JOVAY_GENESIS";
    /// Concatenated RLP of blocks to import before serving
    import: String = String::new(), "JOVAY_IMPORT";
    /// Address to listen on
    host: IpAddr = IpAddr::from([127, 0, 0, 1]), "JOVAY_HOST";
    /// Port of JSON-RPC over HTTP and WebSocket, /health and /metrics; 0 picks a free one
    port: u16 = 8545, "JOVAY_PORT";
    /// Origins that browsers may call from, comma-separated; `*` for any
    cors: String = String::from("*"), "JOVAY_CORS";
    /// Host names that requests may carry, comma-separated; `*` for any
    hosts: String = String::from("localhost"), "JOVAY_HOSTS";
    /// Seconds until a waiting transaction is in a published block; 0 seals each at once
    block_time: f64 = 0.2, "JOVAY_BLOCK_TIME";
    /// Seconds after which an idle chain seals an empty block; 0 never
    heartbeat: f64 = 10.0, "JOVAY_HEARTBEAT";
    /// Seal blocks only when told to by evm_mine; implied by `import` of an Ethereum chain
    no_mining: bool = false, "JOVAY_NO_MINING",
        (num_args = 0..=1, require_equals = true, default_missing_value = "true");
    /// Gas limit of a block
    gas_limit: u64 = 120_000_000, "JOVAY_GAS_LIMIT";
    /// Keep the state of every block
    archive: bool = false, "JOVAY_ARCHIVE",
        (num_args = 0..=1, require_equals = true, default_missing_value = "true");
    /// Blocks whose state is kept unless `archive` is set
    history_blocks: u64 = 10_000, "JOVAY_HISTORY_BLOCKS";
    /// Transactions that the pool holds at most
    pool_max: usize = 50_000, "JOVAY_POOL_MAX";
    /// Transactions of one sender that the pool holds at most
    pool_account_max: usize = 4_096, "JOVAY_POOL_ACCOUNT_MAX";
    /// Bytes of a request body at most
    rpc_body_max: usize = 5 * 1024 * 1024, "JOVAY_RPC_BODY_MAX";
    /// Bytes of a response at most
    rpc_response_max: usize = 25 * 1024 * 1024, "JOVAY_RPC_RESPONSE_MAX";
    /// Requests in a batch at most
    rpc_batch_max: usize = 1_000, "JOVAY_RPC_BATCH_MAX";
    /// Connections at most
    rpc_connections_max: usize = 2_000, "JOVAY_RPC_CONNECTIONS_MAX";
    /// Blocks that one log query may span
    rpc_log_range_max: u64 = 100_000, "JOVAY_RPC_LOG_RANGE_MAX";
    /// Gas that one eth_call may use
    rpc_gas_cap: u64 = 50_000_000, "JOVAY_RPC_GAS_CAP";
    /// Prefunded development accounts, 1 to 20
    accounts: usize = 10, "JOVAY_ACCOUNTS";
    /// Ether of each development account
    balance: u64 = 10_000, "JOVAY_BALANCE";
    /// Let contracts exceed EIP-170's size (development only)
    disable_code_size_limit: bool = false, "JOVAY_DISABLE_CODE_SIZE_LIMIT",
        (num_args = 0..=1, require_equals = true, default_missing_value = "true");
    /// JSON-RPC of the L1 node (http or https)
    l1_rpc: String = String::new(), "JOVAY_L1_RPC";
    /// Beacon API of the L1 node, where blobs come from (http or https)
    l1_beacon: String = String::new(), "JOVAY_L1_BEACON";
    /// Addresses file that `jovay deploy` wrote
    addresses: String = String::new(), "JOVAY_ADDRESSES";
    /// L1 block up to which deposits are taken: latest, safe or finalized
    l1_tag: String = String::from("safe"), "JOVAY_L1_TAG";
    /// L1 blocks that must follow a deposit's besides
    l1_confirmations: u64 = 0, "JOVAY_L1_CONFIRMATIONS";
    /// Key that commits batches: file:PATH, keystore:PATH or env:NAME
    batcher_key: String = String::new(), "JOVAY_BATCHER_KEY";
    /// Key that reports L1 prices on L2: file:PATH, keystore:PATH or env:NAME
    feeder_key: String = String::new(), "JOVAY_FEEDER_KEY";
    /// Seconds after which an open batch is closed
    batch_age: u64 = 300, "JOVAY_BATCH_AGE";
    /// Blobs of a batch at most; L1 allows 6 in a transaction
    batch_blobs: usize = 6, "JOVAY_BATCH_BLOBS";
    /// Archive of blobs: a folder, or the URL of an object store; empty keeps none
    blob_archive: String = String::new(), "JOVAY_BLOB_ARCHIVE";
    /// Object store of a chain whose data is anchored: a folder or a URL
    data_store: String = String::new(), "JOVAY_DATA_STORE";
    /// Where a new development chain keeps its batches: blobs, calldata or anchored. Elsewhere
    /// `jovay deploy` decides
    data_layer: String = String::from("blobs"), "JOVAY_DATA_LAYER";
    /// Run without an L1 (development only)
    no_l1: bool = false, "JOVAY_NO_L1",
        (num_args = 0..=1, require_equals = true, default_missing_value = "true");
    /// Port of the development L1; 0 picks a free one
    l1_port: u16 = 18_545, "JOVAY_L1_PORT";
    /// Seconds between blocks of the development L1
    l1_block_time: f64 = 1.0, "JOVAY_L1_BLOCK_TIME";
    /// L1 base fee in wei that the L1 data fee is computed from until L1 is connected
    l1_base_fee: u64 = 0, "JOVAY_L1_BASE_FEE";
    /// L1 blob base fee in wei that the L1 data fee is computed from until L1 is connected
    l1_blob_base_fee: u64 = 0, "JOVAY_L1_BLOB_BASE_FEE";
    /// Log filter: a level, or target=level pairs
    log: String = String::from("info"), "JOVAY_LOG";
    /// Log lines as JSON
    log_json: bool = false, "JOVAY_LOG_JSON",
        (num_args = 0..=1, require_equals = true, default_missing_value = "true");
}

/// A flag's value, parsed as the setting's own type.
#[derive(Clone, Debug)]
pub struct Flag<T>(T);

impl<T: std::str::FromStr> std::str::FromStr for Flag<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

/// The longest block time and heartbeat that make sense, in seconds.
const INTERVAL_MAX_S: f64 = 3_600.0;

/// Most blobs of a transaction (EIP-7594).
const BLOBS_MAX: usize = 6;

impl NodeConfig {
    /// The defaults of a development chain: what a person watches happens within seconds.
    pub fn development() -> Self {
        Self { batch_age: 5, l1_tag: "latest".into(), ..Self::default() }
    }

    /// `self`, overridden by the TOML file that `flags` names, overridden by the environment
    /// and by `flags`.
    ///
    /// # Errors
    /// The file is unreadable or has an unknown key, or a value is out of range.
    pub fn load(self, flags: &ConfigFlags) -> Result<Self, ConfigError> {
        let mut config = match &flags.config {
            Some(path) => self.read(path)?,
            None => self,
        };
        flags.apply(&mut config);
        config.check()?;
        Ok(config)
    }

    /// `self`, overridden by a TOML file.
    ///
    /// # Errors
    /// The file is unreadable, is not TOML, or has an unknown key.
    pub fn read(self, path: &Path) -> Result<Self, ConfigError> {
        let parse = |error: &dyn std::fmt::Display| ConfigError::Parse {
            path: path.into(),
            message: error.to_string().trim_end().to_owned(),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        // By itself first: then an error names its line.
        toml::from_str::<Self>(&text).map_err(|error| parse(&error))?;
        let mut values = toml::Table::try_from(&self).map_err(|error| parse(&error))?;
        values.extend(text.parse::<toml::Table>().map_err(|error| parse(&error))?);
        values.try_into().map_err(|error| parse(&error))
    }

    /// A commented TOML file with every setting at the value it has here.
    pub fn to_toml(&self) -> String {
        let values = toml::Table::try_from(self).unwrap_or_default();
        let mut out = String::new();
        for (key, env, doc) in SETTINGS {
            if let Some(value) = values.get(*key) {
                out.push_str(&format!("#{} [{env}]\n{key} = {value}\n\n", doc.trim_end()));
            }
        }
        out
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, message: &str| Err(ConfigError::Value { key, message: message.into() });
        if !(0.0..=INTERVAL_MAX_S).contains(&self.block_time) {
            return refuse("block_time", "must be 0 to 3600 seconds");
        }
        if !(0.0..=INTERVAL_MAX_S).contains(&self.heartbeat) {
            return refuse("heartbeat", "must be 0 to 3600 seconds");
        }
        if !(1..=crate::dev_accounts::DEV_ACCOUNTS.len()).contains(&self.accounts) {
            return refuse("accounts", "must be 1 to 20");
        }
        if !matches!(self.l1_tag.as_str(), "latest" | "safe" | "finalized") {
            return refuse("l1_tag", "must be latest, safe or finalized");
        }
        if let Err(message) = self.data_layer.parse::<DataLayerKind>() {
            return refuse("data_layer", &message);
        }
        if !(1.0..=INTERVAL_MAX_S).contains(&self.l1_block_time) {
            return refuse("l1_block_time", "must be 1 to 3600 seconds");
        }
        if self.batch_age == 0 {
            return refuse("batch_age", "must be at least 1 second");
        }
        if !(1..=BLOBS_MAX).contains(&self.batch_blobs) {
            return refuse("batch_blobs", "must be 1 to 6, EIP-7594's maximum per transaction");
        }
        if self.chain_id == 0 {
            return refuse("chain_id", "must not be 0");
        }
        if self.gas_limit < 5_000 {
            return refuse("gas_limit", "must be at least 5000, Ethereum's minimum");
        }
        if self.history_blocks == 0 {
            return refuse("history_blocks", "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn printed_defaults_read_back() {
        let text = NodeConfig::default().to_toml();
        let read: NodeConfig = toml::from_str(&text).unwrap();
        assert_eq!(read, NodeConfig::default());
        for (key, ..) in SETTINGS {
            assert!(text.contains(&format!("\n{key} = ")), "{key} is not printed");
        }
    }

    #[test]
    fn unknown_keys_are_errors() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "portt = 1\n").unwrap();
        let error = NodeConfig::default().read(file.path()).unwrap_err().to_string();
        assert!(error.contains("unknown field `portt`"), "{error}");
    }

    #[test]
    fn flags_override_the_file_and_values_are_checked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "port = 1\nchain_id = 7\n").unwrap();
        let mut flags = ConfigFlags {
            config: Some(file.path().into()),
            port: Some("2".parse().unwrap()),
            ..Default::default()
        };
        let config = NodeConfig::default().load(&flags).unwrap();
        assert_eq!((config.port, config.chain_id), (2, 7));
        let development = NodeConfig::development().load(&flags).unwrap();
        assert_eq!((development.port, development.chain_id, development.batch_age), (2, 7, 5));
        flags.block_time = Some("-1".parse().unwrap());
        assert!(NodeConfig::default().load(&flags).unwrap_err().to_string().contains("block_time"));
    }
}
