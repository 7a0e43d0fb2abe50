//! Deposits from anvil into a running chain.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, Bytes};
use jovay_l1::BlockTag;
use jovay_rollup::inbox::{Inbox, InboxAlarm, MessageError, queued_in};
use jovay_sequencer::L1Queue;
use jovay_state::ChainStore;
use serde_json::json;
use std::sync::Arc;
use support::proxy::Tampering;
use support::{L1, balance, eventually, inbox_config, messages, node_config};

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);

#[tokio::test(flavor = "multi_thread")]
async fn deposits_are_executed_once_and_in_order() {
    let Some(l1) = L1::start().await else { return };
    // One before the inbox runs: it is found by its time.
    l1.anvil.mine(7).await;
    let first = l1.deposit(ALICE, 1_000).await;
    l1.anvil.mine(7).await;
    let core = l1.node(&node_config());
    let inbox = l1.inbox(&core, 0);
    eventually("the first deposit", || balance(&core, ALICE) == 1_000).await;
    let second = l1.force(BOB, 20, Bytes::new()).await;
    let third = l1.deposit(ALICE, 300).await;
    eventually("all", || balance(&core, ALICE) == 1_300 && balance(&core, BOB) == 20).await;

    let queued = [first, second, third].map(|receipt| {
        let queued = queued_in(&receipt.logs, l1.deployment.mailbox).unwrap();
        (queued[0].message.queue_index, queued[0].hash)
    });
    assert_eq!(messages(&core), queued);
    // The position on disk is L1's own.
    let head = core.store().head().number();
    let position = core.store().l1_position_at(head).unwrap().unwrap();
    let call = jovay_l1::bindings::L1Mailbox::messagesUpToCall { count: 3 };
    let up_to = l1.anvil.client.view(l1.deployment.mailbox, &call, BlockTag::Latest).await.unwrap();
    assert_eq!((position.next, position.rolling_hash), (3, up_to.rollingHash));
    for (index, hash) in queued {
        let (block, found) = core.store().l1_message(index).unwrap().unwrap();
        assert_eq!(found, hash);
        assert_eq!(core.store().transaction_location(&hash).unwrap().unwrap().0, block);
    }
    assert_eq!(core.store().l1_message(3).unwrap(), None);
    assert_eq!(inbox.failure(), None);
    assert_eq!(inbox.seen(1).unwrap().hash, queued[1].1);
    inbox.stop().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganization_above_the_confirmation_changes_nothing_but_what_is_read() {
    let Some(l1) = L1::start().await else { return };
    let core = l1.node(&node_config());
    let inbox = l1.inbox(&core, 4);
    l1.deposit(ALICE, 1_000).await;
    l1.anvil.mine(4).await;
    eventually("the first deposit", || balance(&core, ALICE) == 1_000).await;
    // Seen in a block, never confirmed.
    l1.deposit(BOB, 7).await;
    eventually("the block is looked at", || {
        let latest = inbox.status().latest.map_or(0, |block| block.number);
        latest > inbox.status().read_to.map_or(0, |(number, _)| number)
    })
    .await;
    l1.anvil.rpc("anvil_reorg", json!([2, []])).await;
    // Another one in its place.
    l1.deposit(ALICE, 300).await;
    l1.anvil.mine(4).await;
    eventually("what is there now", || balance(&core, ALICE) == 1_300).await;
    assert_eq!((balance(&core, BOB), inbox.failure()), (0, None));
    assert_eq!(messages(&core).len(), 2);
    // Deeper than what was read last, but with nothing of ours in it.
    l1.anvil.mine(20).await;
    let mined = l1.anvil.client.block(BlockTag::Latest).await.unwrap().unwrap().number;
    eventually("far from the deposits", || inbox.status().read_to.unwrap().0 == mined - 4).await;
    // With a transaction in its first block, or all blocks would be the same again.
    let sent = json!({"from": l1.operator, "to": ALICE, "value": "0x1"});
    l1.anvil.rpc("anvil_reorg", json!([10, [[sent, 0]]])).await;
    l1.deposit(BOB, 9).await;
    l1.anvil.mine(4).await;
    eventually("after the reorganization", || balance(&core, BOB) == 9).await;
    assert_eq!(inbox.failure(), None);
    assert!(inbox.status().reorgs >= 1, "{:?}", inbox.status());
    inbox.stop().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganization_of_executed_messages_stops_deposits_and_nothing_else() {
    let Some(l1) = L1::start().await else { return };
    let core = l1.node(&node_config());
    let inbox = l1.inbox(&core, 0);
    l1.deposit(ALICE, 1_000).await;
    eventually("a deposit", || balance(&core, ALICE) == 1_000).await;
    let before = l1.anvil.rpc("evm_snapshot", json!([])).await;
    l1.deposit(BOB, 5).await;
    eventually("another", || balance(&core, BOB) == 5).await;
    l1.anvil.rpc("evm_revert", json!([before])).await;
    let replaced = l1.deposit(BOB, 6).await;
    l1.anvil.mine(3).await;
    eventually("it is noticed", || inbox.failure().is_some()).await;
    let alarm = inbox.failure().unwrap();
    let taken = messages(&core);
    assert!(matches!(alarm, InboxAlarm::DeepReorg { taken: 2, .. }), "{alarm}");
    assert_eq!(taken.len(), 2);
    // The chain goes on, without what L1 says now.
    let head = core.store().head().number();
    core.sequencer()
        .mine(jovay_sequencer::MineRequest { blocks: 2, interval_s: None, timestamp: None })
        .unwrap();
    l1.deposit(BOB, 100).await;
    eventually("the new blocks are looked at", || {
        inbox.status().latest.unwrap().number > replaced.block_number + 3
    })
    .await;
    assert!(core.store().head().number() > head);
    assert_eq!((balance(&core, BOB), messages(&core)), (5, taken));
    assert_eq!(core.sequencer().failure(), None);
    assert!(inbox.failure().is_some());
    inbox.stop().await;

    // A restart finds it as well.
    let inbox = l1.inbox(&core, 0);
    eventually("it is noticed again", || inbox.failure().is_some()).await;
    inbox.stop().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_go_on_when_l1_comes_back_to_what_was_executed() {
    let Some(l1) = L1::start().await else { return };
    let core = l1.node(&node_config());
    let inbox = l1.inbox(&core, 0);
    let before = l1.anvil.rpc("evm_snapshot", json!([])).await;
    l1.deposit(ALICE, 1_000).await;
    eventually("a deposit", || balance(&core, ALICE) == 1_000).await;
    l1.anvil.rpc("evm_revert", json!([before])).await;
    l1.anvil.mine(3).await;
    eventually("it is gone", || inbox.failure().is_some()).await;
    // The same message in a later block.
    l1.deposit(ALICE, 1_000).await;
    eventually("it is back", || inbox.failure().is_none()).await;
    l1.deposit(BOB, 4).await;
    eventually("deposits go on", || balance(&core, BOB) == 4).await;
    assert_eq!(balance(&core, ALICE), 1_000);
    inbox.stop().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_event_is_refused() {
    let Some(l1) = L1::start().await else { return };
    l1.deposit(ALICE, 1_000).await;
    // What the event says of the value, of the transaction hash, of the rolling hash.
    let data =
        alloy_primitives::hex::encode(alloy_primitives::U256::from(1_000).to_be_bytes::<32>());
    let receipt = l1.deposit(BOB, 1).await;
    let queued = &queued_in(&receipt.logs, l1.deployment.mailbox).unwrap()[0];
    let hashes = [queued.hash, queued.rolling_hash].map(alloy_primitives::hex::encode);
    for (honest, index) in [(data, 0), (hashes[0].clone(), 1), (hashes[1].clone(), 1)] {
        let mut forged = honest.clone();
        let last = forged.pop().unwrap();
        forged.push(if last == '0' { '1' } else { '0' });
        let proxy = Tampering::start(&l1.anvil.url, "eth_getLogs", &honest, &forged).await;
        let queue = Arc::new(L1Queue::default());
        let inbox = Inbox::start(inbox_config(0), proxy.client(), &l1.deployment, queue.clone());
        eventually("it is noticed", || inbox.failure().is_some()).await;
        let alarm = inbox.failure().unwrap();
        let InboxAlarm::Mismatch { queue_index, error, .. } = &alarm else { panic!("{alarm}") };
        assert_eq!(*queue_index, index);
        assert_eq!(matches!(error, MessageError::RollingHash { .. }), honest == hashes[1]);
        // Nothing of a range with a forged message is taken, and nothing later.
        assert!(queue.is_empty());
        inbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_waits_while_the_queue_is_full() {
    let Some(l1) = L1::start().await else { return };
    for wei in 1..=5 {
        l1.deposit(ALICE, wei).await;
    }
    let queue = Arc::new(L1Queue::default().with_room_for(2));
    let client = l1.anvil.client.clone();
    let inbox = Inbox::start(inbox_config(0), client, &l1.deployment, queue.clone());
    eventually("two are queued", || queue.len() == 2).await;
    l1.deposit(ALICE, 6).await;
    let looked = l1.anvil.client.block(BlockTag::Latest).await.unwrap().unwrap();
    eventually("it has looked again", || {
        inbox.status().latest.is_some_and(|latest| latest.number >= looked.number)
    })
    .await;
    assert_eq!((queue.len(), queue.position().next), (2, 2));
    inbox.stop().await;

    // A chain that takes them gets all.
    let core = l1.node(&node_config());
    let queue = core.l1_queue().clone();
    let inbox = l1.inbox(&core, 0);
    eventually("all", || balance(&core, ALICE) == 21).await;
    assert_eq!((messages(&core).len(), queue.position().next), (6, 6));
    inbox.stop().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_is_refused() {
    let Some(l1) = L1::start().await else { return };
    l1.deposit(ALICE, 1).await;
    let queue = Arc::new(L1Queue::default());
    let other = jovay_l1::Deployment { l1_chain_id: 1, ..l1.deployment.clone() };
    let inbox = Inbox::start(inbox_config(0), l1.anvil.client.clone(), &other, queue.clone());
    eventually("it is noticed", || inbox.failure().is_some()).await;
    let error = inbox.failure().unwrap().to_string();
    assert!(error.contains("chain id 31337") && error.contains("says 1"), "{error}");
    assert!(queue.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn small_ranges_and_a_development_chain_that_goes_back() {
    let Some(l1) = L1::start().await else { return };
    for wei in 1..=3 {
        l1.deposit(ALICE, wei).await;
        l1.anvil.mine(10).await;
    }
    let core = l1.node(&node_config());
    let snapshot = core.sequencer().snapshot().unwrap();
    // A node that allows three blocks in a request.
    let proxy = Tampering::limiting_logs(&l1.anvil.url, 3).await;
    let queue = core.l1_queue().clone();
    let inbox = Inbox::start(inbox_config(0), proxy.client(), &l1.deployment, queue);
    eventually("all", || balance(&core, ALICE) == 6).await;
    assert!(core.sequencer().revert(snapshot).unwrap());
    assert_eq!(balance(&core, ALICE), 0);
    eventually("all again", || balance(&core, ALICE) == 6).await;
    assert_eq!(messages(&core).len(), 3);
    assert_eq!(inbox.failure(), None);
    inbox.stop().await;
    core.close();
}
