#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{disk::DiskStore, memory::MemoryStore, *};

#[test]
fn prefixes_end() {
    assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(after_prefix(&[1, 0xff, 0xff]), Some(vec![2]));
    assert_eq!(after_prefix(&[0xff]), None);
    assert_eq!(after_prefix(&[]), None);
}

fn rows(rows: Rows<'_>) -> Vec<Row> {
    rows.collect::<Result<_, _>>().unwrap()
}

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

fn check(snapshot: &dyn Snapshot, model: &Model) {
    for table in [Table::Accounts, Table::Slots] {
        let of_table = || model.iter().filter(|((of, _), _)| *of == table);
        let expected: Vec<Row> =
            of_table().map(|((_, key), value)| (key.clone(), value.clone())).collect();
        assert_eq!(rows(snapshot.all(table)), expected);
        let with_prefix: Vec<Row> =
            expected.iter().filter(|(key, _)| key[0] == 1).cloned().collect();
        assert_eq!(rows(snapshot.prefix(table, &[1])), with_prefix);
        for first in 0..3u8 {
            for second in 0..6u8 {
                let key = vec![first, second];
                let expected = model.get(&(table, key.clone()));
                assert_eq!(snapshot.get(table, &key).unwrap().as_ref(), expected);
            }
        }
    }
}

/// In the second table or the first, a key, and its value.
type Changes = Vec<(bool, [u8; 2], Option<u8>)>;

fn run(store: &dyn KeyValue, batches: &[Changes], keep: &[bool]) {
    let mut model = Model::new();
    let mut kept: Vec<(Arc<dyn Snapshot>, Model)> = Vec::new();
    for (changes, keep) in batches.iter().zip(keep) {
        let mut batch = Batch::default();
        for (slots, key, value) in changes {
            let table = if *slots { Table::Slots } else { Table::Accounts };
            let key = vec![key[0] % 3, key[1] % 6];
            batch.set(table, key.clone(), value.map(|value| vec![value]));
            match value {
                Some(value) => model.insert((table, key), vec![*value]),
                None => model.remove(&(table, key)),
            };
        }
        store.commit(batch).unwrap();
        if *keep {
            kept.push((store.snapshot(), model.clone()));
        } else {
            kept.pop();
        }
        check(&*store.snapshot(), &model);
    }
    for (snapshot, model) in &kept {
        check(&**snapshot, model);
    }
}

fn batches() -> impl Strategy<Value = (Vec<Changes>, Vec<bool>)> {
    let change = (any::<bool>(), any::<[u8; 2]>(), any::<Option<u8>>());
    let batch = proptest::collection::vec(change, 0..12);
    (proptest::collection::vec(batch, 12), proptest::collection::vec(any::<bool>(), 12))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn memory_equals_a_map((batches, keep) in batches()) {
        run(&MemoryStore::default(), &batches, &keep);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn disk_equals_a_map((batches, keep) in batches()) {
        let dir = tempfile::tempdir().unwrap();
        run(&DiskStore::open(dir.path(), 1 << 20).unwrap(), &batches, &keep);
    }
}

#[test]
fn memory_forgets_what_no_snapshot_sees() {
    let store = MemoryStore::default();
    for round in 0..100u8 {
        let mut batch = Batch::default();
        batch.put(Table::Codes, [1], vec![round]);
        batch.set(Table::Codes, [2], (round % 2 == 0).then(|| vec![round]));
        store.commit(batch).unwrap();
    }
    store.commit(Batch::default()).unwrap();
    assert_eq!(store.bytes(Table::Codes), 2, "one row with one value");
}

#[test]
fn ranges_longer_than_a_chunk() {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for number in 0..1000u32 {
        batch.put(Table::Headers, number.to_be_bytes(), vec![1]);
    }
    store.commit(batch).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(rows(snapshot.all(Table::Headers)).len(), 1000);
    let from = 300u32.to_be_bytes();
    let to = 900u32.to_be_bytes();
    let range = snapshot.range(Table::Headers, Bound::Excluded(&from), Bound::Included(&to));
    assert_eq!(rows(range).len(), 600);
}
