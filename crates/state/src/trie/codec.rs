//! The RLP of nodes (Yellow Paper, appendix D).

use alloc::{boxed::Box, format, vec::Vec};

use alloy_primitives::B256;
use alloy_rlp::{BufMut, EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::Nibbles;

use super::node::{Body, Branch, KEY_NIBBLES, Link, Node, Reference};
use crate::StateError;

/// Items of a branch: sixteen children and the value.
const BRANCH_ITEMS: usize = 17;
/// A hex-prefix encoded path is at most a prefix byte and a whole key.
const PATH_BYTES_MAX: usize = 1 + KEY_NIBBLES / 2;

/// Appends the RLP of `node`, whose children have been hashed.
pub(super) fn encode(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Leaf { path, body } => {
            let (path, len) = hex_prefix(path, true);
            let (path, value) = (&path[..len], &*body.value);
            let payload_length = path.length() + value.length();
            Header { list: true, payload_length }.encode(out);
            path.encode(out);
            value.encode(out);
        }
        Node::Extension { path, child } => {
            let (path, len) = hex_prefix(path, false);
            let path = &path[..len];
            let payload_length = path.length() + reference_length(child);
            Header { list: true, payload_length }.encode(out);
            path.encode(out);
            encode_reference(child, out);
        }
        Node::Branch(branch) => {
            let absent = BRANCH_ITEMS - branch.children.len();
            let payload_length =
                branch.children.iter().map(reference_length).sum::<usize>() + absent;
            Header { list: true, payload_length }.encode(out);
            let mut children = branch.children.iter();
            for nibble in 0..16 {
                match branch.has(nibble).then(|| children.next()).flatten() {
                    Some(child) => encode_reference(child, out),
                    None => out.put_u8(EMPTY_STRING_CODE),
                }
            }
            out.put_u8(EMPTY_STRING_CODE);
        }
    }
}

fn reference_length(link: &Link) -> usize {
    match &link.reference {
        Reference::Empty => 1,
        Reference::Hash(_) => 33,
        Reference::Inline(len, _) => usize::from(*len),
        Reference::Dirty => unreachable!("children are hashed before their parent"),
    }
}

fn encode_reference(link: &Link, out: &mut Vec<u8>) {
    match &link.reference {
        Reference::Empty => out.put_u8(EMPTY_STRING_CODE),
        Reference::Hash(hash) => hash.encode(out),
        Reference::Inline(len, bytes) => out.put_slice(&bytes[..usize::from(*len)]),
        Reference::Dirty => unreachable!("children are hashed before their parent"),
    }
}

/// The hex-prefix encoding of a path, and its length.
fn hex_prefix(path: &Nibbles, leaf: bool) -> ([u8; PATH_BYTES_MAX], usize) {
    let mut out = [0; PATH_BYTES_MAX];
    let flag = if leaf { 0x20 } else { 0 };
    let rest = if path.len() % 2 == 1 {
        out[0] = flag | 0x10 | path.get_unchecked(0);
        path.slice(1..)
    } else {
        out[0] = flag;
        *path
    };
    let len = 1 + rest.byte_len();
    rest.pack_to(&mut out[1..len]);
    (out, len)
}

/// The path and whether it is a leaf's.
fn from_hex_prefix(bytes: &[u8]) -> Option<(Nibbles, bool)> {
    let (&first, rest) = bytes.split_first()?;
    if bytes.len() > PATH_BYTES_MAX || first > 0x3f {
        return None;
    }
    let even = Nibbles::unpack(rest);
    let path = match (first & 0x10 != 0, first & 0x0f) {
        (true, _) if even.len() == KEY_NIBBLES => return None,
        (true, nibble) => super::node::prepend(nibble, &even),
        (false, 0) => even,
        (false, _) => return None,
    };
    Some((path, first & 0x20 != 0))
}

/// The node encoded by `rlp`, which stands `depth` nibbles below its root.
///
/// # Errors
/// It is not the canonical encoding of a node that can stand there.
pub(super) fn decode(rlp: &[u8], depth: usize) -> Result<Node, StateError> {
    parse(rlp, depth).ok_or_else(|| {
        let rlp = alloy_primitives::hex::encode(rlp);
        StateError::Backend(format!("malformed trie node at depth {depth}: {rlp}"))
    })
}

struct Item<'a> {
    list: bool,
    /// With the header.
    raw: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Item<'a> {
    fn next(buf: &mut &'a [u8]) -> Option<Self> {
        let start = *buf;
        let header = Header::decode(buf).ok()?;
        let payload = buf.get(..header.payload_length)?;
        *buf = &buf[header.payload_length..];
        Some(Self { list: header.list, raw: &start[..start.len() - buf.len()], payload })
    }

    fn reference(&self) -> Option<Reference> {
        match (self.list, self.payload.len()) {
            (false, 0) => Some(Reference::Empty),
            (false, 32) => Some(Reference::Hash(B256::from_slice(self.payload))),
            (true, _) if self.raw.len() < 32 => Some(Reference::to(self.raw)),
            _ => None,
        }
    }
}

fn parse(mut rlp: &[u8], depth: usize) -> Option<Node> {
    let list = Item::next(&mut rlp)?;
    if !list.list || !rlp.is_empty() {
        return None;
    }
    let mut rest = list.payload;
    let (first, second) = (Item::next(&mut rest)?, Item::next(&mut rest)?);
    if !rest.is_empty() {
        return parse_branch(list.payload, depth);
    }
    if first.list {
        return None;
    }
    let (path, leaf) = from_hex_prefix(first.payload)?;
    if leaf {
        let fits = depth + path.len() == KEY_NIBBLES && !second.list;
        let body = Body { value: Box::from(second.payload), storage: None };
        return (fits && !second.payload.is_empty()).then_some(Node::Leaf { path, body });
    }
    let fits = !path.is_empty() && depth + path.len() < KEY_NIBBLES;
    let child = Link::stored(second.reference()?);
    (fits && !child.is_empty()).then_some(Node::Extension { path, child })
}

fn parse_branch(mut rest: &[u8], depth: usize) -> Option<Node> {
    let mut branch = Branch::default();
    branch.children.reserve_exact(16);
    for nibble in 0..16 {
        let reference = Item::next(&mut rest)?.reference()?;
        if reference != Reference::Empty {
            branch.mask |= 1 << nibble;
            branch.children.push(Link::stored(reference));
        }
    }
    branch.children.shrink_to_fit();
    let sound = rest == [EMPTY_STRING_CODE] && branch.children.len() >= 2 && depth < KEY_NIBBLES;
    sound.then_some(Node::Branch(branch))
}
