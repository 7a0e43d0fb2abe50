//! Analyzed contract code, shared by all EVMs of the process.

use alloy_primitives::B256;
use revm::state::Bytecode;

/// Analyzed code by its hash, bounded in bytes; cheap to clone the contents of.
///
/// Without `std` it holds nothing, and each block analyzes what it runs.
#[cfg(feature = "std")]
pub struct CodeCache(quick_cache::sync::Cache<B256, Bytecode, ByCodeSize>);

#[cfg(feature = "std")]
#[derive(Clone)]
struct ByCodeSize;

#[cfg(feature = "std")]
impl quick_cache::Weighter<B256, Bytecode> for ByCodeSize {
    fn weight(&self, _: &B256, code: &Bytecode) -> u64 {
        // The jump table takes an eighth; the rest is the cache's own bookkeeping.
        (code.len() + code.len() / 8 + 128) as u64
    }
}

#[cfg(feature = "std")]
impl CodeCache {
    /// A cache of at most `bytes_max` bytes of code.
    pub fn new(bytes_max: u64) -> Self {
        let items = usize::try_from(bytes_max / 4096).unwrap_or(1024).max(16);
        Self(quick_cache::sync::Cache::with_weighter(items, bytes_max, ByCodeSize))
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Bytecode> {
        self.0.get(hash)
    }

    pub(crate) fn insert(&self, hash: B256, code: Bytecode) {
        self.0.insert(hash, code);
    }
}

/// See the documentation with `std`.
#[cfg(not(feature = "std"))]
pub struct CodeCache;

#[cfg(not(feature = "std"))]
impl CodeCache {
    /// A cache that holds nothing.
    pub fn new(_: u64) -> Self {
        Self
    }

    pub(crate) fn get(&self, _: &B256) -> Option<Bytecode> {
        None
    }

    pub(crate) fn insert(&self, _: B256, _: Bytecode) {}
}

impl Default for CodeCache {
    /// 64 MiB, some ten thousand typical contracts.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

impl core::fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CodeCache").finish_non_exhaustive()
    }
}
