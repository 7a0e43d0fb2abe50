//! Blocks as bytes: in the log and in the tables.

use std::sync::Arc;

use alloy_consensus::Header;
use alloy_primitives::{Address, U256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header as RlpHeader};
use jovay_types::{ExecutedBlock, RecoveredTx, SealedBlock, StateDiff, Transaction, TxReceipt};

/// The longest encoding of one block, its receipts or its changes, before compression.
pub(crate) const ENCODED_BYTES_MAX: usize = 256 << 20;
/// zstd's level for tables: fast, as most rows are never read.
const ZSTD_LEVEL: i32 = 1;

type Rlp<T> = alloy_rlp::Result<T>;
type Withdrawals = Option<Vec<alloy_eips::eip4895::Withdrawal>>;

/// A transaction with its sender, which would be expensive to recover again.
struct Sent<'a>(&'a RecoveredTx);

impl Encodable for Sent<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        let payload_length = self.0.sender().length() + self.0.tx().length();
        RlpHeader { list: true, payload_length }.encode(out);
        self.0.sender().encode(out);
        self.0.tx().encode(out);
    }

    fn length(&self) -> usize {
        let payload = self.0.sender().length() + self.0.tx().length();
        payload + alloy_rlp::length_of_length(payload)
    }
}

/// Decodes a list of items, each by `item`.
fn decode_list<T>(buf: &mut &[u8], item: impl Fn(&mut &[u8]) -> Rlp<T>) -> Rlp<Vec<T>> {
    let mut list = RlpHeader::decode_bytes(buf, true)?;
    let mut items = Vec::new();
    while !list.is_empty() {
        items.push(item(&mut list)?);
    }
    Ok(items)
}

fn decode_sent(buf: &mut &[u8]) -> Rlp<Arc<RecoveredTx>> {
    let mut list = RlpHeader::decode_bytes(buf, true)?;
    let sender = Address::decode(&mut list)?;
    let tx = Transaction::decode(&mut list)?;
    finish(list)?;
    Ok(Arc::new(RecoveredTx::with_sender(tx, sender)))
}

fn finish(rest: &[u8]) -> Rlp<()> {
    if rest.is_empty() { Ok(()) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

/// The one item of a list, or nothing for the empty list.
fn decode_option<T>(buf: &mut &[u8], item: impl Fn(&mut &[u8]) -> Rlp<T>) -> Rlp<Option<T>> {
    let mut items = decode_list(buf, item)?;
    let first = items.pop();
    if items.is_empty() { Ok(first) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

fn encode_body(
    transactions: &[Arc<RecoveredTx>],
    ommers: &[Header],
    withdrawals: &Withdrawals,
    out: &mut Vec<u8>,
) {
    let sent: Vec<Sent<'_>> = transactions.iter().map(|tx| Sent(tx)).collect();
    alloy_rlp::encode_list(&sent, out);
    alloy_rlp::encode_list(ommers, out);
    let withdrawals: Vec<&Vec<_>> = withdrawals.iter().collect();
    alloy_rlp::encode_list::<_, Vec<_>>(&withdrawals, out);
}

type Body = (Vec<Arc<RecoveredTx>>, Vec<Header>, Withdrawals);

fn decode_body(buf: &mut &[u8]) -> Rlp<Body> {
    let transactions = decode_list(buf, decode_sent)?;
    let ommers = Vec::decode(buf)?;
    let withdrawals = decode_option(buf, Vec::decode)?;
    Ok((transactions, ommers, withdrawals))
}

/// The header of `block` with a place for the withdrawals root, which sealing fills in: without
/// it RLP could not hold the fields that follow.
pub(crate) fn loggable_header(block: &ExecutedBlock) -> Header {
    let mut header = block.header.clone();
    if block.withdrawals.is_some() {
        header.withdrawals_root.get_or_insert_default();
    }
    header
}

/// Whether `header` comes back from its encoding: RLP cannot say that a late field is present
/// and an earlier optional one is not.
pub(crate) fn header_is_encodable(header: &Header) -> bool {
    let bytes = alloy_rlp::encode(header);
    Header::decode(&mut bytes.as_slice()).is_ok_and(|decoded| decoded == *header)
}

/// Appends `block` as the log holds it.
pub(crate) fn encode_executed(block: &ExecutedBlock, out: &mut Vec<u8>) {
    loggable_header(block).encode(out);
    encode_body(&block.transactions, &block.ommers, &block.withdrawals, out);
    block.receipts.encode(out);
    block.diff.encode(out);
    let slot: Vec<U256> =
        block.parent_hash_slot.iter().flat_map(|(key, old)| [*key, *old]).collect();
    slot.encode(out);
}

/// The block that [`encode_executed`] wrote.
pub(crate) fn decode_executed(mut buf: &[u8]) -> Rlp<ExecutedBlock> {
    let buf = &mut buf;
    let header = Header::decode(buf)?;
    let (transactions, ommers, withdrawals) = decode_body(buf)?;
    let receipts = Vec::decode(buf)?;
    let diff = StateDiff::decode(buf)?;
    let parent_hash_slot = match Vec::<U256>::decode(buf)?.as_slice() {
        [] => None,
        [slot, before] => Some((*slot, *before)),
        _ => return Err(alloy_rlp::Error::UnexpectedLength),
    };
    finish(buf)?;
    Ok(ExecutedBlock {
        header,
        transactions,
        ommers,
        withdrawals,
        receipts,
        diff,
        parent_hash_slot,
    })
}

/// All of a block but its header.
pub(crate) fn body_row(block: &SealedBlock) -> Result<Vec<u8>, crate::ChainError> {
    let mut out = Vec::new();
    encode_body(&block.transactions, &block.ommers, &block.withdrawals, &mut out);
    compress(&out)
}

/// What [`body_row`] wrote.
pub(crate) fn decode_body_row(row: &[u8]) -> Rlp<Body> {
    let bytes = decompress(row)?;
    let mut buf = bytes.as_slice();
    let body = decode_body(&mut buf)?;
    finish(buf)?;
    Ok(body)
}

/// A block's receipts.
pub(crate) fn receipts_row(receipts: &[TxReceipt]) -> Result<Vec<u8>, crate::ChainError> {
    let mut out = Vec::new();
    alloy_rlp::encode_list(receipts, &mut out);
    compress(&out)
}

/// What [`receipts_row`] wrote.
pub(crate) fn decode_receipts_row(row: &[u8]) -> Rlp<Vec<TxReceipt>> {
    alloy_rlp::decode_exact(decompress(row)?)
}

/// A block's changes of accounts and slots; code is in its own table.
pub(crate) fn diff_row(diff: &StateDiff) -> Result<Vec<u8>, crate::ChainError> {
    let mut out = Vec::new();
    alloy_rlp::encode_list(&diff.accounts, &mut out);
    compress(&out)
}

/// What [`diff_row`] wrote.
pub(crate) fn decode_diff_row(row: &[u8]) -> Rlp<StateDiff> {
    let accounts = alloy_rlp::decode_exact(decompress(row)?)?;
    Ok(StateDiff { accounts, codes: Vec::new() })
}

/// zstd behind its checksum and the length before it.
pub(crate) fn compress(bytes: &[u8]) -> Result<Vec<u8>, crate::ChainError> {
    if bytes.len() > ENCODED_BYTES_MAX {
        let message = format!("row of {} bytes is over {ENCODED_BYTES_MAX}", bytes.len());
        return Err(crate::ChainError::Backend(message));
    }
    let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL)
        .map_err(|error| crate::ChainError::Backend(format!("zstd: {error}")))?;
    let mut row = crc32fast::hash(&packed).to_be_bytes().to_vec();
    row.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    row.extend_from_slice(&packed);
    Ok(row)
}

/// What [`compress`] wrote.
pub(crate) fn decompress(row: &[u8]) -> Rlp<Vec<u8>> {
    let short = alloy_rlp::Error::InputTooShort;
    let (checksum, rest) = row.split_first_chunk::<4>().ok_or(short)?;
    let (length, packed) = rest.split_first_chunk::<4>().ok_or(short)?;
    if crc32fast::hash(packed).to_be_bytes() != *checksum {
        return Err(alloy_rlp::Error::Custom("row with another checksum"));
    }
    let length = u32::from_be_bytes(*length) as usize;
    if length > ENCODED_BYTES_MAX {
        return Err(alloy_rlp::Error::Custom("row is too long"));
    }
    let bytes = zstd::bulk::decompress(packed, length)
        .map_err(|_| alloy_rlp::Error::Custom("row cannot be decompressed"))?;
    if bytes.len() == length { Ok(bytes) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}
