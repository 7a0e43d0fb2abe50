//! Walks from the root to a key.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::{
    NodeSource,
    codec::{decode, encode},
    node::{Body, Link, Node, Reference, append},
    source::fetch,
    update::Trail,
};
use crate::StateError;

/// Decodes the node at `link`, which is not empty and stands at `path`.
fn read(
    source: &dyn NodeSource,
    owner: Option<&B256>,
    link: &Link,
    path: &Nibbles,
) -> Result<Arc<Node>, StateError> {
    if let Some(node) = &link.node {
        return Ok(node.clone());
    }
    let node = match &link.reference {
        Reference::Inline(len, bytes) => decode(&bytes[..usize::from(*len)], path.len())?,
        Reference::Hash(hash) => decode(&fetch(source, owner, path, hash)?, path.len())?,
        Reference::Empty | Reference::Dirty => unreachable!("only called where a node is stored"),
    };
    Ok(Arc::new(node))
}

/// Brings the node at `link` into memory.
pub(super) fn load<'l>(
    source: &dyn NodeSource,
    owner: Option<&B256>,
    link: &'l mut Link,
    path: &Nibbles,
    trail: &mut Trail,
) -> Result<&'l Node, StateError> {
    if link.node.is_none() {
        trail.nodes += 1;
        link.node = Some(read(source, owner, link, path)?);
    }
    link.node.as_deref().ok_or_else(|| StateError::Backend("no node".into()))
}

/// What stands at `key`. Every node on the way that has a hash of its own, the root in any case,
/// is shown to `visit` with the path to it. Nothing is kept in memory.
pub(super) fn find(
    source: &dyn NodeSource,
    owner: Option<&B256>,
    root: &Link,
    key: &Nibbles,
    mut visit: impl FnMut(&Nibbles, &Node),
) -> Result<Option<Body>, StateError> {
    let mut link = root.clone();
    let mut at = Nibbles::new();
    while !link.is_empty() {
        let node = read(source, owner, &link, &at)?;
        if at.is_empty() || matches!(link.reference, Reference::Hash(_)) {
            visit(&at, &node);
        }
        let rest = key.slice(at.len()..);
        link = match &*node {
            Node::Leaf { path, body } => return Ok((rest == *path).then(|| body.clone())),
            Node::Extension { path, child } if rest.starts_with(path) => {
                at = at.join(path);
                child.clone()
            }
            Node::Extension { .. } => return Ok(None),
            Node::Branch(branch) => {
                let nibble = rest.get_unchecked(0);
                at = append(&at, nibble);
                branch.child(nibble).cloned().unwrap_or(Link::EMPTY)
            }
        };
    }
    Ok(None)
}

/// The RLP of a hashed node.
pub(super) fn encoded(node: &Node) -> Bytes {
    let mut rlp = Vec::new();
    encode(node, &mut rlp);
    rlp.into()
}
