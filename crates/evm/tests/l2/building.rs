//! What a block under construction takes and leaves.

use std::sync::Arc;

use alloy_primitives::U256;
use jovay_evm::{BlockExecutor, BlockJob, ExecuteError, ExecuteMode, SerialExecutor, TxError};

use crate::chain::{ALICE, BOB, Chain, Hashes, message, send, transfer};

#[test]
fn invalid_transactions_are_left_out_and_reported() {
    let chain = Chain::new();
    let txs = [
        send(ALICE, transfer(ALICE, 0)),
        send(ALICE, transfer(ALICE, 0)),
        send(BOB, transfer(BOB, 4)),
        send(ALICE, transfer(ALICE, 1)),
    ];
    let (block, rejected) = chain.run(&txs).unwrap();
    assert_eq!(block.transactions, [txs[0].clone(), txs[3].clone()]);
    assert_eq!(block.receipts.len(), 2);
    assert_eq!(block.receipts[1].receipt.cumulative_gas_used, 42_000);
    assert_eq!(
        rejected.iter().map(|rejected| rejected.error.to_string()).collect::<Vec<_>>(),
        [
            format!("nonce too low: address {ALICE}, tx: 0 state: 1"),
            format!("nonce too high: address {BOB}, tx: 4 state: 0"),
        ]
    );
}

#[test]
fn replaying_an_invalid_transaction_fails() {
    let mut chain = Chain::new();
    chain.mode = ExecuteMode::Replay;
    let txs = [send(ALICE, transfer(ALICE, 0)), send(ALICE, transfer(ALICE, 0))];
    let error = chain.run(&txs).unwrap_err();
    let expected = Box::new(TxError::NonceTooLow { address: ALICE, tx: 0, state: 1 });
    assert_eq!(error, ExecuteError::InvalidTx { index: 1, hash: txs[1].hash(), error: expected });
    chain.env.gas_limit = 30_000;
    let error = chain.run(&[txs[0].clone(), send(ALICE, transfer(ALICE, 1))]).unwrap_err();
    let ExecuteError::InvalidTx { error, .. } = error else { panic!("{error}") };
    assert_eq!(*error, TxError::BlockGasExceeded);
}

#[test]
fn building_and_replaying_agree() {
    let mut chain = Chain::new().with_oracle(7, 9, (1_000_000, 5_000_000));
    let txs = [
        message(25_000, BOB, 9, &[]),
        send(ALICE, transfer(ALICE, 0)),
        send(BOB, transfer(BOB, 3)),
        send(BOB, transfer(BOB, 0)),
    ];
    let (built, _) = chain.run(&txs).unwrap();
    chain.mode = ExecuteMode::Replay;
    let replayed = chain.run_all(&built.transactions);
    assert_eq!(built, replayed);
}

#[test]
fn what_does_not_fit_waits_with_its_senders_later_ones() {
    let mut chain = Chain::new();
    chain.env.gas_limit = 50_000;
    let mut big = transfer(ALICE, 0);
    big.gas_limit = 40_000;
    let txs = [
        send(BOB, transfer(BOB, 0)),
        send(ALICE, big),
        send(ALICE, transfer(ALICE, 1)),
        send(BOB, transfer(BOB, 1)),
    ];
    let (block, rejected) = chain.run(&txs).unwrap();
    assert_eq!(block.transactions, [txs[0].clone(), txs[3].clone()]);
    assert_eq!(rejected, []);
}

#[test]
fn messages_keep_the_order_of_their_queue() {
    let mut chain = Chain::new();
    chain.env.gas_limit = 100_000;
    let txs = [
        message(60_000, BOB, 1, &[]),
        message(90_000, BOB, 2, &[]),
        message(21_000, BOB, 3, &[]),
        send(ALICE, transfer(ALICE, 0)),
    ];
    let (block, rejected) = chain.run(&txs).unwrap();
    assert_eq!(block.transactions, [txs[0].clone(), txs[3].clone()]);
    assert_eq!(rejected, []);
}

#[test]
fn the_builder_stops_when_asked() {
    let chain = Chain::new();
    let asked = std::cell::Cell::new(0);
    let txs: Vec<_> = (0..5).map(|nonce| send(ALICE, transfer(ALICE, nonce))).collect();
    let mut executor = SerialExecutor::new(Arc::new(chain.spec.clone()));
    let (block, rejected) = executor
        .execute(BlockJob {
            env: chain.env.clone(),
            transactions: &txs,
            ommers: &[],
            withdrawals: Some(&[]),
            state: &chain.state,
            hashes: &Hashes,
            mode: ExecuteMode::Build,
            stop: &|| {
                asked.set(asked.get() + 1);
                asked.get() > 3
            },
            roots: None,
        })
        .unwrap();
    assert_eq!((block.transactions.len(), rejected.len()), (3, 0));
}

#[test]
fn the_diff_is_sorted_and_holds_values_before_and_after() {
    // SSTORE(CALLDATALOAD(0), 1)
    let chain = Chain::new().with_code(&[0x60, 0x01, 0x5f, 0x35, 0x55]);
    let txs: Vec<_> = [9u64, 3, 5]
        .iter()
        .enumerate()
        .map(|(nonce, slot)| {
            let mut tx = transfer(ALICE, nonce as u64);
            tx.to = crate::chain::CONTRACT.into();
            tx.value = U256::ZERO;
            tx.gas_limit = 100_000;
            tx.input = U256::from(*slot).to_be_bytes_vec().into();
            send(ALICE, tx)
        })
        .collect();
    let block = chain.run_all(&txs);
    let addresses: Vec<_> = block.diff.accounts.iter().map(|change| change.address).collect();
    assert!(addresses.is_sorted());
    let slots = &block.diff.account(&crate::chain::CONTRACT).unwrap().slots;
    let slots: Vec<_> = slots.iter().map(|slot| (slot.slot, slot.before, slot.after)).collect();
    let written = |slot: u64| (U256::from(slot), U256::ZERO, U256::from(1));
    assert_eq!(slots, [written(3), written(5), written(9)]);
    let alice = block.diff.account(&ALICE).unwrap();
    assert_eq!((alice.before.unwrap().nonce, alice.after.unwrap().nonce), (0, 3));
}
