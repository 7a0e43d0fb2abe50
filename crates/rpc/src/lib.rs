//! JSON-RPC over HTTP and WebSocket on one port.
//!
//! **What it is.** The server with its limits, and the methods: `eth`, `net`, `web3`, `txpool`,
//! `debug`, `trace`, `ots`, `jovay`, and on development chains `evm`, `anvil`, `hardhat`.
//!
//! **What it is not.** It knows no sequencer and no database: it sees a [`ChainApi`].
//!
//! **Start here.** [`ChainApi`].
//!
//! **Invariants.** Whatever arrives gets a JSON-RPC answer or a clear HTTP status; body, batch,
//! answer, filters, subscriptions and connections are bounded; nothing panics.

mod api;
mod call;
mod config;
mod context;
mod debug;
mod dev;
pub mod error;
mod eth;
mod fresh_id;
pub mod jovay;
mod ots;
pub mod params;
pub mod registry;
pub mod render;
mod rpc_info;
mod server;
mod simulate;
mod trace;
mod txpool;
mod web3;

pub use api::{
    BlockTags, ChainApi, ChainError, DevApi, MineOptions, PoolContent, PoolStatus, ReorgOptions,
    SubmitError, SyncStatus, TagSource,
};
pub use config::RpcConfig;
pub use context::Context;
pub use error::RpcError;
pub use jovay::{RollupApi, RollupError};
pub use registry::{Method, Registry, openrpc_document};
pub use server::{Dispatcher, RpcServer};
