//! The sealer's state across restarts.
//!
//! `version u8 = 1 | next block u64 | payload length u32 | payload | gas u64 for each chunk of it
//! | open blocks u32 | for each: gas u64 | length u32 | chunk of one block`. The payload is the open batch's, a version 2
//! payload. Compression is done again when a state is restored, chunk by chunk, and gives the
//! same bytes.

use super::batch::{ChunkFacts, OpenBatch};
use super::{BatchSealer, BlockData, ChunkSealer, SealError, SealedChunk, SealingConfig};
use crate::{BatchVersion, Chunk, ChunksPayload};

const VERSION: u8 = 1;

impl BatchSealer {
    /// Everything that [`BatchSealer::restore`] needs to go on as if nothing had happened: the
    /// blocks of the open batch.
    ///
    /// # Errors
    /// None in practice: what was pushed can be encoded.
    pub fn state(&self) -> Result<Vec<u8>, SealError> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.next_block.to_be_bytes());
        out.extend_from_slice(&(self.batch.payload.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.batch.payload);
        for chunk in &self.batch.chunks {
            out.extend_from_slice(&chunk.gas_used.to_be_bytes());
        }
        let open = self.chunk.blocks();
        out.extend_from_slice(&(open.len() as u32).to_be_bytes());
        for block in open {
            let chunk =
                Chunk { blocks: vec![block.context], transactions: block.transactions.clone() };
            let len = chunk.encoded_len(BatchVersion::V2) as u32;
            out.extend_from_slice(&block.gas_used.to_be_bytes());
            out.extend_from_slice(&len.to_be_bytes());
            chunk.encode(BatchVersion::V2, &mut out)?;
        }
        Ok(out)
    }

    /// Goes on from a [`BatchSealer::state`], under the configuration it was made with.
    ///
    /// # Errors
    /// The state is damaged, or its blocks do not fit the configuration.
    pub fn restore(config: SealingConfig, state: &[u8]) -> Result<Self, SealError> {
        let mut rest = state;
        if take::<1>(&mut rest)? != [VERSION] {
            return Err(SealError::State("unknown version"));
        }
        let next_block = u64::from_be_bytes(take(&mut rest)?);
        let mut sealer = Self::new(config, next_block)?;
        let payload = prefixed(&mut rest)?;
        if !payload.is_empty() {
            for chunk in ChunksPayload::decode(BatchVersion::V2, payload)?.chunks {
                let gas_used = u64::from_be_bytes(take(&mut rest)?);
                append(&mut sealer.batch, chunk, gas_used)?;
            }
        }
        if sealer.batch.payload.len() > config.batch.payload_bytes
            || sealer.batch.data_len() > config.batch.data_bytes
        {
            return Err(SealError::State("the open batch exceeds the configured limits"));
        }
        let open = u32::from_be_bytes(take(&mut rest)?);
        for _ in 0..open {
            let gas_used = u64::from_be_bytes(take(&mut rest)?);
            add(
                &mut sealer.chunk,
                Chunk::decode(BatchVersion::V2, prefixed(&mut rest)?)?,
                gas_used,
            )?;
        }
        if !rest.is_empty() {
            return Err(SealError::State("bytes left over"));
        }
        sealer.check_continuity()?;
        Ok(sealer)
    }

    /// Whether the restored blocks run without a gap up to the next block.
    fn check_continuity(&self) -> Result<(), SealError> {
        let batch_end = self.batch.end();
        let open = self.chunk.blocks();
        let mut expected = batch_end.or(open.first().map(|block| block.context.number));
        for block in open {
            if expected != Some(block.context.number) {
                return Err(SealError::State("its blocks are not consecutive"));
            }
            expected = block.context.number.checked_add(1);
        }
        match expected {
            Some(expected) if expected != self.next_block => {
                Err(SealError::State("its blocks do not end at the next block"))
            }
            _ => Ok(()),
        }
    }
}

fn append(batch: &mut OpenBatch, chunk: Chunk, gas_used: u64) -> Result<(), SealError> {
    let mut raw = (chunk.encoded_len(BatchVersion::V2) as u32).to_be_bytes().to_vec();
    chunk.encode(BatchVersion::V2, &mut raw)?;
    let transactions = chunk.blocks.iter().map(|block| u64::from(block.transactions)).sum();
    let facts = ChunkFacts::new(&SealedChunk { chunk, gas_used, transactions });
    batch.append(&raw, facts)
}

fn add(sealer: &mut ChunkSealer, chunk: Chunk, gas_used: u64) -> Result<(), SealError> {
    let [context] = chunk.blocks[..] else {
        return Err(SealError::State("an open block is not one block"));
    };
    let block = BlockData { context, gas_used, transactions: chunk.transactions };
    if !sealer.has_room_for(&block) {
        return Err(SealError::State("the open chunk exceeds the configured limits"));
    }
    sealer.add(block);
    Ok(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SealError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(SealError::State("cut off"))?;
    *rest = after;
    Ok(*taken)
}

fn prefixed<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], SealError> {
    let len = u32::from_be_bytes(take(rest)?) as usize;
    let (taken, after) = rest.split_at_checked(len).ok_or(SealError::State("cut off"))?;
    *rest = after;
    Ok(taken)
}
