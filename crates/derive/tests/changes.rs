//! L1 and the contract take things back, and runs are interrupted.
#![allow(clippy::unwrap_used)]

mod support;

use jovay_da::DataLayerKind;
use jovay_derive::{Derivation, OnDifference, Records};
use jovay_storage::Chain;
use std::sync::Arc;

use support::{Random, Setting, World, chain_in, derivation, derive_all, runtime};

fn records(dir: &std::path::Path) -> Records {
    Records::open(&dir.join("batches"), alloy_primitives::B256::repeat_byte(5)).unwrap()
}

fn follow(world: &World, chain: &Arc<Chain>, runtime: &tokio::runtime::Runtime) -> Derivation {
    let open = derivation(&world.l1, chain, Records::in_memory(), Setting::default());
    runtime.block_on(open).unwrap()
}

/// A chain that forks at block `fork`: its first branch committed, its second one not.
struct Forked {
    world: World,
    /// The last block that both branches have.
    fork: u64,
    /// L1's head before the first branch, and the batches until then.
    l1_head: u64,
    batches: u64,
}

impl Forked {
    fn new(seed: u64) -> (Self, impl FnOnce(&mut World)) {
        let mut world = World::new(seed, DataLayerKind::Blobs);
        world.grow(15, 5);
        let fork = world.head();
        let (l1_head, batches) = (world.l1.head(), world.l1.state.lock().all().len() as u64 - 1);
        let snapshot = world.sequencer.snapshot().unwrap();
        world.mixer.remember();
        // Without messages: the queue of the sequencer does not go back with its chain.
        for _ in 0..12 {
            let batches = world.plain_block(5);
            world.l1.commit(batches);
        }
        let rest = world.close();
        world.l1.commit(rest);
        let second = move |world: &mut World| {
            world.back_to(fork, snapshot);
            for _ in 0..9 {
                let batches = world.plain_block(7);
                world.l1.commit(batches);
            }
            let rest = world.close();
            world.l1.commit(rest);
        };
        (Self { world, fork, l1_head, batches }, second)
    }
}

#[test]
fn batches_that_the_contract_dropped_leave_no_trace() {
    let (mut forked, second) = Forked::new(21);
    // Derived before and after.
    let runtime = runtime();
    let chain = chain_in(None);
    let mut follower = follow(&forked.world, &chain, &runtime);
    runtime.block_on(follower.advance()).unwrap();
    forked.world.assert_same(&chain);

    forked.world.l1.revert(forked.batches + 1);
    let advance = runtime.block_on(follower.advance()).unwrap();
    assert_eq!(advance.blocks, 0);
    assert_eq!(follower.records().last_index(), forked.batches);
    second(&mut forked.world);
    runtime.block_on(follower.advance()).unwrap();
    forked.world.assert_same(&chain);
    // Derived afterwards only.
    forked.world.assert_same(&derive_all(&forked.world.l1).unwrap());
}

#[test]
fn the_same_blocks_in_other_batches_are_not_executed_again() {
    let mut world = World::new(22, DataLayerKind::Blobs);
    world.grow(12, 5);
    let runtime = runtime();
    let chain = chain_in(None);
    let mut follower = follow(&world, &chain, &runtime);
    runtime.block_on(follower.advance()).unwrap();
    let batches = world.l1.state.lock().all();
    world.l1.revert(1);
    let mut sealer = jovay_da::BatchSealer::new(Default::default(), 1).unwrap();
    for number in 1..=world.head() {
        let block = world.store.block(number).unwrap().unwrap();
        let data = jovay_da::BlockData::new(&block, jovay_evm::L2_SPEC_VERSION).unwrap();
        assert!(sealer.push(data, None).unwrap().batches.is_empty());
    }
    world.l1.commit(sealer.close().unwrap().batches);
    assert!(batches.len() > 3);
    let advance = runtime.block_on(follower.advance()).unwrap();
    assert_eq!((advance.batches, advance.blocks, advance.compared), (1, 12, 12));
    world.assert_same(&chain);
}

#[test]
fn l1_reorgs_are_followed() {
    let (mut forked, second) = Forked::new(23);
    let runtime = runtime();
    let chain = chain_in(None);
    let mut follower = follow(&forked.world, &chain, &runtime);
    runtime.block_on(follower.advance()).unwrap();
    forked.world.assert_same(&chain);

    // The first branch's batches were never committed.
    forked.world.l1.reorg(forked.l1_head, 3);
    runtime.block_on(follower.advance()).unwrap();
    assert_eq!(follower.records().last_index(), forked.batches);
    second(&mut forked.world);
    let advance = runtime.block_on(follower.advance()).unwrap();
    assert_eq!(advance.blocks, forked.world.head() - forked.fork);
    forked.world.assert_same(&chain);
}

#[test]
fn a_replica_halts_where_a_reorg_brings_other_blocks() {
    let (mut forked, second) = Forked::new(24);
    let runtime = runtime();
    let chain = chain_in(None);
    let halt = Setting { on_difference: OnDifference::Halt, ..Setting::default() };
    let open = derivation(&forked.world.l1, &chain, Records::in_memory(), halt);
    let mut follower = runtime.block_on(open).unwrap();
    runtime.block_on(follower.advance()).unwrap();
    forked.world.l1.reorg(forked.l1_head, 3);
    second(&mut forked.world);
    let error = runtime.block_on(follower.advance()).unwrap_err().to_string();
    let named = format!("batch {}, block {}", forked.batches + 1, forked.fork + 1);
    assert!(error.contains(&named), "{error} does not name {named}");
}

#[test]
fn goes_on_where_it_was_interrupted() {
    let mut world = World::new(25, DataLayerKind::Blobs);
    world.grow(50, 6);
    let dir = tempfile::tempdir().unwrap();
    let datadir = dir.path().join("chain");
    let mut random = Random(25);
    let mut reached = 0;
    while reached < world.head() {
        reached = (reached + 1 + random.below(12)).min(world.head());
        let chain = chain_in(Some(&datadir));
        let until = Setting { until: Some(reached), ..Setting::default() };
        runtime().block_on(async {
            let records = records(dir.path());
            let mut part = derivation(&world.l1, &chain, records, until).await.unwrap();
            let before = part.records().last_index();
            part.advance().await.unwrap();
            assert!(part.records().last_index() >= before);
        });
        // Blocks that only the log has, and a record that was not completely written.
        drop(chain);
        let path = dir.path().join("batches");
        let raw = std::fs::read(&path).unwrap();
        let cut = random.below(200).min(raw.len() as u64 - 40) as usize;
        std::fs::write(&path, &raw[..raw.len() - cut]).unwrap();
    }
    let chain = chain_in(Some(&datadir));
    runtime().block_on(async {
        let records = records(dir.path());
        let all = Setting { on_difference: OnDifference::Halt, ..Setting::default() };
        let mut last = derivation(&world.l1, &chain, records, all).await.unwrap();
        last.advance().await.unwrap();
        let batches = world.l1.state.lock().all().len() as u64 - 1;
        assert_eq!(last.records().last_index(), batches);
    });
    world.assert_same(&chain);
}

#[test]
fn records_ahead_of_the_chain_are_not_believed() {
    let mut world = World::new(26, DataLayerKind::Blobs);
    world.grow(20, 4);
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        // The second time the records are those of a chain that is gone.
        let chain = chain_in(None);
        runtime().block_on(async {
            let records = records(dir.path());
            let mut derivation =
                derivation(&world.l1, &chain, records, Setting::default()).await.unwrap();
            assert_eq!(derivation.advance().await.unwrap().blocks, 20);
        });
        world.assert_same(&chain);
    }
}

#[test]
fn an_error_in_the_middle_does_not_confuse_the_next_look() {
    let mut world = World::new(27, DataLayerKind::Blobs);
    world.grow(25, 5);
    let runtime = runtime();
    let chain = chain_in(None);
    let mut follower = follow(&world, &chain, &runtime);
    let batch = world.l1.state.lock().all()[2];
    let hash = world.l1.state.lock().blob_hashes[&batch.at.transaction][batch.first_blob as usize];
    let blob = world.l1.state.lock().blobs.remove(&hash).unwrap();
    let error = runtime.block_on(follower.advance()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(follower.records().last_index(), 1);
    world.l1.state.lock().blobs.insert(hash, blob);
    world.grow(5, 5);
    runtime.block_on(follower.advance()).unwrap();
    world.assert_same(&chain);
}
