//! What a call came to, in geth's words and codes.

use alloy_primitives::{Bytes, U256};
use revm::context_interface::result::{ExecutionResult, HaltReason, OutOfGasError};

use crate::RpcError;

/// Selector of Solidity's `Error(string)`.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// Selector of Solidity's `Panic(uint256)`.
const PANIC_SELECTOR: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// The bytes that a call returned, or the error that a client sees.
///
/// # Errors
/// A revert is code 3 with the revert data; any other failure is -32000.
pub(crate) fn returned(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(reverted(&output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::server(halted(&reason))),
    }
}

/// The error of a reverted call: the decoded reason in the message, the raw data beside it.
pub(crate) fn reverted(data: &Bytes) -> RpcError {
    RpcError::reverted(data, revert_reason(data).as_deref())
}

/// "execution reverted", with the reason if the data tell one.
pub(crate) fn revert_message(data: &[u8]) -> String {
    match revert_reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    }
}

/// The reason in Solidity's `Error(string)` or `Panic(uint256)`.
pub(crate) fn revert_reason(data: &[u8]) -> Option<String> {
    let (selector, body) = data.split_first_chunk::<4>()?;
    match *selector {
        ERROR_SELECTOR => abi_string(body),
        PANIC_SELECTOR => {
            let code = U256::from_be_slice(body.get(..32)?);
            Some(match panic_words(code.saturating_to()) {
                Some(words) => words.into(),
                None => format!("unknown panic code: {code:#x}"),
            })
        }
        _ => None,
    }
}

/// The one string of ABI-encoded arguments.
fn abi_string(body: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        U256::from_be_slice(body.get(at..at.checked_add(32)?)?).try_into().ok()
    };
    let at = word(0)?;
    let len = word(at)?;
    let start = at.checked_add(32)?;
    let bytes = body.get(start..start.checked_add(len)?)?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// What Solidity's panic codes mean.
fn panic_words(code: u64) -> Option<&'static str> {
    Some(match code {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return None,
    })
}

/// Whether more gas might have helped.
pub(crate) fn is_out_of_gas(reason: &HaltReason) -> bool {
    matches!(reason, HaltReason::OutOfGas(_))
}

/// Why execution stopped, in the words geth uses.
pub(crate) fn halted(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(OutOfGasError::MemoryLimit) => "gas uint64 overflow".into(),
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => "invalid opcode".into(),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::NotActivated => "invalid opcode: not activated".into(),
        HaltReason::StackUnderflow => "stack underflow".into(),
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)".into(),
        HaltReason::OutOfOffset => "return data out of bounds".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::NonceOverflow => "nonce uint64 overflow".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::OverflowPayment | HaltReason::OutOfFunds => {
            "insufficient balance for transfer".into()
        }
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection".into()
        }
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
        HaltReason::PrecompileErrorWithContext(message) => message.clone(),
        HaltReason::PrecompileError => "precompile failed".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn reasons() {
        let error = hex!(
            "08c379a00000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000a75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_message(&error), "execution reverted: user error");
        // geth decodes unpadded strings too
        assert_eq!(revert_message(&error[..4 + 64 + 10]), "execution reverted: user error");
        assert_eq!(revert_message(&error[..4 + 64 + 9]), "execution reverted");
        let panic =
            hex!("4e487b710000000000000000000000000000000000000000000000000000000000000001");
        assert_eq!(revert_message(&panic), "execution reverted: assert(false)");
        assert_eq!(revert_message(b"wrong-calldatasize"), "execution reverted");
        assert_eq!(revert_message(b""), "execution reverted");
    }

    #[test]
    fn hostile_offsets_are_no_reason() {
        for len in [4, 20, 36, 68, 100] {
            let mut data = vec![0xff; len];
            data[..4].copy_from_slice(&ERROR_SELECTOR);
            assert_eq!(revert_reason(&data), None, "{len}");
        }
    }
}
