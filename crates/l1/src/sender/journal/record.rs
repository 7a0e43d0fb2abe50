//! What is written down before it is done.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::L1Receipt;
use crate::sender::Failure;
use crate::sender::intent::content_digest;
use crate::sender::offer::Offer;

/// Version of the records.
pub(crate) const VERSION: u32 = 1;

/// A step in the life of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first record: whose journal this is.
    Header { version: u32, chain_id: u64, address: Address },
    /// An intent was taken.
    Submitted(Content),
    /// A transaction for it is about to be handed to the node.
    Signed { id: u64, attempt: Attempt },
    /// None of its transactions can ever be included: their nonce is used for good by somebody
    /// else's, or the node never took the only one. It starts again.
    Voided { id: u64 },
    /// It has come to its end.
    Settled { id: u64, key: String, digest: B256, outcome: Outcome },
    /// It is not remembered any more.
    Forgotten { id: u64 },
}

/// What an intent wants, without its blobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Its place in the order of submission.
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) data: Bytes,
    pub(crate) versioned_hashes: Vec<B256>,
    pub(crate) deadline: Option<u64>,
    /// Unix seconds.
    pub(crate) submitted_at: u64,
    /// Our own, to close a gap between nonces: forgotten when it is final.
    pub(crate) filler: bool,
}

impl Content {
    pub(crate) fn digest(&self) -> B256 {
        content_digest(self.to, self.value, &self.data, &self.versioned_hashes)
    }

    pub(crate) fn has_blobs(&self) -> bool {
        !self.versioned_hashes.is_empty()
    }
}

/// A transaction that was signed for an intent. With the intent and the key it gives the same
/// bytes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) nonce: u64,
    pub(crate) hash: B256,
    pub(crate) gas_limit: u64,
    pub(crate) offer: Offer,
}

/// How an intent ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Final(L1Receipt),
    Failed(Failure),
}
