//! From an executed block to a sealed one.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::{B256, Bloom, U256, keccak256};
use jovay_state::ordered_root;
use jovay_types::{Account, AccountChange, ExecutedBlock, SlotChange, StateDiff, TxReceipt};

/// The root of a block's transactions.
pub(crate) fn transactions_root(transactions: &[std::sync::Arc<jovay_types::RecoveredTx>]) -> B256 {
    let items: Vec<Vec<u8>> = transactions.iter().map(|tx| tx.encoded_2718()).collect();
    ordered_root(&items)
}

/// The root of a block's receipts, and the bloom over all their logs.
pub(crate) fn receipts_root(receipts: &[TxReceipt]) -> (B256, Bloom) {
    let mut union = Bloom::ZERO;
    let items: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| {
            let bloom = receipt.receipt.bloom();
            union.accrue_bloom(&bloom);
            let mut item = Vec::with_capacity(512);
            receipt.receipt.encode_2718(&bloom, &mut item);
            item
        })
        .collect();
    (ordered_root(&items), union)
}

/// The hash of the list of `ommers`.
pub(crate) fn ommers_hash(ommers: &[Header]) -> B256 {
    if ommers.is_empty() {
        return EMPTY_OMMER_ROOT_HASH;
    }
    let mut list = Vec::new();
    alloy_rlp::encode_list(ommers, &mut list);
    keccak256(list)
}

/// The root of `withdrawals`.
pub(crate) fn withdrawals_root(withdrawals: &[alloy_eips::eip4895::Withdrawal]) -> B256 {
    let items: Vec<Vec<u8>> = withdrawals.iter().map(alloy_rlp::encode).collect();
    ordered_root(&items)
}

/// `block`'s header with its lists' roots; parent and state root are left to fill in.
pub(crate) fn header_with_lists(block: &ExecutedBlock) -> Header {
    let (transactions_root, (receipts_root, logs_bloom)) =
        rayon::join(|| transactions_root(&block.transactions), || receipts_root(&block.receipts));
    Header {
        transactions_root,
        receipts_root,
        logs_bloom,
        ommers_hash: ommers_hash(&block.ommers),
        withdrawals_root: block.withdrawals.as_deref().map(withdrawals_root),
        ..block.header.clone()
    }
}

/// The EIP-2935 write of the parent's hash, as a change by itself; `contract` is the account after
/// the block.
pub(crate) fn parent_hash_change(
    contract: Account,
    slot: U256,
    before: U256,
    parent: B256,
) -> AccountChange {
    let slot = SlotChange { slot, before, after: parent.into() };
    AccountChange {
        address: HISTORY_STORAGE_ADDRESS,
        before: Some(contract),
        after: Some(contract),
        slots: vec![slot],
    }
}

/// Adds the one slot of `change` to `diff`, at its place.
pub(crate) fn add_slot(diff: &mut StateDiff, change: AccountChange) {
    let slot = change.slots[0];
    let at = diff.accounts.binary_search_by(|other| other.address.cmp(&change.address));
    let slots = match at {
        Ok(at) => &mut diff.accounts[at].slots,
        Err(at) => return diff.accounts.insert(at, change),
    };
    match slots.binary_search_by(|other| other.slot.cmp(&slot.slot)) {
        Ok(at) => slots[at].after = slot.after,
        Err(at) => slots.insert(at, slot),
    }
}
