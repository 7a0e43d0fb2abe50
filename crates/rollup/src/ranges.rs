//! Reading logs in pieces that the node allows.

use alloy_primitives::{Address, B256};
use jovay_l1::{L1Client, L1Error, L1Log, LogFilter};

/// Most blocks of a piece unless told otherwise: what most providers allow.
pub const RANGE_MAX: u64 = 5_000;

/// Reads logs of consecutive blocks. The pieces get smaller when the node refuses them (providers
/// limit blocks, logs or bytes, each in its own words) and larger again when it does not.
#[derive(Clone, Debug)]
pub(crate) struct LogRanges {
    addresses: Vec<Address>,
    topics: Vec<Vec<B256>>,
    range: u64,
    range_max: u64,
}

impl LogRanges {
    /// Logs of `address` whose first topic is one of `events`.
    pub(crate) fn new(address: Address, events: Vec<B256>, range_max: u64) -> Self {
        let range_max = range_max.max(1);
        Self { addresses: vec![address], topics: vec![events], range: range_max, range_max }
    }

    /// The logs from `from` on, in order, and the last block that they come from: at most `last`.
    ///
    /// # Errors
    /// The node refuses even a single block, or cannot be reached.
    pub(crate) async fn read(
        &mut self,
        client: &L1Client,
        from: u64,
        last: u64,
    ) -> Result<(Vec<L1Log>, u64), L1Error> {
        loop {
            let to = last.min(from.saturating_add(self.range - 1));
            let filter = LogFilter {
                from_block: from,
                to_block: to,
                address: self.addresses.clone(),
                topics: self.topics.clone(),
            };
            match client.logs(&filter).await {
                Ok(logs) => {
                    self.range = self.range.saturating_mul(2).min(self.range_max);
                    let wanted = |log: &L1Log| {
                        let place = (from..=to).contains(&log.block_number) && !log.removed;
                        place && self.addresses.contains(&log.address)
                    };
                    let mut logs: Vec<_> = logs.into_iter().filter(wanted).collect();
                    logs.sort_by_key(|log| (log.block_number, log.log_index));
                    return Ok((logs, to));
                }
                Err(error) if to == from => return Err(error),
                Err(error) => {
                    self.range = ((to - from).div_ceil(2)).max(1);
                    tracing::debug!(%error, blocks = self.range, "smaller pieces of L1 logs");
                }
            }
        }
    }
}
