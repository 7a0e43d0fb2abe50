//! The gas a transaction needs before it runs.

use alloy_consensus::Transaction as _;
use jovay_types::EthereumTx;

/// Gas of any transaction.
const TX_GAS: u64 = 21_000;
/// Further gas of a creation (EIP-2).
const CREATE_GAS: u64 = 32_000;
/// Gas of a zero byte of data, also the weight of a token (EIP-2028, EIP-7623).
const ZERO_BYTE_GAS: u64 = 4;
/// Tokens in a byte that is not zero.
const NONZERO_BYTE_TOKENS: u64 = 4;
/// Floor price of a token (EIP-7623).
const FLOOR_TOKEN_GAS: u64 = 10;
/// Gas of a word of init code (EIP-3860).
const INITCODE_WORD_GAS: u64 = 2;
/// Gas of an address in the access list (EIP-2930).
const ACCESS_ADDRESS_GAS: u64 = 2_400;
/// Gas of a storage key in the access list (EIP-2930).
const ACCESS_KEY_GAS: u64 = 1_900;
/// Gas of an authorization (EIP-7702), charged as for an empty account.
const AUTHORIZATION_GAS: u64 = 25_000;

/// Least gas that `tx` pays for itself: its base, data, access list and authorizations. None of
/// the sums can overflow, since a transaction is limited in size.
pub(crate) fn intrinsic(tx: &EthereumTx) -> u64 {
    let mut gas = TX_GAS + tokens(tx.input()) * ZERO_BYTE_GAS;
    if tx.is_create() {
        gas += CREATE_GAS + (tx.input().len() as u64).div_ceil(32) * INITCODE_WORD_GAS;
    }
    if let Some(list) = tx.access_list() {
        gas += list.len() as u64 * ACCESS_ADDRESS_GAS;
        gas += list.storage_keys_count() as u64 * ACCESS_KEY_GAS;
    }
    gas + tx.authorization_list().map_or(0, |list| list.len() as u64 * AUTHORIZATION_GAS)
}

/// Least gas that `tx` pays for its data (EIP-7623).
pub(crate) fn floor(tx: &EthereumTx) -> u64 {
    TX_GAS + tokens(tx.input()) * FLOOR_TOKEN_GAS
}

fn tokens(data: &[u8]) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    zeros + (data.len() as u64 - zeros) * NONZERO_BYTE_TOKENS
}
