//! The state trie against `alloy-trie`, and against itself over a node store.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::U256;
use alloy_trie::EMPTY_ROOT_HASH;
use jovay_state::{
    MemoryState, NodeUpdate, StateError, StateTrie, StateView,
    trie::{RecordingSource, WitnessSource},
    verify_proof,
};
use jovay_types::{Account, AccountChange, SlotChange, StateDiff};
use proptest::prelude::*;
use support::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// As storage uses it: apply, take the updates, write them, evict or reopen, go on.
    #[test]
    fn lazy_equals_in_memory_equals_alloy(blocks in history(14), keep in 0usize..120) {
        let store = Arc::new(NodeStore::default());
        let mut state = MemoryState::new();
        let mut whole = StateTrie::empty();
        let mut lazy = StateTrie::new(store.clone(), EMPTY_ROOT_HASH);
        for (number, ops) in blocks.iter().enumerate() {
            let diff = diff(&state, ops);
            state.apply(&diff);
            let expected = expected_root(&state);
            let before = (whole.clone(), whole.root());

            prop_assert_eq!(whole.apply(&diff).unwrap(), expected);
            prop_assert_eq!(lazy.apply(&diff).unwrap(), expected);
            prop_assert_eq!(before.0.root(), before.1, "a clone stands still");
            prop_assert_eq!(whole.clone().apply_reverse(&diff).unwrap(), before.1);
            prop_assert_eq!(lazy.clone().apply_reverse(&diff).unwrap(), before.1);

            if number % 3 == 0 {
                continue;
            }
            let updates = lazy.take_updates().unwrap();
            let place = |update: &NodeUpdate| (update.owner, update.path);
            prop_assert!(updates.windows(2).all(|two| place(&two[0]) < place(&two[1])));
            store.write(updates);
            prop_assert!(lazy.take_updates().unwrap().is_empty());
            if number % 3 == 1 {
                lazy.evict(keep);
                prop_assert!(lazy.node_count() <= keep);
            } else {
                lazy = StateTrie::new(store.clone(), expected);
                prop_assert_eq!(lazy.node_count(), 0);
            }
            let mut fresh = StateTrie::empty();
            fresh.apply(&state.to_diff()).unwrap();
            let updates = fresh.take_updates().unwrap();
            let wanted: BTreeMap<_, _> = updates.into_iter()
                .map(|update| ((update.owner, update.path), update.node.unwrap())).collect();
            prop_assert_eq!(&*store.0.lock().unwrap(), &wanted, "nothing missing, nothing left");
            prop_assert_eq!(whole.node_count(), fresh.node_count());
        }
        for n in 0..ADDRESSES {
            let address = address(n);
            prop_assert_eq!(lazy.account(&address).unwrap(), state.account(&address).unwrap());
            for slot in (0..SLOTS).map(U256::from) {
                let expected = state.storage(&address, &slot).unwrap();
                prop_assert_eq!(lazy.storage(&address, &slot).unwrap(), expected);
                prop_assert_eq!(whole.storage(&address, &slot).unwrap(), expected);
            }
        }
    }

    /// The nodes recorded while a block was applied and proven are enough to do it again.
    #[test]
    fn recorded_nodes_are_a_witness(blocks in history(6), drop in any::<prop::sample::Index>()) {
        let mut state = MemoryState::new();
        let mut trie = StateTrie::empty();
        for ops in &blocks {
            let diff = diff(&state, ops);
            state.apply(&diff);
            let root = trie.root();
            // The trie in memory serves its own nodes.
            let recorder = Arc::new(RecordingSource::new(trie.clone()));
            let mut traced = StateTrie::new(recorder.clone(), root);
            let expected = trie.apply(&diff).unwrap();
            prop_assert_eq!(traced.apply(&diff).unwrap(), expected);

            let nodes = recorder.take();
            let mut stateless =
                StateTrie::new(Arc::new(WitnessSource::new(nodes.clone())), root);
            prop_assert_eq!(stateless.apply(&diff).unwrap(), expected);
            if nodes.is_empty() {
                continue;
            }
            let mut fewer = nodes;
            fewer.remove(drop.index(fewer.len()));
            let mut stateless = StateTrie::new(Arc::new(WitnessSource::new(fewer)), root);
            let error = stateless.apply(&diff).unwrap_err();
            prop_assert!(matches!(error, StateError::Missing { .. }), "{error}");
            prop_assert_eq!(stateless.root(), root);
            prop_assert!(stateless.apply(&diff).is_err(), "a failed trie stays failed");
            prop_assert!(stateless.proof(&address(1), &[]).is_err());
            prop_assert!(stateless.take_updates().is_err());
        }
    }
}

/// Wide enough for the parallel paths: many accounts, and one contract with many slots.
#[test]
fn parallel_updates_agree_with_alloy() {
    let mut numbers = Numbers(7);
    let store = Arc::new(NodeStore::default());
    let mut state = MemoryState::new();
    let mut trie = StateTrie::new(store.clone(), EMPTY_ROOT_HASH);
    for round in 0..6u64 {
        let mut diff = balances(&mut numbers, 4000, 1500);
        for change in &mut diff.accounts {
            change.before = state.account(&change.address).unwrap();
            if change.before.is_some() && numbers.next().is_multiple_of(3) {
                change.after = None;
            }
        }
        let token = alloy_primitives::Address::repeat_byte(0xee);
        let mut slots = BTreeMap::new();
        for _ in 0..1000 {
            let value =
                if round > 0 && numbers.next().is_multiple_of(3) { 0 } else { numbers.next() };
            slots.insert(U256::from(numbers.next() % 3000), U256::from(value));
        }
        let slots = slots.into_iter().map(|(slot, after)| SlotChange {
            slot,
            before: state.storage(&token, &slot).unwrap(),
            after,
        });
        let before = state.account(&token).unwrap();
        let after = Some(Account { nonce: 1, ..Account::default() });
        let slots = slots.filter(|slot| slot.before != slot.after).collect();
        diff.accounts.push(AccountChange { address: token, before, after, slots });
        diff.accounts.sort_unstable_by_key(|change| change.address);

        let root = trie.root();
        state.apply(&diff);
        assert_eq!(trie.apply(&diff).unwrap(), expected_root(&state));
        assert_eq!(trie.clone().apply_reverse(&diff).unwrap(), root);
        store.write(trie.take_updates().unwrap());
        if round % 2 == 0 {
            trie.evict(500);
            assert!(trie.node_count() <= 500);
        } else {
            trie = StateTrie::new(store.clone(), trie.root());
        }
    }
    let mut fresh = StateTrie::empty();
    fresh.apply(&state.to_diff()).unwrap();
    assert_eq!(fresh.take_updates().unwrap().len(), store.0.lock().unwrap().len());
}

#[test]
fn an_account_cannot_leave_storage_behind() {
    let mut state = MemoryState::new();
    let owner = address(1);
    let slots = [(U256::from(1), U256::from(2))];
    state.insert(owner, 1, U256::ZERO, Default::default(), slots);
    let mut trie = StateTrie::empty();
    trie.apply(&state.to_diff()).unwrap();
    let change = AccountChange { address: owner, before: None, after: None, slots: Vec::new() };
    let diff = StateDiff { accounts: vec![change], codes: Vec::new() };
    assert!(matches!(trie.apply(&diff), Err(StateError::Backend(_))));
}

#[test]
fn a_missing_root_is_an_error_and_not_an_empty_state() {
    let mut trie = StateTrie::new(Arc::new(WitnessSource::default()), U256::from(1).into());
    assert!(matches!(trie.account(&address(1)), Err(StateError::Missing { .. })));
    assert!(matches!(trie.storage(&address(1), &U256::ZERO), Err(StateError::Missing { .. })));
    assert!(matches!(trie.proof(&address(1), &[]), Err(StateError::Missing { .. })));
    let diff = balances(&mut Numbers(1), 10, 1);
    assert!(matches!(trie.apply(&diff), Err(StateError::Missing { .. })));
}

#[test]
fn the_empty_state_has_proofs() {
    let proof = StateTrie::empty().proof(&address(1), &[U256::from(3)]).unwrap();
    assert_eq!((proof.account, proof.storage_root), (None, EMPTY_ROOT_HASH));
    verify_proof(EMPTY_ROOT_HASH, &proof).unwrap();
}
