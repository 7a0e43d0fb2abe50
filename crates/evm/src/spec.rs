//! The rules of one chain.

use alloy_eips::eip7840::BlobParams;
use alloy_genesis::Genesis;
use alloy_primitives::Address;
use revm::primitives::hardfork::SpecId;

use crate::{
    BlockEnv,
    forks::{Fork, ForkSchedule},
    predeploys::FEE_VAULT,
};

/// Chain id of a Jovay development chain.
pub const DEV_CHAIN_ID: u64 = 20_197_750;
/// Gas limit of an L2 block.
pub const L2_GAS_LIMIT: u64 = 120_000_000;
/// Default time between L2 blocks under load, in milliseconds.
pub const L2_BLOCK_TIME_MS: u64 = 200;
/// Most bytes of a contract (EIP-170).
const CODE_SIZE_MAX: usize = 24_576;
/// Lowest base fee of the L2, in wei per gas.
pub const L2_BASE_FEE_FLOOR: u64 = 1_000_000;

/// How the base fee follows the use of gas (EIP-1559).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseFeeRules {
    /// Gas limit over gas target.
    pub elasticity: u64,
    /// A block that uses `2 * target` moves the base fee by this part of itself.
    pub denominator: u64,
    /// Wei per gas below which the base fee never falls.
    pub floor: u64,
}

impl BaseFeeRules {
    /// Ethereum's.
    pub const ETHEREUM: Self = Self { elasticity: 2, denominator: 8, floor: 0 };

    /// The L2's for a block time in milliseconds: four times the target fits into a block, and
    /// full blocks for 12 seconds move the fee by about 1/8, as one full block of Ethereum does.
    ///
    /// With elasticity 4 a full block is three times the target above the target, which EIP-1559
    /// would answer with a change of `3 / denominator`; so the denominator is three times the
    /// number of blocks in 12 s times 8: 1440 at 200 ms, where a full block moves it by 1/480.
    pub const fn l2(block_time_ms: u64) -> Self {
        let blocks = 12_000 / if block_time_ms == 0 { 1 } else { block_time_ms };
        let blocks = if blocks == 0 { 1 } else { blocks };
        Self { elasticity: 4, denominator: 3 * 8 * blocks, floor: L2_BASE_FEE_FLOOR }
    }
}

/// What Jovay's own chain does differently from Ethereum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L2Rules {
    /// Receives base fee, tips and L1 data fees; the beneficiary of every block.
    pub fee_vault: Address,
    /// Whether the EIP-2935 write waits for the parent's hash until the block is sealed.
    pub lazy_parent_hash: bool,
}

impl Default for L2Rules {
    fn default() -> Self {
        Self { fee_vault: FEE_VAULT, lazy_parent_hash: true }
    }
}

/// The rules of one chain: its id, its forks, its fees, and whether it is the L2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// When each fork begins.
    pub forks: ForkSchedule,
    /// How the base fee moves.
    pub base_fee: BaseFeeRules,
    /// Base fee of the first block that has one, in wei per gas.
    pub initial_base_fee: u64,
    /// Ethereum's deposit contract (EIP-6110).
    pub deposit_contract: Address,
    /// Most bytes of a contract; `None` for EIP-170's. Init code may be twice as long (EIP-3860).
    pub code_size_max: Option<usize>,
    /// Whether accounts with code may send transactions, against EIP-3607: on development chains,
    /// where contracts are impersonated.
    pub code_senders: bool,
    /// Set on Jovay's own chain, not on Ethereum's.
    pub l2: Option<L2Rules>,
}

impl ChainSpec {
    /// An Ethereum chain described by a genesis file in geth's format.
    pub fn from_genesis(genesis: &Genesis) -> Self {
        Self {
            forks: ForkSchedule::from_config(&genesis.config),
            deposit_contract: genesis
                .config
                .deposit_contract_address
                .unwrap_or(alloy_eips::eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS),
            ..Self::ethereum(genesis.config.chain_id, Fork::Frontier)
        }
    }

    /// An Ethereum chain on which every fork up to `fork` holds from genesis.
    pub fn ethereum(chain_id: u64, fork: Fork) -> Self {
        Self {
            chain_id,
            forks: ForkSchedule::all_at_genesis(fork),
            base_fee: BaseFeeRules::ETHEREUM,
            initial_base_fee: alloy_eips::eip1559::INITIAL_BASE_FEE,
            deposit_contract: alloy_eips::eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            code_size_max: None,
            code_senders: false,
            l2: None,
        }
    }

    /// Jovay's own chain: Osaka from genesis, [`L2Rules`], 200 ms blocks.
    pub fn l2(chain_id: u64) -> Self {
        Self {
            base_fee: BaseFeeRules::l2(L2_BLOCK_TIME_MS),
            initial_base_fee: L2_BASE_FEE_FLOOR,
            l2: Some(L2Rules::default()),
            ..Self::ethereum(chain_id, Fork::Osaka)
        }
    }

    /// Whether this is Jovay's own chain.
    pub const fn is_l2(&self) -> bool {
        self.l2.is_some()
    }

    /// Most bytes of init code (EIP-3860).
    pub fn initcode_size_max(&self) -> usize {
        self.code_size_max.unwrap_or(CODE_SIZE_MAX).saturating_mul(2)
    }

    /// The fork at `number` and `timestamp`; see [`ForkSchedule::fork`] for the merge.
    pub fn fork(&self, number: u64, timestamp: u64) -> Fork {
        self.forks.fork(number, timestamp, false)
    }

    /// The fork that `env` executes under; a zero difficulty tells a merged block.
    pub fn fork_of(&self, env: &BlockEnv) -> Fork {
        self.forks.fork(env.number, env.timestamp, env.difficulty.is_zero() && env.number > 0)
    }

    /// The fork of a header.
    pub fn fork_of_header(&self, header: &alloy_consensus::Header) -> Fork {
        let merged = header.difficulty.is_zero() && header.number > 0;
        self.forks.fork(header.number, header.timestamp, merged)
    }

    /// The EVM rules at `number` and `timestamp`.
    pub fn spec_id(&self, number: u64, timestamp: u64) -> SpecId {
        self.fork(number, timestamp).spec_id()
    }

    /// The blob parameters at `timestamp`; `None` before Cancun.
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        self.forks.blob_params(timestamp)
    }
}
