//! What the tables hold, typed: keys, rows, and reads at one moment.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use alloy_trie::Nibbles;
use jovay_types::{Account, SealedBlock, StateDiff, TxReceipt};

use crate::ChainError;
use crate::codec;
use crate::kv::{Batch, Row, Snapshot, Table};

/// The version of the tables' format.
pub(crate) const FORMAT: u64 = 1;
const FORMAT_KEY: &[u8] = b"format";
const POSITION_KEY: &[u8] = b"position";

/// Where the tables stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Position {
    /// Number of the genesis block.
    pub(crate) genesis_number: u64,
    /// Its hash.
    pub(crate) genesis_hash: B256,
    /// The block up to which everything is in the tables.
    pub(crate) flushed: u64,
    /// The last log record whose effect is in the tables.
    pub(crate) log_sequence: u64,
    /// The oldest block whose state can be read.
    pub(crate) oldest: u64,
}

/// The tables at one moment, and where they stood.
pub(crate) struct Epoch {
    /// Grows with every change of the tables.
    pub(crate) generation: u64,
    pub(crate) position: Position,
    pub(crate) snapshot: Arc<dyn Snapshot>,
}

pub(crate) fn slot_key(address: &Address, slot: &U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

pub(crate) fn account_history_key(address: &Address, number: u64) -> [u8; 28] {
    let mut key = [0; 28];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&number.to_be_bytes());
    key
}

pub(crate) fn slot_history_key(address: &Address, slot: &U256, number: u64) -> [u8; 60] {
    let mut key = [0; 60];
    key[..52].copy_from_slice(&slot_key(address, slot));
    key[52..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Account trie: 0, then a byte for each nibble. Storage trie: 1, the owner, then the nibbles.
pub(crate) fn node_key(owner: Option<&B256>, path: &Nibbles) -> Vec<u8> {
    let mut key = Vec::with_capacity(33 + path.len());
    match owner {
        Some(owner) => {
            key.push(1);
            key.extend_from_slice(owner.as_slice());
        }
        None => key.push(0),
    }
    key.extend(path.iter());
    key
}

pub(crate) fn bloom_key(level: u8, section: u64) -> [u8; 9] {
    let mut key = [level; 9];
    key[1..].copy_from_slice(&section.to_be_bytes());
    key
}

pub(crate) fn account_row(account: &Account) -> Vec<u8> {
    alloy_rlp::encode(account)
}

/// An account that may be absent: no bytes when it is.
pub(crate) fn account_history_row(account: &Option<Account>) -> Vec<u8> {
    account.as_ref().map(account_row).unwrap_or_default()
}

pub(crate) fn decode_account_history(row: &[u8]) -> alloy_rlp::Result<Option<Account>> {
    if row.is_empty() { Ok(None) } else { alloy_rlp::decode_exact(row).map(Some) }
}

/// A value without leading zeros; no bytes for zero.
pub(crate) fn slot_row(value: &U256) -> Vec<u8> {
    value.to_be_bytes_trimmed_vec()
}

pub(crate) fn decode_slot(row: &[u8]) -> alloy_rlp::Result<U256> {
    match U256::try_from_be_slice(row) {
        Some(value) if row.first() != Some(&0) => Ok(value),
        _ => Err(alloy_rlp::Error::Custom("not a slot value")),
    }
}

pub(crate) fn header_row(hash: &B256, header: &Header) -> Vec<u8> {
    let mut row = hash.to_vec();
    alloy_rlp::Encodable::encode(header, &mut row);
    row
}

fn decode_header_row(row: &[u8]) -> alloy_rlp::Result<(B256, Header)> {
    let (hash, mut rest) = row.split_first_chunk().ok_or(alloy_rlp::Error::InputTooShort)?;
    let header = Header::decode(&mut rest)?;
    if rest.is_empty() {
        Ok((B256::new(*hash), header))
    } else {
        Err(alloy_rlp::Error::UnexpectedLength)
    }
}

pub(crate) fn location_row(number: u64, index: usize) -> Vec<u8> {
    let mut row = number.to_be_bytes().to_vec();
    row.extend_from_slice(&(index as u32).to_be_bytes());
    row
}

pub(crate) fn decode_number(row: &[u8]) -> alloy_rlp::Result<u64> {
    row.try_into().map(u64::from_be_bytes).map_err(|_| alloy_rlp::Error::UnexpectedLength)
}

fn decode_location(row: &[u8]) -> alloy_rlp::Result<(u64, usize)> {
    let (number, index) = row.split_first_chunk().ok_or(alloy_rlp::Error::InputTooShort)?;
    let index = index.try_into().map_err(|_| alloy_rlp::Error::UnexpectedLength)?;
    Ok((u64::from_be_bytes(*number), u32::from_be_bytes(index) as usize))
}

pub(crate) fn put_position(batch: &mut Batch, position: &Position) {
    batch.put(Table::Meta, FORMAT_KEY, FORMAT.to_be_bytes().to_vec());
    batch.put(Table::Meta, POSITION_KEY, alloy_rlp::encode(position));
}

/// Where the tables stand; `None` when they are new.
pub(crate) fn position(snapshot: &dyn Snapshot) -> Result<Option<Position>, ChainError> {
    let Some(format) = get(snapshot, Table::Meta, FORMAT_KEY, decode_number)? else {
        for table in Table::ALL {
            if snapshot.all(table).next().is_some() {
                let place = format!("table {}", table.name());
                return Err(ChainError::corrupt(
                    place,
                    "rows, but no format version in table meta",
                ));
            }
        }
        return Ok(None);
    };
    if format != FORMAT {
        return Err(ChainError::Format { found: format, expected: FORMAT });
    }
    let position = get(snapshot, Table::Meta, POSITION_KEY, |row| alloy_rlp::decode_exact(row))?;
    position.map(Some).ok_or_else(|| ChainError::corrupt("table meta", "no position"))
}

/// The decoded value of `key`.
pub(crate) fn get<T>(
    snapshot: &dyn Snapshot,
    table: Table,
    key: &[u8],
    decode: impl Fn(&[u8]) -> alloy_rlp::Result<T>,
) -> Result<Option<T>, ChainError> {
    let Some(row) = snapshot.get(table, key)? else { return Ok(None) };
    decode(&row).map(Some).map_err(|error| damaged(table, key, &error))
}

pub(crate) fn damaged(table: Table, key: &[u8], error: &dyn std::fmt::Display) -> ChainError {
    let key = alloy_primitives::hex::encode(key);
    ChainError::corrupt(format!("table {} key {key}", table.name()), error.to_string())
}

impl Epoch {
    /// Whether the state of `number` is in the tables.
    pub(crate) fn holds(&self, number: u64) -> Result<bool, ChainError> {
        let oldest = self.position.oldest;
        if number < oldest {
            return Err(ChainError::StatePruned { number, oldest });
        }
        Ok(number <= self.position.flushed)
    }

    /// The account after the flushed block.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Account>, ChainError> {
        let decode = |row: &[u8]| alloy_rlp::decode_exact(row);
        get(&*self.snapshot, Table::Accounts, address.as_slice(), decode)
    }

    /// The slot after the flushed block.
    pub(crate) fn slot(&self, address: &Address, slot: &U256) -> Result<U256, ChainError> {
        let key = slot_key(address, slot);
        Ok(get(&*self.snapshot, Table::Slots, &key, decode_slot)?.unwrap_or_default())
    }

    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, ChainError> {
        Ok(self.snapshot.get(Table::Codes, hash.as_slice())?.map(Bytes::from))
    }

    /// The account after block `number`, which the epoch holds: what it was before it first
    /// changed later.
    pub(crate) fn account_at(
        &self,
        address: &Address,
        number: u64,
    ) -> Result<Option<Account>, ChainError> {
        let from = account_history_key(address, number + 1);
        let to = account_history_key(address, u64::MAX);
        match self.first(Table::AccountHistory, &from, &to)? {
            Some((key, row)) => decode_account_history(&row)
                .map_err(|error| damaged(Table::AccountHistory, &key, &error)),
            None => self.account(address),
        }
    }

    /// As [`Self::account_at`] for a slot.
    pub(crate) fn slot_at(
        &self,
        address: &Address,
        slot: &U256,
        number: u64,
    ) -> Result<U256, ChainError> {
        let from = slot_history_key(address, slot, number + 1);
        let to = slot_history_key(address, slot, u64::MAX);
        match self.first(Table::SlotHistory, &from, &to)? {
            Some((key, row)) => {
                decode_slot(&row).map_err(|error| damaged(Table::SlotHistory, &key, &error))
            }
            None => self.slot(address, slot),
        }
    }

    /// Every non-zero slot of `address` after block `number`.
    pub(crate) fn slots_at(
        &self,
        address: &Address,
        number: u64,
    ) -> Result<BTreeMap<U256, U256>, ChainError> {
        let mut slots = BTreeMap::new();
        for row in self.snapshot.prefix(Table::Slots, address.as_slice()) {
            let (key, row) = row?;
            let value = decode_slot(&row).map_err(|error| damaged(Table::Slots, &key, &error))?;
            slots.insert(U256::from_be_slice(&key[20..]), value);
        }
        if number >= self.position.flushed {
            return Ok(slots);
        }
        let mut last = None;
        for row in self.snapshot.prefix(Table::SlotHistory, address.as_slice()) {
            let (key, row) = row?;
            let damaged = |error| damaged(Table::SlotHistory, &key, &error);
            let changed = decode_number(&key[52..]).map_err(damaged)?;
            let slot = U256::from_be_slice(&key[20..52]);
            // The first change after `number` tells what the slot was.
            if changed > number && last != Some(slot) {
                slots.insert(slot, decode_slot(&row).map_err(damaged)?);
                last = Some(slot);
            }
        }
        slots.retain(|_, value| !value.is_zero());
        Ok(slots)
    }

    fn first(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Row>, ChainError> {
        let mut rows = self.snapshot.range(table, Bound::Included(from), Bound::Included(to));
        rows.next().transpose()
    }

    /// The hash and header of a block in the tables.
    pub(crate) fn header(&self, number: u64) -> Result<Option<(B256, Header)>, ChainError> {
        get(&*self.snapshot, Table::Headers, &number.to_be_bytes(), decode_header_row)
    }

    /// The header of a block that must be there.
    pub(crate) fn known_header(&self, number: u64) -> Result<(B256, Header), ChainError> {
        self.header(number)?.ok_or_else(|| missing(Table::Headers, number))
    }

    pub(crate) fn block(&self, number: u64) -> Result<Option<SealedBlock>, ChainError> {
        let Some((hash, header)) = self.header(number)? else { return Ok(None) };
        let key = number.to_be_bytes();
        let body = get(&*self.snapshot, Table::Bodies, &key, codec::decode_body_row)?;
        let (transactions, ommers, withdrawals) =
            body.ok_or_else(|| missing(Table::Bodies, number))?;
        Ok(Some(SealedBlock { hash, header, transactions, ommers, withdrawals }))
    }

    pub(crate) fn receipts(&self, number: u64) -> Result<Option<Vec<TxReceipt>>, ChainError> {
        let key = number.to_be_bytes();
        get(&*self.snapshot, Table::Receipts, &key, codec::decode_receipts_row)
    }

    pub(crate) fn number(&self, hash: &B256) -> Result<Option<u64>, ChainError> {
        get(&*self.snapshot, Table::Numbers, hash.as_slice(), decode_number)
    }

    pub(crate) fn location(&self, hash: &B256) -> Result<Option<(u64, usize)>, ChainError> {
        get(&*self.snapshot, Table::Transactions, hash.as_slice(), decode_location)
    }

    /// What block `number` changed, without code.
    pub(crate) fn diff(&self, number: u64) -> Result<StateDiff, ChainError> {
        let key = number.to_be_bytes();
        let diff = get(&*self.snapshot, Table::Diffs, &key, codec::decode_diff_row)?;
        diff.ok_or_else(|| missing(Table::Diffs, number))
    }
}

pub(crate) fn missing(table: Table, number: u64) -> ChainError {
    ChainError::corrupt(format!("table {}", table.name()), format!("no row of block {number}"))
}
