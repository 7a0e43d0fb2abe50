//! Tags of a chain without validators: so many blocks behind the last one.

use std::sync::atomic::{AtomicU64, Ordering};

use jovay_rpc::{BlockTags, TagSource};

/// `safe` and `finalized` at a distance from the last block.
#[derive(Debug)]
pub struct DepthTags {
    safe_depth: AtomicU64,
    finalized_depth: AtomicU64,
}

impl DepthTags {
    /// Tags at these distances, in blocks.
    pub fn new(safe_depth: u64, finalized_depth: u64) -> Self {
        Self {
            safe_depth: AtomicU64::new(safe_depth),
            finalized_depth: AtomicU64::new(finalized_depth),
        }
    }

    /// Changes the distances. Nothing final is ever before something safe: the greater distance
    /// counts for `finalized`.
    pub fn set(&self, safe_depth: u64, finalized_depth: u64) {
        // Two lone numbers: a reader may see the one without the other for a moment.
        self.safe_depth.store(safe_depth, Ordering::Relaxed);
        self.finalized_depth.store(finalized_depth, Ordering::Relaxed);
    }
}

impl TagSource for DepthTags {
    fn tags(&self, latest: u64) -> BlockTags {
        let safe = latest.saturating_sub(self.safe_depth.load(Ordering::Relaxed));
        let finalized = latest.saturating_sub(self.finalized_depth.load(Ordering::Relaxed));
        BlockTags { latest, safe, finalized: finalized.min(safe) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_distance() {
        let tags = DepthTags::new(1, 3);
        let at = |latest| {
            let BlockTags { safe, finalized, .. } = tags.tags(latest);
            (safe, finalized)
        };
        assert_eq!((at(0), at(2), at(10)), ((0, 0), (1, 0), (9, 7)));
        tags.set(5, 2);
        assert_eq!(tags.tags(10), BlockTags { latest: 10, safe: 5, finalized: 5 });
    }
}
