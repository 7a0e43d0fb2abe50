//! Nodes and the links between them.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use alloy_primitives::{B256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// Nibbles in a key: every key is a keccak256 hash.
pub(super) const KEY_NIBBLES: usize = 64;

/// How a parent refers to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// There is no node.
    Empty,
    /// The node changed and has not been hashed since.
    Dirty,
    /// keccak256 of the node's RLP.
    Hash(B256),
    /// The node's RLP itself, when it is shorter than a hash: its length and its bytes.
    Inline(u8, [u8; 31]),
}

impl Reference {
    /// The reference to the node with this encoding.
    pub(super) fn to(rlp: &[u8]) -> Self {
        if rlp.len() >= 32 {
            return Self::Hash(keccak256(rlp));
        }
        let mut bytes = [0; 31];
        bytes[..rlp.len()].copy_from_slice(rlp);
        Self::Inline(rlp.len() as u8, bytes)
    }
}

/// A place in the trie: the reference, and the node when it is in memory.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) reference: Reference,
    /// The tick of the last change at or below this place. Never above the parent's.
    pub(super) changed: u32,
    /// `None`: not in memory (or no node at all). A dirty link always has its node.
    pub(super) node: Option<Arc<Node>>,
}

impl Link {
    pub(super) const EMPTY: Self = Self { reference: Reference::Empty, changed: 0, node: None };

    /// A new node that has not been hashed.
    pub(super) fn new(node: Node, tick: u32) -> Self {
        Self { reference: Reference::Dirty, changed: tick, node: Some(Arc::new(node)) }
    }

    /// A node that is not in memory.
    pub(super) fn stored(reference: Reference) -> Self {
        Self { reference, changed: 0, node: None }
    }

    /// The root node of the trie whose root is `root`.
    pub(super) fn root(root: B256) -> Self {
        if root == EMPTY_ROOT_HASH { Self::EMPTY } else { Self::stored(Reference::Hash(root)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.reference, Reference::Empty)
    }

    pub(super) fn mark(&mut self, tick: u32) {
        self.reference = Reference::Dirty;
        self.changed = tick;
    }

    /// The root hash of the trie whose root node is here, which must have been hashed.
    pub(super) fn root_hash(&self) -> B256 {
        match &self.reference {
            Reference::Empty => EMPTY_ROOT_HASH,
            Reference::Hash(hash) => *hash,
            Reference::Inline(len, bytes) => keccak256(&bytes[..usize::from(*len)]),
            Reference::Dirty => unreachable!("a root is hashed at the end of each update"),
        }
    }
}

/// What a leaf holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    /// The RLP of the account or the slot's value.
    pub(super) value: Box<[u8]>,
    /// The root of the account's storage trie, when nodes of it are in memory.
    pub(super) storage: Option<Box<Link>>,
}

/// A node; branches have no value, since no key is a prefix of another.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf { path: Nibbles, body: Body },
    Extension { path: Nibbles, child: Link },
    Branch(Branch),
}

/// The children of a branch: bit `n` of the mask says that there is one for nibble `n`.
#[derive(Clone, Debug, Default)]
pub(super) struct Branch {
    pub(super) mask: u16,
    pub(super) children: Vec<Link>,
}

impl Branch {
    pub(super) fn has(&self, nibble: u8) -> bool {
        self.mask & (1 << nibble) != 0
    }

    fn index(&self, nibble: u8) -> usize {
        (self.mask & ((1 << nibble) - 1)).count_ones() as usize
    }

    pub(super) fn child(&self, nibble: u8) -> Option<&Link> {
        self.has(nibble).then(|| &self.children[self.index(nibble)])
    }

    /// The child's place, made if there is none.
    pub(super) fn child_mut(&mut self, nibble: u8) -> &mut Link {
        let index = self.index(nibble);
        if !self.has(nibble) {
            self.children.reserve_exact(1);
            self.children.insert(index, Link::EMPTY);
            self.mask |= 1 << nibble;
        }
        &mut self.children[index]
    }

    /// Takes out the places without a node.
    pub(super) fn drop_empty(&mut self) {
        let mut mask = 0;
        for (nibble, child) in self.nibbles().zip(&self.children) {
            mask |= u16::from(!child.is_empty()) << nibble;
        }
        self.children.retain(|child| !child.is_empty());
        self.mask = mask;
    }

    /// The nibbles that have a child, ascending.
    pub(super) fn nibbles(&self) -> impl Iterator<Item = u8> + use<> {
        let mask = self.mask;
        (0..16).filter(move |nibble| mask & (1 << nibble) != 0)
    }
}

/// `path` with `nibble` before it.
pub(super) fn prepend(nibble: u8, path: &Nibbles) -> Nibbles {
    Nibbles::from_nibbles([nibble]).join(path)
}

/// `path` with `nibble` after it.
pub(super) fn append(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut longer = *path;
    longer.push(nibble);
    longer
}
