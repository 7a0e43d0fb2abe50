//! Batches in blobs: field elements, padding, then as `batch`. The input is the front of one or
//! two blobs; the first byte says how the second is filled.
#![no_main]

use jovay_da::{BLOB_BYTES, BatchData};

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let Some((&kind, raw)) = raw.split_first() else { return };
    let mut blob = raw.to_vec();
    blob.resize(BLOB_BYTES, 0);
    let mut blobs = vec![blob];
    if kind & 1 == 1 {
        let mut second = raw.to_vec();
        second.reverse();
        second.resize(BLOB_BYTES, kind >> 1 & 1);
        blobs.push(second);
    }
    let Ok(data) = BatchData::from_blobs(&blobs) else { return };
    let packed: Vec<Vec<u8>> = data.to_blobs().iter().map(|blob| blob.to_vec()).collect();
    assert_eq!(packed, blobs, "decoding must be strict");
    let _ = data.payload();
});
