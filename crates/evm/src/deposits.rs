//! Deposit requests from the deposit contract's logs (EIP-6110).

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, b256};
use jovay_types::TxReceipt;

use crate::ExecuteError;

/// keccak256 of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_EVENT: B256 =
    b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
/// Length of the event's data: five offsets and five padded byte strings.
const DATA_LEN: usize = 576;
/// Offset and length of the event's fields: public key, withdrawal credentials, amount,
/// signature, index.
const FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];

/// The deposits of all `receipts`, fields joined, in order.
///
/// # Errors
/// An event of the deposit contract is not laid out as EIP-6110 demands.
pub fn deposits(receipts: &[TxReceipt], contract: Address) -> Result<Vec<u8>, ExecuteError> {
    let mut out = Vec::new();
    for log in receipts.iter().flat_map(|receipt| &receipt.receipt.logs) {
        if log.address == contract && log.topics().first() == Some(&DEPOSIT_EVENT) {
            append(&log.data.data, &mut out)
                .ok_or_else(|| ExecuteError::InvalidBlock("invalid deposit event layout".into()))?;
        }
    }
    Ok(out)
}

fn append(data: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if data.len() != DATA_LEN {
        return None;
    }
    let word = |at: usize| Some(U256::from_be_slice(data.get(at..at + 32)?));
    for (index, (offset, length)) in FIELDS.into_iter().enumerate() {
        if word(index * 32)? != U256::from(offset) || word(offset)? != U256::from(length) {
            return None;
        }
        out.extend_from_slice(data.get(offset + 32..offset + 32 + length)?);
    }
    Some(())
}
