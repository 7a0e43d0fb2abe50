//! The trie against `alloy-trie` on keys that share long prefixes and values so small that nodes
//! are embedded in their parents, which hashed keys hardly ever give.
#![allow(clippy::unwrap_used)]

use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};
use std::sync::Mutex;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};
use proptest::prelude::*;

use super::{
    NodeSource,
    build::hash,
    leaf::{Edit, Entry},
    node::{Link, Node},
    read::find,
    saving::{Changed, evict},
    update::{Pass, Trail},
};
use crate::StateError;

/// A store keyed by path that fails when it is asked for a place it has no node for.
#[derive(Default)]
struct Store(Mutex<BTreeMap<Nibbles, Bytes>>);

impl NodeSource for Store {
    fn node(
        &self,
        _: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<Bytes>, StateError> {
        let found = self.0.lock().unwrap().get(path).cloned();
        Ok(found.filter(|node| keccak256(node) == *hash))
    }
}

struct Trie {
    store: Arc<Store>,
    root: Link,
    tick: u32,
    saved: u32,
    nodes: isize,
    gone: Vec<(Option<B256>, Nibbles)>,
}

impl Trie {
    fn new(store: Arc<Store>, root: B256) -> Self {
        Self { store, root: Link::root(root), tick: 0, saved: 0, nodes: 0, gone: Vec::new() }
    }

    fn apply(&mut self, batch: &BTreeMap<B256, U256>) {
        self.tick += 1;
        let mut entries: Vec<_> = batch
            .iter()
            .map(|(key, value)| Entry { key: Nibbles::unpack(key), edit: Edit::Slot(*value) })
            .collect();
        let mut trail = Trail::default();
        let pass = Pass { source: &*self.store, owner: None, tick: self.tick };
        let before = self.root.root_hash();
        let changed = pass.run(&mut self.root, &mut entries, &mut trail).unwrap();
        assert_eq!(changed, before != self.root.root_hash());
        self.nodes += trail.nodes;
        self.gone.extend(trail.gone);
        assert_eq!(self.nodes, in_memory(&self.root));
    }

    fn save(&mut self) {
        let updates = Changed::collect(&self.root, self.saved).accounts;
        let mut map = self.store.0.lock().unwrap();
        for (_, path) in self.gone.drain(..) {
            map.remove(&path);
        }
        for update in updates {
            match update.node {
                Some(node) => map.insert(update.path, node),
                None => map.remove(&update.path),
            };
        }
        self.saved = self.tick;
    }
}

fn in_memory(link: &Link) -> isize {
    let Some(node) = link.node.as_deref() else { return 0 };
    1 + match node {
        Node::Leaf { .. } => 0,
        Node::Extension { child, .. } => in_memory(child),
        Node::Branch(branch) => branch.children.iter().map(in_memory).sum(),
    }
}

fn expected_root(model: &BTreeMap<B256, U256>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in model {
        builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(value));
    }
    builder.root()
}

/// Keys that differ in a few nibbles at the front, in the middle and at the end only.
fn key() -> impl Strategy<Value = B256> {
    (0u8..3, 0u8..3, 0u8..2, 0u8..4, 0u8..4).prop_map(|(a, b, c, d, e)| {
        let mut key = B256::ZERO;
        key[0] = a << 4 | b;
        key[15] = c;
        key[31] = d << 4 | e;
        key
    })
}

fn batches() -> impl Strategy<Value = Vec<BTreeMap<B256, U256>>> {
    let value = prop_oneof![
        3 => Just(U256::ZERO),
        3 => (1u64..200).prop_map(U256::from),
        1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ];
    prop::collection::vec(prop::collection::btree_map(key(), value, 0..24), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn agrees_with_alloy_in_memory_and_over_a_store(batches in batches(), keep in 0usize..40) {
        let mut model = BTreeMap::new();
        let mut whole = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
        let mut lazy = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
        let store = lazy.store.clone();
        for (number, batch) in batches.iter().enumerate() {
            model.extend(batch);
            model.retain(|_, value: &mut U256| !value.is_zero());
            let expected = expected_root(&model);
            whole.apply(batch);
            prop_assert_eq!(whole.root.root_hash(), expected);
            lazy.apply(batch);
            prop_assert_eq!(lazy.root.root_hash(), expected);

            match number % 4 {
                // Saved together with the next batch.
                0 => continue,
                1 => {
                    lazy.save();
                    lazy.nodes = evict(&mut lazy.root, lazy.saved, keep) as isize;
                    prop_assert_eq!(lazy.nodes, in_memory(&lazy.root));
                    prop_assert!(lazy.nodes <= keep as isize);
                }
                2 => {
                    lazy.save();
                    lazy = Trie::new(store.clone(), expected);
                }
                _ => lazy.save(),
            }

            // The store holds the nodes of this trie and not one more.
            let mut fresh = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
            fresh.apply(&model);
            let nodes = Changed::collect(&fresh.root, 0).accounts;
            let wanted: BTreeMap<_, _> =
                nodes.into_iter().filter_map(|u| Some((u.path, u.node?))).collect();
            prop_assert_eq!(&*store.0.lock().unwrap(), &wanted);

            let reopened = Link::root(expected);
            for (key, value) in &model {
                let key = Nibbles::unpack(key);
                let found = find(&*store, None, &reopened, &key, |_, _| {}).unwrap().unwrap();
                let wanted = alloy_rlp::encode(value);
                prop_assert_eq!(&*found.value, wanted.as_slice());
            }
        }
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), depth in 0usize..65) {
        let _ = super::codec::decode(&bytes, depth);
    }

    #[test]
    fn what_decodes_encodes_the_same(batch in batches(), flip in any::<(usize, u8)>()) {
        let mut trie = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
        batch.iter().for_each(|batch| trie.apply(batch));
        trie.save();
        for (path, node) in &*trie.store.0.lock().unwrap() {
            let decoded = super::codec::decode(node, path.len()).unwrap();
            prop_assert_eq!(&super::read::encoded(&decoded), node);
            let mut other = node.to_vec();
            let at = flip.0 % other.len();
            other[at] ^= flip.1;
            if let Ok(decoded) = super::codec::decode(&other, path.len()) {
                prop_assert_eq!(&super::read::encoded(&decoded)[..], other);
            }
        }
    }
}

#[test]
fn a_missing_sibling_is_an_error() {
    let key = |last: u8| B256::with_last_byte(last);
    let value = U256::MAX;
    let mut trie = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
    trie.apply(&BTreeMap::from([(key(0x11), value), (key(0x22), value)]));
    trie.save();
    let store = trie.store.clone();
    let mut leaf = Nibbles::unpack(key(0x11));
    leaf.truncate(63);
    assert!(store.0.lock().unwrap().remove(&leaf).is_some());
    let mut root = Link::root(trie.root.root_hash());
    let mut entries = vec![Entry { key: Nibbles::unpack(key(0x22)), edit: Edit::Slot(U256::ZERO) }];
    let pass = Pass { source: &*store, owner: None, tick: 1 };
    let error = pass.run(&mut root, &mut entries, &mut Trail::default()).unwrap_err();
    assert!(matches!(error, StateError::Missing { what: "trie node", .. }));
}

#[test]
fn hashing_twice_changes_nothing() {
    let mut trie = Trie::new(Arc::default(), EMPTY_ROOT_HASH);
    trie.apply(&BTreeMap::from([(B256::ZERO, U256::from(1))]));
    let root = trie.root.root_hash();
    hash(&mut trie.root, &mut Vec::new());
    assert_eq!(trie.root.root_hash(), root);
}
