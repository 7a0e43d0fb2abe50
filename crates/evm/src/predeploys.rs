//! Addresses of the contracts that the L2 has from genesis.

use alloy_primitives::{Address, U256, address};

/// The chain's own voice: sets the L1 addresses of the mailbox and the bridge, once. Messages from L1
/// come from the alias of the L1 mailbox, not from here.
pub const RELAYER_ALIAS: Address = address!("5100000000000000000000000000000000000000");
/// `L2Mailbox`: messages between the layers.
pub const L2_MAILBOX: Address = address!("6100000000000000000000000000000000000000");
/// `L2Bridge`: tokens from L1 and back.
pub const L2_BRIDGE: Address = address!("6200000000000000000000000000000000000000");
/// The template of the twins of ERC-20 tokens.
pub const TWIN_ERC20: Address = address!("6200000000000000000000000000000000000020");
/// The template of the twins of ERC-721 tokens.
pub const TWIN_ERC721: Address = address!("6200000000000000000000000000000000000021");
/// The template of the twins of ERC-1155 tokens.
pub const TWIN_ERC1155: Address = address!("6200000000000000000000000000000000000022");
/// `L2CoinBase`: receives all fees; the beneficiary of every block.
pub const FEE_VAULT: Address = address!("7100000000000000000000000000000000000000");
/// `L1GasOracle`: L1's gas prices, from which the L1 data fee follows.
pub const L1_GAS_ORACLE: Address = address!("8100000000000000000000000000000000000000");
/// The EIP-2935 contract that keeps the hashes of the last 8191 blocks.
pub const HISTORY_STORAGE: Address = alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;

/// `L1GasOracle` slot of L1's base fee, in wei per gas.
pub const L1_BASE_FEE_SLOT: U256 = U256::ZERO;
/// `L1GasOracle` slot of L1's blob base fee, in wei per blob gas.
pub const L1_BLOB_BASE_FEE_SLOT: U256 = U256::from_limbs([1, 0, 0, 0]);
/// `L1GasOracle` slot of the scalars: `execScalar` in the low 64 bits, `blobScalar` in the next.
pub const L1_FEE_SCALARS_SLOT: U256 = U256::from_limbs([2, 0, 0, 0]);
