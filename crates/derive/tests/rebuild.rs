//! Chains built by the sequencer, derived from what L1 has: every block and receipt must be equal.
#![allow(clippy::unwrap_used)]

mod support;

use jovay_da::DataLayerKind;
use jovay_derive::{OnDifference, Records};
use jovay_state::ChainStore;

use support::{Setting, World, assert_same, chain_in, derivation, derive_all, runtime};

#[test]
fn random_chains_come_out_equal() {
    for seed in 0..5 {
        let mut world = World::new(seed, DataLayerKind::Blobs);
        world.grow(40, 12);
        let last = world.l1.state.lock().all().len() as u64 - 1;
        assert!(last >= 3, "seed {seed} gave {last} batches");
        assert!(world.l1.message_count() > 5);
        world.finalize(last, world.head());
        let derived = derive_all(&world.l1).unwrap();
        world.assert_same(&derived);
    }
}

#[test]
fn from_calldata_and_from_an_object_store() {
    for kind in [DataLayerKind::Calldata, DataLayerKind::Anchored] {
        let mut world = World::new(7, kind);
        world.grow(15, 8);
        world.assert_same(&derive_all(&world.l1).unwrap());
    }
}

#[test]
fn counts_what_it_does_and_stops_where_it_is_told() {
    let mut world = World::new(11, DataLayerKind::Blobs);
    world.grow(30, 5);
    let transactions: usize =
        (1..=30).map(|n| world.store.block(n).unwrap().unwrap().transactions.len()).sum();
    runtime().block_on(async {
        let chain = chain_in(None);
        let until = Setting { until: Some(17), ..Setting::default() };
        let mut part = derivation(&world.l1, &chain, Records::in_memory(), until).await.unwrap();
        let first = part.advance().await.unwrap();
        assert_eq!((chain.head().number(), first.blocks), (17, 17));
        assert_same(&world.store, &chain, 17);
        let nothing = part.advance().await.unwrap();
        assert_eq!((nothing.blocks, nothing.batches), (0, 0));

        // The rest: what is there is compared, not executed again.
        let all = Setting { on_difference: OnDifference::Halt, ..Setting::default() };
        let mut rest = derivation(&world.l1, &chain, Records::in_memory(), all).await.unwrap();
        let done = rest.advance().await.unwrap();
        assert_eq!((done.blocks, done.compared), (30, 17));
        assert_eq!(done.transactions, transactions as u64);
        assert_eq!(done.batches + 1, world.l1.state.lock().all().len() as u64);
        world.assert_same(&chain);
    });
}

#[test]
fn follows_a_growing_chain() {
    let mut world = World::new(13, DataLayerKind::Blobs);
    let chain = chain_in(None);
    let runtime = runtime();
    let records = Records::in_memory();
    let mut follower =
        runtime.block_on(derivation(&world.l1, &chain, records, Setting::default())).unwrap();
    for _ in 0..6 {
        world.grow(8, 6);
        let advance = runtime.block_on(follower.advance()).unwrap();
        assert_eq!(advance.blocks, 8);
        assert_eq!(advance.compared, 0);
        world.assert_same(&chain);
        let last = follower.records().last().unwrap().unwrap();
        world.finalize(last.index, last.last_block);
    }
    runtime.block_on(follower.advance()).unwrap();
    let last = follower.records().last_index();
    assert_eq!(follower.batches().unwrap().finalized(), Some(last));
}

#[test]
fn reads_no_further_than_the_tag() {
    let mut world = World::new(17, DataLayerKind::Blobs);
    world.grow(10, 3);
    let final_head = world.head();
    let depth = world.l1.head();
    world.grow(10, 3);
    world.l1.set_finalized_depth(world.l1.head() - depth);
    let chain = chain_in(None);
    let setting = Setting { tag: jovay_l1::BlockTag::Finalized, ..Setting::default() };
    runtime().block_on(async {
        let records = Records::in_memory();
        let mut derivation = derivation(&world.l1, &chain, records, setting).await.unwrap();
        derivation.advance().await.unwrap();
        assert_eq!(chain.head().number(), final_head);
        world.l1.set_finalized_depth(0);
        derivation.advance().await.unwrap();
    });
    world.assert_same(&chain);
}
