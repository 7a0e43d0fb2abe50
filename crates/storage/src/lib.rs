//! The disk behind the state: block log, tables, history, pruning, recovery.
//!
//! **What it is.** [`Chain`], the chain as it is kept: it implements [`jovay_state::ChainStore`]
//! for the pipeline that extends it, and answers what the RPC server asks about past blocks
//! and past states.
//!
//! **What it is not.** It executes nothing, knows no fork rules and checks no signatures.
//!
//! **Start here.** [`Config`], [`Genesis`], [`Chain`]; then `log` (what makes a block durable),
//! `pipeline` and `versions` (what is not yet in tables) and `flush` (how it gets there).
//!
//! **Invariants.**
//! - A block whose `log` returned is there after any crash; opening needs no repair step.
//! - The tables always hold the whole chain up to one block, `flushed`; a flush moves all of
//!   them to a later block atomically.
//! - A view answers for one block for as long as it lives, or gives an error.
//! - Memory is bounded: the pipeline waits when the tables fall behind.

mod blooms;
mod chain;
mod changes;
mod codec;
mod config;
mod diff;
mod error;
mod flush;
mod genesis;
mod kv;
mod l1;
mod log;
mod nodes;
mod open;
mod pipeline;
mod read;
mod revert;
mod seal;
mod snapshot;
mod stat;
mod states;
mod store;
mod tables;
mod verify;
mod versions;
mod view;

pub use chain::Chain;
pub use config::Config;
pub use error::ChainError;
pub use genesis::{Genesis, GenesisAccount};
pub use kv::create_folder;
pub use snapshot::{SnapshotInfo, restore};
pub use stat::{Stat, TableStat};
pub use verify::Verified;

#[cfg(test)]
extern crate self as jovay_storage;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
