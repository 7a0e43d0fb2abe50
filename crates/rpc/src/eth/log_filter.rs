//! What logs a client asks for.

use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use serde_json::value::RawValue;

use crate::Context;
use crate::params::{BlockNumber, FromParam, Strict, from_json};
use crate::{RpcError, error::INVALID_PARAMS};

/// Topics of a log; the EVM has no more.
const TOPICS_MAX: usize = 4;
/// Addresses, or alternatives of one topic position, in one filter: geth's limit.
const ALTERNATIVES_MAX: usize = 1000;

/// Which blocks to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogBlocks {
    /// One block.
    Hash(B256),
    /// A range, both ends included; the latest block where an end is missing.
    Range(Option<BlockNumber>, Option<BlockNumber>),
}

/// A filter over logs, as `eth_getLogs`, `eth_newFilter` and `eth_subscribe` take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter {
    pub(crate) blocks: LogBlocks,
    /// Any address, when empty.
    pub(crate) addresses: Vec<Address>,
    /// By position; any topic, when a position is empty.
    pub(crate) topics: Vec<Vec<B256>>,
}

impl Default for LogFilter {
    fn default() -> Self {
        let blocks = LogBlocks::Range(None, None);
        Self { blocks, addresses: Vec::new(), topics: Vec::new() }
    }
}

impl LogFilter {
    /// Whether `log` is asked for, wherever it stands.
    pub(crate) fn matches(&self, log: &Log) -> bool {
        let topics = log.data.topics();
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        address
            && self.topics.len() <= topics.len()
            && self
                .topics
                .iter()
                .zip(topics)
                .all(|(wanted, topic)| wanted.is_empty() || wanted.contains(topic))
    }

    /// Whether a block with this bloom filter can hold such a log.
    pub(crate) fn may_match(&self, bloom: &Bloom) -> bool {
        let address = self.addresses.is_empty()
            || self
                .addresses
                .iter()
                .any(|address| bloom.contains_input(BloomInput::Raw(address.as_slice())));
        address
            && self.topics.iter().all(|wanted| {
                wanted.is_empty()
                    || wanted
                        .iter()
                        .any(|topic| bloom.contains_input(BloomInput::Raw(topic.as_slice())))
            })
    }

    /// The range as numbers, checked against the head and the limit.
    ///
    /// # Errors
    /// `-32602` in the words that clients know.
    pub(crate) fn range(
        &self,
        context: &Context,
        from: Option<BlockNumber>,
        to: Option<BlockNumber>,
    ) -> Result<(u64, u64), RpcError> {
        let head = context.chain.tags().latest;
        let from = from.map_or(head, |from| context.number(from));
        let to = to.map_or(head, |to| context.number(to));
        let refuse = |message: String| Err(RpcError::new(INVALID_PARAMS, message));
        if from > to {
            return refuse("invalid block range params".into());
        }
        if to > head {
            return refuse("block range extends beyond current head block".into());
        }
        let limit = context.config.log_range_limit;
        if to - from >= limit {
            return refuse(format!("query exceeds max block range {limit}"));
        }
        Ok((from, to))
    }
}

impl FromParam for LogFilter {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Object {
            block_hash: Option<Strict<B256>>,
            from_block: Option<Strict<BlockNumber>>,
            to_block: Option<Strict<BlockNumber>>,
            address: Option<Box<RawValue>>,
            topics: Option<Box<RawValue>>,
        }
        let object: Object = from_json(raw)?;
        let (from, to) = (object.from_block.map(|at| at.0), object.to_block.map(|at| at.0));
        let blocks = match (object.block_hash, from, to) {
            (Some(Strict(hash)), None, None) => LogBlocks::Hash(hash),
            (Some(_), _, _) => {
                return Err("cannot specify both BlockHash and FromBlock/ToBlock, choose one or \
                            the other"
                    .into());
            }
            (None, from, to) => LogBlocks::Range(from, to),
        };
        let addresses = match object.address {
            Some(raw) => addresses(&raw)?,
            None => Vec::new(),
        };
        let topics = match object.topics {
            Some(raw) => topics(&raw)?,
            None => Vec::new(),
        };
        Ok(Self { blocks, addresses, topics })
    }
}

fn is_array(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn addresses(raw: &RawValue) -> Result<Vec<Address>, String> {
    if is_null(raw) {
        return Ok(Vec::new());
    }
    if !is_array(raw) {
        let one = Address::from_param(raw).map_err(|error| format!("invalid address: {error}"))?;
        return Ok(vec![one]);
    }
    let items: Vec<&RawValue> = parse_array(raw)?;
    if items.len() > ALTERNATIVES_MAX {
        return Err(format!("exceed max addresses, the limit is {ALTERNATIVES_MAX}"));
    }
    items
        .into_iter()
        .enumerate()
        .map(|(at, item)| {
            Address::from_param(item)
                .map_err(|error| format!("invalid address at index {at}: {error}"))
        })
        .collect()
}

fn topics(raw: &RawValue) -> Result<Vec<Vec<B256>>, String> {
    if is_null(raw) {
        return Ok(Vec::new());
    }
    if !is_array(raw) {
        return Err("topics must be an array".into());
    }
    let positions: Vec<&RawValue> = parse_array(raw)?;
    if positions.len() > TOPICS_MAX {
        return Err(format!("exceed max topics, the limit is {TOPICS_MAX}"));
    }
    positions.into_iter().map(topic_position).collect()
}

fn topic_position(raw: &RawValue) -> Result<Vec<B256>, String> {
    if is_null(raw) {
        return Ok(Vec::new());
    }
    if !is_array(raw) {
        return Ok(vec![B256::from_param(raw)?]);
    }
    let items: Vec<&RawValue> = parse_array(raw)?;
    if items.len() > ALTERNATIVES_MAX {
        return Err(format!("exceed max topics, the limit per position is {ALTERNATIVES_MAX}"));
    }
    // A null among the alternatives matches everything.
    if items.iter().any(|item| is_null(item)) {
        return Ok(Vec::new());
    }
    items.into_iter().map(B256::from_param).collect()
}

fn parse_array(raw: &RawValue) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(json: serde_json::Value) -> Result<LogFilter, String> {
        LogFilter::from_param(&RawValue::from_string(json.to_string()).unwrap())
    }

    fn log(address: Address, topics: &[B256]) -> Log {
        Log::new_unchecked(address, topics.to_vec(), Default::default())
    }

    #[test]
    fn positions() {
        let (one, two) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let at = Address::repeat_byte(9);
        let filter = read(serde_json::json!({ "topics": [null, [one, two]] })).unwrap();
        assert!(filter.matches(&log(at, &[two, one])));
        assert!(!filter.matches(&log(at, &[two])));
        assert!(!filter.matches(&log(at, &[one, B256::ZERO])));
        let filter = read(serde_json::json!({ "address": [at], "topics": [one] })).unwrap();
        assert!(filter.matches(&log(at, &[one, two])));
        assert!(!filter.matches(&log(Address::ZERO, &[one])));
        assert!(read(serde_json::json!({})).unwrap().matches(&log(at, &[])));
    }

    #[test]
    fn bloom_never_hides_a_match() {
        let (one, at) = (B256::repeat_byte(1), Address::repeat_byte(9));
        let bloom = alloy_primitives::logs_bloom([&log(at, &[one])]);
        let hit = read(serde_json::json!({ "address": at, "topics": [[one, B256::ZERO]] }));
        assert!(hit.unwrap().may_match(&bloom));
        let miss = read(serde_json::json!({ "address": Address::repeat_byte(7) }));
        assert!(!miss.unwrap().may_match(&bloom));
    }

    #[test]
    fn limits() {
        let topic = B256::ZERO;
        assert!(read(serde_json::json!({ "topics": vec![topic; 4] })).is_ok());
        assert!(read(serde_json::json!({ "topics": vec![topic; 5] })).is_err());
        assert!(read(serde_json::json!({ "topics": [vec![topic; 1001]] })).is_err());
        assert!(read(serde_json::json!({ "address": vec![Address::ZERO; 1001] })).is_err());
        let both = serde_json::json!({ "blockHash": topic, "fromBlock": "0x1" });
        assert!(read(both).is_err());
    }
}
