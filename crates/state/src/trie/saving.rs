//! What has to be saved, and what may leave memory.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::cmp::Reverse;

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::{
    NodeUpdate,
    codec::encode,
    node::{Link, Node, Reference, append},
};

/// The nodes that changed after tick `saved`: those of the account trie and those of the storage
/// tries, each sorted.
pub(super) struct Changed {
    pub(super) accounts: Vec<NodeUpdate>,
    pub(super) storages: Vec<NodeUpdate>,
    saved: u32,
    buffer: Vec<u8>,
}

impl Changed {
    /// Collects them from the account trie under `root`. Going down in the order of keys meets
    /// them sorted, since the owner of a storage trie is the key of its account.
    pub(super) fn collect(root: &Link, saved: u32) -> Self {
        let (accounts, storages) = (Vec::new(), Vec::new());
        let mut changed = Self { accounts, storages, saved, buffer: Vec::new() };
        changed.add(root, None, Nibbles::new());
        changed
    }

    /// Adds what changed under `link`, which stands at `at`.
    fn add(&mut self, link: &Link, owner: Option<B256>, at: Nibbles) {
        if link.changed <= self.saved {
            return;
        }
        let Some(node) = link.node.as_deref() else { return };
        // An embedded node is part of its parent and has no entry; one may have been here before.
        let own = at.is_empty() || matches!(link.reference, Reference::Hash(_));
        let rlp = own.then(|| {
            self.buffer.clear();
            encode(node, &mut self.buffer);
            Bytes::copy_from_slice(&self.buffer)
        });
        let list = if owner.is_some() { &mut self.storages } else { &mut self.accounts };
        list.push(NodeUpdate { owner, path: at, node: rlp });
        match node {
            Node::Leaf { path, body } => {
                if let Some(storage) = &body.storage {
                    let mut owner = B256::ZERO;
                    at.join(path).pack_to(owner.as_mut_slice());
                    self.add(storage, Some(owner), Nibbles::new());
                }
            }
            Node::Extension { path, child } => self.add(child, owner, at.join(path)),
            Node::Branch(branch) => {
                for (nibble, child) in branch.nibbles().zip(&branch.children) {
                    self.add(child, owner, append(&at, nibble));
                }
            }
        }
    }
}

/// What is kept first: recently changed, then near the root. A node always comes before those
/// below it, since a change marks the whole way up.
type Rank = (Reverse<u32>, usize);

/// Drops nodes not changed after tick `saved`, lowest rank first, until at most `nodes_max` are in
/// memory or only changed ones are. Returns how many are left.
pub(super) fn evict(root: &mut Link, saved: u32, nodes_max: usize) -> usize {
    let mut counts = BTreeMap::new();
    let mut changed = 0;
    count(root, 0, saved, &mut changed, &mut counts);
    let mut left = changed;
    let mut cut = None;
    for (rank, nodes) in counts {
        if left + nodes > nodes_max {
            cut = Some(rank);
            break;
        }
        left += nodes;
    }
    if let Some(cut) = cut {
        drop_from(root, 0, saved, cut);
    }
    left
}

fn count(
    link: &Link,
    depth: usize,
    saved: u32,
    changed: &mut usize,
    counts: &mut BTreeMap<Rank, usize>,
) {
    let Some(node) = link.node.as_deref() else { return };
    if link.changed > saved {
        *changed += 1;
    } else {
        *counts.entry((Reverse(link.changed), depth)).or_default() += 1;
    }
    let mut visit = |child: &Link| count(child, depth + 1, saved, changed, counts);
    match node {
        Node::Leaf { body, .. } => body.storage.iter().for_each(|storage| visit(storage)),
        Node::Extension { child, .. } => visit(child),
        Node::Branch(branch) => branch.children.iter().for_each(visit),
    }
}

/// Drops what is ranked `cut` or lower.
fn drop_from(link: &mut Link, depth: usize, saved: u32, cut: Rank) {
    if link.changed <= saved && (Reverse(link.changed), depth) >= cut {
        link.node = None;
        return;
    }
    let Some(node) = link.node.as_mut() else { return };
    match Arc::make_mut(node) {
        Node::Leaf { body, .. } => {
            if let Some(storage) = &mut body.storage {
                drop_from(storage, depth + 1, saved, cut);
                if storage.node.is_none() {
                    body.storage = None;
                }
            }
        }
        Node::Extension { child, .. } => drop_from(child, depth + 1, saved, cut),
        Node::Branch(branch) => {
            for child in &mut branch.children {
                drop_from(child, depth + 1, saved, cut);
            }
        }
    }
}
