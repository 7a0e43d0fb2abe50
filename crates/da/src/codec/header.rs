//! The batch header: what L1 chains together.

use alloy_primitives::{B256, keccak256};

use super::{CodecError, reader::Reader};

/// Length of an encoded [`BatchHeader`].
pub const BATCH_HEADER_BYTES: usize = 105;

/// How a batch lays out its chunks and whether it may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BatchVersion {
    /// One-byte block counts, never compressed.
    V0 = 0,
    /// One-byte block counts, zstd where it helps.
    V1 = 1,
    /// Four-byte block counts, zstd where it helps. What this repository seals.
    V2 = 2,
}

impl BatchVersion {
    /// Most blocks that one chunk can count.
    pub fn max_blocks_per_chunk(self) -> u64 {
        match self {
            Self::V0 | Self::V1 => u8::MAX.into(),
            Self::V2 => u32::MAX.into(),
        }
    }
}

impl TryFrom<u8> for BatchVersion {
    type Error = CodecError;

    fn try_from(version: u8) -> Result<Self, CodecError> {
        match version {
            0 => Ok(Self::V0),
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err(CodecError::UnknownVersion { what: "batch", version }),
        }
    }
}

/// The 105 bytes that identify a batch on L1 and chain it to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Layout of the batch.
    pub version: BatchVersion,
    /// Consecutive from 0, the genesis batch.
    pub index: u64,
    /// The L1 queue's rolling hash after the last L1 message this chain has taken in.
    pub l1_rolling_hash: B256,
    /// Hash of the data: for blobs [`blob_data_hash`](super::blob_data_hash), otherwise
    /// keccak256 of [`BatchData::encode`](super::BatchData::encode).
    pub data_hash: B256,
    /// [`BatchHeader::hash`] of the batch before.
    pub parent_hash: B256,
}

impl BatchHeader {
    /// The encoding: version u8, index u64, rolling hash, data hash, parent hash.
    pub fn encode(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut out = [0; BATCH_HEADER_BYTES];
        out[0] = self.version as u8;
        out[1..9].copy_from_slice(&self.index.to_be_bytes());
        out[9..41].copy_from_slice(self.l1_rolling_hash.as_slice());
        out[41..73].copy_from_slice(self.data_hash.as_slice());
        out[73..].copy_from_slice(self.parent_hash.as_slice());
        out
    }

    /// Decodes a header, which must be all of `raw`.
    ///
    /// # Errors
    /// A length other than 105, or an unknown version.
    pub fn decode(raw: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(raw);
        let header = Self {
            version: reader.u8("batch header")?.try_into()?,
            index: reader.u64("batch header")?,
            l1_rolling_hash: reader.array("batch header")?.into(),
            data_hash: reader.array("batch header")?.into(),
            parent_hash: reader.array("batch header")?.into(),
        };
        reader.finish("batch header")?;
        Ok(header)
    }

    /// keccak256 of the encoding: the batch's identity.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }
}
