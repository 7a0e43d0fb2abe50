//! What is to be sent, and how far it is.

use std::sync::Arc;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

use serde::{Deserialize, Serialize};

use super::SenderError;
use crate::{L1Receipt, describe_revert};

/// Something that is to happen on L1 exactly once: a call, a creation, a commitment with blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Names it, also after a restart: `commit/17`. At most [`KEY_BYTES_MAX`] bytes.
    pub key: String,
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei that go along.
    pub value: U256,
    /// Call data, or init code.
    pub data: Bytes,
    /// Blobs that go along, with their cell proofs (EIP-7594).
    pub sidecar: Option<Arc<BlobTransactionSidecarEip7594>>,
    /// Until when it should be on L1, in Unix seconds: the nearer it is, the higher the prices that
    /// are accepted. `None`: [`SenderConfig::patience`](super::SenderConfig::patience) from now.
    pub deadline: Option<u64>,
}

/// Most bytes of an intent's key.
pub const KEY_BYTES_MAX: usize = 256;
/// Most bytes of call data or init code: nodes relay no transactions above 128 KiB, blobs apart.
const DATA_BYTES_MAX: usize = 128 << 10;
/// Most blobs: what the journal is made for. How many L1 takes is for its nodes to say.
const BLOBS_MAX: usize = 64;
/// Cell proofs of a blob (EIP-7594).
const PROOFS_PER_BLOB: usize = 128;

impl Intent {
    /// Says what would keep it from ever being sent. KZG proofs are not checked.
    pub(super) fn check(&self) -> Result<(), SenderError> {
        let key = || self.key.clone();
        if self.key.is_empty() || self.key.len() > KEY_BYTES_MAX {
            let message = format!("a key has 1 to {KEY_BYTES_MAX} bytes");
            return Err(SenderError::Key { key: key(), message });
        }
        let no = |message: String| Err(SenderError::Invalid { key: key(), message });
        if self.data.len() > DATA_BYTES_MAX {
            return no(format!(
                "it has {} bytes of data, {DATA_BYTES_MAX} at most",
                self.data.len()
            ));
        }
        let Some(sidecar) = &self.sidecar else { return Ok(()) };
        let blobs = sidecar.blobs.len();
        if self.to.is_none() {
            return no("a transaction with blobs cannot create a contract (EIP-4844)".into());
        }
        if blobs == 0 || blobs > BLOBS_MAX {
            return no(format!("it has {blobs} blobs, 1 to {BLOBS_MAX} are possible"));
        }
        if sidecar.commitments.len() != blobs
            || sidecar.cell_proofs.len() != blobs * PROOFS_PER_BLOB
        {
            return no("commitments or cell proofs are not as many as its blobs need".into());
        }
        Ok(())
    }

    /// What makes two intents the same thing: all but key and deadline.
    pub fn digest(&self) -> B256 {
        let hashes: Vec<B256> =
            self.sidecar.iter().flat_map(|sidecar| sidecar.versioned_hashes()).collect();
        content_digest(self.to, self.value, &self.data, &hashes)
    }
}

pub(crate) fn content_digest(
    to: Option<Address>,
    value: U256,
    data: &[u8],
    versioned_hashes: &[B256],
) -> B256 {
    let mut bytes = Vec::with_capacity(128 + data.len() + 32 * versioned_hashes.len());
    bytes.push(u8::from(to.is_some()));
    bytes.extend_from_slice(to.unwrap_or_default().as_slice());
    bytes.extend_from_slice(&value.to_be_bytes::<32>());
    bytes.extend_from_slice(&(data.len() as u64).to_be_bytes());
    bytes.extend_from_slice(data);
    for hash in versioned_hashes {
        bytes.extend_from_slice(hash.as_slice());
    }
    keccak256(bytes)
}

/// How far an intent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentStatus {
    /// Nothing that could be included is with L1's nodes.
    Waiting {
        /// What it waits for, in words: its turn, lower prices, funds, the node.
        reason: String,
    },
    /// Signed, and handed to the node, or about to be. It may be included at any time.
    InFlight {
        /// The last transaction for it; earlier ones may still be included in its place.
        transaction: B256,
        /// Their nonce.
        nonce: u64,
    },
    /// In a block of the chain that the node follows. A reorg leads back to `InFlight`. Look at
    /// [`L1Receipt::succeeded`]: a transaction that reverted becomes `Failed` when it is final.
    Included {
        /// Its receipt.
        receipt: L1Receipt,
        /// How many blocks there are from its own on, its own included.
        confirmations: u64,
    },
    /// Included for good, and successful.
    Final {
        /// Its receipt.
        receipt: L1Receipt,
    },
    /// Will never take effect. Its submitter decides what follows.
    Failed {
        /// Why.
        reason: Failure,
    },
}

/// Why an intent will never take effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words.
    pub message: String,
    /// What the call returned when it reverted, if that is known.
    pub revert: Option<Bytes>,
    /// The receipt, if it reverted on L1: that cost gas. `None`: nothing was sent.
    pub receipt: Option<L1Receipt>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.revert {
            Some(revert) => write!(f, ": {}", describe_revert(revert)),
            None => Ok(()),
        }
    }
}
