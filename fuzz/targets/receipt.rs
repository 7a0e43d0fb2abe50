//! Receipts in the node's storage format.
#![no_main]

use alloy_rlp::Decodable;
use jovay_types::TxReceipt;

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let mut rest = raw;
    let Ok(receipt) = TxReceipt::decode(&mut rest) else { return };
    assert_eq!(alloy_rlp::encode(&receipt), raw[..raw.len() - rest.len()]);
});
