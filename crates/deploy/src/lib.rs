//! Deploys, upgrades and checks the rollup's contracts on L1.
//!
//! **What it is.** [`DeployConfig`], one TOML file, becomes a [`Plan`]: addresses (by CREATE2, so
//! known beforehand) and steps in an order in which nobody can get in between. [`deploy`] carries
//! out the steps that are not done yet and writes the addresses file; [`verify`] compares what is
//! on L1 with such a file; [`Upgrade`] changes an implementation through the timelock.
//!
//! **What it is not.** It makes no genesis block: whoever calls [`deploy`] brings the function that
//! does. It runs no chain.
//!
//! **Start here.** [`deploy`], then [`Plan`].
//!
//! **Invariants.** What is on L1 alone says what is done: a run can be interrupted anywhere and
//! repeated any number of times. Every proxy is initialized in its constructor. The deployer gives
//! up its last right only after everything else is as configured.

mod code;
mod config;
mod contracts;
mod deploy;
mod error;
mod factory;
mod logs;
mod plan;
mod progress;
mod roles;
mod send;
mod steps;
mod upgrade;
mod verify;

pub use config::{
    ConfigError, DeployConfig, LIST_MAX, MailboxConfig, RolesConfig, RollupConfig, TEMPLATE,
    TIMELOCK_DELAY_MAX_S, TimelockConfig,
};
pub use contracts::{CREATE2_FACTORY, Contract};
pub use deploy::{Options, Progress, deploy};
pub use error::DeployError;
pub use plan::Plan;
pub use send::Pace;
pub use upgrade::{OperationState, Upgrade};
pub use verify::{Check, Report, verify};
