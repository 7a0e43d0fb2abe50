//! Blocks, transactions, receipts and logs as execution-apis writes them.
//!
//! The types borrow from the block they show and are serialized at once.

mod block;
mod log;
mod receipt;
mod transaction;

pub use block::{RpcBlock, RpcHeader, Transactions};
pub use log::RpcLog;
pub use receipt::{BlobReceipt, RpcReceipt, block_receipts};
pub use transaction::{RpcTransaction, TxPlace};
