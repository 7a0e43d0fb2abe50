//! A chunk: consecutive blocks and their L2 transactions.

use alloc::vec::Vec;

use alloy_primitives::Bytes;

use super::reader::Reader;
use super::{BLOCK_CONTEXT_BYTES, BatchVersion, BlockContext, CodecError};

/// What [`BlockContext::transactions`] counts. The published description and the published
/// program differ; a chunk without L1 messages reads the same under both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountRule {
    /// All transactions, L1 messages among them: what the published program writes, and what
    /// this repository writes.
    WithL1Messages,
    /// L2 transactions only: what the published description says.
    L2Only,
}

/// Consecutive blocks with the signed transactions of users, in order, as they were sent
/// (EIP-2718). L1 messages are counted in the contexts and not carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The blocks, at least one.
    pub blocks: Vec<BlockContext>,
    /// Transactions of all blocks. The codec does not look into them.
    pub transactions: Vec<Bytes>,
}

impl Chunk {
    /// Length of the encoding.
    pub fn encoded_len(&self, version: BatchVersion) -> usize {
        let count = if version == BatchVersion::V2 { 4 } else { 1 };
        let transactions: usize = self.transactions.iter().map(|tx| 4 + tx.len()).sum();
        count + self.blocks.len() * BLOCK_CONTEXT_BYTES + transactions
    }

    /// Appends the encoding: the number of blocks (u8, in version 2 u32), the contexts, then
    /// each transaction behind its u32 length.
    ///
    /// # Errors
    /// No block, more blocks than the version counts, or an empty transaction.
    pub fn encode(&self, version: BatchVersion, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (count, limit) = (self.blocks.len() as u64, version.max_blocks_per_chunk());
        if count == 0 {
            return Err(CodecError::Empty { what: "chunk" });
        }
        if count > limit {
            return Err(CodecError::TooLarge { what: "blocks in a chunk", value: count, limit });
        }
        out.reserve(self.encoded_len(version));
        match version {
            BatchVersion::V0 | BatchVersion::V1 => out.push(count as u8),
            BatchVersion::V2 => out.extend_from_slice(&(count as u32).to_be_bytes()),
        }
        self.blocks.iter().for_each(|block| block.encode(out));
        for tx in &self.transactions {
            if tx.is_empty() {
                return Err(CodecError::Empty { what: "transaction" });
            }
            let value = tx.len() as u64;
            let len = u32::try_from(value).map_err(|_| CodecError::TooLarge {
                what: "transaction",
                value,
                limit: u32::MAX.into(),
            })?;
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(tx);
        }
        Ok(())
    }

    /// Decodes a chunk, which must be all of `raw`.
    ///
    /// # Errors
    /// No block, an empty or cut-off transaction, block numbers that are not consecutive, or
    /// counts that do not add up to the transactions found.
    pub fn decode(version: BatchVersion, raw: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(raw);
        let count = match version {
            BatchVersion::V0 | BatchVersion::V1 => reader.u8("chunk")? as usize,
            BatchVersion::V2 => reader.u32("chunk")? as usize,
        };
        if count == 0 {
            return Err(CodecError::Empty { what: "chunk" });
        }
        let (have, need) = (reader.remaining(), count.saturating_mul(BLOCK_CONTEXT_BYTES));
        if need > have {
            return Err(CodecError::TooShort { what: "block contexts", need, have });
        }
        let mut blocks: Vec<BlockContext> = Vec::with_capacity(count);
        for _ in 0..count {
            let block = BlockContext::read(&mut reader)?;
            if let Some(previous) = blocks.last() {
                check_consecutive(previous.number, block.number)?;
            }
            blocks.push(block);
        }
        let mut transactions = Vec::new();
        while reader.remaining() > 0 {
            transactions.push(Bytes::copy_from_slice(reader.prefixed("transaction")?));
        }
        let chunk = Self { blocks, transactions };
        chunk.l2_counts()?;
        Ok(chunk)
    }

    /// How many of the transactions belong to each block, and the reading of the counts that
    /// gives it.
    ///
    /// # Errors
    /// [`CodecError::CountMismatch`] when neither reading adds up.
    pub fn l2_counts(&self) -> Result<(CountRule, Vec<usize>), CodecError> {
        let held = self.transactions.len();
        let l2 = |b: &BlockContext| b.transactions.checked_sub(b.l1_messages).map(usize::from);
        let counts: Option<Vec<usize>> = self.blocks.iter().map(l2).collect();
        if let Some(counts) = counts.filter(|counts| counts.iter().sum::<usize>() == held) {
            return Ok((CountRule::WithL1Messages, counts));
        }
        let counts: Vec<usize> = self.blocks.iter().map(|b| b.transactions.into()).collect();
        let counted = counts.iter().sum::<usize>();
        if counted == held {
            return Ok((CountRule::L2Only, counts));
        }
        let first = self.blocks.first().map_or(0, |block| block.number);
        Err(CodecError::CountMismatch { first, counted: counted as u64, held: held as u64 })
    }

    /// Number of the first block; 0 if there is none.
    pub fn first_block(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.number)
    }

    /// Number of the last block; 0 if there is none.
    pub fn last_block(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.number)
    }
}

pub(super) fn check_consecutive(previous: u64, got: u64) -> Result<(), CodecError> {
    if previous.checked_add(1) == Some(got) {
        Ok(())
    } else {
        Err(CodecError::NotConsecutive { previous, got })
    }
}
