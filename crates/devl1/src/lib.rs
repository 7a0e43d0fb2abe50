//! The in-process development L1.
//!
//! **What it is.** An Ethereum of one node for development and tests: our own execution, pool,
//! storage and RPC under Ethereum's rules of today (Osaka with the blob schedule of BPO2), with
//! blob transactions, a beacon API, blocks in slots, and controls that real networks do not have:
//! reorgs, snapshots, prices, time, finality. [`DevL1`] is a handle on it; whatever uses it talks
//! to it over HTTP, as to any other L1.
//!
//! **What it is not.** There are no validators and no peers: blocks are final by depth alone, and
//! beacon blocks are names ([`jovay_sequencer::beacon_block_root`]), not data. It is no place for
//! value: the keys of its accounts are public, and chain id 1 is refused.
//!
//! **Start here.** [`DevL1::start`], [`DevL1Config`]; docs/decisions/0008 says why it is as it is.
//!
//! **Invariants.**
//! - What Ethereum's rules refuse is refused, where lenient nodes take it: gas above EIP-7825's
//!   cap, sidecars without cell proofs, more than six blobs in a transaction.
//! - Timestamps rise, and a block's slot is its timestamp minus the first block's: the mapping of
//!   the beacon API holds whatever is done to time.
//! - Who sees a block can read its blobs.

mod beacon;
mod config;
mod error;
mod genesis;
mod l1;

pub use config::{DEV_L1_CHAIN_ID, DevL1Config};
pub use error::DevL1Error;
pub use l1::DevL1;
