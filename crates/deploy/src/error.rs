//! Why a deployment, a check or an upgrade cannot go on.

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_l1::{DeploymentError, KeyError, L1Error};

use crate::ConfigError;

/// Why a deployment, a check or an upgrade cannot go on. Everything that was done stays done; the
/// same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The configuration cannot be deployed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// L1 gave no answer.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The addresses file cannot be read or written.
    #[error(transparent)]
    File(#[from] DeploymentError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The node is of another chain.
    #[error("the L1 node has chain id {found}, but chain {expected} is meant")]
    WrongChain {
        /// What the configuration or the addresses file says.
        expected: u64,
        /// What the node says.
        found: u64,
    },
    /// The addresses file belongs to another deployment.
    #[error("{path} is of another deployment: {what}; choose another --out")]
    OtherDeployment {
        /// The file.
        path: String,
        /// What differs.
        what: String,
    },
    /// The L2's genesis block cannot be made.
    #[error("L2 genesis: {0}")]
    Genesis(String),
    /// The signer cannot pay.
    #[error("{account} has {balance} wei on L1 and needs about {needed}: fund it and run again")]
    Unfunded {
        /// The signer.
        account: Address,
        /// What it has, in wei.
        balance: U256,
        /// What the rest costs at current prices, in wei.
        needed: U256,
    },
    /// L1 is dearer than the configuration allows.
    #[error("L1 gas costs {base_fee} wei, max_fee_per_gas is {max}: wait, or raise it")]
    TooDear {
        /// L1's base fee, in wei.
        base_fee: u64,
        /// The configured maximum, in wei.
        max: u128,
    },
    /// A transaction would revert or did.
    #[error("{what}: reverted: {reason}")]
    Reverted {
        /// The step.
        what: String,
        /// The decoded error.
        reason: String,
    },
    /// A transaction does not get into a block.
    #[error("{what}: not in a block after {seconds} s; run again to go on")]
    Stuck {
        /// The step.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The CREATE2 factory is not on this L1.
    #[error(
        "there is no CREATE2 factory at {factory} on this L1, and it did not take the factory's \
         transaction: {reason}"
    )]
    NoFactory {
        /// Where every chain has it.
        factory: Address,
        /// What L1 said.
        reason: String,
    },
    /// A contract's code could not be worked out from its artifact.
    #[error("the constructor of {contract} fails: {reason}")]
    Constructor {
        /// The contract.
        contract: &'static str,
        /// What the EVM said.
        reason: String,
    },
    /// An address has other code than it must.
    #[error("{what} at {address}: {message}")]
    WrongCode {
        /// The contract.
        what: String,
        /// Where.
        address: Address,
        /// What is wrong.
        message: String,
    },
    /// Nobody knows in which block the deployment began.
    #[error("the block of the deployment is unknown: {0}")]
    FirstBlock(String),
    /// What was deployed is not what was configured.
    #[error("the deployment is not as configured: {0}")]
    Verify(String),
    /// The signer may not do this. A multisig can, with this call.
    #[error("{account} is no {role} of the timelock; whoever is can call {to} with data {data}")]
    NotAllowed {
        /// The signer.
        account: Address,
        /// The missing role.
        role: &'static str,
        /// Whom to call.
        to: Address,
        /// With what.
        data: Bytes,
    },
    /// The operation is not in the state that the command needs.
    #[error("operation {id}: {message}")]
    Operation {
        /// The timelock's id of the operation.
        id: B256,
        /// What is wrong and what to do.
        message: String,
    },
}
