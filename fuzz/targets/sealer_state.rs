//! The saved state of a batch sealer.
#![no_main]

use jovay_da::{BatchSealer, SealingConfig};

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let Ok(sealer) = BatchSealer::restore(SealingConfig::default(), raw) else { return };
    assert_eq!(sealer.state().expect("what was restored can be saved"), raw);
});
