//! Finding L1 blocks.

use jovay_l1::{BlockTag, L1Client, L1Error};

/// The first block in `first..=last` that is not older than `timestamp` (Unix seconds); `last` if
/// all are. Some 25 requests on a long chain.
///
/// # Errors
/// The node does not answer, or lacks a block.
pub async fn first_since(
    client: &L1Client,
    timestamp: u64,
    first: u64,
    last: u64,
) -> Result<u64, L1Error> {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low) / 2;
        let tag = BlockTag::Number(middle);
        let block = client.block(tag).await?.ok_or_else(|| L1Error::Malformed {
            method: "eth_getBlockByNumber".into(),
            message: format!("no block {middle}, but a block {last}"),
        })?;
        if block.timestamp < timestamp {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
