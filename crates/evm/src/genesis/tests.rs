#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use alloy_primitives::{B256, b256, hex};

use super::*;

fn contracts_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../contracts")
}

fn entry(alloc: &[GenesisAccount], address: Address) -> &GenesisAccount {
    alloc.iter().find(|entry| entry.address == address).unwrap()
}

/// The text of the string field `name` in a JSON artifact.
fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let start = json.find(&format!("\"{name}\": \"")).unwrap() + name.len() + 5;
    &json[start..start + json[start..].find('"').unwrap()]
}

/// The slot of a variable in a committed storage layout.
fn layout_slot(contract: &str, label: &str) -> U256 {
    let json =
        fs::read_to_string(contracts_dir().join(format!("storage/{contract}.json"))).unwrap();
    let at = json.find(&format!("\"label\": \"{label}\"")).unwrap();
    let slot = json[..at].rfind("\"slot\": \"").unwrap();
    field(&json[slot..], "slot").parse().unwrap()
}

#[test]
fn code_is_the_artifacts_deployed_code() {
    let alloc = l2_alloc(&L2GenesisConfig::default());
    for (name, address) in [
        ("L2Mailbox", L2_MAILBOX),
        ("L2Bridge", L2_BRIDGE),
        ("TwinERC20", TWIN_ERC20),
        ("TwinERC721", TWIN_ERC721),
        ("TwinERC1155", TWIN_ERC1155),
        ("L2CoinBase", FEE_VAULT),
        ("L1GasOracle", L1_GAS_ORACLE),
        ("WETH", WETH),
    ] {
        let json =
            fs::read_to_string(contracts_dir().join(format!("artifacts/{name}.json"))).unwrap();
        let code = hex::decode(field(&json, "deployedBytecode")).unwrap();
        assert_eq!(entry(&alloc, address).code, code, "{name}");
    }
}

#[test]
fn published_code_is_what_others_have() {
    let alloc = l2_alloc(&L2GenesisConfig::default());
    let hash = |address| entry(&alloc, address).account.code_hash;
    // Of the account at this address on a chain of anvil 1.7.1, and on Ethereum.
    let factory = b256!("2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
    assert_eq!(hash(CREATE2_FACTORY), factory);
    // Of what viem's creation code leaves behind.
    let multicall = b256!("5a29a1eb2f59e45e4249b938c8192cac0d2bd32398e1afa03f302a867db692ea");
    assert_eq!(hash(MULTICALL3), multicall);
}

#[test]
fn entries_are_sorted_and_complete() {
    let alloc = l2_alloc(&L2GenesisConfig { owner: WETH, ..Default::default() });
    assert_eq!(alloc.len(), 12);
    check_entries(&alloc);
    let ethereum = ethereum_alloc();
    assert_eq!(ethereum.len(), 6);
    check_entries(&ethereum);
    // Of the accounts at these addresses on Ethereum.
    let hash = |address| entry(&ethereum, address).account.code_hash;
    let beacon_roots = b256!("f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c");
    assert_eq!(hash(BEACON_ROOTS_ADDRESS), beacon_roots);
    let history = b256!("6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d");
    assert_eq!(hash(HISTORY_STORAGE_ADDRESS), history);
}

fn check_entries(alloc: &[GenesisAccount]) {
    assert!(alloc.windows(2).all(|pair| pair[0].address < pair[1].address));
    for entry in alloc {
        assert!(!entry.code.is_empty());
        assert_eq!(entry.account.code_hash, keccak256(&entry.code));
        assert_eq!(entry.account.nonce, 1);
        assert!(entry.slots.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(entry.slots.iter().all(|(_, value)| !value.is_zero()));
    }
}

#[test]
fn storage_is_where_the_layout_has_it() {
    let config = L2GenesisConfig {
        owner: Address::repeat_byte(1),
        feeder: Address::repeat_byte(2),
        fee_recipient: Address::repeat_byte(3),
        fee_withdrawers: vec![Address::repeat_byte(4), Address::repeat_byte(4)],
        fee_withdrawal_min: U256::from(5),
        l1_mailbox: Some(Address::repeat_byte(6)),
        l1_bridge: Some(Address::repeat_byte(11)),
        l1_base_fee: 7,
        l1_blob_base_fee: 8,
        exec_scalar: 9,
        blob_scalar: 10,
    };
    let alloc = l2_alloc(&config);
    let value = |contract: &str, address, label: &str| {
        let slot = layout_slot(contract, label);
        let slots = &entry(&alloc, address).slots;
        slots.iter().find(|(key, _)| *key == slot).unwrap().1
    };
    let word = |byte| U256::from_be_slice(Address::repeat_byte(byte).as_slice());
    assert_eq!(value("L1GasOracle", L1_GAS_ORACLE, "l1BaseFee"), U256::from(7));
    assert_eq!(value("L1GasOracle", L1_GAS_ORACLE, "l1BlobBaseFee"), U256::from(8));
    let scalars = U256::from(9) | (U256::from(10) << 64);
    assert_eq!(value("L1GasOracle", L1_GAS_ORACLE, "execScalar"), scalars);
    assert_eq!(value("L1GasOracle", L1_GAS_ORACLE, "feeder"), word(2));
    assert_eq!(value("L1GasOracle", L1_GAS_ORACLE, "owner"), word(1));
    assert_eq!(value("L2CoinBase", FEE_VAULT, "owner"), word(1));
    assert_eq!(value("L2CoinBase", FEE_VAULT, "recipient"), word(3));
    assert_eq!(value("L2CoinBase", FEE_VAULT, "minimum"), U256::from(5));
    assert_eq!(value("L2Mailbox", L2_MAILBOX, "l1Mailbox"), word(6));
    assert_eq!(value("L2Bridge", L2_BRIDGE, "l1Bridge"), word(11));
    assert_eq!(L1_BRIDGE_SLOT, layout_slot("L2Bridge", "l1Bridge"));
    assert_eq!(L1_MAILBOX_SLOT, layout_slot("L2Mailbox", "l1Mailbox"));
    // The same withdrawer twice is one slot.
    assert_eq!(entry(&alloc, FEE_VAULT).slots.len(), 4);
    let key = [B256::left_padding_from(&[4; 20]), B256::left_padding_from(&[5])].concat();
    let slot: U256 = keccak256(key).into();
    assert!(entry(&alloc, FEE_VAULT).slots.contains(&(slot, U256::from(1))));
}
