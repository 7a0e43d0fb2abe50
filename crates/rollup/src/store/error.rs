//! Why batches could not be kept or found.

/// Why the batch store refuses.
#[derive(Debug, thiserror::Error)]
pub enum BatchStoreError {
    /// The disk or the tables failed.
    #[error("batch store: {0}")]
    Disk(#[from] fjall::Error),
    /// What is kept does not decode.
    #[error("batch store: {what} is damaged: {message}; restore the folder from a backup")]
    Damaged {
        /// Which entry.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// It was written by a program with another format.
    #[error("batch store: format {found}, this program reads {expected}")]
    Format {
        /// The format that this program has.
        expected: u64,
        /// What is written there.
        found: String,
    },
    /// It belongs to another chain or another deployment.
    #[error(
        "batch store: it belongs to {kept}, not to {given}; use another data directory, or remove \
         its folder `rollup` if the contracts were deployed anew"
    )]
    OtherChain {
        /// The chain that the store was made for.
        kept: String,
        /// The chain that it is to serve.
        given: String,
    },
    /// A batch that does not follow the last one, or a batch that is not there.
    #[error("batch store: batch {index}: {what}")]
    OutOfOrder {
        /// The batch.
        index: u64,
        /// What is wrong with it.
        what: String,
    },
}
