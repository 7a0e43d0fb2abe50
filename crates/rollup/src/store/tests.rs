#![allow(clippy::unwrap_used)]
use alloy_primitives::{U256, b256};
use jovay_da::BatchVersion;
use proptest::prelude::*;

use super::*;

fn next(last: &BatchRecord, blocks: u64) -> BatchRecord {
    BatchRecord {
        index: last.index + 1,
        hash: B256::from(U256::from(last.index + 1)),
        parent_hash: last.hash,
        version: 2,
        first_block: last.last_block + 1,
        last_block: last.last_block + blocks,
        reason: SealReason::Age,
        ..BatchRecord::genesis()
    }
}

fn commit(l1_block: u64) -> CommitRecord {
    CommitRecord {
        transaction: B256::repeat_byte(1),
        l1_block,
        l1_block_hash: B256::repeat_byte(2),
        l1_timestamp: 3,
        gas_used: 4,
        cost: U256::from(5),
        batches: 1,
    }
}

fn data() -> BatchData {
    BatchData::uncompressed(BatchVersion::V2, &chunks()).unwrap()
}

fn chunks() -> jovay_da::ChunksPayload {
    let context = jovay_da::BlockContext { number: 1, ..Default::default() };
    let chunk = jovay_da::Chunk { blocks: vec![context], transactions: vec![] };
    jovay_da::ChunksPayload { chunks: vec![chunk] }
}

#[test]
fn genesis_is_what_the_contract_makes_of_a_zero_header() {
    // cast keccak of 105 zero bytes, as `BatchHeader.hash(0, 0, 0, 0, 0)` computes it.
    let hash = b256!("0ef8d68719981eb44842a701ff72f7c020afbff94a05150755c325fe68802fe9");
    let store = BatchStore::open(None).unwrap();
    let genesis = store.get(0).unwrap().unwrap();
    assert_eq!(genesis, store.last_sealed().unwrap());
    assert_eq!((genesis.blocks(), genesis.hash), (1, hash));
    assert_eq!(store.by_block(0).unwrap().unwrap(), genesis);
    assert_eq!(store.by_block(1).unwrap(), None);
    assert_eq!(store.last_committed().unwrap(), None);
}

#[test]
fn survives_reopening_and_belongs_to_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let first = next(&BatchRecord::genesis(), 5);
    let submission = {
        let store = BatchStore::open(Some(folder.path())).unwrap();
        store.bind(1, Address::ZERO, B256::ZERO).unwrap();
        store.put(&first, Some(&data())).unwrap();
        store.set_commit(1, commit(7)).unwrap();
        store.add_submission(1, 1, 8).unwrap();
        store.add_submission(1, 1, 9).unwrap()
    };
    assert_eq!(submission.key(), "commit/1/1");
    let store = BatchStore::open(Some(folder.path())).unwrap();
    store.bind(1, Address::ZERO, B256::ZERO).unwrap();
    let kept = store.by_block(3).unwrap().unwrap();
    assert_eq!(kept, BatchRecord { commit: Some(commit(7)), ..first });
    assert_eq!(store.last_committed().unwrap().unwrap(), kept);
    assert_eq!(store.data(1).unwrap(), Some(data()));
    assert_eq!(store.submission(1).unwrap(), Some(submission));
    let error = store.bind(1, Address::repeat_byte(1), B256::ZERO).unwrap_err();
    assert!(matches!(error, BatchStoreError::OtherChain { .. }), "{error}");
}

#[test]
fn takes_only_the_batch_that_comes_next() {
    let store = BatchStore::open(None).unwrap();
    let good = next(&store.last_sealed().unwrap(), 5);
    let wrong = [
        BatchRecord { index: 2, ..good.clone() },
        BatchRecord { first_block: 2, ..good.clone() },
        BatchRecord { last_block: 0, ..good.clone() },
        BatchRecord { parent_hash: B256::repeat_byte(9), ..good.clone() },
    ];
    for record in wrong {
        let error = store.put(&record, None).unwrap_err();
        assert!(matches!(error, BatchStoreError::OutOfOrder { .. }), "{error}");
    }
    store.put(&good, None).unwrap();
    assert!(store.put(&good, None).is_err(), "a second time");
    assert!(store.set_commit(2, commit(1)).is_err(), "a batch that is not there");
}

#[test]
fn commits_are_cleared_from_the_end_and_data_pruned_from_the_front() {
    let store = BatchStore::open(None).unwrap();
    for _ in 0..5 {
        store.put(&next(&store.last_sealed().unwrap(), 2), Some(&data())).unwrap();
    }
    for index in 1..=4 {
        store.set_commit(index, commit(index)).unwrap();
    }
    let mut changes = store.subscribe();
    store.clear_commits_from(3).unwrap();
    assert!(changes.has_changed().unwrap());
    assert_eq!(store.last_committed().unwrap().unwrap().index, 2);
    changes.mark_unchanged();
    store.clear_commits_from(3).unwrap();
    assert!(!changes.has_changed().unwrap(), "there was nothing to clear");

    assert_eq!(store.prune_data_before(4).unwrap(), 3);
    assert_eq!(store.data(3).unwrap(), None);
    assert_eq!(store.data(4).unwrap(), Some(data()));
    assert_eq!(store.prune_data_before(4).unwrap(), 0);
    assert_eq!(store.get(1).unwrap().unwrap().index, 1, "records stay");
}

#[test]
fn a_submission_takes_the_place_of_those_it_overlaps_and_its_key_is_new() {
    let store = BatchStore::open(None).unwrap();
    let mut keys = Vec::new();
    for (first, last) in [(1, 1), (2, 3), (4, 4), (3, 4), (2, 3), (2, 3), (5, 6)] {
        keys.push(store.add_submission(first, last, 0).unwrap().key());
    }
    assert_eq!(
        keys,
        [
            "commit/1",
            "commit/2-3",
            "commit/4",
            "commit/3-4/1",
            "commit/2-3/2",
            "commit/2-3/3",
            "commit/5-6"
        ]
    );
    let kept: Vec<_> = store.submissions(0, 10).unwrap().iter().map(Submission::key).collect();
    assert_eq!(kept, ["commit/1", "commit/2-3/3", "commit/5-6"], "batch 4 has none any more");
    store.prune_submissions_before(4).unwrap();
    assert_eq!(store.submissions(0, 10).unwrap().len(), 1);
    assert_eq!(store.submission(5).unwrap().unwrap().last_index, 6);
}

proptest! {
    /// Every block is in the one batch whose range has it, for any lengths.
    #[test]
    fn finds_batches_by_block(lengths in prop::collection::vec(1u64..9, 1..20)) {
        let store = BatchStore::open(None).unwrap();
        let mut of_block = vec![0];
        for blocks in lengths {
            let record = next(&store.last_sealed().unwrap(), blocks);
            store.put(&record, None).unwrap();
            of_block.extend(std::iter::repeat_n(record.index, blocks as usize));
        }
        for (number, index) in of_block.iter().enumerate() {
            prop_assert_eq!(store.by_block(number as u64).unwrap().unwrap().index, *index);
        }
        prop_assert_eq!(store.by_block(of_block.len() as u64).unwrap(), None);
    }
}
