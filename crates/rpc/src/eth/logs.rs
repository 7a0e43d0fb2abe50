//! `eth_getLogs` and what it shares with filters.

use jovay_types::{SealedBlock, TxReceipt};
use serde_json::value::{RawValue, to_raw_value};

use super::log_filter::{LogBlocks, LogFilter};
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::render::RpcLog;
use crate::{Context, RpcError};

/// Candidate blocks fetched from the index at a time.
const CANDIDATES_PER_STEP: usize = 256;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_getLogs", "Logs of a range of blocks, or of one block.")
            .param("filter", schema::object())
            .returns("logs", schema::array(schema::object()))
            .blocking(get_logs),
    ]
}

fn get_logs(context: &Context, params: &Params<'_>) -> Result<Logs, RpcError> {
    let filter: LogFilter = params.get(0)?;
    search(context, &filter)
}

/// Logs as JSON text.
pub(crate) type Logs = Vec<Box<RawValue>>;

/// All logs that `filter` asks for.
///
/// # Errors
/// The range is bad, too much was found, or the store failed.
pub(crate) fn search(context: &Context, filter: &LogFilter) -> Result<Logs, RpcError> {
    match filter.blocks {
        LogBlocks::Hash(hash) => {
            let block = context.find_block(hash.into())?;
            let block = block.ok_or_else(|| RpcError::server("unknown block"))?;
            let mut logs = Logs::new();
            let receipts = context.receipts(block.header.number)?;
            collect(context, filter, &block, &receipts, &mut logs)?;
            Ok(logs)
        }
        LogBlocks::Range(from, to) => {
            let (from, to) = filter.range(context, from, to)?;
            search_range(context, filter, from, to)
        }
    }
}

/// Logs of the blocks `from..=to`.
///
/// # Errors
/// Too much was found, or the store failed.
pub(crate) fn search_range(
    context: &Context,
    filter: &LogFilter,
    from: u64,
    to: u64,
) -> Result<Logs, RpcError> {
    let mut logs = Logs::new();
    let mut next = Some(from);
    while let Some(from) = next.filter(|from| *from <= to) {
        let (numbers, more) = context.chain.log_candidates(
            from,
            to,
            &filter.addresses,
            &filter.topics,
            CANDIDATES_PER_STEP,
        )?;
        for number in numbers {
            let block = context.require_block(number.into())?;
            if filter.may_match(&block.header.logs_bloom) {
                let receipts = context.receipts(number)?;
                collect(context, filter, &block, &receipts, &mut logs)?;
            }
        }
        next = more;
    }
    Ok(logs)
}

fn collect(
    context: &Context,
    filter: &LogFilter,
    block: &SealedBlock,
    receipts: &[TxReceipt],
    logs: &mut Logs,
) -> Result<(), RpcError> {
    let limit = context.config.log_result_limit;
    for (log, shown) in RpcLog::of_block(block, receipts) {
        if !filter.matches(log) {
            continue;
        }
        if logs.len() >= limit {
            let message = format!(
                "query exceeds max results {limit}, retry with a range that ends before block {}",
                block.header.number
            );
            return Err(RpcError::invalid_params(message));
        }
        logs.push(to_raw_value(&shown).map_err(RpcError::internal)?);
    }
    Ok(())
}
