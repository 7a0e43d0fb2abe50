//! `trace_filter`: traces of a range of blocks, by address, page by page.

use alloy_primitives::Address;
use alloy_rpc_types_trace::filter::{TraceFilter, TraceFilterMode};
use alloy_rpc_types_trace::parity::LocalizedTransactionTrace;
use serde::Deserialize;

use super::parity::{BLOCK_TIMEOUT, block_traces};
use crate::call::guard::Deadline;
use crate::params::{BlockNumber, Strict};
use crate::{Context, RpcError};

/// Most blocks that a filter may span: all of them may have to be executed again.
const BLOCKS_MAX: u64 = 1000;
/// Most traces in an answer; more are to be paged.
const TRACES_MAX: u64 = 10_000;
/// Most addresses on each side of a filter.
const ADDRESSES_MAX: usize = 1000;

/// The parameter of `trace_filter`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FilterParam {
    from_block: Option<Strict<BlockNumber>>,
    to_block: Option<Strict<BlockNumber>>,
    from_address: Option<Vec<Address>>,
    to_address: Option<Vec<Address>>,
    mode: Option<TraceFilterMode>,
    /// Matches to leave out at the beginning.
    after: Option<u64>,
    /// Matches to return.
    count: Option<u64>,
}

/// The traces that match.
///
/// # Errors
/// The range is too large or reversed, or too much matches.
pub(super) fn run(
    context: &Context,
    filter: FilterParam,
) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let latest = context.chain.tags().latest;
    let from = filter.from_block.map_or(0, |Strict(block)| context.number(block));
    let to = filter.to_block.map_or(latest, |Strict(block)| context.number(block));
    if from > to {
        return Err(RpcError::invalid_params(format!("invalid block range: {from} > {to}")));
    }
    let to = to.min(latest);
    if to.saturating_sub(from) >= BLOCKS_MAX {
        return Err(RpcError::limit(format!("block range too large, the limit is {BLOCKS_MAX}")));
    }
    let (from_address, to_address) =
        (filter.from_address.unwrap_or_default(), filter.to_address.unwrap_or_default());
    if from_address.len().max(to_address.len()) > ADDRESSES_MAX {
        return Err(RpcError::limit(format!("too many addresses, the limit is {ADDRESSES_MAX}")));
    }
    let mode = filter.mode.unwrap_or_default();
    let matcher =
        TraceFilter { from_address, to_address, mode, ..TraceFilter::default() }.matcher();
    let count = filter.count.unwrap_or(u64::MAX);
    let mut skip = filter.after.unwrap_or(0);
    let deadline = Deadline::after(BLOCK_TIMEOUT);
    let mut matches = Vec::new();
    for number in from..=to {
        if matches.len() as u64 >= count {
            break;
        }
        let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
        for trace in block_traces(context, &block, deadline)? {
            if matches.len() as u64 >= count {
                break;
            }
            if !matcher.matches(&trace.trace) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if matches.len() as u64 >= TRACES_MAX {
                return Err(RpcError::limit(format!(
                    "more than {TRACES_MAX} traces match: page them with after and count"
                )));
            }
            matches.push(trace);
        }
    }
    Ok(matches)
}
