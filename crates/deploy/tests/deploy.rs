//! Deployment on anvil: complete, repeatable, interrupted anywhere, closed to strangers.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolCall;
use jovay_deploy::{DeployConfig, DeployError, Progress, verify};
use jovay_l1::bindings::{L1Bridge, L1Mailbox, Rollup, TimelockController};
use jovay_l1::{BlockTag, Deployment, L1Client};
use jovay_node::{ChainStart, NodeConfig};
use serde_json::json;
use support::{
    Anvil, DEPLOYER_KEY, PACE, PATIENT, STRANGER, breaking_wire, config, deploy, signer,
};

/// Transactions of `config()`: four implementations, three proxies, a connection, four roles, two
/// limits, three admins, three farewells.
const TRANSACTIONS: u64 = 20;

async fn nonce(client: &L1Client) -> u64 {
    client.nonce(signer(DEPLOYER_KEY).address(), BlockTag::Latest).await.unwrap()
}

#[tokio::test]
async fn deploys_all_and_a_second_run_changes_nothing() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("addresses.toml");
    let config = config();
    let (outcome, seen) = deploy(&client, &config, Some(&out), PACE).await;
    let deployment = outcome.unwrap();
    assert_eq!(nonce(&client).await, TRANSACTIONS);
    assert_eq!(Deployment::read(&out).unwrap(), deployment);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the addresses file stays: {left:?}");
    let gas: Vec<u64> = seen
        .iter()
        .filter_map(|progress| match progress {
            Progress::Included { gas_used, .. } => Some(*gas_used),
            _ => None,
        })
        .collect();
    assert_eq!(gas.len() as u64, TRANSACTIONS);
    println!("gas of the deployment: {} in {} transactions", gas.iter().sum::<u64>(), gas.len());

    // By view functions of the contracts, not by our own verification.
    let latest = BlockTag::Latest;
    let rollup = deployment.rollup;
    let layer = client.view(rollup, &Rollup::dataLayerCall {}, latest).await.unwrap();
    assert_eq!(layer, 0);
    let root = Rollup::finalizedStateRootCall { batchIndex: 0 };
    let root = client.view(rollup, &root, latest).await.unwrap();
    assert_eq!(root, deployment.genesis_state_root);
    let hash = client.view(rollup, &Rollup::finalizedBlockHashCall {}, latest).await.unwrap();
    assert_eq!(hash, deployment.genesis_hash);
    let bridge = client.view(deployment.bridge, &L1Bridge::mailboxCall {}, latest).await.unwrap();
    assert_eq!(bridge, deployment.mailbox);
    let price = client.view(deployment.mailbox, &L1Mailbox::gasPriceCall {}, latest).await.unwrap();
    assert_eq!(price, config.mailbox.gas_price);
    let left = client.view(deployment.mailbox, &L1Mailbox::etherLimitLeftCall {}, latest).await;
    assert_eq!(left.unwrap(), U256::from(10));
    let admin = |account| Rollup::hasRoleCall { role: B256::ZERO, account };
    for contract in [deployment.rollup, deployment.mailbox, deployment.bridge] {
        let deployer = client.view(contract, &admin(deployment.deployer), latest).await.unwrap();
        let timelock = client.view(contract, &admin(deployment.timelock), latest).await.unwrap();
        assert!(!deployer && timelock);
    }
    let delay = TimelockController::getMinDelayCall {};
    let delay = client.view(deployment.timelock, &delay, latest).await.unwrap();
    assert_eq!(delay, U256::from(3_600));

    // A node starts from the file with the genesis that L1 has.
    let start = ChainStart::deployed(&NodeConfig::default(), &deployment).unwrap();
    assert_eq!(start.commitment().unwrap(), deployment.genesis_commitment());
    let mut other = deployment.clone();
    other.genesis.accounts[0].balance += U256::from(1);
    let error = ChainStart::deployed(&NodeConfig::default(), &other).err().unwrap().to_string();
    assert!(error.contains("genesis settings"), "{error}");

    let block = client.block(latest).await.unwrap().unwrap().hash;
    let (again, _) = deploy(&client, &config, Some(&out), PACE).await;
    assert_eq!(again.unwrap(), deployment);
    // Also without the file: L1 itself says what is done.
    std::fs::remove_file(&out).unwrap();
    let (again, _) = deploy(&client, &config, Some(&out), PACE).await;
    assert_eq!(again.unwrap(), deployment);
    assert_eq!(client.block(latest).await.unwrap().unwrap().hash, block);
}

#[tokio::test]
async fn interrupted_after_any_transaction_it_goes_on() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Option<Deployment> = None;
    for passing in 0..TRANSACTIONS {
        for last_passes in [false, true] {
            let snapshot = anvil.call("evm_snapshot", json!([])).await;
            let out = folder.path().join(format!("{passing}-{last_passes}.toml"));
            let wire = breaking_wire(&anvil, passing as i64, last_passes).await;
            let (outcome, _) = deploy(&wire, &config, Some(&out), PACE).await;
            assert!(outcome.is_err(), "{passing}: {outcome:?}");
            // In the pool or in a block: anvil makes its block a moment later.
            let sender = signer(DEPLOYER_KEY).address();
            let sent = client.nonce(sender, BlockTag::Pending).await.unwrap();
            assert_eq!(sent, passing + u64::from(last_passes));
            assert!(!out.exists());
            let (outcome, _) = deploy(&client, &config, Some(&out), PATIENT).await;
            let deployment = outcome.unwrap();
            assert_eq!(nonce(&client).await, TRANSACTIONS, "none is sent twice");
            assert_eq!(*expected.get_or_insert(deployment.clone()), deployment);
            anvil.call("evm_revert", json!([snapshot])).await;
        }
    }
}

#[tokio::test]
async fn what_an_earlier_run_left_in_the_pool_is_replaced() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else { return };
    let client = anvil.client();
    let wire = breaking_wire(&anvil, 2, true).await;
    let (outcome, _) = deploy(&wire, &config(), None, PACE).await;
    assert!(outcome.is_err(), "{outcome:?}");
    let sender = signer(DEPLOYER_KEY).address();
    assert_eq!(nonce(&client).await, 0);
    assert_eq!(client.nonce(sender, BlockTag::Pending).await.unwrap(), 3);
    // Dearer than what waits.
    anvil.call("anvil_setNextBlockBaseFeePerGas", json!(["0x2540be400"])).await;
    let miner = anvil.client();
    let mining = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let _: serde_json::Value = miner.request("evm_mine", json!([])).await.unwrap();
        }
    });
    let (outcome, _) = deploy(&client, &config(), None, PATIENT).await;
    mining.abort();
    assert!(verify(&client, &outcome.unwrap()).await.unwrap().holds());
    assert_eq!(nonce(&client).await, TRANSACTIONS);
}

#[tokio::test]
async fn brings_the_create2_factory_along() {
    let Some(anvil) = Anvil::start(&["--disable-default-create2-deployer"]) else { return };
    let client = anvil.client();
    let factory = client.code(jovay_deploy::CREATE2_FACTORY, BlockTag::Latest).await.unwrap();
    assert!(factory.is_empty());
    deploy(&client, &config(), None, PACE).await.0.unwrap();
    let factory = client.code(jovay_deploy::CREATE2_FACTORY, BlockTag::Latest).await.unwrap();
    // As on Ethereum.
    let hash = "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989";
    assert_eq!(keccak256(factory).to_string(), hash);
}

#[tokio::test]
async fn other_deployments_have_other_files() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("addresses.toml");
    let mut other = config();
    other.roles.batchers.pop();
    // Begun, then finished: neither may be mixed with the other.
    let wire = breaking_wire(&anvil, 3, true).await;
    deploy(&wire, &config(), Some(&out), PACE).await.0.unwrap_err();
    for finish in [false, true] {
        if finish {
            deploy(&client, &config(), Some(&out), PATIENT).await.0.unwrap();
        }
        let before = nonce(&client).await;
        let error = deploy(&client, &other, Some(&out), PACE).await.0.unwrap_err();
        assert!(matches!(error, DeployError::OtherDeployment { .. }), "{error}");
        assert_eq!(nonce(&client).await, before);
    }
    let elsewhere = folder.path().join("other.toml");
    let second = deploy(&client, &other, Some(&elsewhere), PACE).await.0.unwrap();
    assert_ne!(second.rollup, Deployment::read(&out).unwrap().rollup);
}

#[tokio::test]
async fn refuses_before_it_sends() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let wrong = DeployConfig { l1_chain_id: 1, ..config() };
    let error = deploy(&client, &wrong, None, PACE).await.0.unwrap_err();
    assert_eq!(error.to_string(), "the L1 node has chain id 31337, but chain 1 is meant");
    let dear = DeployConfig { max_fee_per_gas: U256::from(1), ..config() };
    let error = deploy(&client, &dear, None, PACE).await.0.unwrap_err();
    assert!(matches!(error, DeployError::TooDear { .. }), "{error}");
    let deployer = signer(DEPLOYER_KEY).address();
    anvil.call("anvil_setBalance", json!([deployer, "0x2386f26fc10000"])).await;
    let error = deploy(&client, &config(), None, PACE).await.0.unwrap_err();
    assert!(matches!(error, DeployError::Unfunded { .. }), "{error}");
    assert_eq!(nonce(&client).await, 0);
}

#[tokio::test]
async fn strangers_and_the_deployer_are_out() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let deployment = deploy(&client, &config(), None, PACE).await.0.unwrap();
    let rollup = Rollup::initializeCall {
        admin: STRANGER,
        guardian: STRANGER,
        genesisStateRoot: B256::repeat_byte(1),
        genesisBlockHash: B256::repeat_byte(1),
        deadline: 3_600,
    };
    let mailbox = L1Mailbox::initializeCall {
        admin: STRANGER,
        guardian: STRANGER,
        feeRecipient_: STRANGER,
        gasPrice_: 1,
        maxGasLimit_: 10_000_000,
    };
    let bridge = L1Bridge::initializeCall { admin: STRANGER, guardian: STRANGER };
    let all = deployment.implementations;
    let calls = [
        (deployment.rollup, all.rollup, rollup.abi_encode()),
        (deployment.mailbox, all.mailbox, mailbox.abi_encode()),
        (deployment.bridge, all.bridge, bridge.abi_encode()),
    ];
    for (proxy, implementation, call) in calls {
        for to in [proxy, implementation] {
            let reason = refused(&client, STRANGER, to, call.clone()).await;
            assert!(reason.contains("InvalidInitialization"), "{reason}");
        }
        let upgrade = Rollup::upgradeToAndCallCall {
            newImplementation: all.rollup,
            data: Default::default(),
        };
        let reason = refused(&client, deployment.deployer, proxy, upgrade.abi_encode()).await;
        assert!(reason.contains("AccessControlUnauthorizedAccount"), "{reason}");
    }
}

async fn refused(client: &L1Client, from: Address, to: Address, data: Vec<u8>) -> String {
    let data = alloy_primitives::hex::encode_prefixed(data);
    let request = json!({ "from": from, "to": to, "data": data });
    match client.estimate_gas(&request).await.unwrap_err() {
        jovay_l1::L1Error::Rpc { data: Some(data), .. } => {
            jovay_l1::describe_revert(&alloy_primitives::hex::decode(data).unwrap())
        }
        other => panic!("{other}"),
    }
}
