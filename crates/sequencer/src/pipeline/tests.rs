#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes, keccak256};
use jovay_state::ChainStore;
use jovay_types::L1Message;

use crate::testing::{
    FUNDED, GWEI, SINK, TestStore, account, config, eventually, start, start_with_l1, transfer,
};
use crate::{L1Queue, PoolConfig, PoolError, SequencerConfig, WaitError};

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn from_raw_bytes_to_a_receipt() {
    let store = TestStore::new();
    let sequencer = start(config(0), &store);
    runtime().block_on(async {
        let raw = transfer(1, 0).raw();
        let included = sequencer.submit_and_wait(raw.clone(), TIMEOUT).await.unwrap();
        assert_eq!(included.outcome.block.transactions[included.index].hash(), keccak256(&raw));
        assert!(included.outcome.receipts[included.index].receipt.status.coerce_status());
        assert_eq!(sequencer.pool().status(), Default::default());
        let again = sequencer.submit_and_wait(raw, TIMEOUT).await.unwrap_err();
        assert_eq!(again.to_string(), "nonce too low: next nonce 1, tx nonce 0");
        let waiting = sequencer.submit_and_wait(transfer(1, 2).raw(), SECOND / 20).await;
        assert!(matches!(waiting, Err(WaitError::Timeout(_))));
    });
    assert_eq!(store.balance(SINK), U256::ONE);
    let header = &store.block(1).header;
    assert_eq!(header.parent_hash, store.block(0).hash);
    assert_eq!(header.beneficiary, jovay_evm::predeploys::FEE_VAULT);
    let randao = [&[0; 32][..], &1u64.to_be_bytes(), &[0; 32]].concat();
    assert_eq!(header.mix_hash, keccak256(randao));
    assert!(header.timestamp > store.block(0).header.timestamp);
}

#[test]
fn the_next_block_executes_while_one_is_sealed() {
    let store = TestStore::new();
    // Long enough that four blocks are executed meanwhile on any machine.
    store.seal_ms.store(1_000, Ordering::SeqCst);
    let sequencer = start(config(10), &store);
    runtime().block_on(async {
        for nonce in 0..4 {
            sequencer.submit(transfer(1, nonce).raw()).await.unwrap();
            let staged = usize::try_from(nonce).unwrap() + 1;
            eventually("the block is staged", || store.staged() >= staged);
        }
    });
    // Four blocks are executed before the first one is sealed.
    assert_eq!(sequencer.progress.passed().sealed, 0);
    assert_eq!(sequencer.pool().status().pending, 4);
    eventually("all are published", || sequencer.progress.passed().published == 4);
    assert_eq!(sequencer.pool().status().pending, 0);
    // Those that waited were logged together at least once, each exactly once.
    assert_eq!(store.log_groups.lock().iter().sum::<usize>(), 4);
}

#[test]
fn building_waits_when_sealing_lags() {
    let store = TestStore::new();
    store.seal_ms.store(150, Ordering::SeqCst);
    let mut settings = config(1);
    settings.blocks.unsealed_blocks_max = 2;
    let sequencer = start(settings, &store);
    runtime().block_on(async {
        for nonce in 0..30 {
            sequencer.submit(transfer(1, nonce).raw()).await.unwrap();
            let passed = sequencer.progress.passed();
            assert!(passed.staged - passed.sealed <= 2, "{passed:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    eventually("all are taken", || sequencer.pool().status().pending == 0);
    assert_eq!(store.balance(SINK), U256::from(30));
}

/// Deploys code that stores `BLOCKHASH(NUMBER - 1)` in slot 0: executing it needs the parent's
/// hash, which is still being made.
#[test]
fn a_transaction_that_reads_the_parents_hash_waits_for_it() {
    let store = TestStore::new();
    store.seal_ms.store(100, Ordering::SeqCst);
    let sequencer = start(config(1), &store);
    let code: Bytes = bytes!("600143034060005500");
    runtime().block_on(async {
        sequencer.submit(transfer(1, 0).raw()).await.unwrap();
        eventually("the first block is staged", || store.staged() == 1);
        let create = transfer(2, 0)
            .with(|tx| (tx.to, tx.input, tx.gas_limit) = (TxKind::Create, code, 200_000))
            .value(0);
        let included = sequencer.submit_and_wait(create.raw(), TIMEOUT).await.unwrap();
        assert_eq!(included.outcome.block.number(), 2);
    });
    let stored = store.staged_state().storage(&account(2).create(0), &U256::ZERO).unwrap();
    assert_eq!(B256::from(stored), store.block(1).hash);
}

#[test]
fn instant_mode_has_blocks_for_transactions_only() {
    let store = TestStore::new();
    let mut settings = config(0);
    settings.blocks.heartbeat = Some(Duration::from_millis(20));
    let sequencer = start(settings, &store);
    runtime().block_on(async {
        for nonce in 0..5 {
            sequencer.submit_and_wait(transfer(1, nonce).raw(), TIMEOUT).await.unwrap();
        }
    });
    std::thread::sleep(SECOND / 10);
    assert_eq!(store.staged(), 5);
}

#[test]
fn idle_chains_have_a_heartbeat() {
    let store = TestStore::new();
    let mut settings = config(5);
    settings.blocks.heartbeat = Some(Duration::from_millis(40));
    let sequencer = start(settings, &store);
    std::thread::sleep(Duration::from_millis(300));
    let blocks = sequencer.progress.passed().published;
    assert!((3..=8).contains(&blocks), "{blocks}");
    let timestamps: Vec<_> =
        (0..=blocks).map(|at| store.block(at as usize).header.timestamp).collect();
    assert!(timestamps.is_sorted());
}

#[test]
fn blocks_keep_their_spacing_under_load() {
    let store = TestStore::new();
    let sequencer = start(config(50), &store);
    let runtime = runtime();
    let raws: Vec<Bytes> =
        (0..25).flat_map(|nonce| (1..=FUNDED).map(move |key| transfer(key, nonce).raw())).collect();
    let start = Instant::now();
    runtime.block_on(async {
        for part in raws.chunks(100) {
            for result in sequencer.submit_many(part.to_vec()).await {
                result.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    eventually("all are taken", || sequencer.pool().status().pending == 0);
    // The block time is 50 ms; blocks never start closer than half of it.
    let expected = start.elapsed().as_millis() / 25 + 2;
    assert!((store.staged() as u128) <= expected, "{} > {expected}", store.staged());
    assert_eq!(store.balance(SINK), U256::from(1_000));
}

#[test]
fn overload_ends_blocks_at_their_budget() {
    let store = TestStore::new();
    let mut settings = config(20);
    settings.blocks.automine = false;
    // Less than one of the transactions below takes on any machine.
    settings.blocks.build_budget = Duration::from_micros(200);
    let sequencer = start(settings, &store);
    // Init code that loops until its gas is used up: milliseconds each.
    let spin: Bytes = bytes!("5b600056");
    let raws: Vec<Bytes> = (0..40)
        .map(|i| {
            let spin = spin.clone();
            let draft = transfer(1 + i % FUNDED, i / FUNDED).value(0);
            draft
                .with(|tx| (tx.to, tx.input, tx.gas_limit) = (TxKind::Create, spin, 2_000_000))
                .raw()
        })
        .collect();
    runtime().block_on(async {
        assert!(sequencer.submit_many(raws).await.iter().all(Result::is_ok));
    });
    sequencer.set_automine(true).unwrap();
    eventually("all are taken", || sequencer.pool().status().pending == 0);
    let blocks = sequencer.progress.passed().published;
    assert!(blocks >= 4, "forty slow transactions in {blocks} blocks");
    let most = (1..=blocks).map(|at| store.block(at as usize).transactions.len()).max();
    assert!(most.unwrap() < 40);
}

#[test]
fn a_failing_log_stops_everything() {
    let store = TestStore::new();
    let sequencer = start(config(0), &store);
    store.log_fails.store(true, Ordering::SeqCst);
    runtime().block_on(async {
        let lost = sequencer.submit_and_wait(transfer(1, 0).raw(), TIMEOUT).await;
        assert_eq!(lost.unwrap_err(), WaitError::Stopped);
        let failure = sequencer.failure().unwrap();
        assert_eq!(failure, "log: chain store: the disk is full");
        let refused = sequencer.submit(transfer(2, 0).raw()).await.unwrap_err();
        assert_eq!(refused, PoolError::Stopped(failure));
    });
    let head = store.head();
    assert_eq!(head.number(), 0);
    assert!(sequencer.mine(one_block()).is_err());
    sequencer.stop();
}

fn one_block() -> crate::MineRequest {
    crate::MineRequest { blocks: 1, interval_s: None, timestamp: None }
}

#[test]
fn l1_messages_come_first_and_in_order() {
    let store = TestStore::new();
    let l1 = Arc::new(L1Queue::default());
    let mut settings = config(1);
    settings.blocks.automine = false;
    let sequencer = start_with_l1(settings, &store, l1.clone());
    runtime().block_on(async { sequencer.submit(transfer(1, 0).raw()).await.unwrap() });
    let receiver = Address::repeat_byte(0x77);
    for queue_index in 0..3 {
        let message = L1Message {
            queue_index,
            // Only two fit into one block.
            gas_limit: 50_000_000,
            sender: Address::repeat_byte(0x11),
            to: receiver,
            value: U256::from(10),
            data: Bytes::new(),
        };
        l1.push(message, B256::repeat_byte(queue_index as u8 + 1)).unwrap();
    }
    sequencer.set_automine(true).unwrap();
    eventually("all are taken", || l1.is_empty() && sequencer.pool().status().pending == 0);
    eventually("published", || sequencer.progress.passed().published >= 2);
    let first = store.block(1);
    let indices = |number| -> Vec<_> {
        let block = store.block(number);
        block.transactions.iter().map(|tx| tx.as_l1_message().map(|m| m.queue_index)).collect()
    };
    assert_eq!(indices(1), [Some(0), Some(1), None]);
    assert_eq!(indices(2), [Some(2)]);
    assert_eq!(store.balance(receiver), U256::from(30));
    // The second block's randomness takes in what the first one has taken from L1.
    let rolling = B256::repeat_byte(2);
    let input = [first.header.mix_hash.as_slice(), &2u64.to_be_bytes(), rolling.as_slice()];
    assert_eq!(store.block(2).header.mix_hash, keccak256(input.concat()));
}

#[test]
fn an_l1_message_that_fits_no_block_stops_the_chain() {
    let store = TestStore::new();
    let l1 = Arc::new(L1Queue::default());
    let sequencer = start_with_l1(config(1), &store, l1.clone());
    let message = L1Message {
        queue_index: 0,
        gas_limit: u64::MAX,
        sender: SINK,
        to: SINK,
        value: U256::ZERO,
        data: Bytes::new(),
    };
    l1.push(message, B256::ZERO).unwrap();
    eventually("it fails", || sequencer.failure().is_some());
    assert!(sequencer.failure().unwrap().starts_with("build: L1 message 0: its gas limit"));
}

fn journaled(path: &std::path::Path) -> SequencerConfig {
    let mut settings = config(0);
    settings.blocks.automine = false;
    settings.pool = PoolConfig { journal: Some(path.into()), ..PoolConfig::default() };
    settings
}

#[test]
fn the_journal_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let store = TestStore::new();
    let sequencer = start(journaled(&path), &store);
    let raws: Vec<Bytes> = (0..20).map(|nonce| transfer(1, nonce).raw()).collect();
    runtime().block_on(async {
        assert!(sequencer.submit_many(raws.clone()).await.iter().all(Result::is_ok));
    });
    // As after `kill -9`: the file as it is now, nothing flushed or closed.
    let killed = dir.path().join("killed");
    std::fs::copy(&path, &killed).unwrap();
    let after_kill = start(journaled(&killed), &store);
    assert_eq!(after_kill.pool().status().pending, 20);
    drop(after_kill);

    // What a block has taken meanwhile does not come back.
    sequencer.mine(one_block()).unwrap();
    assert_eq!(store.balance(SINK), U256::from(20));
    runtime().block_on(async { sequencer.submit(transfer(2, 0).raw()).await.unwrap() });
    sequencer.stop();
    let again = start(journaled(&path), &store);
    assert_eq!(again.pool().status().pending, 1);
    assert!(again.pool().get(&keccak256(transfer(2, 0).raw())).is_some());
}

#[test]
fn stopping_finishes_what_is_under_way() {
    let store = TestStore::new();
    store.seal_ms.store(50, Ordering::SeqCst);
    let sequencer = start(config(1), &store);
    let mut blocks = sequencer.subscribe_blocks();
    runtime().block_on(async {
        for nonce in 0..3 {
            sequencer.submit(transfer(1, nonce).raw()).await.unwrap();
        }
        eventually("a block is staged", || store.staged() > 0);
        sequencer.stop();
        let refused = sequencer.submit(transfer(1, 3).raw()).await.unwrap_err();
        assert_eq!(refused, PoolError::Stopped("it is stopping".into()));
    });
    let passed = sequencer.progress.passed();
    assert_eq!(passed.published, passed.staged);
    for number in 1..=passed.published {
        assert_eq!(blocks.try_recv().unwrap().block.number(), number);
    }
}

#[test]
fn many_callers_are_served_together() {
    let store = TestStore::new();
    let sequencer = Arc::new(start(config(20), &store));
    runtime().block_on(async {
        let callers = (1..=FUNDED).flat_map(|key| (0..10).map(move |nonce| (key, nonce)));
        let callers = callers.map(|(key, nonce)| {
            let sequencer = sequencer.clone();
            let raw = transfer(key, nonce).raw();
            tokio::spawn(async move { sequencer.submit_and_wait(raw, TIMEOUT).await })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap().unwrap();
        }
    });
    assert_eq!(store.balance(SINK), U256::from(10 * FUNDED));
}

#[test]
fn stopping_does_not_wait_for_a_full_pool() {
    let dir = tempfile::tempdir().unwrap();
    let store = TestStore::new();
    store.seal_ms.store(20, Ordering::SeqCst);
    let mut settings = journaled(&dir.path().join("journal"));
    // One transaction for each block: the pool would last for a minute.
    settings.blocks.gas_limit = 21_000;
    let sequencer = start(settings.clone(), &store);
    let raws: Vec<Bytes> = (0..3_000)
        .map(|i| transfer(1 + i % FUNDED, i / FUNDED).fees(1_000 * GWEI, 1).raw())
        .collect();
    let sent = raws.len();
    runtime().block_on(async {
        assert!(sequencer.submit_many(raws).await.iter().all(Result::is_ok));
    });
    sequencer.set_automine(true).unwrap();
    eventually("blocks are built", || store.staged() > 3);
    let start_of_stop = Instant::now();
    sequencer.stop();
    assert!(start_of_stop.elapsed() < 5 * SECOND, "{:?}", start_of_stop.elapsed());
    // Nothing is lost: what is not in a block is in the journal.
    let taken = store.staged();
    assert_eq!(store.head().number() as usize, taken);
    let again = start(settings, &store);
    let status = again.pool().status();
    assert_eq!(status.pending + status.queued, sent - taken);
}
