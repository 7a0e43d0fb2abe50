//! In which L1 blocks blobs are: a beacon node is asked by slot.

use std::collections::{HashMap, VecDeque};

use alloy_primitives::B256;

/// In which L1 block blobs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHint {
    /// Its number.
    pub number: u64,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// Its `parentBeaconBlockRoot` (EIP-4788), if known: if blobs are missing, it tells whether the
    /// beacon node has another block in the slot.
    pub parent_beacon_root: Option<B256>,
}

/// How many versioned hashes are remembered.
const HINTS_MAX: usize = 4_096;

/// The last hints that were given.
#[derive(Debug, Default)]
pub(super) struct Hints {
    by_hash: HashMap<B256, BlobHint>,
    order: VecDeque<B256>,
}

impl Hints {
    pub(super) fn insert(&mut self, hash: B256, hint: BlobHint) {
        // A reorg may move a blob to another block: the last word counts.
        if self.by_hash.insert(hash, hint).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > HINTS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_hash.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, hash: &B256) -> Option<BlobHint> {
        self.by_hash.get(hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_the_last_word_counts() {
        let mut hints = Hints::default();
        let hint = |number| BlobHint { number, timestamp: number, parent_beacon_root: None };
        let hash = |number: u64| B256::left_padding_from(&number.to_be_bytes());
        for number in 0..HINTS_MAX as u64 + 10 {
            hints.insert(hash(number), hint(number));
        }
        assert_eq!(hints.get(&hash(9)), None);
        assert_eq!(hints.get(&hash(10)), Some(hint(10)));
        hints.insert(hash(10), hint(77));
        assert_eq!(hints.get(&hash(10)), Some(hint(77)));
        assert_eq!(hints.by_hash.len(), HINTS_MAX);
    }
}
