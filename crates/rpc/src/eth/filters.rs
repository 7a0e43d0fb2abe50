//! Filters: what a client polls for instead of subscribing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use jovay_types::RecoveredTx;
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::log_filter::{LogBlocks, LogFilter};
use super::logs::{search, search_range};
use crate::fresh_id::fresh_id;
use crate::params::{BlockNumber, Params};
use crate::registry::{Method, schema};
use crate::render::RpcTransaction;
use crate::{Context, RpcError};

/// Expired filters are swept out at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Blocks that a filter remembers, to see how far a chain went back.
const TOLD_MAX: u64 = 128;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let polled = |name, summary| {
        Method::new(name, summary)
            .param("filter", schema::string())
            .error(-32000, "filter not found")
    };
    vec![
        Method::new("eth_newFilter", "Installs a filter over logs of new blocks.")
            .param("filter", schema::object())
            .returns("filter", schema::string())
            .light(|context, params| {
                let filter: LogFilter = params.get(0)?;
                let next = first_block(context, &filter)?;
                context.filters.install(context, Kind::Logs { filter, news: News::from(next) })
            }),
        Method::new("eth_newBlockFilter", "Installs a filter over hashes of new blocks.")
            .returns("filter", schema::string())
            .light(|context, _| {
                let next = context.chain.tags().latest + 1;
                context.filters.install(context, Kind::Blocks { news: News::from(next) })
            }),
        Method::new("eth_newPendingTransactionFilter", "Installs a filter over the pool.")
            .optional("full", schema::boolean())
            .returns("filter", schema::string())
            .light(|context, params| {
                let full = params.opt(0)?.unwrap_or(false);
                let stream = context.chain.subscribe_pending();
                context.filters.install(context, Kind::Pending { full, stream })
            }),
        polled("eth_getFilterChanges", "What is new since the last poll.")
            .returns("changes", schema::array(schema::any()))
            .blocking(changes),
        polled("eth_getFilterLogs", "All logs that a filter asks for.")
            .returns("logs", schema::array(schema::object()))
            .blocking(logs),
        polled("eth_uninstallFilter", "Removes a filter; whether it was there.")
            .returns("removed", schema::boolean())
            .light(|context, params| {
                let id: String = params.get(0)?;
                Ok(context.filters.table.lock().filters.remove(&id).is_some())
            }),
    ]
}

/// Where a filter begins: at the next block, or at an earlier one that its client names.
fn first_block(context: &Context, filter: &LogFilter) -> Result<u64, RpcError> {
    let latest = context.chain.tags().latest;
    let LogBlocks::Range(from, to) = filter.blocks else { return Ok(latest + 1) };
    if let (Some(from), Some(to)) = (from, to)
        && context.number(from) > context.number(to)
    {
        return Err(RpcError::invalid_params("invalid block range params"));
    }
    let from = match from {
        Some(from @ (BlockNumber::Number(_) | BlockNumber::Earliest)) => context.number(from),
        _ => return Ok(latest + 1),
    };
    let limit = context.config.log_range_limit;
    if latest.saturating_sub(from) >= limit {
        return Err(RpcError::invalid_params(format!("query exceeds max block range {limit}")));
    }
    Ok(from.min(latest + 1))
}

enum Kind {
    Logs { filter: LogFilter, news: News },
    Blocks { news: News },
    Pending { full: bool, stream: Receiver<Arc<RecoveredTx>> },
}

struct Filter {
    kind: Arc<Mutex<Kind>>,
    last_used: Instant,
}

#[derive(Default)]
struct Table {
    filters: HashMap<String, Filter>,
    swept: Option<Instant>,
}

/// The filters of all clients.
#[derive(Default)]
pub(crate) struct FilterTable {
    table: Mutex<Table>,
}

impl FilterTable {
    fn install(&self, context: &Context, kind: Kind) -> Result<String, RpcError> {
        let mut table = self.table.lock();
        table.sweep(context.config.filter_ttl);
        let limit = context.config.filter_limit;
        if table.filters.len() >= limit {
            return Err(RpcError::limit(format!("too many filters, the limit is {limit}")));
        }
        let id = fresh_id();
        let kind = Arc::new(Mutex::new(kind));
        table.filters.insert(id.clone(), Filter { kind, last_used: Instant::now() });
        Ok(id)
    }

    fn get(&self, context: &Context, id: &str) -> Result<Arc<Mutex<Kind>>, RpcError> {
        let mut table = self.table.lock();
        table.sweep(context.config.filter_ttl);
        let filter = table.filters.get_mut(id);
        let filter = filter.ok_or_else(|| RpcError::server("filter not found"))?;
        filter.last_used = Instant::now();
        Ok(filter.kind.clone())
    }
}

impl Table {
    fn sweep(&mut self, ttl: Duration) {
        let now = Instant::now();
        if self.swept.is_some_and(|swept| now - swept < SWEEP_EVERY.min(ttl)) {
            return;
        }
        self.swept = Some(now);
        self.filters.retain(|_, filter| now - filter.last_used < ttl);
        metrics::gauge!("jovay_rpc_filters").set(self.filters.len() as f64);
    }
}

type Items = Vec<Box<RawValue>>;

fn changes(context: &Context, params: &Params<'_>) -> Result<Items, RpcError> {
    let id: String = params.get(0)?;
    let kind = context.filters.get(context, &id)?;
    let mut kind = kind.lock();
    match &mut *kind {
        Kind::Logs { filter, news } => {
            let (from, to) = news.range(context)?;
            let logs = search_range(context, filter, from, to)?;
            news.told(context, to)?;
            Ok(logs)
        }
        Kind::Blocks { news } => {
            let (from, to) = news.range(context)?;
            let hashes = block_hashes(context, from, to)?;
            news.told(context, to)?;
            hashes.iter().map(to_json).collect()
        }
        Kind::Pending { full, stream } => pending(stream, *full),
    }
}

/// Which blocks a filter's client has not heard of.
struct News {
    next: u64,
    /// The last blocks that it has heard of.
    told: VecDeque<(u64, B256)>,
}

impl From<u64> for News {
    fn from(next: u64) -> Self {
        Self { next, told: VecDeque::new() }
    }
}

impl News {
    /// First and last block since the last poll. On a development chain that went back, what is new
    /// begins where its way parted from the one that was told.
    fn range(&mut self, context: &Context) -> Result<(u64, u64), RpcError> {
        while let Some((number, hash)) = self.told.back().copied() {
            if context.chain.block_hash(number)? == Some(hash) {
                break;
            }
            self.next = self.next.min(number);
            self.told.pop_back();
        }
        let latest = context.chain.tags().latest;
        self.next = self.next.min(latest + 1);
        Ok((self.next, latest))
    }

    /// The client has heard of all blocks up to `to`.
    fn told(&mut self, context: &Context, to: u64) -> Result<(), RpcError> {
        for number in self.next.max((to + 1).saturating_sub(TOLD_MAX))..=to {
            self.told.extend(context.chain.block_hash(number)?.map(|hash| (number, hash)));
        }
        while self.told.len() as u64 > TOLD_MAX {
            self.told.pop_front();
        }
        self.next = to + 1;
        Ok(())
    }
}

fn block_hashes(context: &Context, from: u64, to: u64) -> Result<Vec<B256>, RpcError> {
    let hashes = (from..=to).map(|number| context.chain.block_hash(number));
    Ok(hashes.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

fn pending(stream: &mut Receiver<Arc<RecoveredTx>>, full: bool) -> Result<Items, RpcError> {
    let mut items = Items::new();
    loop {
        match stream.try_recv() {
            Ok(tx) if full => items.push(to_json(&RpcTransaction::pending(&tx))?),
            Ok(tx) => items.push(to_json(&tx.hash())?),
            // What waits in a pool is no promise: a gap is allowed.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(items),
        }
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Box<RawValue>, RpcError> {
    to_raw_value(value).map_err(RpcError::internal)
}

fn logs(context: &Context, params: &Params<'_>) -> Result<Items, RpcError> {
    let id: String = params.get(0)?;
    let filter = match &*context.filters.get(context, &id)?.lock() {
        Kind::Logs { filter, .. } => filter.clone(),
        Kind::Blocks { .. } | Kind::Pending { .. } => {
            return Err(RpcError::server("filter not found"));
        }
    };
    search(context, &filter)
}
