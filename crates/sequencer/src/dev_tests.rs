#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, bytes, keccak256};
use jovay_state::ChainStore;
use jovay_types::Account;

use crate::testing::{FUNDS, SINK, TestStore, account, config, eventually, start, transfer};
use crate::{MineRequest, Sequencer, SequencerError};

fn dev() -> (Sequencer, Arc<TestStore>) {
    let store = TestStore::new();
    let mut settings = config(0);
    settings.blocks.automine = false;
    (start(settings, &store), store)
}

fn submit(sequencer: &Sequencer, raw: Bytes) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(sequencer.submit(raw)).unwrap();
}

fn mine(sequencer: &Sequencer, blocks: u64) {
    sequencer.mine(MineRequest { blocks, interval_s: None, timestamp: None }).unwrap();
}

#[test]
fn mining_on_demand() {
    let (sequencer, store) = dev();
    submit(&sequencer, transfer(1, 0).raw());
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(store.head().number(), 0);
    let timestamp = store.head().header.timestamp + 500_000_000;
    let request = MineRequest { blocks: 3, interval_s: Some(60), timestamp: Some(timestamp) };
    sequencer.mine(request).unwrap();
    // Published when the call returns.
    assert_eq!(store.head().number(), 3);
    assert_eq!(store.block(1).transactions.len(), 1);
    let timestamps = [1, 2, 3].map(|number| store.block(number).header.timestamp - timestamp);
    assert_eq!(timestamps, [0, 60, 120]);
    // The clock goes on from there.
    mine(&sequencer, 1);
    assert!((120..125).contains(&(store.head().header.timestamp - timestamp)));

    let error = sequencer.set_next_timestamp(5).unwrap_err();
    assert!(matches!(error, SequencerError::TimestampTooLow { timestamp: 5, .. }));
    let request = MineRequest { blocks: u64::MAX, interval_s: None, timestamp: None };
    assert!(matches!(sequencer.mine(request), Err(SequencerError::TooManyBlocks { .. })));
}

#[test]
fn automine_and_interval() {
    let (sequencer, store) = dev();
    assert!(!sequencer.automine().unwrap());
    submit(&sequencer, transfer(1, 0).raw());
    sequencer.set_automine(true).unwrap();
    eventually("it is mined", || store.head().number() == 1);
    sequencer.set_automine(false).unwrap();
    sequencer.set_interval(std::time::Duration::from_secs(1)).unwrap();
    assert!(!sequencer.automine().unwrap());
    eventually("an empty block comes", || store.head().number() == 2);
    sequencer.set_interval(std::time::Duration::ZERO).unwrap();
}

#[test]
fn settings_of_blocks() {
    let (sequencer, store) = dev();
    let coinbase = Address::repeat_byte(0xcb);
    sequencer.set_coinbase(coinbase).unwrap();
    sequencer.set_block_gas_limit(25_000_000).unwrap();
    sequencer.set_prev_randao(B256::repeat_byte(9)).unwrap();
    sequencer.set_next_base_fee(77_000_000).unwrap();
    assert_eq!(sequencer.next_block_env().base_fee, Some(77_000_000));
    mine(&sequencer, 2);
    let (first, second) = (store.block(1), store.block(2));
    assert_eq!(first.header.beneficiary, coinbase);
    assert_eq!(first.header.gas_limit, 25_000_000);
    assert_eq!(first.header.mix_hash, B256::repeat_byte(9));
    assert_eq!(first.header.base_fee_per_gas, Some(77_000_000));
    assert_ne!(second.header.mix_hash, B256::repeat_byte(9));
    assert!(second.header.base_fee_per_gas.unwrap() < 77_000_000);
    assert_eq!(second.header.beneficiary, coinbase);
}

#[test]
fn accounts_are_changed_at_once() {
    let (sequencer, store) = dev();
    let rich = Address::repeat_byte(0x99);
    let balance = U256::from(FUNDS);
    let set = Account { nonce: 7, balance, ..Account::default() };
    sequencer.set_account(rich, set, Some(bytes!("00"))).unwrap();
    sequencer.set_storage(rich, U256::ONE, U256::from(5)).unwrap();
    let state = store.staged_state();
    let account = state.account(&rich).unwrap().unwrap();
    assert_eq!((account.nonce, account.code_hash), (7, keccak256([0])));
    assert_eq!(state.code(&account.code_hash).unwrap(), bytes!("00"));
    assert_eq!(state.storage(&rich, &U256::ONE).unwrap(), U256::from(5));
    // Without code given, it stays.
    sequencer.set_account(rich, Account { nonce: 8, ..set }, None).unwrap();
    let account = store.staged_state().account(&rich).unwrap().unwrap();
    assert_eq!((account.nonce, account.code_hash), (8, keccak256([0])));
    mine(&sequencer, 1);
    assert_eq!(store.balance(rich), balance);
}

#[test]
fn impersonated_transactions_differ_by_sender() {
    let (sequencer, store) = dev();
    let senders = [Address::repeat_byte(0xa1), Address::repeat_byte(0xa2)];
    let mut hashes = Vec::new();
    for sender in senders {
        let set = Account { balance: U256::from(FUNDS), ..Account::default() };
        sequencer.set_account(sender, set, None).unwrap();
        let tx = Arc::unwrap_or_clone(transfer(1, 0).unsigned(sender));
        hashes.push(sequencer.submit_impersonated(tx).unwrap());
    }
    assert_ne!(hashes[0], hashes[1]);
    mine(&sequencer, 1);
    assert_eq!(store.head().transactions.len(), 2);
    let bad = transfer(1, 1).with(|tx| tx.chain_id = 5).unsigned(senders[0]);
    assert!(sequencer.submit_impersonated(Arc::unwrap_or_clone(bad)).is_err());
}

#[test]
fn snapshots_bring_back_chain_pool_clock_and_patches() {
    let (sequencer, store) = dev();
    let patched = Address::repeat_byte(0x33);
    let set = |wei: u64| Account { balance: U256::from(wei), ..Account::default() };
    submit(&sequencer, transfer(1, 0).raw());
    mine(&sequencer, 1);
    sequencer.set_account(patched, set(100), None).unwrap();
    submit(&sequencer, transfer(1, 1).raw());
    let snapshot = sequencer.snapshot().unwrap();
    let later = sequencer.snapshot().unwrap();
    let head = store.head();

    sequencer.set_account(patched, set(200), None).unwrap();
    sequencer.increase_time(1_000_000);
    mine(&sequencer, 2);
    sequencer.set_account(patched, set(300), None).unwrap();
    submit(&sequencer, transfer(2, 0).raw());
    assert_eq!(store.balance(SINK), U256::from(2));

    assert!(sequencer.revert(snapshot).unwrap());
    assert_eq!(store.head().hash, head.hash);
    assert_eq!(store.balance(SINK), U256::ONE);
    assert_eq!(store.balance(patched), U256::from(100));
    assert_eq!(sequencer.pool().ready(), 1);
    assert_eq!(sequencer.pool().next_nonce(&account(1)), Some(2));
    assert!(!sequencer.revert(later).unwrap());
    assert!(!sequencer.revert(snapshot).unwrap());
    mine(&sequencer, 1);
    assert_eq!(store.head().number(), 2);
    assert_eq!(store.balance(SINK), U256::from(2));
    let elapsed = store.head().header.timestamp - head.header.timestamp;
    assert!(elapsed < 100, "{elapsed}");
    // The same moment twice: a fresh snapshot without any block in between.
    let same = sequencer.snapshot().unwrap();
    sequencer.set_account(patched, set(1), None).unwrap();
    assert!(sequencer.revert(same).unwrap());
    assert_eq!(store.balance(patched), U256::from(100));
}

#[test]
fn what_l1_was_promised_is_not_taken_back() {
    let (sequencer, store) = dev();
    mine(&sequencer, 1);
    let before = sequencer.snapshot().unwrap();
    mine(&sequencer, 1);
    let after = sequencer.snapshot().unwrap();
    mine(&sequencer, 1);
    sequencer.promise(2);
    let refused = |error| matches!(error, SequencerError::Promised { block: 2 });
    assert!(refused(sequencer.revert(before).unwrap_err()));
    assert!(refused(sequencer.reset().unwrap_err()));
    assert_eq!(store.head().number(), 3);
    assert!(sequencer.revert(after).unwrap());
    assert_eq!(store.head().number(), 2);
}

#[test]
fn transactions_that_cannot_be_used_do_not_spin_the_builder() {
    let (sequencer, store) = dev();
    submit(&sequencer, transfer(1, 0).raw());
    sequencer.set_block_gas_limit(20_000).unwrap();
    sequencer.set_automine(true).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(store.staged(), 0);
    // Another limit makes it usable.
    sequencer.set_block_gas_limit(30_000_000).unwrap();
    eventually("it is mined", || store.balance(SINK) == U256::ONE);
}
