//! The L2's EVM: revm under Jovay's chain rules, and the execution of blocks.
//!
//! **What it is.** [`ChainSpec`] says which rules hold at which block (Jovay's own, or any
//! Ethereum fork for tests and the development L1: configuration of one EVM, not copies of it);
//! [`BlockExecutor`] runs a list of transactions over a [`StateView`](jovay_state::StateView) and
//! returns receipts and state changes.
//!
//! **What it is not.** It computes no roots and stores nothing. It has no async, no I/O, no
//! clock, no randomness.
//!
//! **Start here.** [`BlockExecutor`], [`BlockEnv`], [`ChainSpec`].
//!
//! **Invariants.** The same inputs give the same outputs, everywhere. A failed read is an error,
//! never a zero.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod api;
mod code_cache;
mod data_size;
mod db;
mod deposits;
mod difficulty;
mod env;
mod evm;
mod fees;
mod forks;
pub mod genesis;
mod handler;
mod header;
mod l1_fee;
mod next_block;
mod overlay;
mod precompiles;
pub mod predeploys;
mod rewards;
mod serial;
mod spec;
mod system_calls;
mod tx_error;

pub use api::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ExecuteError, ExecuteMode, IntermediateRoot,
    RejectedTx, TxError,
};
pub use code_cache::CodeCache;
pub use data_size::{SIZE_MIN, estimated_size};
pub use db::{DbError, EvmDb};
pub use deposits::deposits;
pub use env::{TxInput, prepare_env, tx_env};
pub use evm::{EvmError, JovayContext, JovayEvm, TxOutcome};
pub use forks::{Fork, ForkSchedule};
pub use handler::L2Context;
pub use header::{
    BLOCK_RLP_MAX, BlockRoots, EXTRA_DATA_MAX, GAS_LIMIT_MAX, GAS_LIMIT_MIN, InvalidBlock,
    check_outcome,
};
pub use l1_fee::L1GasPrices;
pub use next_block::{L2_EXTRA_DATA, L2_SPEC_VERSION};
pub use precompiles::Precompiles;
pub use revm;
pub use rewards::{Rewards, pay_rewards, pay_withdrawals};
pub use serial::SerialExecutor;
pub use spec::{
    BaseFeeRules, ChainSpec, DEV_CHAIN_ID, L2_BASE_FEE_FLOOR, L2_BLOCK_TIME_MS, L2_GAS_LIMIT,
    L2Rules,
};
pub use system_calls::{before_transactions, requests};
