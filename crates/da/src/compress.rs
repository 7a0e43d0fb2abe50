//! Incremental zstd: each chunk is compressed once, when it is sealed, against what came before
//! it in the batch.
//!
//! One streaming context per batch, flushed behind each chunk, so that the exact size is known
//! after every chunk and output up to any flush can be kept on its own. A batch that turns out
//! too large by its last chunk is cut back to the flush before it. At the end the frame gets an
//! empty last block, and its header is completed with the content's size, which the format's
//! decoders ask for and a stream does not know when it starts.

use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use crate::zstd_frame::{MAGIC, SINGLE_SEGMENT};

/// Length of the header that the stream starts with: magic, descriptor, window.
const STREAM_HEADER_BYTES: usize = 6;
/// Length of the header that [`PayloadCompressor::finish`] writes: with a four-byte size.
const HEADER_BYTES: usize = STREAM_HEADER_BYTES + 4;
/// Descriptor bits: the content's size takes four bytes.
const SIZE_IN_FOUR_BYTES: u8 = 2 << 6;
/// A block header: last block, raw, of length zero.
const EMPTY_LAST_BLOCK: [u8; 3] = [1, 0, 0];
/// How far back a match may reach, as a power of two: 2 MiB. Any decoder can afford it.
const WINDOW_LOG: u32 = 21;

/// The compressor refused its parameters or its input: out of memory, in practice.
#[derive(Debug, thiserror::Error)]
#[error("zstd: {0}")]
pub struct CompressError(#[from] std::io::Error);

/// Compresses a payload piece by piece.
pub struct PayloadCompressor {
    encoder: Encoder<'static>,
    output: Vec<u8>,
    input_len: usize,
}

impl std::fmt::Debug for PayloadCompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (input, output) = (self.input_len, self.output.len());
        f.debug_struct("PayloadCompressor").field("input", &input).field("output", &output).finish()
    }
}

impl PayloadCompressor {
    /// Starts a frame at a zstd `level`.
    ///
    /// # Errors
    /// zstd refuses the level.
    pub fn new(level: i32) -> Result<Self, CompressError> {
        let mut encoder = Encoder::new(level)?;
        encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        encoder.set_parameter(CParameter::ChecksumFlag(false))?;
        Ok(Self { encoder, output: Vec::new(), input_len: 0 })
    }

    /// Compresses `bytes` and flushes; returns [`PayloadCompressor::finished_len`].
    ///
    /// # Errors
    /// zstd fails.
    pub fn append(&mut self, bytes: &[u8]) -> Result<usize, CompressError> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.step(|encoder, output| encoder.run(&mut input, output))?;
        }
        while self.step(|encoder, output| encoder.flush(output))? > 0 {}
        self.input_len += bytes.len();
        Ok(self.finished_len())
    }

    fn step<R>(
        &mut self,
        run: impl FnOnce(&mut Encoder<'static>, &mut OutBuffer<'_, [u8]>) -> std::io::Result<R>,
    ) -> Result<R, CompressError> {
        let mut buffer = [0; 1 << 15];
        let mut output = OutBuffer::around(buffer.as_mut_slice());
        let result = run(&mut self.encoder, &mut output)?;
        let written = output.pos();
        self.output.extend_from_slice(&buffer[..written]);
        Ok(result)
    }

    /// Bytes taken in.
    pub fn input_len(&self) -> usize {
        self.input_len
    }

    /// Length of the frame if it ended here.
    pub fn finished_len(&self) -> usize {
        self.output.len() + (HEADER_BYTES - STREAM_HEADER_BYTES) + EMPTY_LAST_BLOCK.len()
    }

    /// Ends the frame.
    pub fn finish(self) -> Vec<u8> {
        let (output_len, input_len) = (self.output.len(), self.input_len);
        self.finish_at(output_len, input_len)
    }

    /// Ends the frame at an earlier flush: behind `output_len` bytes of output and `input_len`
    /// bytes of input, as [`PayloadCompressor::mark`] gave them.
    pub fn finish_at(mut self, output_len: usize, input_len: usize) -> Vec<u8> {
        self.output.truncate(output_len);
        let mut frame = Vec::with_capacity(self.finished_len());
        frame.extend_from_slice(&MAGIC);
        // A stream's header has no size and no single segment, so that it can be completed in
        // place; blocks do not depend on it.
        let descriptor = self.output[4] & !SINGLE_SEGMENT;
        frame.push(descriptor & 0x3f | SIZE_IN_FOUR_BYTES);
        frame.push(self.output[5]);
        frame.extend_from_slice(&(input_len as u32).to_le_bytes());
        frame.extend_from_slice(&self.output[STREAM_HEADER_BYTES..]);
        frame.extend_from_slice(&EMPTY_LAST_BLOCK);
        frame
    }

    /// Lengths of output and input so far, for [`PayloadCompressor::finish_at`].
    pub fn mark(&self) -> (usize, usize) {
        (self.output.len(), self.input_len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::zstd_frame::decompress;
    use proptest::prelude::*;

    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        // Half noise, half repetition.
        let piece = (any::<u8>(), 1..3000usize, any::<bool>(), any::<u64>()).prop_map(
            |(byte, len, noise, seed)| {
                let mut state = seed | 1;
                (0..len)
                    .map(|_| {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        if noise { state as u8 } else { byte }
                    })
                    .collect()
            },
        );
        proptest::collection::vec(piece, 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn frames_decompress_here_and_in_libzstd(pieces in pieces(), cut: prop::sample::Index) {
            let mut compressor = PayloadCompressor::new(3).unwrap();
            let (mut mark, mut at) = (None, Vec::new());
            let cut = cut.index(pieces.len());
            for (index, piece) in pieces.iter().enumerate() {
                let len = compressor.append(piece).unwrap();
                prop_assert_eq!(len, compressor.finished_len());
                if index == cut {
                    mark = Some(compressor.mark());
                    at = pieces[..=index].concat();
                }
            }
            let (output_len, input_len) = mark.unwrap();
            let frame = compressor.finish_at(output_len, input_len);
            prop_assert_eq!(&decompress(&frame).unwrap(), &at);
            prop_assert_eq!(&zstd::bulk::decompress(&frame, at.len()).unwrap(), &at);
            let short = &frame[..frame.len() - 1];
            prop_assert!(decompress(short).is_err());
            let mut longer = frame.clone();
            longer.push(0);
            prop_assert!(decompress(&longer).is_err());
        }

        #[test]
        fn both_decoders_agree_on_damaged_frames(piece in pieces(), at: prop::sample::Index, bit in 0..8u8) {
            let data = piece.concat();
            let mut frame = zstd::bulk::compress(&data, 3).unwrap();
            let at = at.index(frame.len());
            frame[at] ^= 1 << bit;
            // Where both accept, they give the same; ours may refuse more.
            if let (Ok(ours), Ok(theirs)) =
                (decompress(&frame), zstd::bulk::decompress(&frame, 1 << 20))
            {
                prop_assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn a_frame_larger_than_declared_is_refused_before_it_fills_the_memory() {
        let mut frame = MAGIC.to_vec();
        // One byte of window descriptor (1 KiB), ten bytes of content declared.
        frame.extend_from_slice(&[2 << 6, 0, 10, 0, 0, 0]);
        // 2^18 blocks, each the same byte 2^17 times: 32 GiB in a megabyte.
        for _ in 0..1 << 18 {
            let header = (1u32 << 17) << 3 | 1 << 1;
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(7);
        }
        frame.extend_from_slice(&EMPTY_LAST_BLOCK);
        let error = decompress(&frame).unwrap_err();
        assert!(error.to_string().contains("zstd"), "{error}");
    }

    #[test]
    fn a_declared_size_above_the_limit_is_refused_before_memory_is_taken() {
        let mut frame = MAGIC.to_vec();
        frame.push(3 << 6 | SINGLE_SEGMENT);
        frame.extend_from_slice(&(1u64 << 40).to_le_bytes());
        frame.extend_from_slice(&EMPTY_LAST_BLOCK);
        assert!(decompress(&frame).unwrap_err().to_string().contains("above the limit"));
    }
}
