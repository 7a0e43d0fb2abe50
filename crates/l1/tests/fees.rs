//! Fees against values that others computed.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_eips::eip7840::BlobParams;
use jovay_l1::fees::{BlobSchedule, FeeState, Load};
use serde_json::Value;

fn state(gas_limit: u64, gas_used: u64, base_fee: u64) -> FeeState {
    FeeState {
        number: 1,
        timestamp: 1,
        gas_limit,
        gas_used,
        base_fee,
        excess_blob_gas: 0,
        blob_gas_used: 0,
    }
}

/// go-ethereum, `TestCalcBaseFee`.
#[test]
fn base_fees_of_go_ethereum() {
    let cases = [
        (20_000_000, 10_000_000, 1_000_000_000),
        (20_000_000, 9_000_000, 987_500_000),
        (20_000_000, 11_000_000, 1_012_500_000),
    ];
    for (gas_limit, gas_used, expected) in cases {
        assert_eq!(state(gas_limit, gas_used, 1_000_000_000).next_base_fee(), expected);
    }
}

/// What a relayer of the same chain had wrong, with a test that repeated the mistake.
#[test]
fn below_the_target_the_fee_falls_and_above_it_rises() {
    let mut last = 0;
    for gas_used in (0..=30_000_000).step_by(1_000_000) {
        let next = state(30_000_000, gas_used, 50_000_000_000).next_base_fee();
        assert_eq!(next < 50_000_000_000, gas_used < 15_000_000, "{gas_used}");
        assert_eq!(next > 50_000_000_000, gas_used > 15_000_000, "{gas_used}");
        assert!(next > last, "{gas_used}");
        last = next;
    }
    // EIP-1559: an eighth at most, either way.
    assert_eq!(state(30_000_000, 0, 80).next_base_fee(), 70);
    assert_eq!(state(30_000_000, 30_000_000, 80).next_base_fee(), 90);
}

/// go-ethereum, `TestCalcBlobFee`: Cancun's update fraction.
#[test]
fn blob_fees_of_go_ethereum() {
    let schedule = BlobSchedule::constant(BlobParams::cancun());
    let cases = [(0, 1), (2_314_057, 1), (2_314_058, 2), (10 << 20, 23)];
    for (excess_blob_gas, expected) in cases {
        let state = FeeState { excess_blob_gas, ..state(30_000_000, 0, 1) };
        assert_eq!(state.blob_base_fee(&schedule), expected, "{excess_blob_gas}");
    }
}

/// Dates and parameters as the Ethereum Foundation announced them.
#[test]
fn public_networks_follow_their_schedule() {
    let blobs = |chain, time| {
        let params = BlobSchedule::of_chain(chain).unwrap().at(time);
        (params.target_blob_count, params.max_blob_count)
    };
    // Mainnet: Pectra 2025-05-07 10:05:11, Fusaka 2025-12-03 21:49:11, BPO1 2025-12-09 14:21:11,
    // BPO2 2026-01-07 01:01:11 (UTC).
    assert_eq!(blobs(1, 1_746_612_310), (3, 6));
    assert_eq!(blobs(1, 1_746_612_311), (6, 9));
    assert_eq!(blobs(1, 1_764_798_551), (6, 9));
    assert_eq!(blobs(1, 1_765_290_070), (6, 9));
    assert_eq!(blobs(1, 1_765_290_071), (10, 15));
    assert_eq!(blobs(1, 1_767_747_671), (14, 21));
    assert_eq!(blobs(11_155_111, 1_761_607_008), (14, 21));
    assert_eq!(blobs(17_000, 1_759_800_000), (10, 15));
    assert_eq!(blobs(560_048, 1_762_365_719), (6, 9));
    assert!(BlobSchedule::of_chain(31_337).is_none());
    // The reserve price and six blobs a transaction begin with Osaka.
    let mainnet = BlobSchedule::of_chain(1).unwrap();
    assert_eq!(mainnet.at(1_764_798_550).blob_base_cost, 0);
    assert_eq!(mainnet.at(1_764_798_551).blob_base_cost, 8_192);
    assert_eq!(mainnet.at(1_767_747_671).max_blobs_per_tx, 6);
}

#[test]
fn nonsense_is_no_schedule() {
    let wrong = [
        BlobParams { target_blob_count: 10, ..BlobParams::osaka() },
        BlobParams { max_blob_count: 0, target_blob_count: 0, ..BlobParams::osaka() },
        BlobParams { update_fraction: 0, ..BlobParams::osaka() },
        BlobParams { max_blob_count: u64::MAX, ..BlobParams::osaka() },
    ];
    for params in wrong {
        assert!(BlobSchedule::new(vec![(0, params)]).is_none(), "{params:?}");
    }
    assert!(BlobSchedule::new(Vec::new()).is_none());
}

/// The worst case bounds every other, and is an eighth a block.
#[test]
fn full_blocks_are_the_worst_case() {
    let schedule = BlobSchedule::constant(BlobParams::bpo2());
    let busy = FeeState {
        excess_blob_gas: 100_000_000,
        blob_gas_used: 21 << 17,
        ..state(60_000_000, 60_000_000, 1_000_000_000)
    };
    let idle = FeeState { gas_used: 0, blob_gas_used: 0, ..busy };
    for blocks in 1..10 {
        let worst = busy.ahead(&schedule, blocks, Load::Full);
        for other in [
            busy.ahead(&schedule, blocks, Load::Target),
            idle.ahead(&schedule, blocks, Load::AsLast),
            idle.ahead(&schedule, blocks, Load::Full),
        ] {
            assert!(worst.0 >= other.0 && worst.1 >= other.1, "{blocks}: {worst:?} {other:?}");
        }
    }
    assert_eq!(busy.ahead(&schedule, 3, Load::Full).0, 1_423_828_125);
}

/// A bundle of Ethereum's blockchain tests, in the folder `JOVAY_FIXTURES`, or else in
/// `../shared/fixtures` beside the repository.
const ARCHIVE: &str = "eest-v5.4.0-blockchain.tar.xz";

fn fixtures() -> Option<tempfile::TempDir> {
    let folder = std::env::var_os("JOVAY_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let archive = folder.join(ARCHIVE);
    if !archive.exists() {
        eprintln!("\n!!! SKIPPED: no {} (set JOVAY_FIXTURES) !!!\n", archive.display());
        return None;
    }
    let to = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    let tar = tar.arg("-xJf").arg(&archive).arg("-C").arg(to.path());
    let status = tar.status().unwrap();
    assert!(status.success(), "tar failed on {}", archive.display());
    Some(to)
}

fn number(value: &Value) -> u64 {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    u64::from_str_radix(digits, 16).unwrap()
}

fn header(value: &Value) -> FeeState {
    let field = |name: &str| value.get(name).map_or(0, number);
    FeeState {
        number: field("number"),
        timestamp: field("timestamp"),
        gas_limit: field("gasLimit"),
        gas_used: field("gasUsed"),
        base_fee: field("baseFeePerGas"),
        excess_blob_gas: field("excessBlobGas"),
        blob_gas_used: field("blobGasUsed"),
    }
}

/// The schedule of a case. Its forks are at its start, but for `AToBAtTime15k`.
fn schedule(case: &Value) -> Option<BlobSchedule> {
    let network = case["network"].as_str().unwrap();
    let (first, second) = match network.strip_suffix("AtTime15k") {
        Some(names) => names.split_once("To").map(|(first, second)| (first, Some(second)))?,
        None => (network, None),
    };
    let params = |fork: &str| {
        let entry = case["config"]["blobSchedule"].get(fork)?;
        let is_osaka = fork == "Osaka" || fork.starts_with("BPO");
        Some(BlobParams {
            target_blob_count: number(&entry["target"]),
            max_blob_count: number(&entry["max"]),
            update_fraction: number(&entry["baseFeeUpdateFraction"]).into(),
            ..if is_osaka { BlobParams::osaka() } else { BlobParams::prague() }
        })
    };
    let mut entries = vec![(0, params(first)?)];
    if let Some(second) = second {
        entries.push((15_000, params(second)?));
    }
    BlobSchedule::new(entries)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

/// Every valid block of Ethereum's own tests has the fees that its parent foretells.
#[test]
fn headers_of_ethereums_tests() {
    let Some(folder) = fixtures() else { return };
    let mut paths = Vec::new();
    files(folder.path(), &mut paths);
    let (mut pairs, mut reserve, mut transitions) = (0, 0, 0);
    for path in paths {
        let cases: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (name, case) in cases.as_object().unwrap() {
            let Some(schedule) = schedule(case) else { continue };
            let mut parent = header(&case["genesisBlockHeader"]);
            for block in case["blocks"].as_array().unwrap() {
                let Some(child) = block.get("blockHeader") else { continue };
                let child = header(child);
                assert_eq!(parent.next_base_fee(), child.base_fee, "{name}");
                let excess = parent.next_excess_blob_gas(&schedule, child.timestamp);
                assert_eq!(excess, child.excess_blob_gas, "{name}");
                pairs += 1;
                reserve += u32::from(name.contains("reserve_price"));
                transitions += u32::from(name.contains("bpo_transition"));
                parent = child;
            }
        }
    }
    println!("{pairs} pairs of headers, {reserve} at the reserve price, {transitions} over a fork");
    assert!(pairs > 7_000 && reserve >= 30 && transitions >= 1, "{pairs} {reserve} {transitions}");
}
