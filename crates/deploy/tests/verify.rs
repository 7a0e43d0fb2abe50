//! What verification finds: each test changes one thing on L1 behind its back.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use jovay_deploy::verify;
use jovay_l1::bindings::{L1Mailbox, Rollup};
use jovay_l1::{BlockTag, Deployment};
use serde_json::json;
use support::{Anvil, PACE, STRANGER, config, deploy};

/// The checks that fail, by name.
async fn differences(anvil: &Anvil, deployment: &Deployment) -> Vec<String> {
    let report = verify(&anvil.client(), deployment).await.unwrap();
    report.checks.iter().filter(|check| !check.holds()).map(|check| check.what.clone()).collect()
}

/// Sends a transaction as the timelock, which nobody else could do without its delay.
async fn as_timelock(anvil: &Anvil, deployment: &Deployment, to: Address, call: impl SolCall) {
    let from = deployment.timelock;
    anvil.call("anvil_impersonateAccount", json!([from])).await;
    anvil.call("anvil_setBalance", json!([from, "0xde0b6b3a7640000"])).await;
    let data = hex::encode_prefixed(call.abi_encode());
    anvil.call("eth_sendTransaction", json!([{ "from": from, "to": to, "data": data }])).await;
    // anvil answers before it has mined.
    anvil.call("evm_mine", json!([])).await;
}

#[tokio::test]
async fn finds_each_change() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let deployment = deploy(&client, &config(), None, PACE).await.0.unwrap();
    assert_eq!(differences(&anvil, &deployment).await, [""; 0]);

    // One byte of an implementation.
    let at = deployment.implementations.bridge;
    let code = client.code(at, BlockTag::Latest).await.unwrap();
    let mut changed = code.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    anvil.call("anvil_setCode", json!([at, Bytes::from(changed)])).await;
    assert_eq!(differences(&anvil, &deployment).await, ["L1Bridge implementation code"]);
    anvil.call("anvil_setCode", json!([at, code])).await;

    // An immutable value: the chain id of L2 within the code.
    let at = deployment.implementations.rollup;
    let code = client.code(at, BlockTag::Latest).await.unwrap();
    let word = U256::from(deployment.l2_chain_id).to_be_bytes::<32>();
    let place = code.windows(32).position(|window| window == word).unwrap();
    let mut changed = code.to_vec();
    changed[place + 31] ^= 1;
    anvil.call("anvil_setCode", json!([at, Bytes::from(changed)])).await;
    let found = differences(&anvil, &deployment).await;
    assert_eq!(found, ["Rollup implementation code", "Rollup L2 chain id"]);
    anvil.call("anvil_setCode", json!([at, code])).await;

    // A proxy that runs something else.
    let slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
    let (proxy, implementation) = (deployment.mailbox, deployment.implementations.mailbox);
    let other = deployment.implementations.bridge;
    anvil.call("anvil_setStorageAt", json!([proxy, slot, other.into_word()])).await;
    let found = differences(&anvil, &deployment).await;
    assert_eq!(found[0], "L1Mailbox implementation");
    anvil.call("anvil_setStorageAt", json!([proxy, slot, implementation.into_word()])).await;

    // An implementation that somebody could initialize.
    let slot = "0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00";
    let closed = client.storage(implementation, slot.parse().unwrap(), BlockTag::Latest).await;
    anvil.call("anvil_setStorageAt", json!([implementation, slot, B256::ZERO])).await;
    assert_eq!(differences(&anvil, &deployment).await, ["L1Mailbox implementation is closed"]);
    anvil.call("anvil_setStorageAt", json!([implementation, slot, closed.unwrap()])).await;
    assert_eq!(differences(&anvil, &deployment).await, [""; 0]);

    // Roles: one too many, an unknown one, one too few.
    let grant = |role, account| Rollup::grantRoleCall { role, account };
    let batcher = keccak256("BATCHER_ROLE");
    as_timelock(&anvil, &deployment, deployment.rollup, grant(batcher, STRANGER)).await;
    assert_eq!(differences(&anvil, &deployment).await, ["Rollup BATCHER_ROLE"]);
    let revoke = Rollup::revokeRoleCall { role: batcher, account: STRANGER };
    as_timelock(&anvil, &deployment, deployment.rollup, revoke).await;
    assert_eq!(differences(&anvil, &deployment).await, [""; 0]);
    let unknown = B256::repeat_byte(7);
    as_timelock(&anvil, &deployment, deployment.bridge, grant(unknown, STRANGER)).await;
    let found = differences(&anvil, &deployment).await;
    assert_eq!(found, [format!("L1Bridge unknown role {unknown}")]);
    let revoke = Rollup::revokeRoleCall { role: unknown, account: STRANGER };
    as_timelock(&anvil, &deployment, deployment.bridge, revoke).await;
    let account = Address::repeat_byte(0x25);
    let revoke = Rollup::revokeRoleCall { role: keccak256("REVERTER_ROLE"), account };
    as_timelock(&anvil, &deployment, deployment.rollup, revoke).await;
    assert_eq!(differences(&anvil, &deployment).await, ["Rollup REVERTER_ROLE"]);
    let again = grant(keccak256("REVERTER_ROLE"), account);
    as_timelock(&anvil, &deployment, deployment.rollup, again).await;

    // Settings.
    let (capacity, window) = (Default::default(), Default::default());
    let lift = L1Mailbox::setEtherLimitCall { capacity, window };
    as_timelock(&anvil, &deployment, deployment.mailbox, lift).await;
    assert_eq!(differences(&anvil, &deployment).await, ["limit of ether"]);
    let deadline = Rollup::setInclusionDeadlineCall { newDeadline: 61 };
    as_timelock(&anvil, &deployment, deployment.rollup, deadline).await;
    let found = differences(&anvil, &deployment).await;
    assert_eq!(found, ["Rollup inclusion deadline in seconds", "limit of ether"]);

    // The line that a person reads says what differs.
    let report = verify(&client, &deployment).await.unwrap();
    let line = report.first_failed().unwrap().to_string();
    assert_eq!(line, "Rollup inclusion deadline in seconds: expected 86400, found 61");
    assert!(report.to_string().contains("WRONG Rollup inclusion deadline"));

    // An L1 with nothing on it.
    let Some(empty) = Anvil::start(&[]) else { return };
    let found = differences(&empty, &deployment).await;
    assert!(found.len() > 20 && found[0] == "TimelockController code", "{found:?}");
}
