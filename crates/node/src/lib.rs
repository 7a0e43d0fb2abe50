//! A running node put together from its parts, and its configuration.
//!
//! **What it is.** [`NodeConfig`], the one configuration; [`Node`], which opens the chain, starts
//! the sequencer and serves JSON-RPC; the adapter through which the RPC server sees them; the
//! import of blocks.
//!
//! **What it is not.** It has no logic of the chain: that is in the crates it joins.
//!
//! **Start here.** [`Node::start`].
//!
//! **Invariants.** A node that has failed says so at `/health` and acknowledges nothing more. A
//! stopped node has everything on disk that it ever acknowledged.

mod chain;
mod config;
mod dev;
mod dev_accounts;
mod error;
mod feed;
mod finality;
mod front;
mod import;
mod node;
mod replica;
mod services;
mod start;
mod telemetry;

pub use config::{ConfigError, ConfigFlags, NodeConfig, SETTINGS};
pub use dev_accounts::{DEV_ACCOUNTS, DEV_MNEMONIC};
pub use error::NodeError;
pub use feed::FEED_PATH;
pub use finality::DepthTags;
pub use node::{Core, Node};
pub use replica::{Replica, ReplicaOptions};
pub use services::{L1Services, Pace, SequencerKeys};
pub use start::{ChainStart, Slots, development_genesis, genesis_commitment};
