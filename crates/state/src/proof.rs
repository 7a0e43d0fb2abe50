//! Merkle proofs of accounts and slots (EIP-1186).

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_types::Account;

/// Proof of an account, or of its absence, against a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// The account's address.
    pub address: Address,
    /// The account; `None` when the proof shows that there is none.
    pub account: Option<Account>,
    /// Root of the account's storage trie; the empty root without an account.
    pub storage_root: B256,
    /// RLP of the account trie's nodes from the root down.
    pub proof: Vec<Bytes>,
    /// Proofs of the slots asked for, in the order asked.
    pub slots: Vec<SlotProof>,
}

/// Proof of a slot, or of its absence, against a storage root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// The slot's key.
    pub slot: U256,
    /// Its value; zero when absent.
    pub value: U256,
    /// RLP of the storage trie's nodes from the root down.
    pub proof: Vec<Bytes>,
}
