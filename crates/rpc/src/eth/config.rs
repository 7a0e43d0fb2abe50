//! `eth_config` (EIP-7910): the forks that are and will be in force.

use std::collections::BTreeMap;

use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use alloy_primitives::{Address, B256, U64};
use jovay_evm::Fork;
use serde_json::{Value, json};

use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_config", "Rules of the current, the next and the last fork (EIP-7910).")
            .returns("config", schema::object())
            .light(config),
    ]
}

fn config(context: &Context, _: &Params<'_>) -> Result<Value, RpcError> {
    let latest = context.require_block(Default::default())?;
    let now = latest.header.timestamp;
    let times = context.chain.spec().forks.change_times();
    let current = times.iter().rev().find(|at| **at <= now).copied();
    let next = times.iter().find(|at| **at > now).copied();
    let last = times.last().copied().filter(|at| *at > now);
    let shown = |at: Option<u64>| at.map(|at| at_time(context, at)).transpose();
    Ok(json!({
        "current": at_time(context, current.unwrap_or(0))?,
        "next": shown(next)?,
        "last": shown(last)?,
    }))
}

fn at_time(context: &Context, time: u64) -> Result<Value, RpcError> {
    let spec = context.chain.spec();
    // Forks by timestamp come after all forks by block number.
    let fork = spec.fork(u64::MAX, time);
    let blobs = spec.blob_params(time).map(|blobs| {
        json!({
            "target": blobs.target_blob_count,
            "max": blobs.max_blob_count,
            "baseFeeUpdateFraction": blobs.update_fraction,
        })
    });
    Ok(json!({
        "activationTime": time,
        "blobSchedule": blobs,
        "chainId": U64::from(spec.chain_id),
        "forkId": fork_id(context, time)?,
        "precompiles": precompiles(fork),
        "systemContracts": system_contracts(context, fork),
    }))
}

/// The fork hash of EIP-6122: CRC-32 over the genesis hash and all changes up to `time`.
fn fork_id(context: &Context, time: u64) -> Result<String, RpcError> {
    let genesis: B256 = context.chain.block_hash(0)?.ok_or_else(RpcError::header_not_found)?;
    let forks = &context.chain.spec().forks;
    let mut changes: Vec<u64> = BLOCK_FORKS.iter().filter_map(|at| forks.block_of(*at)).collect();
    changes.sort_unstable();
    changes.dedup();
    changes.extend(forks.change_times().into_iter().filter(|at| *at <= time));
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(genesis.as_slice());
    for at in changes.into_iter().filter(|at| *at > 0) {
        hasher.update(&at.to_be_bytes());
    }
    Ok(format!("{:#010x}", hasher.finalize()))
}

/// Forks that begin at a block.
const BLOCK_FORKS: [Fork; 13] = [
    Fork::Homestead,
    Fork::TangerineWhistle,
    Fork::SpuriousDragon,
    Fork::Byzantium,
    Fork::Constantinople,
    Fork::Petersburg,
    Fork::Istanbul,
    Fork::MuirGlacier,
    Fork::Berlin,
    Fork::London,
    Fork::ArrowGlacier,
    Fork::GrayGlacier,
    Fork::Paris,
];

/// Precompiles under the names that their EIPs gave them, and the fork that brought each.
const PRECOMPILES: [(Fork, &str, u16); 18] = [
    (Fork::Frontier, "ECREC", 0x01),
    (Fork::Frontier, "SHA256", 0x02),
    (Fork::Frontier, "RIPEMD160", 0x03),
    (Fork::Frontier, "ID", 0x04),
    (Fork::Byzantium, "MODEXP", 0x05),
    (Fork::Byzantium, "BN254_ADD", 0x06),
    (Fork::Byzantium, "BN254_MUL", 0x07),
    (Fork::Byzantium, "BN254_PAIRING", 0x08),
    (Fork::Istanbul, "BLAKE2F", 0x09),
    (Fork::Cancun, "KZG_POINT_EVALUATION", 0x0a),
    (Fork::Prague, "BLS12_G1ADD", 0x0b),
    (Fork::Prague, "BLS12_G1MSM", 0x0c),
    (Fork::Prague, "BLS12_G2ADD", 0x0d),
    (Fork::Prague, "BLS12_G2MSM", 0x0e),
    (Fork::Prague, "BLS12_PAIRING_CHECK", 0x0f),
    (Fork::Prague, "BLS12_MAP_FP_TO_G1", 0x10),
    (Fork::Prague, "BLS12_MAP_FP2_TO_G2", 0x11),
    (Fork::Osaka, "P256VERIFY", 0x100),
];

fn precompiles(fork: Fork) -> BTreeMap<&'static str, Address> {
    let active = PRECOMPILES.iter().filter(|(since, ..)| *since <= fork);
    active
        .map(|(_, name, at)| {
            let mut address = Address::ZERO;
            address.0[18..].copy_from_slice(&at.to_be_bytes());
            (*name, address)
        })
        .collect()
}

/// EIP-4788's contract.
const BEACON_ROOTS: Address = eip4788::BEACON_ROOTS_ADDRESS;
/// EIP-7251's contract.
const CONSOLIDATIONS: Address = eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS;
/// EIP-7002's contract.
const WITHDRAWALS: Address = eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;

fn system_contracts(context: &Context, fork: Fork) -> BTreeMap<&'static str, Address> {
    let spec = context.chain.spec();
    let mut contracts = BTreeMap::new();
    if fork >= Fork::Prague {
        contracts.insert("HISTORY_STORAGE_ADDRESS", eip2935::HISTORY_STORAGE_ADDRESS);
    }
    // The L2 has no beacon chain: the other contracts serve it nothing.
    if spec.is_l2() {
        return contracts;
    }
    if fork >= Fork::Cancun {
        contracts.insert("BEACON_ROOTS_ADDRESS", BEACON_ROOTS);
    }
    if fork >= Fork::Prague {
        contracts.insert("CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", CONSOLIDATIONS);
        contracts.insert("DEPOSIT_CONTRACT_ADDRESS", spec.deposit_contract);
        contracts.insert("WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", WITHDRAWALS);
    }
    contracts
}
