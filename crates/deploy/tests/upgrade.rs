//! Upgrades through the timelock on anvil.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use jovay_deploy::{Contract, DeployError, OperationState, Options, Upgrade, verify};
use jovay_l1::bindings::{L1Mailbox, Rollup, TimelockController};
use jovay_l1::{BlockTag, Deployment, L1Client, L1Receipt, Signer};
use serde_json::json;
use support::{Anvil, DEPLOYER_KEY, PACE, PROPOSER_KEY, config, deploy, signer};

const FEE_MAX: u128 = 200_000_000_000;

/// Creates a contract from an unlocked account of anvil's.
/// Has anvil send from an account that it knows, and waits for the block.
async fn send(anvil: &Anvil, request: serde_json::Value) -> L1Receipt {
    let hash = anvil.call("eth_sendTransaction", json!([request])).await;
    let hash: B256 = serde_json::from_value(hash).unwrap();
    for _ in 0..500 {
        if let Some(receipt) = anvil.client().receipt(hash).await.unwrap() {
            return receipt;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{hash} is in no block");
}

async fn create(anvil: &Anvil, code: Vec<u8>) -> Address {
    let from = signer(DEPLOYER_KEY).address();
    let receipt = send(anvil, json!({ "from": from, "data": Bytes::from(code) })).await;
    receipt.contract_address.unwrap()
}

fn rollup_code(mailbox: Address, chain_id: u64, layer: u8) -> Vec<u8> {
    let arguments = Rollup::constructorCall { mailbox_: mailbox, chainId: chain_id, layer };
    [Rollup::BYTECODE.to_vec(), arguments.abi_encode()].concat()
}

async fn schedule(
    upgrade: &Upgrade,
    client: &L1Client,
    signer: &Signer,
    deployment: &Deployment,
) -> Result<OperationState, DeployError> {
    let options = Options { out: None, pace: PACE, tell: &mut |_| {} };
    upgrade.schedule(client, signer, deployment, FEE_MAX, options).await
}

async fn execute(
    upgrade: &Upgrade,
    client: &L1Client,
    deployment: &Deployment,
) -> Result<Deployment, DeployError> {
    let options = Options { out: None, pace: PACE, tell: &mut |_| {} };
    // Anyone may, as configured.
    upgrade.execute(client, &signer(DEPLOYER_KEY), deployment, FEE_MAX, options).await
}

async fn pass(anvil: &Anvil, seconds: u64) {
    anvil.call("evm_increaseTime", json!([seconds])).await;
    anvil.call("evm_mine", json!([])).await;
}

#[tokio::test]
async fn an_upgrade_waits_for_its_delay() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let deployment = deploy(&client, &config(), None, PACE).await.0.unwrap();
    let proposer = signer(PROPOSER_KEY);
    let next = create(&anvil, rollup_code(deployment.mailbox, deployment.l2_chain_id, 0)).await;
    let upgrade = Upgrade::to_existing(Contract::Rollup, next, B256::ZERO);

    // The id is the timelock's.
    let (target, data) = upgrade.target(&deployment);
    let (value, predecessor, salt) = (U256::ZERO, B256::ZERO, B256::ZERO);
    let call = TimelockController::hashOperationCall { target, value, data, predecessor, salt };
    let id = client.view(deployment.timelock, &call, BlockTag::Latest).await.unwrap();
    assert_eq!(upgrade.id(&deployment), id);

    let early = execute(&upgrade, &client, &deployment).await.unwrap_err().to_string();
    assert!(early.ends_with("not scheduled"), "{early}");
    let state = schedule(&upgrade, &client, &proposer, &deployment).await.unwrap();
    let now = client.block(BlockTag::Latest).await.unwrap().unwrap().timestamp;
    assert_eq!(state, OperationState::Waiting(now + 3_600));
    // A second time is no harm.
    assert_eq!(schedule(&upgrade, &client, &proposer, &deployment).await.unwrap(), state);
    let early = execute(&upgrade, &client, &deployment).await.unwrap_err().to_string();
    assert!(early.contains("can be executed from Unix time"), "{early}");

    pass(&anvil, 3_601).await;
    assert_eq!(upgrade.state(&client, &deployment).await.unwrap(), OperationState::Ready);
    let upgraded = execute(&upgrade, &client, &deployment).await.unwrap();
    assert_eq!(upgraded.implementations.rollup, next);
    assert!(verify(&client, &upgraded).await.unwrap().holds());
    let stale = verify(&client, &deployment).await.unwrap();
    assert_eq!(stale.first_failed().unwrap().what, "Rollup implementation");
    assert_eq!(upgrade.state(&client, &upgraded).await.unwrap(), OperationState::Done);
    // What it knew it still knows.
    let root = Rollup::finalizedStateRootCall { batchIndex: 0 };
    let root = client.view(deployment.rollup, &root, BlockTag::Latest).await.unwrap();
    assert_eq!(root, deployment.genesis_state_root);

    // Back to this build's own, which is on L1 already.
    let back = Upgrade::new(&upgraded, Contract::Rollup, B256::ZERO);
    assert_eq!(back.implementation, deployment.implementations.rollup);
    schedule(&back, &client, &proposer, &upgraded).await.unwrap();
    pass(&anvil, 3_601).await;
    assert_eq!(execute(&back, &client, &upgraded).await.unwrap(), deployment);
    // And there again: the timelock takes the same operation only once.
    let error = schedule(&upgrade, &client, &proposer, &deployment).await.unwrap_err().to_string();
    assert!(error.contains("--salt"), "{error}");
    let error = schedule(&back, &client, &proposer, &deployment).await.unwrap_err().to_string();
    assert!(error.contains("already"), "{error}");
}

#[tokio::test]
async fn an_upgrade_can_be_cancelled() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let deployment = deploy(&client, &config(), None, PACE).await.0.unwrap();
    let proposer = signer(PROPOSER_KEY);
    let next = create(&anvil, L1Mailbox::BYTECODE.to_vec()).await;
    let upgrade = Upgrade::to_existing(Contract::Mailbox, next, B256::ZERO);
    schedule(&upgrade, &client, &proposer, &deployment).await.unwrap();
    let cancel = async |signer: &Signer| {
        let options = Options { out: None, pace: PACE, tell: &mut |_| {} };
        upgrade.cancel(&client, signer, &deployment, FEE_MAX, options).await
    };
    let error = cancel(&signer(DEPLOYER_KEY)).await.unwrap_err();
    assert!(matches!(error, DeployError::NotAllowed { role: "CANCELLER_ROLE", .. }), "{error}");
    cancel(&proposer).await.unwrap();
    pass(&anvil, 3_601).await;
    assert_eq!(upgrade.state(&client, &deployment).await.unwrap(), OperationState::Unset);
    assert!(execute(&upgrade, &client, &deployment).await.is_err());
    assert!(verify(&client, &deployment).await.unwrap().holds());
}

#[tokio::test]
async fn wrong_implementations_and_signers_are_refused() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let client = anvil.client();
    let deployment = deploy(&client, &config(), None, PACE).await.0.unwrap();
    let proposer = signer(PROPOSER_KEY);
    let chain_id = deployment.l2_chain_id;
    // Answers 1 to everything: `PUSH1 1 PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN`.
    let answers_one = alloy_primitives::hex!("600a600c600039600a6000f3600160005260206000f3");
    let cases = [
        (Contract::Rollup, Address::repeat_byte(0x99), "there is no code"),
        (Contract::Rollup, create(&anvil, answers_one.to_vec()).await, "proxiableUUID is 0x"),
        (Contract::Rollup, deployment.timelock, "no proxiableUUID"),
        // A proxy answers only behind a call to it, never as an implementation.
        (Contract::Bridge, deployment.mailbox, "no proxiableUUID"),
        (
            Contract::Rollup,
            create(&anvil, rollup_code(deployment.mailbox, chain_id + 1, 0)).await,
            "another chain",
        ),
        (
            Contract::Rollup,
            create(&anvil, rollup_code(deployment.mailbox, chain_id, 1)).await,
            "another chain",
        ),
        (
            Contract::Rollup,
            create(&anvil, rollup_code(Address::repeat_byte(1), chain_id, 0)).await,
            "another chain",
        ),
        (Contract::Bridge, deployment.implementations.mailbox, "it is no L1Bridge"),
    ];
    for (contract, implementation, reason) in cases {
        let upgrade = Upgrade::to_existing(contract, implementation, B256::ZERO);
        let error = schedule(&upgrade, &client, &proposer, &deployment).await.unwrap_err();
        assert!(matches!(error, DeployError::WrongCode { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }

    // Whoever is no proposer learns what a multisig must call; the call is right.
    let next = create(&anvil, L1Mailbox::BYTECODE.to_vec()).await;
    let upgrade = Upgrade::to_existing(Contract::Mailbox, next, B256::ZERO);
    let error = schedule(&upgrade, &client, &signer(DEPLOYER_KEY), &deployment).await.unwrap_err();
    let DeployError::NotAllowed { to, data, role: "PROPOSER_ROLE", .. } = error else {
        panic!("{error}")
    };
    assert!(TimelockController::scheduleCall::abi_decode(&data).is_ok());
    let from = proposer.address();
    assert!(send(&anvil, json!({ "from": from, "to": to, "data": data })).await.succeeded());
    let state = upgrade.state(&client, &deployment).await.unwrap();
    assert!(matches!(state, OperationState::Waiting(_)), "{state:?}");
}
