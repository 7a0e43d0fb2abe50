//! What the RPC server asks about published blocks and their states.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use jovay_state::{AccountProof, StateError, StateTrie, StateView};
use jovay_types::{SealedBlock, StateDiff, TxReceipt};

use crate::ChainError;
use crate::blooms::{self, Filter};
use crate::chain::Chain;
use crate::diff::DiffMerge;
use crate::nodes::TableNodes;
use crate::tables::Epoch;
use crate::view::{BlockView, PatchedView};

/// How often a proof is begun again because flushes overtook it.
pub(crate) const PROOF_ATTEMPTS: usize = 8;

impl Chain {
    /// The oldest block whose state can be read.
    pub fn oldest_state(&self) -> u64 {
        self.shared.states.epoch().position.oldest
    }

    /// The published block `number`.
    ///
    /// # Errors
    /// The disk or its format failed. So in every method; an unknown block is `None`.
    pub fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if number > pipeline.published {
            return Ok(None);
        }
        if let Some(sealed) = pipeline.published(number) {
            return Ok(Some(sealed.outcome.block.clone()));
        }
        drop(pipeline);
        // Taken after the look at the pipeline, from which a flush removes blocks last.
        let epoch = self.shared.states.epoch();
        if let Some(block) = self.shared.blocks.get(&number) {
            return Ok(Some(block));
        }
        let Some(block) = epoch.block(number)?.map(Arc::new) else { return Ok(None) };
        self.shared.states.fill(&epoch, || self.shared.blocks.insert(number, block.clone()));
        Ok(Some(block))
    }

    /// The number of the published block with this hash.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if let Some(number) = pipeline.numbers.get(hash) {
            return Ok(Some(*number).filter(|number| *number <= pipeline.published));
        }
        drop(pipeline);
        self.shared.states.epoch().number(hash)
    }

    /// The hash of a published block.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if number > pipeline.published {
            return Ok(None);
        }
        drop(pipeline);
        self.sealed_hash_of(number)
    }

    /// The hash of a sealed block.
    pub(crate) fn sealed_hash_of(&self, number: u64) -> Result<Option<B256>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if let Some(layer) = pipeline.layer(number) {
            return Ok(layer.sealed().map(|sealed| sealed.outcome.block.hash));
        }
        drop(pipeline);
        if let Some(block) = self.shared.blocks.get(&number) {
            return Ok(Some(block.hash));
        }
        Ok(self.shared.states.epoch().header(number)?.map(|(hash, _)| hash))
    }

    /// The receipts of a published block, one for each transaction.
    pub fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<TxReceipt>>>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if number > pipeline.published {
            return Ok(None);
        }
        if let Some(sealed) = pipeline.published(number) {
            return Ok(Some(sealed.outcome.receipts.clone()));
        }
        drop(pipeline);
        let epoch = self.shared.states.epoch();
        if let Some(receipts) = self.shared.receipts.get(&number) {
            return Ok(Some(receipts));
        }
        let Some(receipts) = epoch.receipts(number)?.map(Arc::new) else { return Ok(None) };
        self.shared.states.fill(&epoch, || self.shared.receipts.insert(number, receipts.clone()));
        Ok(Some(receipts))
    }

    /// Block number and index of a published transaction.
    pub fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, usize)>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        if let Some(location) = pipeline.locations.get(hash) {
            return Ok(Some(*location).filter(|(number, _)| *number <= pipeline.published));
        }
        drop(pipeline);
        self.shared.states.epoch().location(hash)
    }

    /// Numbers in `from..=to`, ascending, of blocks that may hold a log from one of `addresses`
    /// (any, when empty) with each position of `topics` one of the listed (any, when empty): a
    /// superset, by bloom filter. At most `limit` of them, and the block to go on from if there
    /// are more.
    pub fn log_candidates(
        &self,
        from: u64,
        to: u64,
        addresses: &[Address],
        topics: &[Vec<B256>],
        limit: usize,
    ) -> Result<(Vec<u64>, Option<u64>), ChainError> {
        let filter = Filter::new(addresses, topics);
        let mut numbers = Vec::new();
        let mut next = None;
        let mut found = |number| {
            if numbers.len() == limit {
                next = Some(number);
                return false;
            }
            numbers.push(number);
            true
        };
        let (recent, flushed) = self.recent_blooms(from, to, &filter);
        let epoch = self.shared.states.epoch();
        let to_flushed = to.min(flushed);
        let go_on =
            from > to_flushed || blooms::search(&epoch, &filter, from, to_flushed, &mut found)?;
        if go_on {
            let _ = recent.into_iter().all(found);
        }
        Ok((numbers, next))
    }

    /// Published blocks outside of the tables that may match, and where the tables end.
    fn recent_blooms(&self, from: u64, to: u64, filter: &Filter) -> (Vec<u64>, u64) {
        let pipeline = self.shared.pipeline.lock();
        let published = pipeline
            .layers
            .iter()
            .filter(|layer| layer.number >= from && layer.number <= to.min(pipeline.published));
        let matching = published.filter(|layer| {
            let header = layer.sealed().map(|sealed| &sealed.outcome.block.header);
            header.is_some_and(|header| filter.may_match(&header.logs_bloom))
        });
        (matching.map(|layer| layer.number).collect(), pipeline.flushed)
    }

    /// The state after block `number`, with what [`patch`](jovay_state::ChainStore::patch) has
    /// changed since: what the next block executes on. For older blocks that part is forgotten with
    /// a restart, and beyond 1,024 of them.
    ///
    /// # Errors
    /// [`ChainError::StatePruned`], [`ChainError::UnknownBlock`], or the disk failed.
    pub fn state_at(&self, number: u64) -> Result<Arc<dyn StateView>, ChainError> {
        let pipeline = self.shared.pipeline.lock();
        let published = pipeline.published;
        let patch = pipeline.patch_after(number);
        // Made under the lock, so that no revert comes between the check and the view.
        let base = BlockView::new(self.shared.states.clone(), number);
        drop(pipeline);
        self.check_state(number, published)?;
        Ok(match patch {
            Some(patch) => Arc::new(PatchedView { base, patch }),
            None => Arc::new(base),
        })
    }

    pub(crate) fn check_published_state(&self, number: u64) -> Result<(), ChainError> {
        let published = self.shared.pipeline.lock().published;
        self.check_state(number, published)
    }

    fn check_state(&self, number: u64, published: u64) -> Result<(), ChainError> {
        let position = self.shared.states.epoch().position;
        if number > published || number < position.genesis_number {
            return Err(ChainError::UnknownBlock(number));
        }
        let oldest = position.oldest;
        if number < oldest {
            return Err(ChainError::StatePruned { number, oldest });
        }
        Ok(())
    }

    /// Merkle proof of an account and some of its slots against the state root of block `number`.
    ///
    /// # Errors
    /// As [`Self::state_at`]; [`ChainError::Corrupt`] if the tables do not give that root.
    pub fn proof(
        &self,
        address: Address,
        slots: &[U256],
        number: u64,
    ) -> Result<AccountProof, ChainError> {
        let Some(block) = self.block(number)? else {
            return Err(ChainError::UnknownBlock(number));
        };
        self.check_state(number, number)?;
        let root = block.header.state_root;
        for _ in 0..PROOF_ATTEMPTS {
            let Some(trie) = self.recent_trie(number)? else { break };
            // The head's nodes may be replaced while it reads: then it misses some.
            match trie.and_then(|trie| checked_proof(&trie, &address, slots, number, root)) {
                Err(ChainError::State(StateError::Missing { .. })) => {}
                other => return other,
            }
        }
        let trie = self.old_trie(number)?;
        checked_proof(&trie, &address, slots, number, root)
    }

    /// The trie of a block that is not older than the tables, from the head's trie back; `None`
    /// for others.
    pub(crate) fn recent_trie(
        &self,
        number: u64,
    ) -> Result<Option<Result<StateTrie, ChainError>>, ChainError> {
        let head = self.shared.trie.lock();
        let pipeline = self.shared.pipeline.lock();
        if number < pipeline.flushed || number > pipeline.sealed {
            return Ok(None);
        }
        let mut merge = DiffMerge::default();
        for later in number + 1..=pipeline.sealed {
            if let Some(layer) = pipeline.layer(later) {
                merge.push(layer.diff());
            }
        }
        let mut trie = head.clone();
        drop((pipeline, head));
        let diff = merge.finish();
        Ok(Some(trie.apply_reverse(&diff).map(|_| trie).map_err(ChainError::from)))
    }

    /// The trie of any block with state, from the tables' trie on or back.
    pub(crate) fn old_trie(&self, number: u64) -> Result<StateTrie, ChainError> {
        let (epoch, later) = self.epoch_and_later(number);
        let flushed = epoch.position.flushed;
        epoch.holds(number)?;
        let root = epoch.known_header(flushed)?.1.state_root;
        let mut trie = StateTrie::new(Arc::new(TableNodes(epoch.snapshot.clone())), root);
        let mut merge = DiffMerge::default();
        for diff in &later {
            merge.push(diff);
        }
        for block in number + 1..=flushed {
            merge.push(&epoch.diff(block)?);
        }
        let diff = merge.finish();
        if number < flushed {
            trie.apply_reverse(&diff)?;
        } else {
            trie.apply(&diff)?;
        }
        Ok(trie)
    }

    /// The tables, and what changed from them to block `number`.
    pub(crate) fn epoch_and_later(&self, number: u64) -> (Arc<Epoch>, Vec<Arc<StateDiff>>) {
        let pipeline = self.shared.pipeline.lock();
        let epoch = self.shared.states.epoch();
        let after = epoch.position.flushed;
        let later = (after + 1..=number).filter_map(|block| {
            pipeline.published(block).map(|sealed| sealed.outcome.diff.clone())
        });
        let later = later.collect();
        (epoch, later)
    }
}

fn checked_proof(
    trie: &StateTrie,
    address: &Address,
    slots: &[U256],
    number: u64,
    root: B256,
) -> Result<AccountProof, ChainError> {
    if trie.root() != root {
        let what = format!("the history leads to state root {}, not {root}", trie.root());
        return Err(ChainError::corrupt(format!("state of block {number}"), what));
    }
    Ok(trie.proof(address, slots)?)
}
