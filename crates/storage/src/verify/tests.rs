#![allow(clippy::unwrap_used)]

use crate::Chain;
use crate::kv::{Batch, Table};
use crate::support::{Naive, Random, genesis, manual};

/// The chain's rows as another commit leaves them.
fn change(chain: &Chain, table: Table, key: &[u8], value: Option<Vec<u8>>) {
    let mut batch = Batch::default();
    batch.set(table, key, value);
    chain.shared.store.commit(batch).unwrap();
    let epoch = chain.shared.states.epoch();
    chain.shared.states.replace(crate::tables::Epoch {
        generation: epoch.generation + 1,
        position: epoch.position,
        snapshot: chain.shared.store.snapshot(),
    });
}

#[test]
fn every_flipped_byte_and_every_lost_row_is_found() {
    let chain = Chain::open(manual(None), &genesis()).unwrap();
    let mut naive = Naive::new(&chain);
    let mut random = Random(8);
    naive.extend(&chain, &mut random, 30);
    chain.flush().unwrap();
    let verified = chain.verify().unwrap();
    assert_eq!(verified.blocks, 31);
    assert!(verified.nodes > 20 && verified.slots > 5 && verified.history_blocks == 30);
    let mut tried = 0;
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
        let snapshot = chain.shared.store.snapshot();
        let rows: Vec<_> = snapshot.all(table).map(Result::unwrap).collect();
        for (key, value) in rows.iter().step_by(rows.len() / 6 + 1) {
            // Sections' blooms may have more bits than they need.
            if table == Table::Blooms && key[0] > 0 {
                continue;
            }
            if !value.is_empty() {
                let mut flipped = value.clone();
                let at = random.below(value.len() as u64) as usize;
                flipped[at] ^= 1 << random.below(8);
                change(&chain, table, key, Some(flipped));
                assert!(chain.verify().is_err(), "flipped byte {at} of {table:?}");
            }
            change(&chain, table, key, None);
            // Code that was replaced in the block that brought it is not missed.
            assert!(chain.verify().is_err() || table == Table::Codes, "lost row of {table:?}");
            change(&chain, table, key, Some(value.clone()));
            tried += 1;
        }
    }
    assert!(tried > 50);
    assert_eq!(chain.verify().unwrap(), verified);
}
