//! New subtries from sorted leaves, and the hashing of changed nodes.

use alloc::{sync::Arc, vec::Vec};
use core::mem;

use alloy_trie::Nibbles;

use super::{
    codec::encode,
    node::{Body, Branch, Link, Node, Reference},
    update::Trail,
};

/// A leaf to be placed.
pub(super) struct Item {
    pub(super) key: Nibbles,
    pub(super) body: Body,
}

/// The subtrie of sorted `items`, which share their first `depth` nibbles.
pub(super) fn build(items: &mut [Item], depth: usize, tick: u32, trail: &mut Trail) -> Link {
    let node = match items {
        [] => return Link::EMPTY,
        [item] => Node::Leaf { path: item.key.slice(depth..), body: mem::take(&mut item.body) },
        [first, .., last] => {
            let shared = first.key.slice(depth..).common_prefix_length(&last.key.slice(depth..));
            if shared > 0 {
                let path = first.key.slice(depth..depth + shared);
                let child = build(items, depth + shared, tick, trail);
                Node::Extension { path, child }
            } else {
                let mut branch = Branch::default();
                let nibble = |item: &Item| item.key.get_unchecked(depth);
                for group in items.chunk_by_mut(|a, b| nibble(a) == nibble(b)) {
                    branch.mask |= 1 << nibble(&group[0]);
                    branch.children.push(build(group, depth + 1, tick, trail));
                }
                branch.children.shrink_to_fit();
                Node::Branch(branch)
            }
        }
    };
    trail.nodes += 1;
    Link::new(node, tick)
}

/// Hashes every dirty node under `link`; `buffer` is scratch space.
pub(super) fn hash(link: &mut Link, buffer: &mut Vec<u8>) {
    if link.reference != Reference::Dirty {
        return;
    }
    let Some(node) = link.node.as_mut() else { return };
    match Arc::make_mut(node) {
        Node::Leaf { .. } => {}
        Node::Extension { child, .. } => hash(child, buffer),
        Node::Branch(branch) => {
            branch.children.iter_mut().for_each(|child| hash(child, buffer));
        }
    }
    buffer.clear();
    encode(node, buffer);
    link.reference = Reference::to(buffer);
}

/// [`hash`] with the subtries below the first `levels` branches in parallel.
#[cfg(feature = "std")]
pub(super) fn hash_wide(link: &mut Link, levels: usize) {
    use rayon::prelude::*;

    if levels > 0
        && link.reference == Reference::Dirty
        && let Some(Node::Branch(branch)) = link.node.as_mut().map(Arc::make_mut)
    {
        branch.children.par_iter_mut().for_each(|child| hash_wide(child, levels - 1));
    }
    hash(link, &mut Vec::new());
}

/// [`hash`]: there are no threads without `std`.
#[cfg(not(feature = "std"))]
pub(super) fn hash_wide(link: &mut Link, _levels: usize) {
    hash(link, &mut Vec::new());
}
