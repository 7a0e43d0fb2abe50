//! What a batch says about a block besides its transactions.

use alloc::vec::Vec;

use super::{CodecError, reader::Reader};

/// Length of an encoded [`BlockContext`].
pub const BLOCK_CONTEXT_BYTES: usize = 40;

/// One block of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockContext {
    /// Version of the chain's rules.
    pub spec_version: u32,
    /// Block number.
    pub number: u64,
    /// The header's timestamp: seconds here, milliseconds on Jovay's public network. The field
    /// is signed on the wire; a negative value is refused.
    pub timestamp: u64,
    /// Wei per gas.
    pub base_fee: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Transactions in the block, L1 messages among them (see
    /// [`CountRule`](super::CountRule)).
    pub transactions: u16,
    /// L1 messages in the block. They come first and are not in the data: L1 has them.
    pub l1_messages: u16,
}

impl BlockContext {
    /// Appends the 40 bytes of the encoding. A timestamp above `i64::MAX` cannot be encoded;
    /// the sealers refuse it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.spec_version.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.base_fee.to_be_bytes());
        out.extend_from_slice(&self.gas_limit.to_be_bytes());
        out.extend_from_slice(&self.transactions.to_be_bytes());
        out.extend_from_slice(&self.l1_messages.to_be_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "block context";
        let context = Self {
            spec_version: reader.u32(WHAT)?,
            number: reader.u64(WHAT)?,
            timestamp: reader.u64(WHAT)?,
            base_fee: reader.u64(WHAT)?,
            gas_limit: reader.u64(WHAT)?,
            transactions: reader.u16(WHAT)?,
            l1_messages: reader.u16(WHAT)?,
        };
        let limit = i64::MAX as u64;
        if context.timestamp > limit {
            let value = context.timestamp;
            return Err(CodecError::TooLarge { what: "timestamp", value, limit });
        }
        Ok(context)
    }
}
