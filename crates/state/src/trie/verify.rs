//! Strict verification of proofs.

use alloc::{boxed::Box, format, string::String};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use super::{
    codec::decode,
    leaf::account_value,
    node::{KEY_NIBBLES, Node, Reference},
};
use crate::AccountProof;

/// Why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A node is not the one that its parent, or the root, refers to.
    #[error("proof of {of}: node {index} does not have the hash referred to")]
    WrongNode {
        /// `account` or the slot.
        of: String,
        /// The node's place in the proof.
        index: usize,
    },
    /// The proof ends before it shows anything.
    #[error("proof of {of} is too short")]
    TooShort {
        /// `account` or the slot.
        of: String,
    },
    /// Nodes follow after the one that decides.
    #[error("proof of {of} is too long")]
    TooLong {
        /// `account` or the slot.
        of: String,
    },
    /// A node is not the canonical encoding of a node that can stand there.
    #[error("proof of {of}: node {index} is malformed")]
    Malformed {
        /// `account` or the slot.
        of: String,
        /// The node's place in the proof.
        index: usize,
    },
    /// The nodes prove something else than what is claimed.
    #[error("proof of {of} shows another value")]
    WrongValue {
        /// `account` or the slot.
        of: String,
    },
}

/// Checks that `proof` follows from the state root `root`, to the last byte.
///
/// Strict: each node must be referred to by the one before it, none may be left over, and what
/// the nodes show must be exactly the account, storage root and values claimed; the storage of an
/// account that is absent is empty.
///
/// # Errors
/// The first flaw found.
pub fn verify_proof(root: B256, proof: &AccountProof) -> Result<(), ProofError> {
    let claimed = proof.account.map(|account| account_value(&account, proof.storage_root));
    let key = Nibbles::unpack(keccak256(proof.address));
    check("account", root, &key, claimed.as_deref(), &proof.proof)?;
    if proof.account.is_none() && proof.storage_root != EMPTY_ROOT_HASH {
        return Err(ProofError::WrongValue { of: "account".into() });
    }
    for slot in &proof.slots {
        let claimed = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        let key = Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>()));
        let of = format!("slot {:#x}", slot.slot);
        check(&of, proof.storage_root, &key, claimed.as_deref(), &slot.proof)?;
    }
    Ok(())
}

/// Checks that the trie with this root has `claimed` at `key`.
fn check(
    of: &str,
    root: B256,
    key: &Nibbles,
    claimed: Option<&[u8]>,
    proof: &[Bytes],
) -> Result<(), ProofError> {
    let mut nodes = proof.iter().enumerate();
    let shown = walk(of, root, key, &mut nodes)?;
    if nodes.next().is_some() {
        return Err(ProofError::TooLong { of: of.into() });
    }
    if shown.as_deref() != claimed {
        return Err(ProofError::WrongValue { of: of.into() });
    }
    Ok(())
}

/// What stands at `key`, taking as many nodes as that needs.
fn walk<'p>(
    of: &str,
    root: B256,
    key: &Nibbles,
    nodes: &mut impl Iterator<Item = (usize, &'p Bytes)>,
) -> Result<Option<Box<[u8]>>, ProofError> {
    let mut reference =
        if root == EMPTY_ROOT_HASH { Reference::Empty } else { Reference::Hash(root) };
    let mut depth = 0;
    let mut at = 0;
    loop {
        let node = match &reference {
            Reference::Hash(hash) => {
                let (index, rlp) =
                    nodes.next().ok_or_else(|| ProofError::TooShort { of: of.into() })?;
                at = index;
                if keccak256(rlp) != *hash {
                    return Err(ProofError::WrongNode { of: of.into(), index });
                }
                decode(rlp, depth)
            }
            Reference::Inline(len, bytes) => decode(&bytes[..usize::from(*len)], depth),
            Reference::Empty | Reference::Dirty => return Ok(None),
        };
        let node = node.map_err(|_| ProofError::Malformed { of: of.into(), index: at })?;
        let rest = key.slice(depth..KEY_NIBBLES);
        reference = match node {
            Node::Leaf { path, body } => return Ok((rest == path).then_some(body.value)),
            Node::Extension { path, child } if rest.starts_with(&path) => {
                depth += path.len();
                child.reference
            }
            Node::Extension { .. } => return Ok(None),
            Node::Branch(branch) => {
                depth += 1;
                branch
                    .child(rest.get_unchecked(0))
                    .map_or(Reference::Empty, |child| child.reference.clone())
            }
        };
    }
}
