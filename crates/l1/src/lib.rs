//! Ethereum as the rollup uses it.
//!
//! **What it is.** A client for an execution node ([`L1Client`]), the contracts' interfaces
//! ([`bindings`]), the file that says where they are ([`Deployment`]), prices to come
//! ([`FeeState`]), keys ([`Signer`]), a [`Sender`] of transactions that each take effect once, and
//! where the data of batches is fetched ([`BeaconBlobSource`]).
//!
//! **What it is not.** It knows nothing of the L2's node: who reads deposits, commits batches or
//! rebuilds the chain uses it.
//!
//! **Start here.** [`L1Client`], [`Sender`].
//!
//! **Invariants.** No answer of a node is trusted in size or form. Whoever reads logs gets those of
//! a block that is on the chain that the node follows at that moment; reorgs are for the reader to
//! notice, and block hashes come with everything for that.

mod beacon;
pub mod bindings;
mod client;
pub mod deployment;
mod error;
pub mod fees;
mod keys;
mod revert;
mod sender;
mod types;

pub use beacon::{BeaconBlobSource, BlobHint, L1CalldataSource};
pub use client::L1Client;
pub use deployment::{
    Deployment, DeploymentError, FundedAccount, GenesisCommitment, GenesisSettings, Governance,
    Implementations, L1Addresses, OutflowLimit,
};
pub use error::L1Error;
pub use fees::{BlobSchedule, FeeReading, FeeState};
pub use keys::{KeyError, KeySource, KeystoreError, PasswordSource, Signer};
pub use revert::describe_revert;
pub use sender::{
    Failure, Finality, Intent, IntentStatus, KEY_BYTES_MAX, PriceZones, Sender, SenderConfig,
    SenderError,
};
pub use types::{BlockTag, L1Block, L1Log, L1Receipt, L1Transaction, LogFilter};
