//! Where a batch's data is available: the choice is fixed per chain when its contracts are
//! deployed.

mod anchored;
mod archive;
mod blob;
mod calldata;
mod error;

pub use anchored::{AnchoredLayer, open_object_store};
pub use archive::BlobArchive;
pub use blob::{BlobLayer, BlobSource};
pub use calldata::{CalldataLayer, CalldataSource, MAX_CALLDATA_BYTES};
pub use error::LayerError;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{B256, Bytes, keccak256};
use futures_util::future::BoxFuture;

use crate::{BatchData, blob_data_hash, kzg::SharedSidecar};

/// A kind of data availability, with the number that the L1 contract knows it by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DataLayerKind {
    /// EIP-4844 blobs: available to everyone for weeks, guaranteed by Ethereum.
    #[default]
    Blobs = 0,
    /// The committing transaction's input: in Ethereum's history for good, and dear.
    Calldata = 1,
    /// An object store: cheap, and only as available as its operator keeps it. L1 has the hash.
    Anchored = 2,
}

impl std::fmt::Display for DataLayerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Blobs => "blobs",
            Self::Calldata => "calldata",
            Self::Anchored => "anchored",
        })
    }
}

impl std::str::FromStr for DataLayerKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "blobs" => Ok(Self::Blobs),
            "calldata" => Ok(Self::Calldata),
            "anchored" => Ok(Self::Anchored),
            _ => Err(format!("{name:?} is not one of blobs, calldata, anchored")),
        }
    }
}

impl TryFrom<u8> for DataLayerKind {
    type Error = LayerError;

    fn try_from(kind: u8) -> Result<Self, LayerError> {
        match kind {
            0 => Ok(Self::Blobs),
            1 => Ok(Self::Calldata),
            2 => Ok(Self::Anchored),
            _ => Err(LayerError::UnknownKind(kind)),
        }
    }
}

/// How L1 names a batch's data. With it anyone fetches the data and knows that it is the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataReference {
    /// The blobs of the committing transaction, in order.
    Blobs {
        /// Their versioned hashes.
        versioned_hashes: Vec<B256>,
    },
    /// The input of the committing transaction.
    Calldata {
        /// Hash of that L1 transaction.
        transaction: B256,
        /// keccak256 of [`BatchData::encode`].
        data_hash: B256,
    },
    /// An object named by its hash.
    Anchored {
        /// keccak256 of [`BatchData::encode`].
        data_hash: B256,
    },
}

impl DataReference {
    /// The kind of layer that it points into.
    pub fn kind(&self) -> DataLayerKind {
        match self {
            Self::Blobs { .. } => DataLayerKind::Blobs,
            Self::Calldata { .. } => DataLayerKind::Calldata,
            Self::Anchored { .. } => DataLayerKind::Anchored,
        }
    }

    /// The data hash in the batch's header.
    pub fn data_hash(&self) -> B256 {
        match self {
            Self::Blobs { versioned_hashes } => blob_data_hash(versioned_hashes),
            Self::Calldata { data_hash, .. } | Self::Anchored { data_hash } => *data_hash,
        }
    }
}

/// What the committing transaction has to bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A sidecar with cell proofs; shared, since it is large and may be sent again.
    Blobs(SharedSidecar),
    /// Bytes for the contract's input.
    Calldata(Bytes),
    /// Nothing: the data lies in the object store already.
    None,
}

impl Attachment {
    /// The sidecar, if there is one.
    pub fn sidecar(&self) -> Option<&BlobTransactionSidecarEip7594> {
        match self {
            Self::Blobs(sidecar) => Some(sidecar),
            Self::Calldata(_) | Self::None => None,
        }
    }
}

/// A batch that is ready to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The data hash for the batch's header.
    pub data_hash: B256,
    /// What the committing transaction brings along.
    pub attachment: Attachment,
}

/// keccak256 of [`BatchData::encode`]: the data hash outside blobs.
pub fn flat_data_hash(data: &BatchData) -> B256 {
    keccak256(data.encode())
}

/// Keeps the data of batches available. What it returns matches the reference it was asked for.
pub trait DataLayer: Send + Sync + std::fmt::Debug {
    /// Which kind it is.
    fn kind(&self) -> DataLayerKind;

    /// Most bytes of [`BatchData::packed_len`] that one batch may have: the sealer's
    /// [`BatchLimits::data_bytes`](crate::BatchLimits::data_bytes).
    fn data_bytes_max(&self) -> usize;

    /// Prepares `data` for its commitment. When it returns, everything besides the L1
    /// transaction is done: proofs are computed, or the object is stored and has been read back.
    /// Calling it again is harmless and gives the same.
    ///
    /// # Errors
    /// The batch is too large, KZG refuses, or the store fails.
    fn publish<'a>(&'a self, data: &'a BatchData)
    -> BoxFuture<'a, Result<Publication, LayerError>>;

    /// Fetches a batch and checks it against `reference`.
    ///
    /// # Errors
    /// Another layer's reference, data that is missing or too large, or data that does not
    /// match: never something in its place.
    fn fetch<'a>(
        &'a self,
        reference: &'a DataReference,
    ) -> BoxFuture<'a, Result<BatchData, LayerError>>;
}

fn check_size(data: &BatchData, limit: usize) -> Result<(), LayerError> {
    match data.packed_len() {
        len if len > limit => Err(LayerError::TooLarge { len, limit }),
        _ => Ok(()),
    }
}

/// Decodes data that must hash to `expected`.
fn decode_checked(raw: &[u8], expected: B256) -> Result<BatchData, LayerError> {
    let got = keccak256(raw);
    if got != expected {
        return Err(LayerError::WrongData { expected, got });
    }
    Ok(BatchData::decode(raw)?)
}
