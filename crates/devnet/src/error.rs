//! Why a development network cannot start.

use jovay_deploy::DeployError;
use jovay_devl1::DevL1Error;
use jovay_l1::{DeploymentError, L1Error};
use jovay_node::NodeError;

/// Why a development network cannot start; each message says what was wrong in one line.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The L1 does not start.
    #[error("development L1: {0}")]
    L1(#[from] DevL1Error),
    /// The L1 does not answer.
    #[error(transparent)]
    Client(#[from] L1Error),
    /// The contracts cannot be deployed.
    #[error("deploying the contracts: {0}")]
    Deploy(#[from] DeployError),
    /// The addresses file cannot be used.
    #[error(transparent)]
    Addresses(#[from] DeploymentError),
    /// The sequencer does not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// There is no such data layer.
    #[error("setting `data_layer`: {0}")]
    DataLayer(String),
    /// The setting does not go together with an L1.
    #[error("{0}; start with --no-l1 for a chain without an L1")]
    NeedsNoL1(&'static str),
}
