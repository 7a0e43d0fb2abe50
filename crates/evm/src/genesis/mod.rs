//! What the L2 has before its first block: the predeploys with their code and storage.
//!
//! Code comes from `contracts/artifacts`, which is checked against the Solidity sources; where
//! each piece comes from is in `contracts/PREDEPLOYS.md`.

mod code;
mod config;

use alloc::{vec, vec::Vec};

use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
};
use alloy_primitives::{Address, Bytes, U256, address, keccak256};
use jovay_types::Account;

use crate::predeploys::{
    FEE_VAULT, L1_GAS_ORACLE, L2_BRIDGE, L2_MAILBOX, TWIN_ERC20, TWIN_ERC721, TWIN_ERC1155,
};
pub use config::L2GenesisConfig;

/// Ether as an ERC-20 token, where OP-stack chains have it.
pub const WETH: Address = address!("4200000000000000000000000000000000000006");
/// Multicall3, where every chain has it.
pub const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");
/// The deterministic CREATE2 factory, where every chain has it.
pub const CREATE2_FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// `L2Mailbox` slot of the message tree's root.
pub const MESSAGE_ROOT_SLOT: U256 = U256::ZERO;
/// `L2Mailbox` slot of the number of messages sent to L1.
pub const MESSAGE_COUNT_SLOT: U256 = U256::from_limbs([1, 0, 0, 0]);
/// `L2Mailbox` slot of the mailbox's address on L1.
pub const L1_MAILBOX_SLOT: U256 = U256::from_limbs([42, 0, 0, 0]);
/// `L2Bridge` slot of the bridge's address on L1.
pub const L1_BRIDGE_SLOT: U256 = U256::ZERO;

/// An account that exists before the first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Where.
    pub address: Address,
    /// Nonce, balance and code hash.
    pub account: Account,
    /// Storage: slot and value, by ascending slot, no value zero.
    pub slots: Vec<(U256, U256)>,
    /// The code whose hash `account` holds.
    pub code: Bytes,
}

impl GenesisAccount {
    /// A contract without balance. Zero values are left out of `slots`, since zero means absent.
    fn contract(address: Address, code: Bytes, mut slots: Vec<(U256, U256)>) -> Self {
        slots.retain(|(_, value)| !value.is_zero());
        slots.sort_unstable();
        // EIP-161: a contract starts with nonce 1.
        let account = Account { nonce: 1, balance: U256::ZERO, code_hash: keccak256(&code) };
        Self { address, account, slots, code }
    }
}

/// The predeploys of an L2 with the given settings, by ascending address.
///
/// Prefunded accounts are not among them.
pub fn l2_alloc(config: &L2GenesisConfig) -> Vec<GenesisAccount> {
    let mut accounts = vec![
        GenesisAccount::contract(L2_MAILBOX, code::l2_mailbox(), config.mailbox_slots()),
        GenesisAccount::contract(L2_BRIDGE, code::l2_bridge(), config.bridge_slots()),
        GenesisAccount::contract(TWIN_ERC20, code::twin_erc20(), vec![]),
        GenesisAccount::contract(TWIN_ERC721, code::twin_erc721(), vec![]),
        GenesisAccount::contract(TWIN_ERC1155, code::twin_erc1155(), vec![]),
        GenesisAccount::contract(FEE_VAULT, code::l2_coin_base(), config.coin_base_slots()),
        GenesisAccount::contract(L1_GAS_ORACLE, code::l1_gas_oracle(), config.oracle_slots()),
        GenesisAccount::contract(WETH, code::weth(), vec![]),
        GenesisAccount::contract(MULTICALL3, code::multicall3(), vec![]),
        GenesisAccount::contract(CREATE2_FACTORY, code::create2_factory(), vec![]),
    ];
    accounts.extend(system_contracts());
    accounts.sort_unstable_by_key(|entry| entry.address);
    accounts
}

/// The contracts that Ethereum's own rules call at the start of a block: EIP-2935's block hashes
/// and EIP-4788's beacon roots.
pub fn system_contracts() -> [GenesisAccount; 2] {
    [
        GenesisAccount::contract(HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone(), vec![]),
        GenesisAccount::contract(BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE.clone(), vec![]),
    ]
}

/// What a development Ethereum has before its first block, by ascending address: the contracts of
/// Ethereum's own rules, those of EIP-7002 and EIP-7251 among them, and the two that every chain
/// has, the CREATE2 factory and Multicall3. Prefunded accounts are not among them.
pub fn ethereum_alloc() -> Vec<GenesisAccount> {
    let requests = [
        (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone()),
        (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone()),
    ];
    let mut accounts: Vec<_> = requests
        .into_iter()
        .map(|(address, code)| GenesisAccount::contract(address, code, vec![]))
        .collect();
    accounts.push(GenesisAccount::contract(CREATE2_FACTORY, code::create2_factory(), vec![]));
    accounts.push(GenesisAccount::contract(MULTICALL3, code::multicall3(), vec![]));
    accounts.extend(system_contracts());
    accounts.sort_unstable_by_key(|entry| entry.address);
    accounts
}

#[cfg(test)]
mod tests;
