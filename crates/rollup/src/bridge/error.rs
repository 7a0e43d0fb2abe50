//! Why a deposit cannot be made or followed.

use alloy_primitives::{Address, B256, U256};
use jovay_l1::L1Error;

/// Why a deposit cannot be made or followed; each message is one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// A node does not answer, or answers nonsense.
    #[error(transparent)]
    Node(#[from] L1Error),
    /// The node follows another chain than the contracts are on.
    #[error("the L1 node has chain id {found}, the rollup is on {expected}")]
    WrongChain {
        /// Of the node.
        found: u64,
        /// Of the contracts.
        expected: u64,
    },
    /// The contract is none of the known kinds.
    #[error(
        "{0} is neither an ERC-721 nor an ERC-1155 contract (ERC-165); leave out --token-id for ERC-20"
    )]
    UnknownToken(Address),
    /// The text is no amount.
    #[error("amount {text:?}: {message}")]
    Amount {
        /// What was given.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// The signer has less than the transaction takes.
    #[error("{account} has {balance} wei on L1, {needed} are needed")]
    Unfunded {
        /// The signer.
        account: Address,
        /// What it has.
        balance: U256,
        /// What it takes.
        needed: U256,
    },
    /// The transaction would fail, or did.
    #[error("{what} fails: {reason}")]
    Reverted {
        /// What it was to do.
        what: &'static str,
        /// What the contract says.
        reason: String,
    },
    /// It did not get into a block in time.
    #[error("{what}: transaction {hash} is in no block after {seconds} s; it may still get there")]
    Timeout {
        /// What it was to do.
        what: &'static str,
        /// The transaction.
        hash: B256,
        /// How long was waited.
        seconds: u64,
    },
    /// The receipt lacks the mailbox's event.
    #[error("transaction {0} queued no message")]
    NothingQueued(B256),
}
