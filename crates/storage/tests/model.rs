//! The chain against a naive one, whatever is done in whatever order.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use jovay_state::ChainStore;
use jovay_storage::{Chain, ChainError, Config};
use proptest::prelude::*;
use support::*;

#[derive(Clone, Debug)]
enum Step {
    Extend(u64),
    Flush,
    Revert(u64),
    Reopen,
    Patch,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..9u64).prop_map(Step::Extend),
        3 => Just(Step::Flush),
        1 => (0..25u64).prop_map(Step::Revert),
        1 => Just(Step::Reopen),
        1 => Just(Step::Patch),
    ]
}

fn patch(chain: &Chain, naive: &mut Naive, random: &mut Random) {
    let before = naive.states.last().unwrap().clone();
    let mut patched = before.clone();
    for _ in 0..2 {
        let (after, codes) = random_step(random, &patched);
        let mut diff = difference(&patched, &after);
        diff.codes = codes;
        chain.patch(diff).unwrap();
        patched = after;
    }
    let head = naive.head();
    check_view(&*chain.staged_state(), &patched, head);
    check_view(&*chain.state_at(head).unwrap(), &patched, head);
    let (block, after) = naive.next_from(random, &patched, head + 1);
    let sealed = add(chain, block);
    naive.push(after, sealed);
    naive.patched.insert(head, patched);
    naive.check_state(chain, head);
}

fn run(config: &Config, steps: &[Step], seed: u64) {
    let mut random = Random(seed | 1);
    let mut chain = Chain::open(config.clone(), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    for step in steps {
        match step {
            Step::Extend(count) => naive.extend(&chain, &mut random, *count),
            Step::Flush => chain.flush().unwrap(),
            Step::Revert(back) => {
                let number = naive.head().saturating_sub(*back);
                if number < chain.oldest_state() {
                    assert!(chain.revert_to(number).is_err());
                } else {
                    chain.revert_to(number).unwrap();
                    naive.truncate(number);
                }
            }
            Step::Reopen if config.datadir.is_some() => {
                drop(chain);
                chain = Chain::open(config.clone(), &genesis()).unwrap();
                naive.patched.clear();
            }
            Step::Reopen => {}
            Step::Patch => patch(&chain, &mut naive, &mut random),
        }
        naive.check(&chain, &mut random);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn in_memory(steps in proptest::collection::vec(step(), 1..14), seed: u64, archive: bool) {
        run(&Config { archive, history_blocks: 16, ..manual(None) }, &steps, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn on_disk(steps in proptest::collection::vec(step(), 1..14), seed: u64, archive: bool) {
        let dir = tempfile::tempdir().unwrap();
        run(&Config { archive, history_blocks: 16, ..manual(Some(dir.path())) }, &steps, seed);
    }
}

#[test]
fn prunes_to_the_window_and_archive_keeps_all() {
    for archive in [false, true] {
        let config = Config { archive, history_blocks: 16, ..manual(None) };
        let chain = Chain::open(config, &genesis()).unwrap();
        let mut naive = Naive::new(&chain);
        let mut random = Random(5);
        for _ in 0..6 {
            naive.extend(&chain, &mut random, 10);
            chain.flush().unwrap();
        }
        assert_eq!(chain.oldest_state(), if archive { 0 } else { 44 });
        naive.check(&chain, &mut random);
    }
}

#[test]
fn held_views_stand_still() {
    let chain = Chain::open(manual(None), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    let mut random = Random(9);
    let mut held = vec![(chain.state_at(0).unwrap(), 0)];
    for _ in 0..10 {
        naive.extend(&chain, &mut random, 3);
        held.push((chain.state_at(naive.head()).unwrap(), naive.head()));
        held.push((chain.staged_state(), naive.head()));
        naive.extend(&chain, &mut random, 2);
        chain.flush().unwrap();
        for (view, number) in &held {
            check_view(&**view, &naive.states[*number as usize], *number);
        }
    }
    chain.revert_to(20).unwrap();
    for (view, number) in &held {
        if *number <= 20 {
            check_view(&**view, &naive.states[*number as usize], *number);
        } else {
            assert!(view.account(&address(0)).is_err(), "the view of {number} is gone");
        }
    }
}

#[test]
fn refuses_what_is_out_of_order() {
    let chain = Chain::open(manual(None), &genesis()).unwrap();
    let naive = Naive::new(&chain);
    let mut random = Random(3);
    let (block, _) = naive.next(&mut random);
    let block = std::sync::Arc::new(block);
    assert!(chain.log(std::slice::from_ref(&block)).is_err(), "not staged");
    assert!(chain.seal().is_err(), "nothing to seal");
    chain.stage(block.clone()).unwrap();
    assert!(chain.stage(block.clone()).is_err(), "staged already");
    assert!(chain.seal().is_err(), "not logged");
    assert!(chain.revert_to(0).is_err(), "a block is in the pipeline");
    assert!(chain.patch(Default::default()).is_err(), "a block is in the pipeline");
    chain.log(&[block]).unwrap();
    let sealed = chain.seal().unwrap();
    assert_eq!(chain.sealed_hash(1).unwrap(), Some(sealed.block.hash));
    assert!(chain.block(1).unwrap().is_none(), "not published");
    assert_eq!(chain.block_number(&sealed.block.hash).unwrap(), None);
    assert!(matches!(chain.state_at(1), Err(ChainError::UnknownBlock(1))));
    chain.publish(&sealed).unwrap();
    assert!(chain.publish(&sealed).is_err(), "published already");
    assert!(chain.revert_to(2).is_err(), "after the head");
}

#[test]
fn several_blocks_in_the_pipeline() {
    use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS as HISTORY;
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(manual(Some(dir.path())), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    let mut random = Random(21);
    for _ in 0..4 {
        let (mut blocks, mut states) = (Vec::new(), vec![naive.states.last().unwrap().clone()]);
        for number in naive.head() + 1..naive.head() + 6 {
            let (block, after) = naive.next_from(&mut random, states.last().unwrap(), number);
            blocks.push(std::sync::Arc::new(block));
            states.push(after);
            chain.stage(blocks.last().unwrap().clone()).unwrap();
            let staged = chain.staged_state();
            let expected = states.last().unwrap().get(&address(2)).map(|(account, _)| *account);
            assert_eq!(staged.account(&address(2)).unwrap(), expected);
        }
        chain.log(&blocks[..2]).unwrap();
        chain.log(&blocks[2..]).unwrap();
        for mut after in states.into_iter().skip(1) {
            let sealed = chain.seal().unwrap();
            chain.publish(&sealed).unwrap();
            let hashes = naive.states.last().unwrap()[&HISTORY].clone();
            after.insert(HISTORY, hashes);
            naive.push(after, sealed);
        }
        naive.check(&chain, &mut random);
    }
    drop(chain);
    let chain = Chain::open(manual(Some(dir.path())), &genesis()).unwrap();
    naive.check(&chain, &mut random);
}
