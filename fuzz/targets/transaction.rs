//! Raw transactions, as `eth_sendRawTransaction` gets them.
#![no_main]

use jovay_types::{RecoveredTx, Transaction};

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let Ok(tx) = Transaction::decode_2718_exact(raw) else { return };
    assert_eq!(tx.encoded_2718(), raw, "decoding must be strict");
    assert_eq!(tx.encode_2718_len(), raw.len());
    if let Ok(recovered) = RecoveredTx::recover(tx) {
        assert_eq!(recovered.hash(), recovered.tx().hash());
    }
});
