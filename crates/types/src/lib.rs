//! Blocks, transactions, receipts, L1 messages and state changes of the Jovay chain, with their codecs.
//!
//! **What it is.** Plain data and the one encoding of each: what is sealed, logged, gossiped and proven.
//! Ethereum's own structures come from `alloy-consensus`; this crate adds the L1-message
//! transaction ([`L1Message`], type `0x7f`), the L1 data fee on receipts and the record of an
//! executed block ([`ExecutedBlock`]).
//!
//! **What it is not.** It executes nothing, stores nothing, and does no I/O; it has no clock.
//!
//! **Start here.** [`Transaction`], [`RecoveredTx`], [`SealedBlock`], [`StateDiff`].
//!
//! **Invariants.** Decoders are strict: trailing bytes, unknown types and non-canonical
//! values are errors. Encoding what was decoded gives the same bytes back.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod block;
mod l1_message;
mod receipt;
mod sender;
mod state_diff;
mod transaction;

pub use alloy_consensus::Header;
pub use block::{Block, ExecutedBlock, SealedBlock};
pub use l1_message::{
    L1_ALIAS_OFFSET, L1_MESSAGE_TX_TYPE, L1Message, L1Position, alias_l1_address,
};
pub use receipt::{Receipt, TxReceipt};
pub use sender::{RecoveryError, recover_sender};
pub use state_diff::{Account, AccountChange, Code, EMPTY_CODE_HASH, SlotChange, StateDiff};
pub use transaction::{EthereumTx, RecoveredTx, Transaction};
