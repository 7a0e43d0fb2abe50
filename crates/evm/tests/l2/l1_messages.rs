//! Transactions of type 0x7f.

use alloy_consensus::Eip658Value;
use alloy_primitives::{Bytes, U256};
use jovay_evm::predeploys::FEE_VAULT;

use crate::chain::{ALICE, BOB, CONTRACT, Chain, ETHER, balance, message, nonce, send, transfer};

/// `PUSH0 PUSH0 REVERT`.
const REVERTING: [u8; 3] = [0x5f, 0x5f, 0xfd];
/// `INVALID`.
const HALTING: [u8; 1] = [0xfe];

#[test]
fn a_message_mints_and_pays_nothing() {
    let chain = Chain::new().with_oracle(20_000_000_000, 1, (1_000_000, 1));
    let block = chain.run_all(&[message(21_000, BOB, 77, &[])]);
    assert_eq!(balance(&chain, &block, BOB), U256::from(ETHER + 77));
    assert_eq!(balance(&chain, &block, ALICE), U256::from(ETHER));
    assert_eq!(balance(&chain, &block, FEE_VAULT), U256::ZERO);
    let receipt = &block.receipts[0];
    assert_eq!(receipt.receipt.status, Eip658Value::Eip658(true));
    assert_eq!(receipt.receipt.tx_type, 0x7f);
    assert_eq!((receipt.gas_used, receipt.l1_fee), (21_000, U256::ZERO));
}

#[test]
fn a_message_leaves_the_senders_nonce_alone() {
    let chain = Chain::new();
    let block = chain.run_all(&[message(21_000, BOB, 77, &[]), send(ALICE, transfer(ALICE, 0))]);
    assert_eq!(nonce(&chain, &block, ALICE), 1);
}

#[test]
fn a_failed_call_leaves_the_value_with_the_sender() {
    for (code, all_gas) in [(&REVERTING[..], false), (&HALTING[..], true)] {
        let chain = Chain::new().with_code(code);
        let block = chain.run_all(&[message(60_000, CONTRACT, 77, &[])]);
        assert_eq!(block.receipts[0].receipt.status, Eip658Value::Eip658(false));
        assert_eq!(block.receipts[0].gas_used == 60_000, all_gas);
        assert_eq!(balance(&chain, &block, ALICE), U256::from(ETHER + 77));
        assert_eq!(balance(&chain, &block, CONTRACT), U256::ZERO);
        assert_eq!(balance(&chain, &block, FEE_VAULT), U256::ZERO);
    }
}

#[test]
fn too_little_gas_for_the_intrinsic_cost_fails_inside_the_block() {
    let chain = Chain::new();
    for (gas_limit, data) in [(20_999, &[][..]), (0, &[]), (22_000, &[1; 500])] {
        let block = chain.run_all(&[message(gas_limit, BOB, 77, data)]);
        assert_eq!(block.receipts[0].receipt.status, Eip658Value::Eip658(false));
        assert_eq!(block.receipts[0].gas_used, gas_limit);
        assert_eq!(balance(&chain, &block, ALICE), U256::from(ETHER + 77));
        assert_eq!(balance(&chain, &block, BOB), U256::from(ETHER));
    }
}

#[test]
fn a_sender_with_code_or_without_account_may_send() {
    let mut chain = Chain::new();
    chain.state.insert(ALICE, 1, U256::ZERO, Bytes::from_static(&HALTING), []);
    let block = chain.run_all(&[message(21_000, BOB, 77, &[])]);
    assert_eq!(balance(&chain, &block, BOB), U256::from(ETHER + 77));
}

#[test]
fn more_gas_than_a_signed_transaction_may_have_is_fine() {
    let chain = Chain::new();
    chain.run_all(&[message(30_000_000, BOB, 0, &[])]);
    let mut tx = transfer(ALICE, 0);
    tx.gas_limit = 30_000_000;
    let (_, rejected) = chain.run(&[send(ALICE, tx)]).unwrap();
    assert_eq!(
        rejected[0].error.to_string(),
        "transaction gas limit too high (cap: 16777216, tx: 30000000)"
    );
}

#[test]
fn ethereum_knows_no_messages() {
    let mut chain = Chain::new();
    chain.spec = jovay_evm::ChainSpec::ethereum(1, jovay_evm::Fork::Cancun);
    let (block, rejected) = chain.run(&[message(21_000, BOB, 77, &[])]).unwrap();
    assert!(block.transactions.is_empty());
    assert_eq!(rejected[0].error.to_string(), "transaction type not supported");
}

#[test]
fn creation_cannot_be_asked_for() {
    // The zero address is an address like any other.
    let chain = Chain::new();
    let block = chain.run_all(&[message(21_000, alloy_primitives::Address::ZERO, 3, &[])]);
    assert_eq!(block.receipts[0].contract_address, None);
    assert_eq!(balance(&chain, &block, alloy_primitives::Address::ZERO), U256::from(3));
}
