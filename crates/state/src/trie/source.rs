//! Where trie nodes that are not in memory come from.

use alloc::{format, sync::Arc};

use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use alloy_trie::Nibbles;

use crate::StateError;

/// Supplies trie nodes that are not in memory, from a disk or a witness.
pub trait NodeSource: Send + Sync {
    /// The RLP of the node whose keccak256 is `hash`.
    ///
    /// `owner` is keccak256 of the account's address for a node of its storage trie, and `None` for
    /// the account trie; `path` is the node's place: the nibbles from the root of its trie, none
    /// for the root. A store keyed by (owner, path) must compare the hash of what it finds; a map
    /// keyed by hash ignores `owner` and `path`. The trie trusts that the answer has this hash.
    /// `None` says that the source has no such node, which the trie reports as
    /// [`StateError::Missing`]: a node that is referred to is never taken for empty.
    ///
    /// # Errors
    /// [`StateError::Backend`].
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError>;
}

impl<T: NodeSource + ?Sized> NodeSource for Arc<T> {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        (**self).node(owner, path, hash)
    }
}

/// No nodes: for tries that are entirely in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptySource;

impl NodeSource for EmptySource {
    fn node(&self, _: Option<&B256>, _: &Nibbles, _: &B256) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }
}

/// Nodes by their hash, as a witness brings them.
#[derive(Clone, Debug, Default)]
pub struct WitnessSource {
    nodes: B256Map<Bytes>,
}

impl WitnessSource {
    /// Hashes `nodes` and keeps them; what they are called elsewhere plays no part.
    pub fn new(nodes: impl IntoIterator<Item = Bytes>) -> Self {
        Self { nodes: nodes.into_iter().map(|node| (keccak256(&node), node)).collect() }
    }

    /// The number of different nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl NodeSource for WitnessSource {
    fn node(
        &self,
        _: Option<&B256>,
        _: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        Ok(self.nodes.get(hash).cloned())
    }
}

/// Passes reads on and remembers every node that was found.
///
/// It sees what a trie asks for, so give it to a freshly opened trie: what a trie already has in
/// memory is not asked for again.
#[cfg(feature = "std")]
#[derive(Debug)]
pub struct RecordingSource<S> {
    inner: S,
    seen: std::sync::Mutex<B256Map<Bytes>>,
}

#[cfg(feature = "std")]
impl<S: NodeSource> RecordingSource<S> {
    /// Records the reads from `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, seen: std::sync::Mutex::default() }
    }

    /// The nodes read since the last call, by ascending hash, and forgets them.
    pub fn take(&self) -> alloc::vec::Vec<Bytes> {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut nodes: alloc::vec::Vec<_> = core::mem::take(&mut *seen).into_iter().collect();
        nodes.sort_unstable_by_key(|(hash, _)| *hash);
        nodes.into_iter().map(|(_, node)| node).collect()
    }
}

#[cfg(feature = "std")]
impl<S: NodeSource> NodeSource for RecordingSource<S> {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        let found = self.inner.node(owner, path, hash)?;
        if let Some(node) = &found {
            let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            seen.insert(*hash, node.clone());
        }
        Ok(found)
    }
}

/// The node from `source`, or the error that it is missing.
pub(super) fn fetch(
    source: &dyn NodeSource,
    owner: Option<&B256>,
    path: &Nibbles,
    hash: &B256,
) -> Result<Bytes, StateError> {
    source.node(owner, path, hash)?.ok_or_else(|| StateError::Missing {
        what: "trie node",
        key: match owner {
            Some(owner) => format!("{hash} at {path:?} of storage trie {owner}"),
            None => format!("{hash} at {path:?}"),
        },
    })
}
