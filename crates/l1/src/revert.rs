//! What a call that reverted says.

use alloy_primitives::hex;
use alloy_sol_types::{GenericContractError, SolInterface};

use crate::bindings::{L1Bridge, L1Mailbox, Rollup, TimelockController};

/// Most characters of a description: contracts may return anything.
const SHOWN_MAX: usize = 512;

/// Describes what a call returned when it reverted: Solidity's `Error(string)` and `Panic`, the
/// errors of our contracts, else the bytes.
pub fn describe_revert(data: &[u8]) -> String {
    let text = if data.is_empty() {
        "reverted without data".into()
    } else if let Ok(error) = GenericContractError::abi_decode(data) {
        error.to_string()
    } else if let Ok(error) = Rollup::RollupErrors::abi_decode(data) {
        format!("Rollup: {error:?}")
    } else if let Ok(error) = L1Mailbox::L1MailboxErrors::abi_decode(data) {
        format!("L1Mailbox: {error:?}")
    } else if let Ok(error) = L1Bridge::L1BridgeErrors::abi_decode(data) {
        format!("L1Bridge: {error:?}")
    } else if let Ok(error) = TimelockController::TimelockControllerErrors::abi_decode(data) {
        format!("TimelockController: {error:?}")
    } else {
        hex::encode_prefixed(data)
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
