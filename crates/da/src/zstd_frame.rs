//! Bounded decompression of one zstd frame (RFC 8878), in safe-to-fuzz Rust without `std`.
//!
//! The frame must declare its content's size, hold exactly that and end with the input; a
//! dictionary or a second frame is refused.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::io::Read;

use crate::CodecError;

/// Most bytes that a batch's payload has, decompressed: the bound of Jovay's own derivation node.
pub const MAX_PAYLOAD_BYTES: usize = 128 << 20;

pub(crate) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bit of the frame descriptor: one segment, no window descriptor.
pub(crate) const SINGLE_SEGMENT: u8 = 1 << 5;
const RESERVED: u8 = 1 << 3;
const DICTIONARY: u8 = 0b11;

/// Decompresses the one frame that `frame` must be.
pub(crate) fn decompress(frame: &[u8]) -> Result<Vec<u8>, CodecError> {
    let size = content_size(frame)?;
    let mut output = vec![0; size];
    let (mut input, mut filled) = (frame, 0);
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_PAYLOAD_BYTES as u64);
    let broken = |error: &dyn core::fmt::Display| CodecError::Zstd(error.to_string());
    decoder.init(&mut input).map_err(|error| broken(&error))?;
    while !decoder.is_finished() {
        decoder
            .decode_blocks(&mut input, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| broken(&error))?;
        // Before the frame ends the decoder keeps back a window's length.
        filled += decoder.read(&mut output[filled..]).map_err(|error| broken(&error))?;
        // Checked at every block, or a small frame could fill the memory.
        if decoder.can_collect() != 0 {
            break;
        }
    }
    if filled != size || decoder.can_collect() != 0 {
        return Err(CodecError::Zstd("the frame is not of the size it declares".into()));
    }
    if !input.is_empty() {
        return Err(CodecError::TrailingBytes { what: "zstd frame", count: input.len() });
    }
    let declared = decoder.get_checksum_from_data();
    if declared.is_some() && declared != decoder.get_calculated_checksum() {
        return Err(CodecError::Zstd("the frame's checksum is wrong".into()));
    }
    Ok(output)
}

/// The size that the frame declares, after checking its header.
fn content_size(frame: &[u8]) -> Result<usize, CodecError> {
    let short = CodecError::TooShort { what: "zstd frame", need: 5, have: frame.len() };
    let (head, rest) = frame.split_first_chunk::<5>().ok_or(short)?;
    let descriptor = head[4];
    if head[..4] != MAGIC {
        return Err(CodecError::Zstd("this is not a zstd frame".into()));
    }
    if descriptor & RESERVED != 0 {
        return Err(CodecError::Zstd("a reserved bit is set".into()));
    }
    if descriptor & DICTIONARY != 0 {
        return Err(CodecError::Zstd("the frame wants a dictionary".into()));
    }
    let single = descriptor & SINGLE_SEGMENT != 0;
    let len = match descriptor >> 6 {
        0 if single => 1,
        0 => return Err(CodecError::Zstd("the frame does not declare its size".into())),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let start = usize::from(!single);
    let field = rest.get(start..start + len).ok_or_else(|| CodecError::TooShort {
        what: "zstd frame header",
        need: start + len,
        have: rest.len(),
    })?;
    let mut size = field.iter().rev().fold(0u64, |size, &byte| size << 8 | u64::from(byte));
    if len == 2 {
        size += 256;
    }
    if size > MAX_PAYLOAD_BYTES as u64 {
        return Err(CodecError::Zstd(format!(
            "{size} bytes declared, above the limit of {MAX_PAYLOAD_BYTES}"
        )));
    }
    Ok(size as usize)
}
