//! Field elements: 31 usable bytes in each 32-byte word of a blob.

use alloc::vec::Vec;

use alloy_primitives::FixedBytes;

use crate::CodecError;

/// Length of a blob (EIP-4844).
pub const BLOB_BYTES: usize = 131_072;

/// A blob, the same type as alloy's.
pub type Blob = FixedBytes<BLOB_BYTES>;

const WORD_BYTES: usize = 32;
/// A word is a big-endian number below the BLS modulus; with its first byte zero it always is.
const USABLE_BYTES_PER_WORD: usize = 31;

/// Bytes of data that a blob holds.
pub const USABLE_BYTES_PER_BLOB: usize = BLOB_BYTES / WORD_BYTES * USABLE_BYTES_PER_WORD;

/// Blobs that `len` bytes of data fill; at least one.
pub fn blobs_needed(len: usize) -> usize {
    len.div_ceil(USABLE_BYTES_PER_BLOB).max(1)
}

/// Spreads `data` over as few blobs as hold it, `first` in the byte that the first word does
/// not use. (`first` below 0x73 keeps that word below the modulus; DA versions do.)
pub(crate) fn pack(first: u8, data: &[u8]) -> Vec<Blob> {
    let mut blobs = Vec::with_capacity(blobs_needed(data.len()));
    let mut parts = data.chunks(USABLE_BYTES_PER_BLOB);
    loop {
        let part = parts.next().unwrap_or_default();
        let mut blob = Blob::ZERO;
        let words = blob.chunks_exact_mut(WORD_BYTES);
        for (word, bytes) in words.zip(part.chunks(USABLE_BYTES_PER_WORD)) {
            word[1..=bytes.len()].copy_from_slice(bytes);
        }
        blobs.push(blob);
        if parts.len() == 0 {
            break;
        }
    }
    blobs[0][0] = first;
    blobs
}

/// The first word's spare byte and the data of `blobs`, padding included.
pub(crate) fn unpack<B: AsRef<[u8]>>(blobs: &[B]) -> Result<(u8, Vec<u8>), CodecError> {
    let mut data = Vec::with_capacity(blobs.len() * USABLE_BYTES_PER_BLOB);
    let mut first = None;
    for (index, blob) in blobs.iter().enumerate() {
        let blob = blob.as_ref();
        if blob.len() < BLOB_BYTES {
            let (need, have) = (BLOB_BYTES, blob.len());
            return Err(CodecError::TooShort { what: "blob", need, have });
        }
        if blob.len() > BLOB_BYTES {
            let count = blob.len() - BLOB_BYTES;
            return Err(CodecError::TrailingBytes { what: "blob", count });
        }
        for (at, word) in blob.chunks_exact(WORD_BYTES).enumerate() {
            if first.is_none() {
                first = Some(word[0]);
            } else if word[0] != 0 && at == 0 {
                return Err(CodecError::StartsBatch { position: index + 1 });
            } else if word[0] != 0 {
                let at = index * BLOB_BYTES + at * WORD_BYTES;
                return Err(CodecError::NonZeroPadding { at });
            }
            data.extend_from_slice(&word[1..]);
        }
    }
    Ok((first.ok_or(CodecError::BlobCount { need: 1, have: 0 })?, data))
}

/// Where byte `at` of the data lies in the blobs.
pub(crate) fn position(at: usize) -> usize {
    at / USABLE_BYTES_PER_WORD * WORD_BYTES + 1 + at % USABLE_BYTES_PER_WORD
}
