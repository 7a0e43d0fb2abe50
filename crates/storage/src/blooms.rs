//! Log blooms of blocks and of sections of blocks, for searches over wide ranges.

use std::collections::BTreeMap;
use std::ops::Bound;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bloom, BloomInput};

use crate::ChainError;
use crate::kv::{Batch, Table};
use crate::tables::{self, Epoch};

/// Blocks in a section of each level. A row is the union of its blocks' blooms; none is stored
/// for sections without logs. After a revert a section may still hold the dropped blocks' bits:
/// a search then looks at more than it must, never at less.
pub(crate) const SECTION_BLOCKS: [u64; 3] = [1, 64, 4096];

/// Unions of the sections that a flush touches.
pub(crate) type Unions = BTreeMap<(u8, u64), Bloom>;

fn decode(row: &[u8]) -> alloy_rlp::Result<Bloom> {
    Bloom::try_from(row).map_err(|_| alloy_rlp::Error::UnexpectedLength)
}

/// Adds a block's bloom to its sections.
pub(crate) fn add(
    unions: &mut Unions,
    epoch: &Epoch,
    batch: &mut Batch,
    header: &Header,
) -> Result<(), ChainError> {
    // A block dropped by a revert may have left a row under this number.
    batch.delete(Table::Blooms, tables::bloom_key(0, header.number));
    if header.logs_bloom.is_zero() {
        return Ok(());
    }
    unions.insert((0, header.number), header.logs_bloom);
    for (level, blocks) in (1u8..).zip(&SECTION_BLOCKS[1..]) {
        let section = header.number / blocks;
        let union = match unions.entry((level, section)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let key = tables::bloom_key(level, section);
                let stored = tables::get(&*epoch.snapshot, Table::Blooms, &key, decode)?;
                entry.insert(stored.unwrap_or_default())
            }
        };
        union.accrue_bloom(&header.logs_bloom);
    }
    Ok(())
}

/// Writes the unions.
pub(crate) fn put(batch: &mut Batch, unions: Unions) {
    for ((level, section), bloom) in unions {
        batch.put(Table::Blooms, tables::bloom_key(level, section), bloom.to_vec());
    }
}

/// What a log must have: each entry lists alternatives, one of which must be in the bloom.
pub(crate) struct Filter(Vec<Vec<Bloom>>);

impl Filter {
    pub(crate) fn new(addresses: &[Address], topics: &[Vec<B256>]) -> Self {
        let bloom = |bytes: &[u8]| Bloom::from(BloomInput::Raw(bytes));
        let addresses = addresses.iter().map(|address| bloom(address.as_slice())).collect();
        let topics =
            topics.iter().map(|listed| listed.iter().map(|topic| bloom(&topic[..])).collect());
        let all: Vec<Vec<Bloom>> = std::iter::once(addresses).chain(topics).collect();
        Self(all.into_iter().filter(|alternatives| !alternatives.is_empty()).collect())
    }

    /// Whether a block with this bloom may hold such a log; never for one without logs.
    pub(crate) fn may_match(&self, bloom: &Bloom) -> bool {
        !bloom.is_zero()
            && self.0.iter().all(|listed| listed.iter().any(|wanted| bloom.contains(wanted)))
    }
}

/// Walks down the sections that may match and hands their blocks to `found`, ascending, until it
/// says false.
pub(crate) fn search(
    epoch: &Epoch,
    filter: &Filter,
    from: u64,
    to: u64,
    found: &mut dyn FnMut(u64) -> bool,
) -> Result<bool, ChainError> {
    descend(epoch, filter, SECTION_BLOCKS.len() - 1, from, to, found)
}

fn descend(
    epoch: &Epoch,
    filter: &Filter,
    level: usize,
    from: u64,
    to: u64,
    found: &mut dyn FnMut(u64) -> bool,
) -> Result<bool, ChainError> {
    let blocks = SECTION_BLOCKS[level];
    let first = tables::bloom_key(level as u8, from / blocks);
    let last = tables::bloom_key(level as u8, to / blocks);
    let bounds = (Bound::Included(first.as_slice()), Bound::Included(last.as_slice()));
    for row in epoch.snapshot.range(Table::Blooms, bounds.0, bounds.1) {
        let (key, row) = row?;
        let damaged = |error| tables::damaged(Table::Blooms, &key, &error);
        let section =
            key.get(1..).map_or(Err(alloy_rlp::Error::InputTooShort), tables::decode_number);
        let section = section.map_err(damaged)?;
        if !filter.may_match(&decode(&row).map_err(damaged)?) {
            continue;
        }
        let go_on = if level == 0 {
            found(section)
        } else {
            let (start, end) = (section * blocks, section * blocks + blocks - 1);
            descend(epoch, filter, level - 1, from.max(start), to.min(end), found)?
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}
