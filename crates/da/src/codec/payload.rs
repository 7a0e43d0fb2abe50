//! The chunks of a batch, one behind the other.

use alloc::vec::Vec;

use super::chunk::check_consecutive;
use super::reader::Reader;
use super::{BatchVersion, Chunk, CodecError};
use crate::MAX_PAYLOAD_BYTES;

/// All chunks of a batch, each behind its u32 length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunksPayload {
    /// The chunks, at least one.
    pub chunks: Vec<Chunk>,
}

impl ChunksPayload {
    /// The encoding.
    ///
    /// # Errors
    /// No chunk, a chunk that does not encode, or more than [`MAX_PAYLOAD_BYTES`].
    pub fn encode(&self, version: BatchVersion) -> Result<Vec<u8>, CodecError> {
        if self.chunks.is_empty() {
            return Err(CodecError::Empty { what: "batch" });
        }
        let len: usize = self.chunks.iter().map(|chunk| 4 + chunk.encoded_len(version)).sum();
        check_len(len)?;
        let mut out = Vec::with_capacity(len);
        for chunk in &self.chunks {
            out.extend_from_slice(&(chunk.encoded_len(version) as u32).to_be_bytes());
            chunk.encode(version, &mut out)?;
        }
        Ok(out)
    }

    /// Decodes a payload, which must be all of `raw`.
    ///
    /// # Errors
    /// No chunk, a chunk that does not decode, blocks that are not consecutive from chunk to
    /// chunk, or more than [`MAX_PAYLOAD_BYTES`].
    pub fn decode(version: BatchVersion, raw: &[u8]) -> Result<Self, CodecError> {
        check_len(raw.len())?;
        let mut reader = Reader::new(raw);
        let mut chunks: Vec<Chunk> = Vec::new();
        while reader.remaining() > 0 {
            let chunk = Chunk::decode(version, reader.prefixed("chunk")?)?;
            if let Some(previous) = chunks.last() {
                check_consecutive(previous.last_block(), chunk.first_block())?;
            }
            chunks.push(chunk);
        }
        if chunks.is_empty() {
            return Err(CodecError::Empty { what: "batch" });
        }
        Ok(Self { chunks })
    }

    /// Number of the first block; 0 if there is none.
    pub fn first_block(&self) -> u64 {
        self.chunks.first().map_or(0, Chunk::first_block)
    }

    /// Number of the last block; 0 if there is none.
    pub fn last_block(&self) -> u64 {
        self.chunks.last().map_or(0, Chunk::last_block)
    }
}

fn check_len(len: usize) -> Result<(), CodecError> {
    if len > MAX_PAYLOAD_BYTES {
        let (value, limit) = (len as u64, MAX_PAYLOAD_BYTES as u64);
        return Err(CodecError::TooLarge { what: "payload", value, limit });
    }
    Ok(())
}
