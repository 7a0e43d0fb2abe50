//! Proofs: ours verify here and with `alloy-trie`; changed ones do not.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof as alloy_verify};
use jovay_state::{AccountProof, MemoryState, StateTrie, StateView, verify_proof};
use jovay_types::Account;
use proptest::prelude::*;
use support::*;

fn check_with_alloy(root: B256, proof: &AccountProof) {
    let value = proof.account.map(|Account { nonce, balance, code_hash }| {
        let storage_root = proof.storage_root;
        alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash })
    });
    let key = Nibbles::unpack(keccak256(proof.address));
    alloy_verify(root, key, value, &proof.proof).unwrap();
    for slot in &proof.slots {
        let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        let key = Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>()));
        alloy_verify(proof.storage_root, key, value, &slot.proof).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn proofs_hold_here_and_with_alloy(blocks in history(8)) {
        let mut state = MemoryState::new();
        let mut trie = StateTrie::empty();
        for ops in &blocks {
            let diff = diff(&state, ops);
            state.apply(&diff);
            trie.apply(&diff).unwrap();
        }
        let slots: Vec<_> = (0..SLOTS).map(U256::from).collect();
        for n in 0..ADDRESSES + 8 {
            let proof = trie.proof(&address(n), &slots).unwrap();
            prop_assert_eq!(proof.account, state.account(&address(n)).unwrap());
            for slot in &proof.slots {
                prop_assert_eq!(slot.value, state.storage(&address(n), &slot.slot).unwrap());
            }
            verify_proof(trie.root(), &proof).unwrap();
            check_with_alloy(trie.root(), &proof);
        }
    }
}

fn sample() -> (StateTrie, AccountProof, AccountProof) {
    let mut state = MemoryState::new();
    for n in 0..ADDRESSES {
        let slots = (1..=u64::from(n)).map(|slot| (U256::from(slot), U256::from(slot * 1000)));
        state.insert(address(n), 1, U256::from(n), Bytes::from(vec![n]), slots);
    }
    let mut trie = StateTrie::empty();
    trie.apply(&state.to_diff()).unwrap();
    let slots = [U256::from(1), U256::from(20), U256::from(999)];
    let present = trie.proof(&address(30), &slots).unwrap();
    let absent = trie.proof(&address(200), &slots).unwrap();
    (trie, present, absent)
}

/// Each way to change a list of nodes: any bit-flipped byte, a node cut, left out, doubled,
/// swapped with the next, or a foreign one added.
fn changed(nodes: &[Bytes]) -> Vec<Vec<Bytes>> {
    let mut all = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let mut with = |node: Vec<u8>| {
            let mut nodes = nodes.to_vec();
            nodes[index] = node.into();
            all.push(nodes);
        };
        for at in 0..node.len() {
            for flip in [1, 0x80] {
                let mut node = node.to_vec();
                node[at] ^= flip;
                with(node);
            }
            with(node[..at].to_vec());
        }
        with([&node[..], &[0x80]].concat());
        let mut fewer = nodes.to_vec();
        fewer.remove(index);
        all.push(fewer);
        let mut doubled = nodes.to_vec();
        doubled.insert(index, node.clone());
        all.push(doubled);
        if index + 1 < nodes.len() {
            let mut swapped = nodes.to_vec();
            swapped.swap(index, index + 1);
            all.push(swapped);
        }
    }
    for extra in [Bytes::new(), Bytes::from_static(&[0x80])] {
        all.push(nodes.iter().cloned().chain([extra]).collect());
    }
    all
}

#[test]
fn every_change_of_a_proof_is_refused() {
    let (trie, present, absent) = sample();
    let root = trie.root();
    let mut tried = 0;
    for good in [&present, &absent] {
        verify_proof(root, good).unwrap();
        for nodes in changed(&good.proof) {
            let bad = AccountProof { proof: nodes, ..good.clone() };
            assert!(verify_proof(root, &bad).is_err());
            tried += 1;
        }
        for index in 0..good.slots.len() {
            for nodes in changed(&good.slots[index].proof) {
                let mut bad = good.clone();
                bad.slots[index].proof = nodes;
                assert!(verify_proof(root, &bad).is_err());
                tried += 1;
            }
        }
    }
    assert!(tried > 5_000, "only {tried} changes tried");
}

#[test]
fn every_false_claim_is_refused() {
    let (trie, present, absent) = sample();
    let root = trie.root();
    let refuse = |good: &AccountProof, change: &dyn Fn(&mut AccountProof)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(verify_proof(root, &bad).is_err());
    };
    refuse(&present, &|proof| proof.account = None);
    refuse(&present, &|proof| proof.account.as_mut().unwrap().nonce += 1);
    refuse(&present, &|proof| proof.account.as_mut().unwrap().balance += U256::from(1));
    refuse(&present, &|proof| proof.account.as_mut().unwrap().code_hash = B256::ZERO);
    refuse(&present, &|proof| proof.storage_root = alloy_trie::EMPTY_ROOT_HASH);
    refuse(&present, &|proof| proof.address = address(31));
    refuse(&present, &|proof| proof.slots[0].value += U256::from(1));
    refuse(&present, &|proof| proof.slots[0].value = U256::ZERO);
    refuse(&present, &|proof| proof.slots[2].value = U256::from(1));
    refuse(&present, &|proof| proof.slots[0].slot = U256::from(2));
    refuse(&absent, &|proof| proof.account = Some(Account::default()));
    refuse(&absent, &|proof| proof.storage_root = present.storage_root);
    refuse(&absent, &|proof| proof.slots[0].value = U256::from(1));
    refuse(&absent, &|proof| {
        proof.storage_root = present.storage_root;
        proof.slots = present.slots.clone();
    });
    assert!(verify_proof(B256::ZERO, &present).is_err());
    assert!(verify_proof(alloy_trie::EMPTY_ROOT_HASH, &absent).is_err());
}
