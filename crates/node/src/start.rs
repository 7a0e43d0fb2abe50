//! What a chain starts from: its rules, its first header and its first state.

use std::path::Path;
use std::sync::Arc;

use alloy_genesis::Genesis as GenesisFile;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use jovay_evm::ChainSpec;
use jovay_evm::genesis::{L2GenesisConfig, l2_alloc};
use jovay_storage::{Genesis, GenesisAccount};
use jovay_types::{Account, EMPTY_CODE_HASH};

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
}

impl ChainStart {
    /// What `config` asks for: its genesis file, or Jovay's own chain with funded accounts.
    ///
    /// # Errors
    /// The genesis file cannot be read or is malformed.
    pub fn new(config: &NodeConfig) -> Result<Self, NodeError> {
        if config.genesis.is_empty() { Ok(Self::built_in(config)) } else { Self::from_file(config) }
    }

    /// Whether blocks are only sealed on demand: those of an imported Ethereum chain are made by
    /// its validators, so what is imported stays as it is.
    pub(crate) fn no_mining(&self, config: &NodeConfig) -> bool {
        config.no_mining || (!self.spec.is_l2() && !config.import.is_empty())
    }

    fn built_in(config: &NodeConfig) -> Self {
        let mut spec = ChainSpec::l2(config.chain_id);
        spec.code_size_max = code_size_max(config);
        spec.code_senders = true;
        let (operator, _) = DEV_ACCOUNTS[0];
        let predeploys = l2_alloc(&L2GenesisConfig {
            owner: operator,
            feeder: operator,
            fee_recipient: operator,
            fee_withdrawers: vec![operator],
            l1_base_fee: config.l1_base_fee,
            l1_blob_base_fee: config.l1_blob_base_fee,
            ..Default::default()
        });
        let balance = U256::from(config.balance) * U256::from(10).pow(U256::from(18));
        let funded = DEV_ACCOUNTS.iter().take(config.accounts).map(|(address, _)| GenesisAccount {
            address: *address,
            account: Account { balance, ..Account::default() },
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
            timestamp: GENESIS_TIMESTAMP,
            gas_limit: config.gas_limit,
            coinbase: spec.l2.as_ref().map_or(Address::ZERO, |rules| rules.fee_vault),
            ..Default::default()
        };
        let header = spec.genesis_header(&file, B256::ZERO);
        let alloc = predeploys.chain(funded).collect();
        Self { spec: Arc::new(spec), genesis: Genesis { header, alloc } }
    }

    fn from_file(config: &NodeConfig) -> Result<Self, NodeError> {
        let path = Path::new(&config.genesis);
        let text = std::fs::read_to_string(path)
            .map_err(|source| NodeError::Read { path: path.into(), source })?;
        let file: GenesisFile = serde_json::from_str(&text).map_err(|error| {
            NodeError::Genesis { path: path.into(), message: error.to_string() }
        })?;
        let mut spec = ChainSpec::from_genesis(&file);
        spec.code_size_max = code_size_max(config);
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
        Ok(Self { spec: Arc::new(spec), genesis: Genesis { header, alloc } })
    }
}

fn code_size_max(config: &NodeConfig) -> Option<usize> {
    config.disable_code_size_limit.then_some(CODE_SIZE_UNLIMITED)
}
