//! Where the tries read nodes from.

use std::sync::Arc;

use alloy_primitives::map::HashMap;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;
use jovay_state::{NodeSource, NodeUpdate, StateError};
use parking_lot::RwLock;

use crate::ChainError;
use crate::kv::{Snapshot, Table};
use crate::states::States;
use crate::tables::node_key;

type Place = (Option<B256>, Nibbles);

/// Nodes of the last sealed block: those that are not in the tables yet, then the tables.
pub(crate) struct HeadNodes {
    states: Arc<States>,
    /// The newest node at each place that a block after the flushed one wrote.
    unflushed: RwLock<HashMap<Place, (u64, Option<Bytes>)>>,
}

impl HeadNodes {
    pub(crate) fn new(states: Arc<States>) -> Self {
        Self { states, unflushed: RwLock::default() }
    }

    /// Adds what block `number` wrote.
    pub(crate) fn insert(&self, number: u64, updates: &[NodeUpdate]) {
        let mut unflushed = self.unflushed.write();
        unflushed.extend(
            updates
                .iter()
                .map(|update| ((update.owner, update.path), (number, update.node.clone()))),
        );
    }

    /// Forgets nodes of `updates` that no block after `through` wrote: they are in the tables.
    pub(crate) fn flushed(&self, through: u64, updates: &[NodeUpdate]) {
        let mut unflushed = self.unflushed.write();
        for update in updates {
            let place = (update.owner, update.path);
            if unflushed.get(&place).is_some_and(|(number, _)| *number <= through) {
                unflushed.remove(&place);
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.unflushed.write().clear();
    }
}

impl NodeSource for HeadNodes {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        let place = (owner.copied(), *path);
        let unflushed = self.unflushed.read().get(&place).map(|(_, node)| node.clone());
        let found = match unflushed {
            Some(node) => node,
            // A flush replaces the tables before it forgets nodes, so one of the two has it.
            None => read(&*self.states.epoch().snapshot, owner, path)?,
        };
        Ok(found.filter(|node| keccak256(node) == *hash))
    }
}

/// Nodes of the block up to which `snapshot` holds everything.
pub(crate) struct TableNodes(pub(crate) Arc<dyn Snapshot>);

impl NodeSource for TableNodes {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        Ok(read(&*self.0, owner, path)?.filter(|node| keccak256(node) == *hash))
    }
}

fn read(
    snapshot: &dyn Snapshot,
    owner: Option<&B256>,
    path: &Nibbles,
) -> Result<Option<Bytes>, ChainError> {
    Ok(snapshot.get(Table::Trie, &node_key(owner, path))?.map(Bytes::from))
}
