//! What was handed to the sender.

use serde::{Deserialize, Serialize};

/// Consecutive batches that one L1 transaction commits. Kept before the sender gets it, so that a
/// restart hands over the same again or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its first batch.
    pub first_index: u64,
    /// Its last batch.
    pub last_index: u64,
    /// 0 if no submission ever had its first batch before; otherwise a number that no other has. A
    /// batch is submitted again after a failure that the sender does not heal, or when the operator
    /// dropped it from L1.
    pub attempt: u32,
    /// When it was handed over, in Unix seconds.
    pub submitted_at: u64,
}

impl Submission {
    /// The sender's idempotency key.
    pub fn key(&self) -> String {
        let mut key = format!("commit/{}", self.first_index);
        if self.last_index > self.first_index {
            key.push_str(&format!("-{}", self.last_index));
        }
        if self.attempt > 0 {
            key.push_str(&format!("/{}", self.attempt));
        }
        key
    }

    /// Whether it commits the batch `index`.
    pub fn contains(&self, index: u64) -> bool {
        (self.first_index..=self.last_index).contains(&index)
    }

    /// Whether both commit one and the same batch.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first_index <= other.last_index && other.first_index <= self.last_index
    }
}
