//! The account trie with the storage tries hanging off its leaves.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use jovay_types::{Account, AccountChange, StateDiff};

use super::{
    EmptySource, NodeSource,
    leaf::{Edit, Entry, decode_account, decode_slot},
    node::{Body, Link},
    read::{encoded, find},
    saving::{Changed, evict},
    update::{Pass, Trail},
};
use crate::{AccountProof, SlotProof, StateError};

/// A node to be written to, or removed from, a store keyed by (owner, path).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUpdate {
    /// keccak256 of the account's address for its storage trie; `None` for the account trie.
    pub owner: Option<B256>,
    /// Nibbles from the root of its trie; none for the root.
    pub path: Nibbles,
    /// The node's RLP; `None`: no node is here any more (perhaps none ever was).
    pub node: Option<Bytes>,
}

/// The state as one trie of accounts and their storage tries.
///
/// A clone costs three reference counts and stands still while the original moves on. Reading
/// keeps no nodes in memory; updating keeps those it came by until [`evict`](Self::evict).
///
/// A store keyed by path holds the nodes of one state only. When it moves on under an open trie,
/// the trie's nodes that are neither in memory nor unchanged become [`StateError::Missing`]:
/// give a long-lived clone a source that reads a snapshot of the store, and reach older states by
/// [`apply_reverse`](Self::apply_reverse) from the one that the store holds.
///
/// When [`apply`](Self::apply) fails, the trie is left half changed and every later call fails:
/// drop it, and go on from a clone made before or from the saved nodes.
#[derive(Clone)]
pub struct StateTrie {
    source: Arc<dyn NodeSource>,
    root: Link,
    /// Hash of `root`, or of what it was before an update failed.
    root_hash: B256,
    /// Counts updates; never reset.
    tick: u32,
    /// The tick when everything had been handed out for saving.
    saved: u32,
    /// Places where nodes were since then.
    gone: Arc<Vec<(Option<B256>, Nibbles)>>,
    nodes: usize,
    failed: bool,
}

impl core::fmt::Debug for StateTrie {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StateTrie")
            .field("root", &self.root_hash)
            .field("nodes", &self.nodes)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl StateTrie {
    /// The state under `root`, whose nodes are read from `source` when they are needed.
    pub fn new(source: Arc<dyn NodeSource>, root: B256) -> Self {
        Self {
            source,
            root: Link::root(root),
            root_hash: root,
            tick: 0,
            saved: 0,
            gone: Arc::default(),
            nodes: 0,
            failed: false,
        }
    }

    /// The empty state, entirely in memory.
    pub fn empty() -> Self {
        Self::new(Arc::new(EmptySource), EMPTY_ROOT_HASH)
    }

    /// The state root, after the last update that did not fail.
    pub fn root(&self) -> B256 {
        self.root_hash
    }

    /// Applies what a block changed and returns the new state root.
    ///
    /// `diff` must be complete: an account that goes lists all its slots. What it says was
    /// before is not looked at. Large diffs are worked on in parallel with `std`.
    ///
    /// # Errors
    /// A node is missing or malformed, the source failed, or an account goes while slots remain.
    pub fn apply(&mut self, diff: &StateDiff) -> Result<B256, StateError> {
        self.update(diff, |change| entry(change, change.after, |slot| slot.after))
    }

    /// Undoes what a block changed and returns the root before it.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_reverse(&mut self, diff: &StateDiff) -> Result<B256, StateError> {
        self.update(diff, |change| entry(change, change.before, |slot| slot.before))
    }

    fn update(
        &mut self,
        diff: &StateDiff,
        entry: impl Fn(&AccountChange) -> Entry + Sync + Send,
    ) -> Result<B256, StateError> {
        self.check()?;
        self.tick = self.tick.checked_add(1).ok_or_else(|| {
            StateError::Backend("a trie takes 2^32 updates; open it again".into())
        })?;
        let mut entries = entries(&diff.accounts, entry);
        let mut trail = Trail::default();
        let pass = Pass { source: &*self.source, owner: None, tick: self.tick };
        // Set in case of an early return.
        self.failed = true;
        pass.run(&mut self.root, &mut entries, &mut trail)?;
        self.failed = false;
        if !trail.gone.is_empty() {
            Arc::make_mut(&mut self.gone).append(&mut trail.gone);
        }
        self.nodes = self.nodes.saturating_add_signed(trail.nodes);
        self.root_hash = self.root.root_hash();
        Ok(self.root_hash)
    }

    fn check(&self) -> Result<(), StateError> {
        if self.failed {
            return Err(StateError::Backend("trie left half changed by a failed update".into()));
        }
        Ok(())
    }

    /// Everything a store keyed by (owner, path) has to write and delete to hold this trie, given
    /// that it held the trie at the last call (or at the opening). Sorted by owner, the account
    /// trie first, then path; one entry per place.
    ///
    /// # Errors
    /// An earlier update failed.
    pub fn take_updates(&mut self) -> Result<Vec<NodeUpdate>, StateError> {
        self.check()?;
        let Changed { accounts: mut updates, storages, .. } =
            Changed::collect(&self.root, self.saved);
        updates.extend(storages);
        let mut gone = core::mem::take(&mut self.gone);
        let gone = Arc::make_mut(&mut gone);
        gone.sort_unstable();
        updates.extend(gone.drain(..).map(|(owner, path)| NodeUpdate { owner, path, node: None }));
        // Stable: a node stays before the note that one was there, which goes. Two sorted runs.
        updates.sort_by_key(|update| (update.owner, update.path));
        updates.dedup_by(|b, a| a.owner == b.owner && a.path == b.path);
        self.saved = self.tick;
        Ok(updates)
    }

    /// The number of nodes in memory. Nodes shared with clones count in each.
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// Drops saved nodes from memory, least recently changed and deepest first, until at most
    /// `nodes_max` remain or only unsaved ones do.
    ///
    /// Nodes count as saved once [`take_updates`](Self::take_updates) has returned them, so the
    /// source must have them by now. Visits every node in memory: call it when
    /// [`node_count`](Self::node_count) is well above the aim.
    pub fn evict(&mut self, nodes_max: usize) {
        if !self.failed {
            self.nodes = evict(&mut self.root, self.saved, nodes_max);
        }
    }

    /// The account at `address`.
    ///
    /// # Errors
    /// A node is missing or malformed, the source failed, or an earlier update failed. So in
    /// every read.
    pub fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let found = self.leaf(&keccak256(address), |_| {})?;
        Ok(found.map(|(account, _)| plain(&account)))
    }

    /// The value of a slot; zero when absent.
    ///
    /// # Errors
    /// See [`Self::account`].
    pub fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let owner = keccak256(address);
        match self.leaf(&owner, |_| {})? {
            Some((_, storage)) => self.slot(&owner, &storage, slot, |_| {}),
            None => Ok(U256::ZERO),
        }
    }

    /// Proof of an account, or of its absence, with proofs of `slots` in their order (EIP-1186).
    ///
    /// The proof of an empty trie has no nodes.
    ///
    /// # Errors
    /// See [`Self::account`].
    pub fn proof(&self, address: &Address, slots: &[U256]) -> Result<AccountProof, StateError> {
        let owner = keccak256(address);
        let mut proof = Vec::new();
        let found = self.leaf(&owner, |node| proof.push(node))?;
        let storage = found.as_ref().map_or(Link::EMPTY, |(_, storage)| storage.clone());
        let account = found.map(|(account, _)| account);
        let slots = slots
            .iter()
            .map(|slot| {
                let mut proof = Vec::new();
                let value = self.slot(&owner, &storage, slot, |node| proof.push(node))?;
                Ok(SlotProof { slot: *slot, value, proof })
            })
            .collect::<Result<_, StateError>>()?;
        Ok(AccountProof {
            address: *address,
            account: account.as_ref().map(plain),
            storage_root: account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root),
            proof,
            slots,
        })
    }

    /// The account under a hashed address, with the root of its storage.
    fn leaf(
        &self,
        owner: &B256,
        mut visit: impl FnMut(Bytes),
    ) -> Result<Option<(TrieAccount, Link)>, StateError> {
        self.check()?;
        let key = Nibbles::unpack(owner);
        let found = find(&*self.source, None, &self.root, &key, |_, node| visit(encoded(node)))?;
        let Some(Body { value, storage }) = found else { return Ok(None) };
        let account = decode_account(&value)?;
        let storage = storage.map_or_else(|| Link::root(account.storage_root), |link| *link);
        Ok(Some((account, storage)))
    }

    fn slot(
        &self,
        owner: &B256,
        storage: &Link,
        slot: &U256,
        mut visit: impl FnMut(Bytes),
    ) -> Result<U256, StateError> {
        let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
        let visit = |_: &Nibbles, node: &_| visit(encoded(node));
        match find(&*self.source, Some(owner), storage, &key, visit)? {
            Some(body) => decode_slot(&body.value),
            None => Ok(U256::ZERO),
        }
    }
}

/// A trie is a source for others: of the nodes it has in memory and of those it can read.
/// So a trie wound back to an older block serves that block's nodes to a recording trie.
impl NodeSource for StateTrie {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        self.check()?;
        let root = match owner {
            None => self.root.clone(),
            Some(owner) => match self.leaf(owner, |_| {})? {
                Some((_, storage)) => storage,
                None => return Ok(None),
            },
        };
        let mut key = *path;
        while key.len() < super::node::KEY_NIBBLES {
            key.push(0);
        }
        let mut found = None;
        find(&*self.source, owner, &root, &key, |at, node| {
            if at == path {
                found = Some(encoded(node));
            }
        })?;
        Ok(found.filter(|node| keccak256(node) == *hash))
    }
}

/// An account without its storage root.
fn plain(account: &TrieAccount) -> Account {
    Account { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
}

/// The trie's change for an account's change, in one of the two directions of time.
fn entry(
    change: &AccountChange,
    account: Option<Account>,
    value: impl Fn(&jovay_types::SlotChange) -> U256 + Sync,
) -> Entry {
    let slots = entries(&change.slots, |slot| Entry {
        key: Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>())),
        edit: Edit::Slot(value(slot)),
    });
    let key = Nibbles::unpack(keccak256(change.address));
    Entry { key, edit: Edit::Account { after: account, slots } }
}

/// The entries for `changes`, sorted by key.
fn entries<T: Sync>(changes: &[T], entry: impl Fn(&T) -> Entry + Sync + Send) -> Vec<Entry> {
    #[cfg(feature = "std")]
    let mut entries: Vec<_> = {
        use rayon::prelude::*;
        changes.par_iter().with_min_len(64).map(entry).collect()
    };
    #[cfg(not(feature = "std"))]
    let mut entries: Vec<_> = changes.iter().map(entry).collect();
    entries.sort_unstable_by_key(|entry| entry.key);
    entries.dedup_by(|b, a| a.key == b.key);
    entries
}
