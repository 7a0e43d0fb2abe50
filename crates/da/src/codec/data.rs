//! A batch as a data-availability layer carries it: version, length, payload.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

use super::reader::Reader;
use super::{BatchVersion, ChunksPayload, CodecError};
use crate::pack::{self, Blob, blobs_needed};
use crate::zstd_frame;

/// Length of what precedes the body in DA_1 and DA_2: batch version u8, body length u24.
pub const DA_META_BYTES: usize = 4;

/// Most bytes of a body: what 24 bits can count.
pub const MAX_BODY_BYTES: usize = (1 << 24) - 1;

/// How the payload is wrapped: the first byte of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DaVersion {
    /// The payload alone. In blobs its end is the first chunk of length zero. Batch version 0.
    Da0 = 0,
    /// [`DA_META_BYTES`], then the payload. Batch versions 1 and 2.
    Da1 = 1,
    /// [`DA_META_BYTES`], then the payload as one zstd frame. Batch versions 1 and 2.
    Da2 = 2,
}

impl TryFrom<u8> for DaVersion {
    type Error = CodecError;

    fn try_from(version: u8) -> Result<Self, CodecError> {
        match version {
            0 => Ok(Self::Da0),
            1 => Ok(Self::Da1),
            2 => Ok(Self::Da2),
            _ => Err(CodecError::UnknownVersion { what: "DA", version }),
        }
    }
}

/// The data of a batch, compressed or not, as any layer carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchData {
    da: DaVersion,
    version: BatchVersion,
    body: Vec<u8>,
}

impl BatchData {
    /// Wraps a `body` that is already in the form that `da` wants.
    ///
    /// # Errors
    /// Versions that do not go together, or a body that is empty or above [`MAX_BODY_BYTES`].
    pub fn new(da: DaVersion, version: BatchVersion, body: Vec<u8>) -> Result<Self, CodecError> {
        if (da == DaVersion::Da0) != (version == BatchVersion::V0) {
            return Err(CodecError::VersionMismatch { da: da as u8, batch: version as u8 });
        }
        if body.is_empty() {
            return Err(CodecError::Empty { what: "batch" });
        }
        if body.len() > MAX_BODY_BYTES {
            let (value, limit) = (body.len() as u64, MAX_BODY_BYTES as u64);
            return Err(CodecError::TooLarge { what: "batch body", value, limit });
        }
        Ok(Self { da, version, body })
    }

    /// Wraps `payload` without compression.
    ///
    /// # Errors
    /// The payload does not encode, or is above [`MAX_BODY_BYTES`].
    pub fn uncompressed(
        version: BatchVersion,
        payload: &ChunksPayload,
    ) -> Result<Self, CodecError> {
        Self::new(Self::plain(version), version, payload.encode(version)?)
    }

    pub(crate) fn plain(version: BatchVersion) -> DaVersion {
        if version == BatchVersion::V0 { DaVersion::Da0 } else { DaVersion::Da1 }
    }

    /// How the payload is wrapped.
    pub fn da_version(&self) -> DaVersion {
        self.da
    }

    /// The layout of the chunks.
    pub fn batch_version(&self) -> BatchVersion {
        self.version
    }

    /// The payload, compressed in DA_2.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The payload's bytes, decompressed if need be.
    ///
    /// # Errors
    /// The zstd frame is unsound or declares more than
    /// [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    pub fn payload_bytes(&self) -> Result<Cow<'_, [u8]>, CodecError> {
        Ok(match self.da {
            DaVersion::Da0 | DaVersion::Da1 => Cow::Borrowed(&self.body),
            DaVersion::Da2 => Cow::Owned(zstd_frame::decompress(&self.body)?),
        })
    }

    /// The chunks.
    ///
    /// # Errors
    /// As [`BatchData::payload_bytes`], or the payload does not decode.
    pub fn payload(&self) -> Result<ChunksPayload, CodecError> {
        ChunksPayload::decode(self.version, &self.payload_bytes()?)
    }

    /// Bytes that the data takes in blobs, not counting the DA version, which sits in a byte
    /// that field elements do not use.
    pub fn packed_len(&self) -> usize {
        if self.da == DaVersion::Da0 { self.body.len() } else { DA_META_BYTES + self.body.len() }
    }

    /// The encoding for layers other than blobs: DA version u8, in DA_1 and DA_2 the batch
    /// version u8 and the body's length u24, then the body, without padding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.packed_len());
        out.push(self.da as u8);
        self.append_packed(&mut out);
        out
    }

    /// Decodes [`BatchData::encode`], which must be all of `raw`.
    ///
    /// # Errors
    /// Unknown versions or versions that do not go together, a wrong length, trailing bytes.
    pub fn decode(raw: &[u8]) -> Result<Self, CodecError> {
        let (&da, data) = raw.split_first().ok_or(CodecError::TooShort {
            what: "DA version",
            need: 1,
            have: 0,
        })?;
        let da = DaVersion::try_from(da)?;
        if da == DaVersion::Da0 {
            return Self::new(da, BatchVersion::V0, data.to_vec());
        }
        let (version, body, rest) = split_meta(data)?;
        Reader::new(rest).finish("batch")?;
        Self::new(da, version, body.to_vec())
    }

    /// The blobs of the batch, zero-padded; as few as hold it.
    pub fn to_blobs(&self) -> Vec<Blob> {
        let mut data = Vec::with_capacity(self.packed_len());
        self.append_packed(&mut data);
        pack::pack(self.da as u8, &data)
    }

    /// Decodes the blobs of one batch, in order.
    ///
    /// # Errors
    /// Unknown versions or versions that do not go together, more or fewer blobs than the data
    /// needs, or padding that is not zero.
    pub fn from_blobs<B: AsRef<[u8]>>(blobs: &[B]) -> Result<Self, CodecError> {
        let (da, data) = pack::unpack(blobs)?;
        let da = DaVersion::try_from(da)?;
        let (version, body, rest) = if da == DaVersion::Da0 {
            let (body, rest) = data.split_at(plain_payload_len(&data)?);
            (BatchVersion::V0, body, rest)
        } else {
            // A length that needs more blobs than there are is told as that.
            if let Some(meta) = data.first_chunk::<DA_META_BYTES>() {
                check_blob_count(DA_META_BYTES + u24(meta), blobs.len())?;
            }
            split_meta(&data)?
        };
        let used = data.len() - rest.len();
        check_blob_count(used, blobs.len())?;
        if let Some(at) = rest.iter().position(|&byte| byte != 0) {
            return Err(CodecError::NonZeroPadding { at: pack::position(used + at) });
        }
        Self::new(da, version, body.to_vec())
    }

    fn append_packed(&self, out: &mut Vec<u8>) {
        if self.da != DaVersion::Da0 {
            out.push(self.version as u8);
            out.extend_from_slice(&(self.body.len() as u32).to_be_bytes()[1..]);
        }
        out.extend_from_slice(&self.body);
    }
}

fn check_blob_count(used: usize, have: usize) -> Result<(), CodecError> {
    let need = blobs_needed(used);
    if need == have { Ok(()) } else { Err(CodecError::BlobCount { need, have }) }
}

fn u24(meta: &[u8; DA_META_BYTES]) -> usize {
    u32::from_be_bytes([0, meta[1], meta[2], meta[3]]) as usize
}

/// Reads DA_1's and DA_2's meta data: the batch version, the body, what follows it.
fn split_meta(data: &[u8]) -> Result<(BatchVersion, &[u8], &[u8]), CodecError> {
    let mut reader = Reader::new(data);
    let meta = reader.array::<DA_META_BYTES>("DA header")?;
    let body = reader.take("batch body", u24(&meta))?;
    Ok((BatchVersion::try_from(meta[0])?, body, &data[DA_META_BYTES + body.len()..]))
}

/// DA_0 has no length: the payload ends where a chunk of length zero, or nothing, follows.
fn plain_payload_len(data: &[u8]) -> Result<usize, CodecError> {
    let mut reader = Reader::new(data);
    while reader.remaining() >= 4 {
        let end = data.len() - reader.remaining();
        match reader.u32("chunk")? as usize {
            0 => return Ok(end),
            len => reader.take("chunk", len)?,
        };
    }
    Ok(data.len() - reader.remaining())
}

/// The data hash of a batch in blobs: keccak256 over their versioned hashes, in order.
pub fn blob_data_hash(versioned_hashes: &[B256]) -> B256 {
    keccak256(versioned_hashes.concat())
}
