//! Chain rules by the names that the fixtures use.

use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, Genesis};
use alloy_primitives::U256;
use jovay_evm::ChainSpec;

use crate::fixture::ConfigFixture;

/// Forks in order, with their other names.
const FORKS: [&[&str]; 24] = [
    &["Frontier"],
    &["Homestead"],
    &["EIP150", "TangerineWhistle"],
    &["EIP158", "SpuriousDragon"],
    &["Byzantium"],
    &["Constantinople"],
    &["ConstantinopleFix", "Petersburg"],
    &["Istanbul"],
    &["MuirGlacier"],
    &["Berlin"],
    &["London"],
    &["ArrowGlacier"],
    &["GrayGlacier"],
    &["Paris", "Merge"],
    &["Shanghai"],
    &["Cancun"],
    &["Prague"],
    &["Osaka"],
    &["BPO1"],
    &["BPO2"],
    &["BPO3"],
    &["BPO4"],
    &["BPO5"],
    &["DAO"],
];
const PARIS: usize = 13;

/// The rules of `network`: a fork (`Osaka`) or a change between two (`OsakaToBPO1AtTime15k`).
pub(crate) fn chain_spec(network: &str, config: &ConfigFixture) -> Result<ChainSpec, String> {
    let unknown = || format!("unknown network {network}");
    let mut chain =
        ChainConfig { chain_id: config.chainid.map_or(1, |id| id.to()), ..ChainConfig::default() };
    match network.split_once("To") {
        Some((first, rest)) => {
            let (second, at) = rest.split_once("At").ok_or_else(unknown)?;
            start(&mut chain, position(first).ok_or_else(unknown)?);
            let from = position(first).ok_or_else(unknown)? + 1;
            let to = position(second).ok_or_else(unknown)?;
            for fork in from..=to {
                activate(&mut chain, fork, parse_at(at).ok_or_else(unknown)?);
            }
        }
        None => start(&mut chain, position(network).ok_or_else(unknown)?),
    }
    blob_schedule(&mut chain, config);
    Ok(ChainSpec::from_genesis(&Genesis { config: chain, ..Genesis::default() }))
}

fn position(name: &str) -> Option<usize> {
    FORKS.iter().position(|names| names.contains(&name))
}

fn start(chain: &mut ChainConfig, last: usize) {
    for fork in 0..=last {
        activate(chain, fork, 0);
    }
}

/// `5`, `Time15k` or `DiffC0000`.
fn parse_at(at: &str) -> Option<u64> {
    if let Some(hex) = at.strip_prefix("Diff") {
        return u64::from_str_radix(hex, 16).ok();
    }
    let at = at.strip_prefix("Time").unwrap_or(at);
    match at.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000),
        None => at.parse().ok(),
    }
}

fn activate(chain: &mut ChainConfig, fork: usize, at: u64) {
    if fork == PARIS {
        chain.terminal_total_difficulty = Some(U256::from(at));
        return;
    }
    let field = match FORKS[fork][0] {
        "Homestead" => &mut chain.homestead_block,
        "EIP150" => &mut chain.eip150_block,
        "EIP158" => &mut chain.eip158_block,
        "Byzantium" => &mut chain.byzantium_block,
        "Constantinople" => &mut chain.constantinople_block,
        "ConstantinopleFix" => &mut chain.petersburg_block,
        "Istanbul" => &mut chain.istanbul_block,
        "MuirGlacier" => &mut chain.muir_glacier_block,
        "Berlin" => &mut chain.berlin_block,
        "London" => &mut chain.london_block,
        "ArrowGlacier" => &mut chain.arrow_glacier_block,
        "GrayGlacier" => &mut chain.gray_glacier_block,
        "Shanghai" => &mut chain.shanghai_time,
        "Cancun" => &mut chain.cancun_time,
        "Prague" => &mut chain.prague_time,
        "Osaka" => &mut chain.osaka_time,
        "BPO1" => &mut chain.bpo1_time,
        "BPO2" => &mut chain.bpo2_time,
        "BPO3" => &mut chain.bpo3_time,
        "BPO4" => &mut chain.bpo4_time,
        "BPO5" => &mut chain.bpo5_time,
        _ => return,
    };
    *field = Some(at);
}

fn blob_schedule(chain: &mut ChainConfig, config: &ConfigFixture) {
    let defaults = [("bpo1", BlobParams::bpo1()), ("bpo2", BlobParams::bpo2())];
    for (name, params) in defaults {
        chain.blob_schedule.insert(name.into(), params);
    }
    for (name, params) in &config.blob_schedule {
        let params = BlobParams {
            target_blob_count: params.target.to(),
            max_blob_count: params.max.to(),
            update_fraction: u128::from(params.base_fee_update_fraction.to::<u64>()),
            max_blobs_per_tx: params.max.to(),
            ..BlobParams::cancun()
        };
        chain.blob_schedule.insert(name.to_lowercase(), params);
    }
}
