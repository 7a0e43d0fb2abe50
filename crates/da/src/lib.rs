//! Chunks and batches of the Jovay rollup: their encoding, their sealing as blocks arrive, blobs,
//! and the layers that keep their data available.
//!
//! **What it is.** The one encoder and the one decoder of Jovay's published batch layout
//! (`docs/spec/batch.md`), the sealers that turn a stream of blocks into chunks and batches, KZG
//! commitments and EIP-7594 cell proofs, and three [`DataLayer`]s: blobs, calldata and anchored
//! objects.
//!
//! **What it is not.** It sends nothing to L1 and reads nothing from it: whoever does implements
//! [`BlobSource`] and [`CalldataSource`]. It executes nothing and has no clock; ages are
//! differences of block timestamps.
//!
//! **Start here.** [`BatchData`], [`ChunksPayload`], [`BatchSealer`], [`DataLayer`].
//!
//! **Invariants.** Decoding is strict and bounded: what is accepted encodes to the same bytes, up
//! to the choices zstd leaves open. The same blocks give the same batches, restarts included.
//! Data that a layer returns has been checked against its hash.
//!
//! Without the feature `std` the crate is `no_std`: codec, field-element packing and
//! decompression, which is what a stateless program needs.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod codec;
mod pack;
mod zstd_frame;

#[cfg(feature = "std")]
mod compress;
#[cfg(feature = "std")]
mod inspect;
#[cfg(feature = "std")]
mod kzg;
#[cfg(feature = "std")]
mod layer;
#[cfg(feature = "std")]
mod seal;

pub use codec::{
    BATCH_HEADER_BYTES, BLOCK_CONTEXT_BYTES, BatchData, BatchHeader, BatchVersion, BlockContext,
    Chunk, ChunksPayload, CodecError, CountRule, DA_META_BYTES, DaVersion, MAX_BODY_BYTES,
    blob_data_hash,
};
pub use pack::{BLOB_BYTES, Blob, USABLE_BYTES_PER_BLOB, blobs_needed};
pub use zstd_frame::MAX_PAYLOAD_BYTES;

#[cfg(feature = "std")]
pub use compress::{CompressError, PayloadCompressor};
#[cfg(feature = "std")]
pub use inspect::{InspectError, describe_batch, parse_blob_file};
#[cfg(feature = "std")]
pub use kzg::{
    KzgError, blob_commitment, blob_sidecar, load_trusted_setup, verify_blob, verify_sidecar,
    versioned_hash,
};
#[cfg(feature = "std")]
pub use layer::{
    AnchoredLayer, Attachment, BlobArchive, BlobLayer, BlobSource, CalldataLayer, CalldataSource,
    DataLayer, DataLayerKind, DataReference, LayerError, MAX_CALLDATA_BYTES, Publication,
    flat_data_hash, open_object_store,
};
#[cfg(feature = "std")]
pub use seal::{
    BatchLimits, BatchSealer, BlockData, ChunkLimits, ChunkSealer, CloseReason, CostTarget,
    L1Prices, SealError, Sealed, SealedBatch, SealedChunk, SealingConfig,
};
