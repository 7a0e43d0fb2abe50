//! State changes in the block log.
#![no_main]

use alloy_rlp::Decodable;
use jovay_types::StateDiff;

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let mut rest = raw;
    let Ok(diff) = StateDiff::decode(&mut rest) else { return };
    assert_eq!(alloy_rlp::encode(&diff), raw[..raw.len() - rest.len()]);
});
