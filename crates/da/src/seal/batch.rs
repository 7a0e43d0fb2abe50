//! Sealing of batches: chunks until a limit is reached.

use super::{BlockData, ChunkSealer, L1Prices, SealError, SealedChunk, SealingConfig};
use crate::{BatchData, BatchVersion, DA_META_BYTES, DaVersion, PayloadCompressor};

/// What a chunk has in a payload besides its blocks: its length and their number.
const CHUNK_OVERHEAD_BYTES: usize = 4 + 4;

/// Why a batch closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The next chunk would not have fitted the data-availability layer.
    Data,
    /// The payload is as large as a prover is asked to hold.
    Payload,
    /// As many blocks as it may have.
    Blocks,
    /// As many transactions as it may have.
    Transactions,
    /// Its blocks span the time they may.
    Age,
    /// Its cost per transaction met the target.
    Cost,
    /// [`BatchSealer::close`] was called.
    Asked,
}

/// A batch that takes no more blocks. Its header needs what L1 knows: index, parent, queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBatch {
    /// What the data-availability layer carries.
    pub data: BatchData,
    /// Why it closed.
    pub reason: CloseReason,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// How many blocks each chunk has.
    pub chunk_blocks: Vec<u32>,
    /// Transactions, L1 messages among them.
    pub transactions: u64,
    /// L1 messages.
    pub l1_messages: u64,
    /// Gas used by its blocks.
    pub gas_used: u64,
    /// Bytes of the payload before compression.
    pub payload_len: usize,
}

/// What a block brought to a close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Chunks, in order. They can be proven from here on.
    pub chunks: Vec<SealedChunk>,
    /// Batches, in order. They can be committed from here on.
    pub batches: Vec<SealedBatch>,
}

/// Turns consecutive blocks into chunks and batches of version 2.
///
/// Every chunk is compressed once when it closes, and once more if it is the one that did not
/// fit. The result depends on the blocks, the prices given with them, the calls of
/// [`BatchSealer::close`] and the configuration, on nothing else.
#[derive(Debug)]
pub struct BatchSealer {
    pub(super) config: SealingConfig,
    pub(super) chunk: ChunkSealer,
    pub(super) batch: OpenBatch,
    pub(super) next_block: u64,
}

/// The chunks of the batch that is still open.
#[derive(Debug)]
pub(super) struct OpenBatch {
    compressor: PayloadCompressor,
    pub(super) payload: Vec<u8>,
    pub(super) chunks: Vec<ChunkFacts>,
}

/// What is kept of a chunk once it is in the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkFacts {
    first_block: u64,
    blocks: u32,
    first_timestamp: u64,
    transactions: u64,
    l1_messages: u64,
    pub(super) gas_used: u64,
}

impl BatchSealer {
    /// A sealer whose first block is `next_block`.
    ///
    /// # Errors
    /// The configuration does not hold together.
    pub fn new(config: SealingConfig, next_block: u64) -> Result<Self, SealError> {
        config.check()?;
        let batch = OpenBatch::new(config.zstd_level)?;
        Ok(Self { config, chunk: ChunkSealer::new(config.chunk), batch, next_block })
    }

    /// Number of the block that has to come next.
    pub fn next_block(&self) -> u64 {
        self.next_block
    }

    /// Number of the first block that is in no sealed batch.
    pub fn first_open_block(&self) -> u64 {
        let open = self.chunk.blocks().first().map_or(self.next_block, |b| b.context.number);
        self.batch.chunks.first().map_or(open, |chunk| chunk.first_block)
    }

    /// Bytes that the open batch takes in the data-availability layer, its open chunk not counted.
    pub fn data_len(&self) -> usize {
        self.batch.data_len()
    }

    /// Adds the next block. `prices` are L1's at this moment, for the cost target.
    ///
    /// # Errors
    /// Not the next block, or one that cannot be encoded; nothing has changed then. A failure of
    /// zstd leaves the sealer unusable: restore it from its last state.
    pub fn push(
        &mut self,
        block: BlockData,
        prices: Option<&L1Prices>,
    ) -> Result<Sealed, SealError> {
        self.check_block(&block)?;
        let mut sealed = Sealed::default();
        if !self.chunk.has_room_for(&block) || self.might_outgrow_batch(&block) {
            self.seal_chunk(&mut sealed)?;
        }
        let timestamp = block.context.timestamp;
        self.next_block = block.context.number + 1;
        self.chunk.add(block);
        if self.chunk.is_full() {
            self.seal_chunk(&mut sealed)?;
        }
        if let Some(reason) = self.reason_to_close(timestamp, prices) {
            self.seal_chunk(&mut sealed)?;
            self.close_batch(reason, &mut sealed)?;
        }
        Ok(sealed)
    }

    /// Closes the open batch, its open chunk included; empty if there is no open block.
    ///
    /// # Errors
    /// zstd fails.
    pub fn close(&mut self) -> Result<Sealed, SealError> {
        let mut sealed = Sealed::default();
        self.seal_chunk(&mut sealed)?;
        self.close_batch(CloseReason::Asked, &mut sealed)?;
        Ok(sealed)
    }

    fn check_block(&self, block: &BlockData) -> Result<(), SealError> {
        let (context, limit) = (&block.context, self.config.block_bytes_max());
        let (number, bytes) = (context.number, block.encoded_len());
        let no = |what| Err(SealError::Unencodable { number, what });
        if number != self.next_block {
            return Err(SealError::WrongBlock { expected: self.next_block, got: number });
        }
        if bytes > limit {
            return Err(SealError::BlockTooLarge { number, bytes, limit });
        }
        if number == u64::MAX {
            return no("number");
        }
        if i64::try_from(context.timestamp).is_err() {
            return no("timestamp");
        }
        let l2 = context.transactions.checked_sub(context.l1_messages).map(usize::from);
        if l2 != Some(block.transactions.len()) || block.transactions.iter().any(|t| t.is_empty()) {
            return no("transactions");
        }
        Ok(())
    }

    /// Whether the open chunk with `block` could exceed the batch if it did not compress at all.
    /// Sealing it then, to know its size, fills batches up to their last block, at the price of
    /// a few small chunks at the end.
    fn might_outgrow_batch(&self, block: &BlockData) -> bool {
        let chunk = CHUNK_OVERHEAD_BYTES + self.chunk.bytes() + block.encoded_len();
        !self.chunk.blocks().is_empty()
            && self.batch.data_len() + chunk > self.config.batch.data_bytes
    }

    /// The first limit that the open batch has reached.
    fn reason_to_close(&self, now: u64, prices: Option<&L1Prices>) -> Option<CloseReason> {
        let (limits, batch) = (&self.config.batch, &self.batch);
        let open = self.chunk.blocks();
        let transactions = batch.transactions() + self.chunk.transactions();
        let first = batch.chunks.first().map(|chunk| chunk.first_timestamp);
        let first = first.or(open.first().map(|block| block.context.timestamp));
        if batch.blocks() + open.len() as u64 >= limits.blocks {
            return Some(CloseReason::Blocks);
        }
        if transactions >= limits.transactions {
            return Some(CloseReason::Transactions);
        }
        if first.is_some_and(|first| now.saturating_sub(first) >= limits.age_s) {
            return Some(CloseReason::Age);
        }
        // The open chunk counts uncompressed: an upper bound until it is sealed.
        let (target, prices) = (self.config.cost_target?, prices?);
        let bytes = batch.data_len() + self.chunk.bytes();
        target.is_met(prices, bytes, transactions).then_some(CloseReason::Cost)
    }

    /// Closes the open chunk and appends it to the batch, which closes first if it has no room.
    fn seal_chunk(&mut self, sealed: &mut Sealed) -> Result<(), SealError> {
        let Some(chunk) = self.chunk.seal() else { return Ok(()) };
        let version = BatchVersion::V2;
        let mut raw = (chunk.chunk.encoded_len(version) as u32).to_be_bytes().to_vec();
        chunk.chunk.encode(version, &mut raw)?;
        if self.batch.payload.len() + raw.len() > self.config.batch.payload_bytes {
            self.close_batch(CloseReason::Payload, sealed)?;
        }
        let mark = self.batch.compressor.mark();
        self.batch.append(&raw, ChunkFacts::new(&chunk))?;
        if self.batch.data_len() > self.config.batch.data_bytes && self.batch.chunks.len() > 1 {
            let facts = self.batch.chunks.pop();
            let kept = self.batch.payload.len() - raw.len();
            self.batch.payload.truncate(kept);
            self.close_batch_at(mark, CloseReason::Data, sealed)?;
            if let Some(facts) = facts {
                self.batch.append(&raw, facts)?;
            }
        }
        sealed.chunks.push(chunk);
        Ok(())
    }

    fn close_batch(&mut self, reason: CloseReason, sealed: &mut Sealed) -> Result<(), SealError> {
        let mark = self.batch.compressor.mark();
        self.close_batch_at(mark, reason, sealed)
    }

    fn close_batch_at(
        &mut self,
        mark: (usize, usize),
        reason: CloseReason,
        sealed: &mut Sealed,
    ) -> Result<(), SealError> {
        if !self.batch.chunks.is_empty() {
            let full = std::mem::replace(&mut self.batch, OpenBatch::new(self.config.zstd_level)?);
            sealed.batches.push(full.finish(mark, reason)?);
        }
        Ok(())
    }
}

impl ChunkFacts {
    pub(super) fn new(chunk: &SealedChunk) -> Self {
        let blocks = &chunk.chunk.blocks;
        Self {
            first_block: chunk.chunk.first_block(),
            blocks: blocks.len() as u32,
            first_timestamp: blocks.first().map_or(0, |block| block.timestamp),
            transactions: chunk.transactions,
            l1_messages: blocks.iter().map(|block| u64::from(block.l1_messages)).sum(),
            gas_used: chunk.gas_used,
        }
    }
}

impl OpenBatch {
    pub(super) fn new(level: i32) -> Result<Self, SealError> {
        let compressor = PayloadCompressor::new(level)?;
        Ok(Self { compressor, payload: Vec::new(), chunks: Vec::new() })
    }

    pub(super) fn append(&mut self, raw: &[u8], facts: ChunkFacts) -> Result<(), SealError> {
        self.compressor.append(raw)?;
        self.payload.extend_from_slice(raw);
        self.chunks.push(facts);
        Ok(())
    }

    /// Bytes in the layer, by whichever form is smaller.
    pub(super) fn data_len(&self) -> usize {
        DA_META_BYTES + self.compressor.finished_len().min(self.payload.len())
    }

    /// Number of the block behind the last one; `None` if there is no block.
    pub(super) fn end(&self) -> Option<u64> {
        let last = self.chunks.last()?;
        last.first_block.checked_add(last.blocks.into())
    }

    fn blocks(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.blocks)).sum()
    }

    fn transactions(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.transactions).sum()
    }

    fn finish(self, mark: (usize, usize), reason: CloseReason) -> Result<SealedBatch, SealError> {
        let (blocks, transactions) = (self.blocks(), self.transactions());
        let first_block = self.chunks.first().map_or(0, |chunk| chunk.first_block);
        let payload_len = self.payload.len();
        let compressed = self.compressor.finish_at(mark.0, mark.1);
        let (da, body) = if compressed.len() < payload_len {
            (DaVersion::Da2, compressed)
        } else {
            (DaVersion::Da1, self.payload)
        };
        Ok(SealedBatch {
            data: BatchData::new(da, BatchVersion::V2, body)?,
            reason,
            first_block,
            last_block: first_block + blocks - 1,
            chunk_blocks: self.chunks.iter().map(|chunk| chunk.blocks).collect(),
            transactions,
            l1_messages: self.chunks.iter().map(|chunk| chunk.l1_messages).sum(),
            gas_used: self.chunks.iter().map(|chunk| chunk.gas_used).sum(),
            payload_len,
        })
    }
}
