//! What `eth_simulateV1` is asked, and its limits.

use jovay_types::Header;
use serde::Deserialize;

use crate::RpcError;
use crate::call::overrides::{BlockOverrides, StateOverrides};
use crate::call::request::CallRequest;
use crate::params::Strict;

/// Most blocks from the base to the last simulated one, gaps included (execution-apis).
pub(super) const BLOCKS_MAX: u64 = 256;
/// Most calls in one simulated block, as in geth.
pub(super) const BLOCK_CALLS_MAX: usize = 5000;
/// Seconds between simulated blocks that say nothing else, as in geth.
const INTERVAL_S: u64 = 12;

const BLOCK_NUMBER_INVALID: i32 = -38020;
const TIMESTAMP_INVALID: i32 = -38021;
/// The client asks for too much.
pub(super) const CLIENT_LIMIT: i32 = -38026;

/// The first parameter of `eth_simulateV1`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SimulatePayload {
    pub(super) block_state_calls: Vec<SimulatedBlock>,
    /// Whether transfers of ether appear as logs.
    pub(super) trace_transfers: bool,
    /// Whether nonces and fees are checked as for real transactions.
    pub(super) validation: bool,
    /// Whether transactions are returned whole.
    pub(super) return_full_transactions: bool,
}

/// A block to simulate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SimulatedBlock {
    #[serde(deserialize_with = "or_default")]
    pub(super) block_overrides: BlockOverrides,
    #[serde(deserialize_with = "or_default")]
    pub(super) state_overrides: StateOverrides,
    #[serde(deserialize_with = "or_default")]
    pub(super) calls: Vec<CallRequest>,
}

/// Null counts as left out.
fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A block with its place in the simulated chain.
#[derive(Debug)]
pub(super) struct PlacedBlock {
    pub(super) number: u64,
    pub(super) timestamp: u64,
    pub(super) block: SimulatedBlock,
}

/// Places `blocks` after `base` and fills the gaps between them with empty blocks.
///
/// # Errors
/// Numbers or timestamps that do not grow, or too many blocks or calls.
pub(super) fn place(
    base: &Header,
    blocks: Vec<SimulatedBlock>,
) -> Result<Vec<PlacedBlock>, RpcError> {
    if blocks.is_empty() {
        return Err(RpcError::invalid_params("empty input"));
    }
    if blocks.len() as u64 > BLOCKS_MAX {
        return Err(RpcError::new(CLIENT_LIMIT, "too many blocks"));
    }
    let mut placed = Vec::with_capacity(blocks.len());
    let (mut last_number, mut last_timestamp) = (base.number, base.timestamp);
    for block in blocks {
        if block.calls.len() > BLOCK_CALLS_MAX {
            let message =
                format!("too many calls in block: {} > {BLOCK_CALLS_MAX}", block.calls.len());
            return Err(RpcError::new(CLIENT_LIMIT, message));
        }
        let number = match block.block_overrides.number()? {
            Some(number) => number,
            None => last_number.saturating_add(1),
        };
        if number <= last_number {
            let message = format!("block numbers must be in order: {number} <= {last_number}");
            return Err(RpcError::new(BLOCK_NUMBER_INVALID, message));
        }
        if number - base.number > BLOCKS_MAX {
            return Err(RpcError::new(CLIENT_LIMIT, "too many blocks"));
        }
        for gap in last_number + 1..number {
            last_timestamp = last_timestamp.saturating_add(INTERVAL_S);
            let block = SimulatedBlock::default();
            placed.push(PlacedBlock { number: gap, timestamp: last_timestamp, block });
        }
        let timestamp = match block.block_overrides.time {
            Some(Strict(timestamp)) => timestamp,
            None => last_timestamp.saturating_add(INTERVAL_S),
        };
        if timestamp <= last_timestamp {
            let message =
                format!("block timestamps must be in order: {timestamp} <= {last_timestamp}");
            return Err(RpcError::new(TIMESTAMP_INVALID, message));
        }
        (last_number, last_timestamp) = (number, timestamp);
        placed.push(PlacedBlock { number, timestamp, block });
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn base() -> Header {
        Header { number: 10, timestamp: 100, ..Header::default() }
    }

    fn blocks(json: &str) -> Vec<SimulatedBlock> {
        serde_json::from_str(json).unwrap()
    }

    fn code(json: &str) -> i32 {
        place(&base(), blocks(json)).unwrap_err().code
    }

    #[test]
    fn gaps_are_filled() {
        let placed = place(&base(), blocks(r#"[{"blockOverrides":{"number":"0xd"}},{}]"#)).unwrap();
        let at: Vec<_> = placed.iter().map(|block| (block.number, block.timestamp)).collect();
        assert_eq!(at, [(11, 112), (12, 124), (13, 136), (14, 148)]);
    }

    #[test]
    fn order_and_limits() {
        assert_eq!(code(r#"[{"blockOverrides":{"number":"0xa"}}]"#), BLOCK_NUMBER_INVALID);
        assert_eq!(code(r#"[{"blockOverrides":{"time":"0x64"}}]"#), TIMESTAMP_INVALID);
        assert_eq!(code(r#"[{"blockOverrides":{"number":"0x10b"}}]"#), CLIENT_LIMIT);
        assert_eq!(code(r#"[{"blockOverrides":{"number":"0xffffffffffffffff"}}]"#), CLIENT_LIMIT);
        assert_eq!(code("[]"), crate::error::INVALID_PARAMS);
        let many = format!("[{}]", vec!["{}"; 257].join(","));
        assert_eq!(code(&many), CLIENT_LIMIT);
        let calls = format!(r#"[{{"calls":[{}]}}]"#, vec!["{}"; 5001].join(","));
        assert_eq!(code(&calls), CLIENT_LIMIT);
        assert_eq!(
            place(&base(), blocks(r#"[{"blockOverrides":{"number":"0x10a"}}]"#)).unwrap().len(),
            256
        );
    }

    #[test]
    fn timestamps_saturate() {
        let late = Header { number: 1, timestamp: u64::MAX, ..Header::default() };
        assert_eq!(place(&late, blocks("[{}]")).unwrap_err().code, TIMESTAMP_INVALID);
    }
}
