//! What is wrong with bytes that do not decode.

use alloc::string::String;

/// Why bytes are not a batch, a chunk or a blob of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end inside a field.
    #[error("{what} ends early: {need} bytes needed, {have} left")]
    TooShort {
        /// What was being read.
        what: &'static str,
        /// Bytes the field has.
        need: usize,
        /// Bytes that were left.
        have: usize,
    },
    /// Bytes follow the end.
    #[error("{count} bytes left over after {what}")]
    TrailingBytes {
        /// What had ended.
        what: &'static str,
        /// How many bytes follow.
        count: usize,
    },
    /// A byte that must be zero is not.
    #[error("padding is not zero at byte {at}")]
    NonZeroPadding {
        /// Its position in the blobs.
        at: usize,
    },
    /// A version this format does not have.
    #[error("unknown {what} version {version}")]
    UnknownVersion {
        /// Which version field.
        what: &'static str,
        /// Its value.
        version: u8,
    },
    /// A data-availability version that this batch version does not go with.
    #[error("DA version {da} does not carry batch version {batch}")]
    VersionMismatch {
        /// The data-availability version.
        da: u8,
        /// The batch version.
        batch: u8,
    },
    /// A list, a chunk or a transaction without content.
    #[error("{what} is empty")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// A value above its limit.
    #[error("{what} is {value}, above the limit of {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// The value.
        value: u64,
        /// Its limit.
        limit: u64,
    },
    /// Block numbers with a gap or a step back.
    #[error("block {got} follows block {previous}")]
    NotConsecutive {
        /// The block before.
        previous: u64,
        /// The block found.
        got: u64,
    },
    /// The blocks do not account for the transactions of their chunk.
    #[error("blocks from {first} on count {counted} transactions, their chunk holds {held}")]
    CountMismatch {
        /// First block of the chunk.
        first: u64,
        /// What the block contexts add up to.
        counted: u64,
        /// Transactions in the chunk.
        held: u64,
    },
    /// The number of blobs is not the number the data needs.
    #[error("the batch needs {need} blobs, {have} given")]
    BlobCount {
        /// Blobs the data fills.
        need: usize,
        /// Blobs given.
        have: usize,
    },
    /// A blob behind the first has a DA version: it starts a batch.
    #[error("blob {position} starts a batch of its own: give one batch's blobs, in their order")]
    StartsBatch {
        /// Its position, from 1.
        position: usize,
    },
    /// The zstd frame is damaged, of an unwanted kind, or not of the size it declares.
    #[error("zstd: {0}")]
    Zstd(String),
}
