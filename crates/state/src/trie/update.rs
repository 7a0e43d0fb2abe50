//! One pass over a trie with a batch of changes sorted by key.

use alloc::{sync::Arc, vec::Vec};
use core::mem;

use alloy_primitives::B256;
use alloy_trie::Nibbles;

use super::{
    NodeSource,
    build::{Item, build, hash, hash_wide},
    leaf::{Edit, Entry},
    node::{Branch, KEY_NIBBLES, Link, Node, append},
    read::load,
};
use crate::StateError;

/// From so many changes on, slots included, the children of a branch are worked on in parallel. A change costs
/// a few microseconds, a task a fraction of one.
const PARALLEL_MIN: usize = 256;

/// What a pass leaves behind beside the changed trie.
#[derive(Default)]
pub(super) struct Trail {
    /// Places, as (owner, path), where a node was and may not be any more.
    pub(super) gone: Vec<(Option<B256>, Nibbles)>,
    /// Nodes added to memory less nodes taken out.
    pub(super) nodes: isize,
}

impl Trail {
    #[cfg(feature = "std")]
    fn absorb(&mut self, other: Self) {
        self.gone.extend(other.gone);
        self.nodes += other.nodes;
    }
}

/// One trie being updated.
pub(super) struct Pass<'a> {
    pub(super) source: &'a dyn NodeSource,
    pub(super) owner: Option<B256>,
    pub(super) tick: u32,
}

impl Pass<'_> {
    /// Applies `entries` to the trie under `link` and hashes it. Says whether anything changed.
    pub(super) fn run(
        &self,
        link: &mut Link,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let wide = is_wide(entries);
        let changed = self.update(link, 0, entries, trail)?;
        if wide {
            hash_wide(link, 2)
        } else {
            hash(link, &mut Vec::new())
        }
        Ok(changed)
    }

    /// Applies `entries`, which share their first `depth` nibbles, to the node at `link`.
    fn update(
        &self,
        link: &mut Link,
        depth: usize,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let Some(first) = entries.first() else { return Ok(false) };
        let path = first.key.slice(..depth);
        if link.is_empty() {
            let mut items = Vec::with_capacity(entries.len());
            for entry in entries {
                let (body, _) = self.edit(&entry.key, None, &mut entry.edit, trail)?;
                items.extend(body.map(|body| Item { key: entry.key, body }));
            }
            *link = build(&mut items, depth, self.tick, trail);
            return Ok(!link.is_empty());
        }
        match load(self.source, self.owner.as_ref(), link, &path, trail)? {
            Node::Leaf { .. } => self.update_leaf(link, &path, entries, trail),
            Node::Extension { .. } => self.update_extension(link, &path, entries, trail),
            Node::Branch(_) => self.update_branch(link, &path, entries, trail),
        }
    }

    fn update_leaf(
        &self,
        link: &mut Link,
        at: &Nibbles,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let Some(Node::Leaf { path, body }) = link.node.as_mut().map(Arc::make_mut) else {
            return Ok(false);
        };
        let key = at.join(path);
        let mut old = Some(mem::take(body));
        let mut changed = false;
        let mut items = Vec::new();
        for entry in entries {
            if key < entry.key {
                items.extend(old.take().map(|body| Item { key, body }));
            }
            let before = if key == entry.key { old.take() } else { None };
            let (after, differs) = self.edit(&entry.key, before, &mut entry.edit, trail)?;
            changed |= differs;
            items.extend(after.map(|body| Item { key: entry.key, body }));
        }
        items.extend(old.take().map(|body| Item { key, body }));
        if let [item] = items.as_mut_slice()
            && item.key == key
        {
            *body = mem::take(&mut item.body);
            if changed {
                link.mark(self.tick);
            }
            return Ok(changed);
        }
        trail.nodes -= 1;
        *link = build(&mut items, at.len(), self.tick, trail);
        if link.is_empty() {
            trail.gone.push((self.owner, *at));
        }
        Ok(true)
    }

    fn update_extension(
        &self,
        link: &mut Link,
        at: &Nibbles,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let Some(Node::Extension { path, child }) = link.node.as_mut().map(Arc::make_mut) else {
            return Ok(false);
        };
        let shared = |entry: &Entry| entry.key.slice(at.len()..).common_prefix_length(path);
        // Removing what is not there changes nothing, so only insertions can split the path.
        let split = entries.iter().filter(|entry| !entry.edit.removes()).map(shared).min();
        if let Some(split) = split.filter(|split| *split < path.len()) {
            self.split_extension(link, split, trail);
            return self.update(link, at.len(), entries, trail);
        }
        let below = at.join(path);
        let start = entries.partition_point(|entry| entry.key.slice(..below.len()) < below);
        let end = entries.partition_point(|entry| entry.key.slice(..below.len()) <= below);
        if !self.update(child, below.len(), &mut entries[start..end], trail)? {
            return Ok(false);
        }
        if child.is_empty() {
            trail.gone.push((self.owner, *at));
            trail.nodes -= 1;
            *link = Link::EMPTY;
            return Ok(true);
        }
        if !matches!(child.node.as_deref(), Some(Node::Branch(_))) {
            let path = *path;
            let child = mem::replace(child, Link::EMPTY);
            self.absorb(link, &path, child, &below, trail);
        }
        link.mark(self.tick);
        Ok(true)
    }

    /// Puts a branch with the rest of the path as its only child after `split` nibbles.
    fn split_extension(&self, link: &mut Link, split: usize, trail: &mut Trail) {
        let Some(Node::Extension { path, child }) = link.node.take().map(Arc::unwrap_or_clone)
        else {
            return;
        };
        let rest = path.slice(split + 1..);
        let child = if rest.is_empty() {
            child
        } else {
            trail.nodes += 1;
            Link::new(Node::Extension { path: rest, child }, self.tick)
        };
        let mut branch = Branch::default();
        *branch.child_mut(path.get_unchecked(split)) = child;
        let branch = Link::new(Node::Branch(branch), self.tick);
        *link = if split == 0 {
            branch
        } else {
            trail.nodes += 1;
            Link::new(Node::Extension { path: path.slice(..split), child: branch }, self.tick)
        };
    }

    fn update_branch(
        &self,
        link: &mut Link,
        at: &Nibbles,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let depth = at.len();
        let Some(Node::Branch(branch)) = link.node.as_mut().map(Arc::make_mut) else {
            return Ok(false);
        };
        let changed = if is_wide(entries) {
            self.update_children_wide(branch, depth, entries, trail)?
        } else {
            let mut changed = false;
            for group in groups(entries, depth) {
                let child = branch.child_mut(group[0].key.get_unchecked(depth));
                changed |= self.update(child, depth + 1, group, trail)?;
            }
            changed
        };
        if branch.children.iter().any(Link::is_empty) {
            branch.drop_empty();
        }
        if !changed {
            return Ok(false);
        }
        match branch.children.len() {
            0 => {
                trail.gone.push((self.owner, *at));
                trail.nodes -= 1;
                *link = Link::EMPTY;
            }
            1 => self.collapse(link, at, trail)?,
            _ => link.mark(self.tick),
        }
        Ok(true)
    }

    /// Updates and hashes the children of a branch in parallel.
    #[cfg(feature = "std")]
    fn update_children_wide(
        &self,
        branch: &mut Branch,
        depth: usize,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        use rayon::prelude::*;

        let groups: Vec<_> = groups(entries, depth).collect();
        for group in &groups {
            branch.child_mut(group[0].key.get_unchecked(depth));
        }
        let mut tasks = Vec::with_capacity(groups.len());
        let mut groups = groups.into_iter().peekable();
        for (nibble, child) in branch.nibbles().zip(&mut branch.children) {
            if let Some(group) = groups.next_if(|group| group[0].key.get_unchecked(depth) == nibble)
            {
                tasks.push((child, group));
            }
        }
        let done: Vec<_> = tasks
            .into_par_iter()
            .map(|(child, group)| {
                let mut trail = Trail::default();
                let changed = self.update(child, depth + 1, group, &mut trail)?;
                hash(child, &mut Vec::new());
                Ok((changed, trail))
            })
            .collect::<Result<_, StateError>>()?;
        let mut changed = false;
        for (differs, part) in done {
            changed |= differs;
            trail.absorb(part);
        }
        Ok(changed)
    }

    #[cfg(not(feature = "std"))]
    fn update_children_wide(
        &self,
        branch: &mut Branch,
        depth: usize,
        entries: &mut [Entry],
        trail: &mut Trail,
    ) -> Result<bool, StateError> {
        let mut changed = false;
        for group in groups(entries, depth) {
            let child = branch.child_mut(group[0].key.get_unchecked(depth));
            changed |= self.update(child, depth + 1, group, trail)?;
        }
        Ok(changed)
    }

    /// Replaces a branch that has one child left.
    fn collapse(&self, link: &mut Link, at: &Nibbles, trail: &mut Trail) -> Result<(), StateError> {
        let Some(Node::Branch(branch)) = link.node.as_mut().map(Arc::make_mut) else {
            return Ok(());
        };
        let (Some(nibble), Some(mut child)) = (branch.nibbles().next(), branch.children.pop())
        else {
            return Ok(());
        };
        let below = append(at, nibble);
        load(self.source, self.owner.as_ref(), &mut child, &below, trail)?;
        self.absorb(link, &Nibbles::from_nibbles([nibble]), child, &below, trail);
        link.mark(self.tick);
        Ok(())
    }

    /// Makes the node at `link` the one that leads along `path` into `child`, which is in memory
    /// and stands at `below`: an extension to a branch, else `child` with a longer path.
    fn absorb(
        &self,
        link: &mut Link,
        path: &Nibbles,
        mut child: Link,
        below: &Nibbles,
        trail: &mut Trail,
    ) {
        let merged = match child.node.take().map(Arc::unwrap_or_clone) {
            Some(Node::Leaf { path: rest, body }) => Node::Leaf { path: path.join(&rest), body },
            Some(Node::Extension { path: rest, child }) => {
                Node::Extension { path: path.join(&rest), child }
            }
            branch => {
                child.node = branch.map(Arc::new);
                link.node = Some(Arc::new(Node::Extension { path: *path, child }));
                return;
            }
        };
        trail.gone.push((self.owner, *below));
        trail.nodes -= 1;
        link.node = Some(Arc::new(merged));
    }
}

/// Whether there are two keys and enough changes to work in parallel.
fn is_wide(entries: &[Entry]) -> bool {
    let weight = |entry: &Entry| match &entry.edit {
        Edit::Slot(_) => 1,
        Edit::Account { slots, .. } => 1 + slots.len(),
    };
    entries.len() >= PARALLEL_MIN
        || entries.len() > 1 && entries.iter().map(weight).sum::<usize>() >= PARALLEL_MIN
}

/// Cuts sorted `entries` where the nibble at `depth` changes.
fn groups(entries: &mut [Entry], depth: usize) -> impl Iterator<Item = &mut [Entry]> {
    debug_assert!(depth < KEY_NIBBLES, "equal keys in one batch");
    entries.chunk_by_mut(move |a, b| a.key.get_unchecked(depth) == b.key.get_unchecked(depth))
}
