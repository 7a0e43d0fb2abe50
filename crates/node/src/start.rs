//! What a chain starts from: its rules, its first header and its first state.

use std::path::Path;
use std::sync::Arc;

use alloy_genesis::Genesis as GenesisFile;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use jovay_evm::ChainSpec;
use jovay_evm::genesis::{L2GenesisConfig, l2_alloc};
use jovay_l1::{Deployment, FundedAccount, GenesisCommitment, GenesisSettings, L1Addresses};
use jovay_storage::{Genesis, GenesisAccount};
use jovay_types::{Account, EMPTY_CODE_HASH};

use crate::services::block_bytes_max;
use crate::{DEV_ACCOUNTS, NodeConfig, NodeError};

/// Timestamp of the built-in genesis block: 2026-01-01 00:00:00 UTC. Fixed, so that the same
/// configuration always has the same genesis hash.
const GENESIS_TIMESTAMP: u64 = 1_767_225_600;

/// Code size of a development chain without EIP-170's limit, in bytes: what a transaction can carry.
const CODE_SIZE_UNLIMITED: usize = TX_BYTES_UNLIMITED;
/// Most bytes of a transaction on a development chain without EIP-170's limit.
pub(crate) const TX_BYTES_UNLIMITED: usize = 4 * 1024 * 1024;

/// Rules and first block of a chain.
pub struct ChainStart {
    /// The rules.
    pub spec: Arc<ChainSpec>,
    /// The first block and its state.
    pub genesis: Genesis,
    /// Set where blocks come as on Ethereum.
    pub slots: Option<Slots>,
    /// Bytes that the transactions of a block may take, so that a batch can hold it; `None` where
    /// there are no batches.
    pub block_bytes_max: Option<usize>,
    /// Whether the controls of a development chain are served, with its known keys.
    pub development: bool,
}

/// How a development Ethereum differs from a rollup: a block in every block time, empty or not
/// (with block time 0, one for each transaction); headers that name beacon blocks; `safe` and
/// `finalized` so many blocks behind the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Distance of `safe`.
    pub safe_depth: u64,
    /// Distance of `finalized`.
    pub finalized_depth: u64,
}

impl ChainStart {
    /// What `config` asks for: its genesis file, or Jovay's own chain with funded accounts, which
    /// knows of no contracts on L1.
    ///
    /// # Errors
    /// The genesis file cannot be read or is malformed.
    pub fn new(config: &NodeConfig) -> Result<Self, NodeError> {
        if config.genesis.is_empty() {
            Ok(Self::l2(config, config.chain_id, &development_genesis(config), None))
        } else {
            Self::from_file(config)
        }
    }

    /// The chain whose contracts are on L1, with exactly the genesis that was deployed there.
    /// `config` adds what is no part of the genesis.
    ///
    /// # Errors
    /// [`NodeError::Deployment`]: this build makes another genesis from the deployment's settings.
    pub fn deployed(config: &NodeConfig, deployment: &Deployment) -> Result<Self, NodeError> {
        let (chain_id, l1) = (deployment.l2_chain_id, deployment.l1_addresses());
        let start = Self::l2(config, chain_id, &deployment.genesis, Some(l1));
        let (found, expected) = (start.commitment()?, deployment.genesis_commitment());
        if found != expected {
            return Err(NodeError::Deployment(format!(
                "the genesis settings in the addresses file give block {} with state root {}, but \
                 {} with {} was deployed: the file was changed, or another version made it",
                found.hash, found.state_root, expected.hash, expected.state_root
            )));
        }
        let block_bytes_max = Some(block_bytes_max(config, deployment.data_layer));
        Ok(Self { block_bytes_max, ..start })
    }

    /// Whether blocks are only sealed on demand: those of an imported Ethereum chain are made by
    /// its validators, so what is imported stays as it is.
    pub(crate) fn no_mining(&self, config: &NodeConfig) -> bool {
        config.no_mining || (!self.spec.is_l2() && !config.import.is_empty())
    }

    /// What L1 keeps of the genesis block.
    ///
    /// # Errors
    /// [`NodeError::Store`]: the genesis makes no block.
    pub fn commitment(&self) -> Result<GenesisCommitment, NodeError> {
        let block = self.genesis.sealed().map_err(|error| NodeError::Store(error.to_string()))?;
        Ok(GenesisCommitment { hash: block.hash, state_root: block.header.state_root })
    }

    fn l2(
        config: &NodeConfig,
        chain_id: u64,
        settings: &GenesisSettings,
        l1: Option<L1Addresses>,
    ) -> Self {
        let mut spec = ChainSpec::l2(chain_id);
        spec.code_size_max = code_size_max(config);
        spec.code_senders = true;
        let predeploys = l2_alloc(&L2GenesisConfig {
            owner: settings.owner,
            feeder: settings.feeder,
            fee_recipient: settings.fee_recipient,
            fee_withdrawers: settings.fee_withdrawers.clone(),
            fee_withdrawal_min: settings.fee_withdrawal_min,
            l1_mailbox: l1.map(|addresses| addresses.mailbox),
            l1_bridge: l1.map(|addresses| addresses.bridge),
            l1_base_fee: settings.l1_base_fee,
            l1_blob_base_fee: settings.l1_blob_base_fee,
            exec_scalar: settings.exec_scalar,
            blob_scalar: settings.blob_scalar,
        });
        let funded = settings.accounts.iter().map(|funded| GenesisAccount {
            address: funded.address,
            account: Account { balance: funded.balance, ..Account::default() },
            code: Bytes::new(),
            slots: Vec::new(),
        });
        let predeploys = predeploys.into_iter().map(|entry| GenesisAccount {
            address: entry.address,
            account: entry.account,
            code: entry.code,
            slots: entry.slots,
        });
        let file = GenesisFile {
            timestamp: settings.timestamp,
            gas_limit: settings.gas_limit,
            coinbase: spec.l2.as_ref().map_or(Address::ZERO, |rules| rules.fee_vault),
            ..Default::default()
        };
        let header = spec.genesis_header(&file, B256::ZERO);
        let alloc = predeploys.chain(funded).collect();
        Self {
            spec: Arc::new(spec),
            genesis: Genesis { header, alloc },
            slots: None,
            block_bytes_max: None,
            development: true,
        }
    }

    fn from_file(config: &NodeConfig) -> Result<Self, NodeError> {
        let path = Path::new(&config.genesis);
        let text = std::fs::read_to_string(path)
            .map_err(|source| NodeError::Read { path: path.into(), source })?;
        let file: GenesisFile = serde_json::from_str(&text).map_err(|error| {
            NodeError::Genesis { path: path.into(), message: error.to_string() }
        })?;
        let mut start = Self::from_genesis(file);
        if config.disable_code_size_limit {
            Arc::make_mut(&mut start.spec).code_size_max = Some(CODE_SIZE_UNLIMITED);
        }
        Ok(start)
    }

    /// The Ethereum chain of a genesis in geth's format.
    pub fn from_genesis(file: GenesisFile) -> Self {
        let spec = ChainSpec::from_genesis(&file);
        let header = spec.genesis_header(&file, B256::ZERO);
        let alloc = file.alloc.into_iter().map(|(address, entry)| {
            let code = entry.code.unwrap_or_default();
            let slots = entry.storage.unwrap_or_default().into_iter();
            let mut slots: Vec<(U256, U256)> =
                slots.map(|(slot, value)| (slot.into(), value.into())).collect();
            slots.retain(|(_, value)| !value.is_zero());
            slots.sort_unstable();
            let code_hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&code) };
            let nonce = entry.nonce.unwrap_or_default();
            let account = Account { nonce, balance: entry.balance, code_hash };
            GenesisAccount { address, account, code, slots }
        });
        let alloc = alloc.collect();
        Self {
            spec: Arc::new(spec),
            genesis: Genesis { header, alloc },
            slots: None,
            block_bytes_max: None,
            development: true,
        }
    }
}

/// The genesis of the development chain that `config` describes: the first development account
/// owns and feeds everything.
pub fn development_genesis(config: &NodeConfig) -> GenesisSettings {
    let (operator, _) = DEV_ACCOUNTS[0];
    let scalars = L2GenesisConfig::default();
    let balance = U256::from(config.balance) * U256::from(10).pow(U256::from(18));
    let funded = DEV_ACCOUNTS.iter().take(config.accounts);
    GenesisSettings {
        timestamp: GENESIS_TIMESTAMP,
        gas_limit: config.gas_limit,
        owner: operator,
        feeder: operator,
        fee_recipient: operator,
        fee_withdrawers: vec![operator],
        fee_withdrawal_min: U256::ZERO,
        l1_base_fee: config.l1_base_fee,
        l1_blob_base_fee: config.l1_blob_base_fee,
        exec_scalar: scalars.exec_scalar,
        blob_scalar: scalars.blob_scalar,
        accounts: funded.map(|(address, _)| FundedAccount { address: *address, balance }).collect(),
    }
}

/// What L1 keeps of the genesis block that `settings` make: what `jovay deploy` writes into
/// `Rollup`.
///
/// # Errors
/// [`NodeError::Store`]: an account is there twice.
pub fn genesis_commitment(
    l2_chain_id: u64,
    settings: &GenesisSettings,
    l1: L1Addresses,
) -> Result<GenesisCommitment, NodeError> {
    ChainStart::l2(&NodeConfig::default(), l2_chain_id, settings, Some(l1)).commitment()
}

fn code_size_max(config: &NodeConfig) -> Option<usize> {
    config.disable_code_size_limit.then_some(CODE_SIZE_UNLIMITED)
}
