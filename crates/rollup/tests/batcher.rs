//! Batches of a running chain on anvil, whatever happens to L1 and to those who use it.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{B256, U256};
use jovay_da::BlobSource;
use jovay_l1::bindings::Rollup;
use jovay_l1::{BlockTag, IntentStatus};
use jovay_rollup::BatcherError;
use jovay_rollup::store::SealReason;
use jovay_sequencer::MineRequest;
use jovay_state::ChainStore;
use serde_json::json;
use support::batching::{Rig, batcher, transfers};
use support::{balance, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_a_running_chain_are_committed_with_blobs() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let mut running = rig.run(&core).await;
    transfers(&core, 3, 0, 50, 100).await;
    running.until("a first batch", |status| status.committed >= 1).await;
    transfers(&core, 3, 50, 50, 100).await;
    running.until_block(core.store().head().number()).await;
    let last = rig.check_whole(&core, &running.store).await;
    assert!(last >= 2, "one batch for both loads");
    let record = running.store.get(last).unwrap().unwrap();
    let commit = record.commit.unwrap();
    let receipt = rig.l1.anvil.client.receipt(commit.transaction).await.unwrap().unwrap();
    assert!(receipt.succeeded());
    assert_eq!((commit.l1_block_hash, commit.gas_used), (receipt.block_hash, receipt.gas_used));
    assert_eq!(commit.cost, receipt.cost());
    assert_eq!(record.reason, SealReason::Age);
    eventually("the archive", || running.store.archived().unwrap() >= last).await;
    for index in 1..=last {
        let hashes = running.store.get(index).unwrap().unwrap().versioned_hashes;
        assert_eq!(rig.archive().blobs(&hashes).await.unwrap().len(), hashes.len());
    }
    running.kill().await;
    core.close();
}

/// A block without transactions.
fn mine(core: &jovay_node::Core) {
    core.sequencer().mine(MineRequest { blocks: 1, interval_s: None, timestamp: None }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_blocks_are_committed_rarely_and_a_request_closes_at_once() {
    let Some(mut rig) = Rig::start().await else { return };
    rig.config.idle_age_max = Duration::from_secs(6);
    let core = rig.core();
    let mut running = rig.run(&core).await;
    mine(&core);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(running.status.borrow().sealed, 0, "six times the age of transactions");
    running.until("the idle batch", |status| status.committed == 1).await;
    assert_eq!(running.store.get(1).unwrap().unwrap().reason, SealReason::Idle);
    mine(&core);
    running.closer.close();
    running.until("the batch that was asked for", |status| status.committed == 2).await;
    assert_eq!(running.store.get(2).unwrap().unwrap().reason, SealReason::Asked);
    rig.check_whole(&core, &running.store).await;
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_goes_into_few_transactions() {
    let Some(mut rig) = Rig::start().await else { return };
    rig.config.in_flight_max = 1;
    let core = rig.core();
    // The first commitment stays in the pool while four more batches are sealed.
    rig.l1.anvil.rpc("evm_setAutomine", json!([false])).await;
    let mut running = rig.run(&core).await;
    for round in 0..5 {
        transfers(&core, 3, round * 5, 5, 10).await;
        running.closer.close();
        running.until("a batch", |status| status.sealed == round + 1).await;
    }
    assert_eq!(running.status.borrow().committed, 0);
    let sender = running.sender.clone();
    let in_flight = || matches!(sender.status("commit/1"), Some(IntentStatus::InFlight { .. }));
    eventually("the first in the pool", in_flight).await;
    rig.l1.anvil.rpc("evm_setAutomine", json!([true])).await;
    rig.l1.anvil.mine(1).await;
    running.until("all", |status| status.committed == 5).await;
    rig.check_whole(&core, &running.store).await;
    let commit = |index| running.store.get(index).unwrap().unwrap().commit.unwrap();
    assert_eq!((commit(1).batches, commit(2).batches), (1, 4));
    assert_eq!(commit(2).transaction, commit(5).transaction);
    drop(sender);
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganization_of_l1_loses_nothing() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let mut running = rig.run(&core).await;
    for round in 0..6 {
        transfers(&core, 3, round * 10, 10, 100).await;
        running.until_block(core.store().head().number()).await;
        let depth = round % 3 + 1;
        let before = running.store.last_committed().unwrap().unwrap();
        rig.l1.anvil.rpc("anvil_reorg", json!([depth, []])).await;
        let undone = || {
            let record = running.store.get(before.index).unwrap().unwrap();
            record.commit.as_ref() != before.commit.as_ref()
        };
        eventually("the reorganization to be noticed", undone).await;
        running.until("the batch again", |status| status.committed >= before.index).await;
    }
    running.until_block(core.store().head().number()).await;
    rig.check_whole(&core, &running.store).await;
    rig.check_commits(&running.store).await;
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_funds_batches_wait_and_go_on_when_there_are_some() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    rig.l1.anvil.rpc("anvil_setBalance", json!([batcher(), "0x0"])).await;
    let mut running = rig.run(&core).await;
    transfers(&core, 3, 0, 10, 100).await;
    running.until("a sealed batch", |status| status.sealed >= 1).await;
    let sender = running.sender.clone();
    let waits = || match sender.status("commit/1") {
        Some(IntentStatus::Waiting { reason }) => reason.contains("funds"),
        _ => false,
    };
    eventually("the sender to say what is missing", waits).await;
    assert_eq!(running.status.borrow().committed, 0);
    rig.l1.anvil.rpc("anvil_setBalance", json!([batcher(), "0xde0b6b3a7640000"])).await;
    running.until_block(core.store().head().number()).await;
    rig.check_whole(&core, &running.store).await;
    drop(sender);
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_a_hundred_times_higher_do_not_stop_batches() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let mut running = rig.run(&core).await;
    transfers(&core, 3, 0, 10, 100).await;
    running.until("a first batch", |status| status.committed >= 1).await;
    let client = &rig.l1.anvil.client;
    // The next is in the pool with fees of today when they rise.
    rig.l1.anvil.rpc("evm_setAutomine", json!([false])).await;
    transfers(&core, 3, 10, 10, 100).await;
    let (sealed, sender) = (running.status.borrow().sealed, running.sender.clone());
    let _ = sealed;
    eventually("one in the pool", || {
        sender
            .open_keys()
            .iter()
            .any(|key| matches!(sender.status(key), Some(IntentStatus::InFlight { .. })))
    })
    .await;
    let now = client.block(BlockTag::Latest).await.unwrap().unwrap().base_fee_per_gas;
    let dear = format!("{:#x}", u64::max(now, 50_000_000) * 100);
    rig.l1.anvil.rpc("anvil_setNextBlockBaseFeePerGas", json!([dear])).await;
    rig.l1.anvil.mine(1).await;
    let block = client.block(BlockTag::Latest).await.unwrap().unwrap();
    assert_eq!(format!("{:#x}", block.base_fee_per_gas), dear);
    let mining = {
        let client = client.clone();
        tokio::spawn(async move {
            loop {
                let _: serde_json::Value = client.request("evm_mine", json!([])).await.unwrap();
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        })
    };
    running.until_block(core.store().head().number()).await;
    mining.abort();
    rig.check_whole(&core, &running.store).await;
    drop(sender);
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_reverts_is_committed_again_with_the_same_data() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let mut running = rig.run(&core).await;
    for round in 0..3 {
        transfers(&core, 3, round * 10, 10, 100).await;
        running.closer.close();
        running.until("a batch", |status| status.committed == round + 1).await;
    }
    let before: Vec<_> = (1..=3).map(|index| running.store.get(index).unwrap().unwrap()).collect();
    // The kept data is gone too: the archive gives it back.
    running.store.prune_data_before(4).unwrap();
    let call = Rollup::revertBatchesCall { newLastBatch: 1 };
    rig.l1.anvil.call(rig.l1.operator, rig.l1.deployment.rollup, U256::ZERO, call).await;
    let again = || {
        let commit = running.store.get(3).unwrap().unwrap().commit;
        commit.is_some_and(|commit| Some(commit) != before[2].commit)
    };
    eventually("the batches again", again).await;
    rig.check_whole(&core, &running.store).await;
    for record in &before {
        let now = running.store.get(record.index).unwrap().unwrap();
        assert_eq!((now.hash, now.data_hash), (record.hash, record.data_hash));
    }
    assert_eq!(running.store.get(1).unwrap().unwrap(), before[0]);
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_chain_of_batches_that_is_not_its_own() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let mut running = rig.run(&core).await;
    transfers(&core, 3, 0, 10, 100).await;
    running.until("a batch", |status| status.committed >= 1).await;
    let committed = running.status.borrow().committed;
    running.kill().await;

    // The store is lost: L1 is ahead of it.
    let rollup = rig.folder.path().join("rollup");
    std::fs::rename(&rollup, rig.folder.path().join("lost")).unwrap();
    let (batcher, store, _sender) = rig.batcher(&core).await;
    let error = batcher.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, BatcherError::Behind { own: 0, .. }), "{error}");
    assert!(error.to_string().contains("jovay derive"), "{error}");
    drop((store, _sender));

    // Somebody else has committed another batch.
    std::fs::remove_dir_all(&rollup).unwrap();
    let (batcher, store, _sender) = rig.batcher(&core).await;
    let genesis = store.last_sealed().unwrap();
    for index in 1..=committed {
        let last = store.last_sealed().unwrap();
        let record = jovay_rollup::store::BatchRecord {
            index,
            hash: B256::repeat_byte(9),
            parent_hash: last.hash,
            first_block: index,
            last_block: index,
            last_block_hash: core.store().block_hash(index).unwrap().unwrap(),
            ..genesis.clone()
        };
        store.put(&record, None).unwrap();
    }
    let error = batcher.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, BatcherError::Foreign { index, .. } if index == committed), "{error}");
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_that_l1_no_longer_has_hold_batches_back() {
    let Some(rig) = Rig::start().await else { return };
    let core = rig.core();
    let inbox = rig.l1.inbox(&core, 0);
    let mut running = rig.run(&core).await;
    let alice = alloy_primitives::Address::repeat_byte(0xa1);
    rig.l1.deposit(alice, 5).await;
    running.until("the deposit in a batch", |status| status.committed >= 1).await;
    let committed = rig.check_whole(&core, &running.store).await;
    let record = running.store.get(committed).unwrap().unwrap();
    assert_eq!(record.l1_message_count, 1);
    assert_ne!(record.l1_rolling_hash, B256::ZERO);

    // A second is executed, but L1 goes back behind it before its batch is committed.
    let snapshot = rig.l1.anvil.rpc("evm_snapshot", json!([])).await;
    rig.l1.anvil.rpc("anvil_setBalance", json!([batcher(), "0x0"])).await;
    rig.l1.deposit(alice, 7).await;
    running.until("a sealed batch", |status| status.sealed > committed).await;
    rig.l1.anvil.rpc("evm_revert", json!([snapshot])).await;
    running
        .until("the alarm", |status| {
            status.blocked.as_ref().is_some_and(|why| why.contains("L1 messages"))
        })
        .await;
    assert_eq!(rig.last_committed().await, committed);
    // Had it come back as another deposit, it would still be wrong.
    rig.l1.deposit(alice, 8).await;
    rig.l1.anvil.mine(2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.last_committed().await, committed);
    assert!(running.status.borrow().blocked.is_some());
    inbox.stop().await;
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_while_l1_lacks_deposits_that_no_batch_has_yet() {
    let Some(mut rig) = Rig::start().await else { return };
    let core = rig.core();
    let inbox = Arc::new(rig.l1.inbox(&core, 0));
    rig.gate = {
        let inbox = inbox.clone();
        Arc::new(move || inbox.failure().map(|alarm| alarm.to_string()))
    };
    // A batch without deposits is with the sender, which cannot pay.
    rig.l1.anvil.rpc("anvil_setBalance", json!([batcher(), "0x0"])).await;
    let mut running = rig.run(&core).await;
    transfers(&core, 3, 0, 5, 10).await;
    running.until("a batch", |status| status.sealed == 1).await;
    let sender = running.sender.clone();
    eventually("the sender to have it", || sender.status("commit/1").is_some()).await;

    let alice = alloy_primitives::Address::repeat_byte(0xa1);
    let snapshot = rig.l1.anvil.rpc("evm_snapshot", json!([])).await;
    rig.l1.deposit(alice, 5).await;
    eventually("the deposit", || balance(&core, alice) == 5).await;
    rig.l1.anvil.rpc("evm_revert", json!([snapshot])).await;
    // A head that only goes back may be a node that is behind; another branch is not.
    rig.l1.anvil.mine(3).await;
    eventually("the inbox to notice", || inbox.failure().is_some()).await;
    let held = |status: &jovay_rollup::BatcherStatus| {
        status.blocked.as_ref().is_some_and(|why| why.contains("reorganized"))
    };
    running.until("the batcher to stop", held).await;
    assert_eq!(sender.status("commit/1"), None, "it was not sent: it is taken back");
    rig.l1.anvil.rpc("anvil_setBalance", json!([batcher(), "0xde0b6b3a7640000"])).await;
    for _ in 0..5 {
        rig.l1.anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(rig.last_committed().await, 0);

    // The same deposit comes back, and everything goes on by itself.
    rig.l1.deposit(alice, 5).await;
    running.until_block(core.store().head().number()).await;
    running.until("the end of the alarm", |status| status.blocked.is_none()).await;
    assert!(inbox.failure().is_none());
    rig.check_whole(&core, &running.store).await;
    drop(sender);
    inbox.stop().await;
    running.kill().await;
    core.close();
}
