#![allow(clippy::unwrap_used)]

use super::*;

fn leaf(index: u64) -> B256 {
    keccak256(index.to_be_bytes())
}

/// The tree as its description says: leaves, zeros up to a power of two, pairs.
fn levels(count: u64) -> Vec<Vec<B256>> {
    let mut levels = vec![(0..count).map(leaf).collect::<Vec<_>>()];
    levels[0].resize(count.next_power_of_two() as usize, B256::ZERO);
    while let Some(last) = levels.last().filter(|level| level.len() > 1) {
        let next = last.chunks(2).map(|two| keccak256([two[0].0, two[1].0].concat())).collect();
        levels.push(next);
    }
    levels
}

#[test]
fn roots_and_proofs_are_those_of_the_plain_tree() {
    const LEAVES: u64 = 70;
    let index = MessageIndex::open(None).unwrap();
    for count in 1..=LEAVES {
        let mut added = Added::new();
        index.append(&mut added, count - 1, leaf(count - 1)).unwrap();
        let while_adding = index.root_with(&added, count).unwrap();
        let mut changes = Changes::default();
        for ((level, at), node) in added {
            changes.put(NODES, node_key(level, at), node.to_vec());
        }
        index.tables.commit(changes).unwrap();
        assert_eq!(while_adding, levels(count).last().unwrap()[0], "{count} leaves");
    }
    // Also of every tree that the chain has left behind.
    for count in 1..=LEAVES {
        let levels = levels(count);
        assert_eq!(index.root(count).unwrap(), levels.last().unwrap()[0]);
        for at in 0..count {
            let siblings = levels[..levels.len() - 1].iter().enumerate();
            let expected: Vec<_> =
                siblings.map(|(level, nodes)| nodes[(at as usize >> level) ^ 1]).collect();
            assert_eq!(index.proof(at, count).unwrap(), expected, "leaf {at} of {count}");
        }
    }
    assert_eq!(index.root(0).unwrap(), B256::ZERO);
    assert!(index.proof(3, 3).is_err());
    assert!(index.root(LEAVES + 30).is_err());
}
