//! What the pool answers to queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::Address;
use jovay_types::RecoveredTx;

/// One sender's transactions by nonce.
pub type TxsByNonce = BTreeMap<u64, Arc<RecoveredTx>>;

/// Transactions by sender and nonce.
pub type TxsBySender = BTreeMap<Address, TxsByNonce>;

/// How many transactions the pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Ready for the next block, or in a block that is not published yet.
    pub pending: usize,
    /// Waiting for an earlier nonce, a lower base fee or a higher balance.
    pub queued: usize,
}

/// What the pool holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolContent {
    /// Ready for the next block, or in a block that is not published yet.
    pub pending: TxsBySender,
    /// Waiting for an earlier nonce, a lower base fee or a higher balance.
    pub queued: TxsBySender,
}
