//! Blocks in RLP, as `--import` and `debug_traceBlock` get them.
#![no_main]

use jovay_types::Block;

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let Ok(block) = Block::decode_exact(raw) else { return };
    if let Ok(sealed) = block.recover() {
        assert_eq!(sealed.encoded(), raw, "decoding must be strict");
        assert_eq!(sealed.encoded_len(), raw.len());
    }
});
