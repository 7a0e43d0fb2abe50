//! Whatever moment the machine stops at, the chain opens with every block that was durable.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jovay_state::ChainStore;
use jovay_storage::{Chain, ChainError, Config, Genesis, restore};
use support::*;

fn last_segment(datadir: &Path) -> PathBuf {
    let files = std::fs::read_dir(datadir.join("log")).unwrap();
    files.map(|entry| entry.unwrap().path()).max().unwrap()
}

#[test]
fn cut_at_every_byte_of_the_last_group() {
    let dir = tempfile::tempdir().unwrap();
    let datadir = dir.path().join("chain");
    let config = Config { log_segment_bytes: 1 << 30, ..manual(Some(&datadir)) };
    let chain = Chain::open(config, &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    let mut random = Random(77);
    naive.extend(&chain, &mut random, 3);
    chain.flush().unwrap();
    naive.extend(&chain, &mut random, 2);
    let durable = std::fs::metadata(last_segment(&datadir)).unwrap().len();
    let (block, after) = naive.next(&mut random);
    let sealed = add(&chain, block);
    naive.push(after, sealed);
    drop(chain);
    let whole = std::fs::metadata(last_segment(&datadir)).unwrap().len();
    for length in (durable..=whole)
        .rev()
        .step_by((whole - durable) as usize / 6)
        .chain([durable + 1, durable])
    {
        let copied = dir.path().join("copy");
        copy(&datadir, &copied);
        let segment = std::fs::OpenOptions::new().write(true).open(last_segment(&copied)).unwrap();
        segment.set_len(length).unwrap();
        let chain = Chain::open(manual(Some(&copied)), &genesis()).unwrap();
        let mut expected = naive.clone();
        if length < whole {
            expected.truncate(5);
        }
        assert_eq!(chain.head().number(), expected.head());
        expected.check(&chain, &mut random);
        expected.extend(&chain, &mut random, 1);
        drop(chain);
        std::fs::remove_dir_all(&copied).unwrap();
    }
}

#[test]
fn a_damaged_record_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { log_segment_bytes: 1 << 30, ..manual(Some(dir.path())) };
    let chain = Chain::open(config.clone(), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    naive.extend(&chain, &mut Random(3), 6);
    drop(chain);
    let segment = last_segment(dir.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let error = Chain::open(config, &genesis()).err().unwrap();
    assert!(matches!(&error, ChainError::Corrupt { place, .. } if place.contains("at byte")));
}

/// Copies of the directory of a running chain, file by file in log-first order, stand for what a
/// stopped machine leaves.
#[test]
fn copies_of_a_running_chain_open() {
    let dir = tempfile::tempdir().unwrap();
    let datadir = dir.path().join("chain");
    let config = Config {
        flush_blocks: 12,
        history_blocks: 16,
        flush_interval: Duration::from_millis(300),
        ..manual(Some(&datadir))
    };
    let chain = Arc::new(Chain::open(config.clone(), &genesis()).unwrap());
    let mut naive = Naive::new(&chain);
    let mut random = Random(99);
    let mut copies = Vec::new();
    for round in 0..6u64 {
        let count = 4 + random.below(9);
        naive.extend(&chain, &mut random, count);
        if round % 4 == 3 {
            let back = naive.head() - 3;
            chain.revert_to(back).unwrap();
            naive.truncate(back);
        }
        if let Some(copied) = consistent_copy(&chain, &datadir, &dir.path().join(round.to_string()))
        {
            copies.push((copied, naive.clone()));
        }
    }
    assert!(copies.len() > 2);
    for (copied, expected) in &copies {
        let chain = Chain::open(manual(Some(copied)), &genesis()).unwrap();
        expected.check(&chain, &mut random);
        chain.verify().unwrap();
    }
}

/// A copy during which no flush ended: file systems copy file by file, machines stop at once.
fn consistent_copy(chain: &Chain, datadir: &Path, to: &Path) -> Option<PathBuf> {
    for attempt in 0..20 {
        let to = to.with_extension(attempt.to_string());
        let before = chain.stat().unwrap().flushed;
        let copied = std::panic::catch_unwind(|| copy(datadir, &to)).is_ok();
        std::thread::sleep(Duration::from_millis(5));
        if copied && chain.stat().unwrap().flushed == before {
            return Some(to);
        }
    }
    None
}

#[test]
fn readers_see_one_state_while_flushes_and_blocks_go_on() {
    for on_disk in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            flush_blocks: 3,
            unflushed_blocks_max: 12,
            account_cache: 8,
            slot_cache: 8,
            ..manual(on_disk.then_some(dir.path()))
        };
        let chain = Arc::new(Chain::open(config, &genesis()).unwrap());
        let mut naive = Naive::new(&chain);
        let models = Arc::new(parking_lot::RwLock::new(naive.states.clone()));
        let stop = Arc::new(AtomicBool::new(false));
        let checked = Arc::new(AtomicU64::new(0));
        let readers: Vec<_> = (0..2u64)
            .map(|reader| {
                let shared = (chain.clone(), models.clone(), stop.clone(), checked.clone());
                std::thread::spawn(move || {
                    let (chain, models, stop, checked) = shared;
                    let mut random = Random(reader + 1);
                    while !stop.load(Ordering::Relaxed) {
                        let head = models.read().len() as u64 - 1;
                        let number = head - random.below(6.min(head + 1));
                        let view = chain.state_at(number).unwrap();
                        std::thread::sleep(Duration::from_micros(random.below(2000)));
                        check_view(&*view, &models.read()[number as usize].clone(), number);
                        chain.proof(address(1), &[], number).unwrap();
                        checked.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let mut random = Random(1234);
        let mut rounds = 0;
        while rounds < 80 || checked.load(Ordering::Relaxed) < 40 {
            naive.extend(&chain, &mut random, 1);
            models.write().push(naive.states.last().unwrap().clone());
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
        chain.flush().unwrap();
        chain.verify().unwrap();
    }
}

#[test]
fn refuses_other_chains_and_second_processes() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Chain::open_existing(manual(Some(dir.path()))), Err(ChainError::Unusable(_))));
    let chain = Chain::open(manual(Some(dir.path())), &genesis()).unwrap();
    let second = Chain::open(manual(Some(dir.path())), &genesis()).err().unwrap();
    assert!(matches!(second, ChainError::InUse(_)), "{second}");
    drop(chain);
    let other = Genesis { alloc: Vec::new(), ..genesis() };
    let refused = Chain::open(manual(Some(dir.path())), &other).err().unwrap();
    assert!(matches!(refused, ChainError::GenesisMismatch { .. }), "{refused}");
    Chain::open_existing(manual(Some(dir.path()))).unwrap();
}

#[test]
fn snapshots_restore_and_verify() {
    let dir = tempfile::tempdir().unwrap();
    let (datadir, restored) = (dir.path().join("a"), dir.path().join("b"));
    let file = dir.path().join("snapshot");
    let chain = Chain::open(manual(Some(&datadir)), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    let mut random = Random(42);
    naive.extend(&chain, &mut random, 40);
    let info = chain.snapshot(&file).unwrap();
    assert_eq!((info.head, info.head_hash), (40, chain.head().hash));
    assert!(chain.snapshot(&file).is_err(), "exists");
    assert_eq!(restore(&file, &restored).unwrap(), info);
    assert!(restore(&file, &restored).is_err(), "not empty");
    let copied = Chain::open(manual(Some(&restored)), &genesis()).unwrap();
    naive.check(&copied, &mut random);
    assert_eq!(copied.verify().unwrap(), chain.verify().unwrap());
    let rows = |chain: &Chain| {
        let tables = chain.stat().unwrap().tables;
        tables.into_iter().map(|table| (table.name, table.rows, table.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(rows(&copied), rows(&chain));
    naive.extend(&copied, &mut random, 3);
    drop(copied);
    let copied = Chain::open(manual(Some(&restored)), &genesis()).unwrap();
    naive.check(&copied, &mut random);

    let whole = std::fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 6 + 1) {
        let (bad, target) = (dir.path().join("bad"), dir.path().join(format!("c{at}")));
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&bad, &bytes).unwrap();
        assert!(restore(&bad, &target).is_err(), "flipped byte {at}");
        std::fs::write(&bad, &whole[..at]).unwrap();
        let target = dir.path().join(format!("d{at}"));
        assert!(restore(&bad, &target).is_err(), "cut at {at}");
        assert!(!target.exists() || Chain::open(manual(Some(&target)), &genesis()).is_err());
    }
}
