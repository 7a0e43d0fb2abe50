//! Ids that clients cannot guess.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A new id of 128 bits as `0x` and hex, like geth's: the keyed hash of a counter, the key drawn
/// from the system's randomness once per process. Filters are shared by all clients, so an id is
/// all that keeps one client from another's.
pub(crate) fn fresh_id() -> String {
    static KEYS: OnceLock<(RandomState, RandomState)> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (high, low) = KEYS.get_or_init(|| (RandomState::new(), RandomState::new()));
    // Relaxed: only uniqueness counts.
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let id = u128::from(high.hash_one(count)) << 64 | u128::from(low.hash_one((count, "low")));
    format!("{id:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| fresh_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.starts_with("0x") && id.len() > 20));
    }
}
