//! Where the data of batches comes from: blobs from a beacon node, calldata from an execution
//! node.

mod calldata;
mod client;
mod hints;
mod slots;
mod source;

pub use calldata::L1CalldataSource;
pub use hints::BlobHint;
pub use source::BeaconBlobSource;
