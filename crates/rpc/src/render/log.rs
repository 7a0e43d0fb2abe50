//! Logs.

use alloy_primitives::{Address, B256, Bytes, Log, U64};
use jovay_types::{SealedBlock, TxReceipt};
use serde::Serialize;

/// A log with its place on the chain.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcLog<'a> {
    address: &'a Address,
    topics: &'a [B256],
    data: &'a Bytes,
    block_number: U64,
    transaction_hash: B256,
    transaction_index: U64,
    block_hash: B256,
    block_timestamp: U64,
    log_index: U64,
    removed: bool,
}

impl<'a> RpcLog<'a> {
    /// Shows `log`, the `log_index`-th of `block`, of its transaction `tx_index`.
    pub fn new(
        log: &'a Log,
        block: &SealedBlock,
        tx_hash: B256,
        tx_index: usize,
        log_index: usize,
    ) -> Self {
        Self {
            address: &log.address,
            topics: log.data.topics(),
            data: &log.data.data,
            block_number: U64::from(block.header.number),
            transaction_hash: tx_hash,
            transaction_index: U64::from(tx_index),
            block_hash: block.hash,
            block_timestamp: U64::from(block.header.timestamp),
            log_index: U64::from(log_index),
            removed: false,
        }
    }

    /// The same as a log that a revert of the chain has taken back.
    pub fn removed(mut self) -> Self {
        self.removed = true;
        self
    }

    /// All logs of `block`, in order.
    pub fn of_block(
        block: &'a SealedBlock,
        receipts: &'a [TxReceipt],
    ) -> impl Iterator<Item = (&'a Log, Self)> {
        let by_tx = block.transactions.iter().zip(receipts).enumerate();
        by_tx
            .flat_map(|(tx_index, (tx, receipt))| {
                receipt.receipt.logs.iter().map(move |log| (tx_index, tx.hash(), log))
            })
            .enumerate()
            .map(move |(log_index, (tx_index, tx_hash, log))| {
                (log, Self::new(log, block, tx_hash, tx_index, log_index))
            })
    }
}
