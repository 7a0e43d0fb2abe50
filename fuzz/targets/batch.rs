//! Batches outside blobs: DA header, zstd frame, chunks, block contexts.
#![no_main]

use jovay_da::{BatchData, BatchHeader};

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    if let Ok(header) = BatchHeader::decode(raw) {
        assert_eq!(header.encode(), raw, "decoding must be strict");
    }
    let Ok(data) = BatchData::decode(raw) else { return };
    assert_eq!(data.encode(), raw, "decoding must be strict");
    let Ok(payload) = data.payload() else { return };
    let encoded = payload.encode(data.batch_version()).expect("what decodes can be encoded");
    assert_eq!(encoded, *data.payload_bytes().expect("it was decompressed before"));
});
