//! What leaves hold, and how it changes.

use alloc::{boxed::Box, format, vec::Vec};

use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use alloy_trie::{Nibbles, TrieAccount};
use jovay_types::Account;

use super::{
    node::{Body, Link},
    update::{Pass, Trail},
};
use crate::StateError;

/// A change of one key.
pub(super) struct Entry {
    pub(super) key: Nibbles,
    pub(super) edit: Edit,
}

pub(super) enum Edit {
    /// A slot's new value; zero removes it.
    Slot(U256),
    /// An account's new content, `None` removes it, with its changed slots sorted by key.
    Account { after: Option<Account>, slots: Vec<Entry> },
}

impl Edit {
    pub(super) fn removes(&self) -> bool {
        match self {
            Self::Slot(value) => value.is_zero(),
            Self::Account { after, .. } => after.is_none(),
        }
    }
}

impl Pass<'_> {
    /// The leaf's content after `edit`, and whether it differs from before.
    pub(super) fn edit(
        &self,
        key: &Nibbles,
        before: Option<Body>,
        edit: &mut Edit,
        trail: &mut Trail,
    ) -> Result<(Option<Body>, bool), StateError> {
        let existed = before.is_some();
        let mut body = before.unwrap_or_default();
        let value = match edit {
            Edit::Slot(value) if value.is_zero() => return Ok((None, existed)),
            Edit::Slot(value) => alloy_rlp::encode(*value),
            Edit::Account { after, slots } => {
                let mut storage = storage_of(&mut body, existed)?;
                if !slots.is_empty() {
                    let mut owner = B256::ZERO;
                    key.pack_to(owner.as_mut_slice());
                    let pass = Pass { source: self.source, owner: Some(owner), tick: self.tick };
                    pass.run(&mut storage, slots, trail)?;
                }
                let Some(account) = after else {
                    if !storage.is_empty() {
                        let what = format!("account {key:?} removed but not all of its storage");
                        return Err(StateError::Backend(what));
                    }
                    return Ok((None, existed));
                };
                let value = account_value(account, storage.root_hash());
                body.storage = storage.node.is_some().then(|| Box::new(storage));
                value
            }
        };
        let differs = !existed || *body.value != *value;
        if differs {
            body.value = value.into_boxed_slice();
        }
        Ok((Some(body), differs))
    }
}

/// The RLP of an account in the trie.
pub(super) fn account_value(account: &Account, storage_root: B256) -> Vec<u8> {
    let Account { nonce, balance, code_hash } = *account;
    alloy_rlp::encode(TrieAccount::new(nonce, balance, storage_root, code_hash))
}

/// The account in a leaf of the account trie.
pub(super) fn decode_account(mut value: &[u8]) -> Result<TrieAccount, StateError> {
    let malformed = |error| StateError::Backend(format!("malformed account in the trie: {error}"));
    let header = alloy_rlp::Header::decode(&mut &*value).map_err(malformed)?;
    if header.length_with_payload() != value.len() {
        return Err(malformed(alloy_rlp::Error::UnexpectedLength));
    }
    TrieAccount::decode(&mut value).map_err(malformed)
}

/// The value in a leaf of a storage trie.
pub(super) fn decode_slot(mut value: &[u8]) -> Result<U256, StateError> {
    let decoded = U256::decode(&mut value).ok().filter(|_| value.is_empty());
    decoded.ok_or_else(|| StateError::Backend("malformed slot in the trie".into()))
}

/// Takes the storage trie out of an account's leaf.
fn storage_of(body: &mut Body, existed: bool) -> Result<Link, StateError> {
    match body.storage.take() {
        Some(storage) => Ok(*storage),
        None if existed => Ok(Link::root(decode_account(&body.value)?.storage_root)),
        None => Ok(Link::EMPTY),
    }
}
