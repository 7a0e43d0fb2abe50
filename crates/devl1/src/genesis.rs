//! The first block: Ethereum's rules of today from the start, its system contracts, and funded
//! accounts.

use std::collections::BTreeMap;

use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::U256;
use jovay_evm::genesis::ethereum_alloc;
use jovay_node::DEV_ACCOUNTS;

use crate::DevL1Config;

/// Timestamp of the first block: 2026-01-01 00:00:00 UTC. Fixed, so that the same settings always
/// have the same genesis hash, and a chain on disk can be opened again.
pub(crate) const GENESIS_TIMESTAMP: u64 = 1_767_225_600;

/// The genesis of a chain with `config`.
pub(crate) fn genesis(config: &DevL1Config) -> Genesis {
    let contracts = ethereum_alloc().into_iter().map(|entry| {
        let storage = entry.slots.iter().map(|(slot, value)| ((*slot).into(), (*value).into()));
        let account = GenesisAccount {
            nonce: Some(entry.account.nonce),
            balance: entry.account.balance,
            code: Some(entry.code.clone()),
            storage: Some(storage.collect()),
            ..GenesisAccount::default()
        };
        (entry.address, account)
    });
    let balance = U256::from(config.balance) * U256::from(10).pow(U256::from(18));
    let funded = DEV_ACCOUNTS
        .iter()
        .take(config.accounts)
        .map(|(address, _)| (*address, GenesisAccount { balance, ..GenesisAccount::default() }));
    Genesis {
        config: rules(config.chain_id),
        timestamp: GENESIS_TIMESTAMP,
        gas_limit: config.gas_limit,
        alloc: contracts.chain(funded).collect(),
        ..Genesis::default()
    }
}

/// Osaka with the blob parameters of BPO2 (EIP-7892), those of the main network since 2026-01-07.
fn rules(chain_id: u64) -> ChainConfig {
    let start = Some(0);
    let blobs = [
        ("cancun", BlobParams::cancun()),
        ("prague", BlobParams::prague()),
        ("osaka", BlobParams::osaka()),
        ("bpo1", BlobParams::bpo1()),
        ("bpo2", BlobParams::bpo2()),
    ];
    let blob_schedule: BTreeMap<_, _> =
        blobs.into_iter().map(|(fork, params)| (fork.to_owned(), params)).collect();
    ChainConfig {
        chain_id,
        homestead_block: start,
        eip150_block: start,
        eip155_block: start,
        eip158_block: start,
        byzantium_block: start,
        constantinople_block: start,
        petersburg_block: start,
        istanbul_block: start,
        muir_glacier_block: start,
        berlin_block: start,
        london_block: start,
        arrow_glacier_block: start,
        gray_glacier_block: start,
        shanghai_time: start,
        cancun_time: start,
        prague_time: start,
        osaka_time: start,
        bpo1_time: start,
        bpo2_time: start,
        terminal_total_difficulty: Some(U256::ZERO),
        terminal_total_difficulty_passed: true,
        blob_schedule,
        ..ChainConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use jovay_evm::{ChainSpec, Fork};

    use super::*;

    #[test]
    fn the_rules_are_those_of_the_main_network() {
        let spec = ChainSpec::from_genesis(&genesis(&DevL1Config::default()));
        assert_eq!(spec.fork(0, GENESIS_TIMESTAMP), Fork::Osaka);
        // EIP-7892 and its schedule for the main network: target 14, most 21, six a transaction.
        let blobs = spec.blob_params(GENESIS_TIMESTAMP).unwrap_or(BlobParams::cancun());
        assert_eq!((blobs.target_blob_count, blobs.max_blob_count), (14, 21));
        assert_eq!((blobs.update_fraction, blobs.max_blobs_per_tx), (11_684_671, 6));
        // EIP-7918.
        assert_eq!(blobs.blob_base_cost, 8_192);
    }
}
