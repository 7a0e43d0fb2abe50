//! Base fee, tips and the L1 data fee.

use alloy_primitives::{Bytes, U256};
use jovay_evm::{TxError, estimated_size, predeploys::FEE_VAULT};

use crate::chain::{ALICE, BOB, Chain, ETHER, balance, send, transfer};

/// 21,000 gas at the base fee of a million wei and a tip of three.
const GAS_FEE: u64 = 21_000 * 1_000_003;

#[test]
fn base_fee_and_tip_go_to_the_vault() {
    let chain = Chain::new();
    let block = chain.run_all(&[send(ALICE, transfer(ALICE, 0))]);
    assert_eq!(balance(&chain, &block, FEE_VAULT), U256::from(GAS_FEE));
    assert_eq!(balance(&chain, &block, ALICE), U256::from(ETHER - 5 - GAS_FEE));
    assert_eq!(balance(&chain, &block, BOB), U256::from(ETHER + 5));
    assert_eq!(block.receipts[0].l1_fee, U256::ZERO);
    assert_eq!(block.header.gas_used, 21_000);
}

#[test]
fn the_l1_data_fee_is_charged_and_reported() {
    let chain = Chain::new().with_oracle(20_000_000_000, 3, (1_500_000, 900_000));
    let tx = send(ALICE, transfer(ALICE, 0));
    let block = chain.run_all(std::slice::from_ref(&tx));
    let size = estimated_size(&tx.encoded_2718());
    let fee = U256::from(size) * U256::from(1_500_000 * 20_000_000_000u64 + 900_000 * 3)
        / U256::from(1_000_000);
    assert!(!fee.is_zero());
    assert_eq!(block.receipts[0].l1_fee, fee);
    assert_eq!(balance(&chain, &block, FEE_VAULT), U256::from(GAS_FEE) + fee);
    assert_eq!(balance(&chain, &block, ALICE), U256::from(ETHER - 5 - GAS_FEE) - fee);
    assert_eq!(block.receipts[0].gas_used, 21_000);
}

#[test]
fn whoever_cannot_pay_the_l1_data_fee_is_refused() {
    let mut chain = Chain::new().with_oracle(20_000_000_000, 0, (1_000_000, 0));
    let tx = send(ALICE, transfer(ALICE, 0));
    let l1_fee = estimated_size(&tx.encoded_2718()) * 20_000_000_000;
    // The sender must be able to pay at the fee cap of 1 gwei.
    let want = U256::from(21_000 * 1_000_000_000u64 + 5 + l1_fee);
    let have = want - U256::from(1);
    chain.state.insert(ALICE, 0, have, Bytes::new(), []);
    let (block, rejected) = chain.run(std::slice::from_ref(&tx)).unwrap();
    assert!(block.transactions.is_empty() && block.diff.is_empty());
    assert_eq!(rejected[0].error, TxError::InsufficientFunds { address: ALICE, have, want });
    assert_eq!(
        rejected[0].error.to_string(),
        format!(
            "insufficient funds for gas * price + value: address {ALICE} have {have} want {want}"
        )
    );
    chain.state.insert(ALICE, 0, want, Bytes::new(), []);
    chain.run_all(&[tx]);
}

#[test]
fn an_oracle_without_code_charges_nothing() {
    let mut chain = Chain::new().with_oracle(20_000_000_000, 0, (1_000_000, 0));
    let slots = [(U256::ZERO, U256::from(1)), (U256::from(2), U256::from(u64::MAX))];
    chain.state.insert(jovay_evm::predeploys::L1_GAS_ORACLE, 0, U256::from(1), Bytes::new(), slots);
    let block = chain.run_all(&[send(ALICE, transfer(ALICE, 0))]);
    assert_eq!(block.receipts[0].l1_fee, U256::ZERO);
}

#[test]
fn a_new_oracle_price_holds_from_the_next_transaction_on() {
    // The oracle's code: SSTORE(0, CALLDATALOAD(0)).
    let mut chain = Chain::new();
    let code = Bytes::from_static(&[0x5f, 0x35, 0x5f, 0x55]);
    let slots = [(U256::ZERO, U256::from(1)), (U256::from(2), U256::from(1_000_000))];
    let oracle = jovay_evm::predeploys::L1_GAS_ORACLE;
    chain.state.insert(oracle, 1, U256::ZERO, code, slots);
    let mut update = transfer(ALICE, 0);
    update.to = oracle.into();
    update.value = U256::ZERO;
    update.gas_limit = 100_000;
    update.input = U256::from(10).to_be_bytes_vec().into();
    let txs = [send(BOB, transfer(BOB, 0)), send(ALICE, update), send(BOB, transfer(BOB, 1))];
    let block = chain.run_all(&txs);
    let size = |at: usize| U256::from(estimated_size(&txs[at].encoded_2718()));
    assert_eq!(block.receipts[0].l1_fee, size(0));
    assert_eq!(block.receipts[1].l1_fee, size(1));
    assert_eq!(block.receipts[2].l1_fee, size(2) * U256::from(10));
}

#[test]
fn blob_transactions_are_refused() {
    use alloy_consensus::{SignableTransaction, TxEip4844};
    let tx = TxEip4844 {
        chain_id: crate::chain::CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_fee_per_blob_gas: 1_000,
        blob_versioned_hashes: vec![alloy_primitives::B256::with_last_byte(1)],
        to: BOB,
        ..TxEip4844::default()
    };
    let signed = tx.into_signed(alloy_primitives::Signature::test_signature());
    let tx = jovay_types::Transaction::Ethereum(signed.into());
    let tx = std::sync::Arc::new(jovay_types::RecoveredTx::with_sender(tx, ALICE));
    let (_, rejected) = Chain::new().run(&[tx]).unwrap();
    assert_eq!(rejected[0].error.to_string(), "transaction type not supported");
}

#[test]
fn a_fee_cap_below_the_base_fee_is_refused() {
    let mut tx = transfer(ALICE, 0);
    tx.max_fee_per_gas = 999_999;
    let (_, rejected) = Chain::new().run(&[send(ALICE, tx)]).unwrap();
    assert_eq!(
        rejected[0].error.to_string(),
        format!(
            "max fee per gas less than block base fee: address {ALICE}, \
             maxFeePerGas: 999999, baseFee: 1000000"
        )
    );
}
