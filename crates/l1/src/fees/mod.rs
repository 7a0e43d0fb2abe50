//! L1's prices: what the next blocks will ask for.
//!
//! Base fee by EIP-1559, blob base fee by EIP-4844 with the parameters of EIP-7691 and EIP-7892
//! and the reserve price of EIP-7918. The formulas themselves are `alloy-eips`'.

mod predict;
mod schedule;

pub(crate) use predict::blob_gas;
pub use predict::{FeeReading, FeeState, Load};
pub use schedule::{BlobSchedule, EthConfigBlobs};
