//! State roots through the trie of `jovay-state`, block by block.

use alloy_primitives::B256;
use jovay_evm::IntermediateRoot;
use jovay_state::{MemoryState, StateError, StateTrie};
use jovay_types::StateDiff;

/// The trie of a whole state.
pub(crate) fn trie_of(state: &MemoryState) -> Result<StateTrie, StateError> {
    let mut trie = StateTrie::empty();
    trie.apply(&state.to_diff())?;
    Ok(trie)
}

/// Roots inside a block that starts from this state.
pub(crate) struct RootsAfter<'a>(pub(crate) &'a StateTrie);

impl IntermediateRoot for RootsAfter<'_> {
    fn root(&self, diff: &StateDiff) -> Result<B256, StateError> {
        self.0.clone().apply(diff)
    }
}
