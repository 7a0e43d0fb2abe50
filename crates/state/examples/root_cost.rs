//! What a state root costs: a trie of a million accounts, then batches of changes.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p jovay-state --example root_cost [accounts]
//! ```
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use alloy_primitives::{Address, B256, U256};
use jovay_state::{StateTrie, ordered_root};
use jovay_types::{Account, AccountChange, SlotChange, StateDiff};

/// A reproducible stream of numbers (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn change(n: u64, balance: u64) -> AccountChange {
    AccountChange {
        address: Address::left_padding_from(&n.to_be_bytes()),
        before: None,
        after: Some(Account { balance: U256::from(balance), ..Account::default() }),
        slots: Vec::new(),
    }
}

fn diff(mut accounts: Vec<AccountChange>) -> StateDiff {
    accounts.sort_unstable_by_key(|change| change.address);
    accounts.dedup_by_key(|change| change.address);
    StateDiff { accounts, codes: Vec::new() }
}

fn time<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let elapsed = start.elapsed();
    let each_us = elapsed.as_secs_f64() * 1e6 / count as f64;
    println!("{what:<44} {:>9.1} ms {each_us:>8.3} us each", elapsed.as_secs_f64() * 1e3);
    result
}

fn main() {
    let total: u64 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    let mut numbers = Numbers(1);
    let mut trie = StateTrie::empty();
    let genesis = diff((0..total).map(|n| change(n, n + 1)).collect());
    time("build", total as usize, || trie.apply(&genesis).unwrap());
    let nodes = trie.node_count();
    time("take the updates of all nodes", nodes, || trie.take_updates().unwrap());

    for size in [1_000, 10_000, 20_000, 100_000] {
        for shared in [false, true] {
            let picked = (0..size).map(|_| (numbers.next() % total, numbers.next()));
            let block = diff(picked.map(|(n, balance)| change(n, balance)).collect());
            let held = shared.then(|| trie.clone());
            let note = if shared { ", with a clone held" } else { "" };
            let name = format!("{size} balances{note}");
            time(&name, block.len(), || trie.apply(&block).unwrap());
            drop(held);
        }
        let updates = time("  take the updates, per change", size, || trie.take_updates().unwrap());
        println!("  {} nodes", updates.len());
    }

    let token = |numbers: &mut Numbers, size: u64| {
        let mut slots: Vec<_> = (0..size)
            .map(|_| SlotChange {
                slot: U256::from(numbers.next() % 200_000),
                before: U256::ZERO,
                after: U256::from(numbers.next()),
            })
            .collect();
        slots.sort_unstable_by_key(|slot| slot.slot);
        slots.dedup_by_key(|slot| slot.slot);
        diff(vec![AccountChange { slots, ..change(total + 1, 1) }])
    };
    let block = token(&mut numbers, 400_000);
    time("build one storage trie", block.len(), || trie.apply(&block).unwrap());
    let block = token(&mut numbers, 20_000);
    time("20000 slots of one account", block.len(), || trie.apply(&block).unwrap());

    let nodes = trie.node_count();
    trie.take_updates().unwrap();
    time(&format!("evict {nodes} nodes down to 100000"), nodes, || trie.evict(100_000));
    println!("{} nodes left", trie.node_count());

    let items: Vec<_> = (0..20_000u64).map(|n| B256::from(U256::from(n)).repeat(5)).collect();
    time("ordered root of 20000 items of 160 bytes", items.len(), || ordered_root(&items));
}
