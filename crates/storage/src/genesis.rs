//! The first block and the state it starts from.

use alloy_consensus::Header;
use alloy_primitives::{Address, Bytes, U256};
use jovay_types::Account;

/// An account of the genesis state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Its address.
    pub address: Address,
    /// The account; its code hash must be that of `code`.
    pub account: Account,
    /// Its code; empty without code.
    pub code: Bytes,
    /// Its non-zero slots.
    pub slots: Vec<(U256, U256)>,
}

/// The first block, which has no transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Genesis {
    /// The header. A zero or empty state root is filled in; any other must be the root of `alloc`.
    pub header: Header,
    /// The state, in any order, without duplicates.
    pub alloc: Vec<GenesisAccount>,
}
