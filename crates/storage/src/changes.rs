//! What blocks changed, and what a change would do to the root.

use alloy_primitives::{Address, B256};
use jovay_state::{StateError, StateTrie};
use jovay_types::StateDiff;

use crate::ChainError;
use crate::chain::Chain;
use crate::read::PROOF_ATTEMPTS;

impl Chain {
    /// The root that the state after block `number` would have with `diff` applied: the `after` of
    /// its accounts and slots. Nothing is kept of it.
    ///
    /// # Errors
    /// As [`Self::state_at`].
    pub fn state_root_after(&self, number: u64, diff: &StateDiff) -> Result<B256, ChainError> {
        self.check_published_state(number)?;
        for _ in 0..PROOF_ATTEMPTS {
            let Some(trie) = self.recent_trie(number)? else { break };
            // The head's nodes may be replaced while it reads: then it misses some.
            match trie.and_then(|trie| applied(trie, diff)) {
                Err(ChainError::State(StateError::Missing { .. })) => {}
                other => return other,
            }
        }
        applied(self.old_trie(number)?, diff)
    }

    /// The first `limit` blocks in `from..=to` that changed the account at `address` or its
    /// storage: ascending, or from `to` down if `descending`. Blocks after the head count as
    /// unchanged. Costs a look at each block's change list on the way.
    ///
    /// # Errors
    /// [`ChainError::StatePruned`] when it would have to look at a block before the history
    /// window; the disk failed.
    pub fn account_change_blocks(
        &self,
        address: &Address,
        from: u64,
        to: u64,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ChainError> {
        let (epoch, later) = self.epoch_and_later(to);
        let flushed = epoch.position.flushed;
        let to = to.min(flushed + later.len() as u64);
        let changed = |number: u64| -> Result<bool, ChainError> {
            if number > flushed {
                let at = (number - flushed - 1) as usize;
                return Ok(later.get(at).is_some_and(|diff| diff.account(address).is_some()));
            }
            if number == epoch.position.genesis_number {
                return Ok(false);
            }
            // A block's changes are kept exactly as long as the state before it.
            epoch.holds(number - 1)?;
            Ok(epoch.diff(number)?.account(address).is_some())
        };
        let mut found = Vec::new();
        let mut numbers = from..=to;
        while found.len() < limit {
            let next = if descending { numbers.next_back() } else { numbers.next() };
            let Some(number) = next else { break };
            if changed(number)? {
                found.push(number);
            }
        }
        Ok(found)
    }
}

fn applied(mut trie: StateTrie, diff: &StateDiff) -> Result<B256, ChainError> {
    Ok(trie.apply(diff)?)
}
