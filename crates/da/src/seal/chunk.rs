//! Sealing of chunks: blocks until a limit is reached.

use super::{BlockData, ChunkLimits};
use crate::Chunk;

/// A chunk that takes no more blocks. Which batch it falls into is known when that closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedChunk {
    /// The blocks and their transactions.
    pub chunk: Chunk,
    /// Gas used by its blocks.
    pub gas_used: u64,
    /// Transactions, L1 messages among them.
    pub transactions: u64,
}

/// Collects blocks into the open chunk.
#[derive(Clone, Debug)]
pub struct ChunkSealer {
    limits: ChunkLimits,
    blocks: Vec<BlockData>,
    gas: u64,
    transactions: u64,
    bytes: usize,
}

impl ChunkSealer {
    /// An empty chunk under `limits`.
    pub fn new(limits: ChunkLimits) -> Self {
        Self { limits, blocks: Vec::new(), gas: 0, transactions: 0, bytes: 0 }
    }

    /// Blocks in the open chunk.
    pub fn blocks(&self) -> &[BlockData] {
        &self.blocks
    }

    /// Transactions in the open chunk, L1 messages among them.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// Bytes that the open chunk's blocks take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether `block` can join the open chunk. A block always fits an empty one.
    pub fn has_room_for(&self, block: &BlockData) -> bool {
        self.blocks.is_empty()
            || self.gas.saturating_add(block.gas_used) <= self.limits.gas
                && self.transactions + u64::from(block.context.transactions)
                    <= self.limits.transactions
                && self.bytes + block.encoded_len() <= self.limits.bytes
                && self.blocks.len() < self.limits.blocks as usize
    }

    /// Adds `block`; the caller has asked [`ChunkSealer::has_room_for`].
    pub fn add(&mut self, block: BlockData) {
        self.gas = self.gas.saturating_add(block.gas_used);
        self.transactions += u64::from(block.context.transactions);
        self.bytes += block.encoded_len();
        self.blocks.push(block);
    }

    /// Whether a limit is reached, so that waiting for another block is no use.
    pub fn is_full(&self) -> bool {
        self.gas >= self.limits.gas
            || self.transactions >= self.limits.transactions
            || self.bytes >= self.limits.bytes
            || self.blocks.len() >= self.limits.blocks as usize
    }

    /// Closes the open chunk; `None` if it is empty.
    pub fn seal(&mut self) -> Option<SealedChunk> {
        let full = std::mem::replace(self, Self::new(self.limits));
        if full.blocks.is_empty() {
            return None;
        }
        let mut chunk = Chunk::default();
        for block in full.blocks {
            chunk.blocks.push(block.context);
            chunk.transactions.extend(block.transactions);
        }
        Some(SealedChunk { chunk, gas_used: full.gas, transactions: full.transactions })
    }
}
