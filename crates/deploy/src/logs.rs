//! Logs over any range of blocks, whatever the node's limit is.

use alloy_primitives::{Address, B256};
use jovay_l1::{BlockTag, L1Client, L1Error, L1Log, LogFilter};

use crate::DeployError;

/// Blocks asked for at once, at first.
const SPAN_MAX: u64 = 50_000;
/// Most logs that are read. A deployment has some fifty, an appointment adds one.
const LOGS_MAX: usize = 100_000;

/// The logs of `addresses` since `from`, in order, whose first topic is one of `topics`. Asks for
/// fewer blocks at once when the node refuses.
pub(crate) async fn read_logs(
    client: &L1Client,
    from: u64,
    addresses: Vec<Address>,
    topics: Vec<B256>,
) -> Result<Vec<L1Log>, DeployError> {
    let last = client.block(BlockTag::Latest).await?.map_or(from, |block| block.number);
    let (mut next, mut span) = (from, SPAN_MAX);
    let mut logs = Vec::new();
    while next <= last {
        let filter = LogFilter {
            from_block: next,
            to_block: last.min(next.saturating_add(span - 1)),
            address: addresses.clone(),
            topics: vec![topics.clone()],
        };
        match client.logs(&filter).await {
            Ok(found) => {
                logs.extend(found.into_iter().filter(|log| addresses.contains(&log.address)));
                next = filter.to_block.saturating_add(1);
            }
            Err(L1Error::Rpc { .. }) if span > 1 => span /= 2,
            Err(error) => return Err(error.into()),
        }
        if logs.len() > LOGS_MAX {
            let message = format!("more than {LOGS_MAX} logs since block {from}");
            return Err(DeployError::Verify(message));
        }
    }
    logs.retain(|log| !log.removed);
    Ok(logs)
}
