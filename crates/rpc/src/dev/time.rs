//! The clock of a development chain, and going back on it.

use alloy_primitives::U64;
use serde_json::Value;

use super::blocks::number;
use super::{aliases, dev, refused};
use crate::params::Params;
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Timestamps beyond the year 9999 are a mistake, mostly milliseconds.
const TIMESTAMP_MAX: u64 = 253_402_300_799;

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(aliases(&["evm_snapshot", "anvil_snapshot"], |name| {
        Method::new(name, "Remembers this moment.")
            .returns("snapshot", schema::quantity())
            .ordered(|context, _| Ok(U64::from(dev(context)?.snapshot().map_err(refused)?)))
    }));
    methods.extend(aliases(&["evm_revert", "anvil_revert"], |name| {
        Method::new(name, "Goes back to a snapshot and forgets it and later ones.")
            .param("snapshot", schema::loose_number())
            .returns("done", schema::boolean())
            .ordered(|context, params| dev(context)?.revert(number(params, 0)?).map_err(refused))
    }));
    methods.extend(aliases(&["anvil_reset", "hardhat_reset"], |name| {
        Method::new(name, "Goes back to the first block, with the settings of the start.")
            .optional("options", schema::object())
            .ordered(reset)
    }));
    methods.extend(aliases(&["evm_increaseTime", "anvil_increaseTime"], |name| {
        Method::new(name, "Moves the clock; the whole offset so far in seconds.")
            .param("seconds", schema::loose_number())
            .returns("offset", schema::integer())
            .ordered(increase_time)
    }));
    let next = ["evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp"];
    methods.extend(aliases(&next, |name| {
        Method::new(name, "Sets the timestamp of the next block.")
            .param("timestamp", schema::loose_number())
            .ordered(set_next_timestamp)
    }));
    methods.extend(aliases(&["evm_setTime", "anvil_setTime"], |name| {
        Method::new(name, "Sets the clock; its offset against real time in seconds.")
            .param("timestamp", schema::loose_number())
            .returns("offset", schema::integer())
            .ordered(set_time)
    }));
    methods
}

/// Both tools take an object that may name another chain to fork.
fn reset(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let options: Value = params.opt(0)?.unwrap_or_default();
    if options.get("forking").is_some_and(|fork| !fork.is_null()) {
        return Err(RpcError::invalid_params("forking another chain is not supported"));
    }
    dev(context)?.reset().map_err(refused)?;
    Ok(true)
}

fn increase_time(context: &Context, params: &Params<'_>) -> Result<i64, RpcError> {
    let seconds = number(params, 0)?;
    if seconds > TIMESTAMP_MAX {
        return Err(RpcError::invalid_params("too many seconds"));
    }
    dev(context)?.increase_time(seconds).map_err(refused)
}

fn timestamp(params: &Params<'_>) -> Result<u64, RpcError> {
    let timestamp = number(params, 0)?;
    if timestamp > TIMESTAMP_MAX {
        return Err(RpcError::invalid_params("timestamp too large: it counts seconds"));
    }
    Ok(timestamp)
}

fn set_next_timestamp(context: &Context, params: &Params<'_>) -> Result<u64, RpcError> {
    let timestamp = timestamp(params)?;
    let latest = context.require_block(Default::default())?.header.timestamp;
    if timestamp < latest {
        let message =
            format!("timestamp {timestamp} is lower than the previous block's timestamp {latest}");
        return Err(RpcError::invalid_params(message));
    }
    dev(context)?.set_next_timestamp(timestamp).map_err(refused)?;
    Ok(timestamp)
}

fn set_time(context: &Context, params: &Params<'_>) -> Result<i64, RpcError> {
    dev(context)?.set_time(timestamp(params)?).map_err(refused)
}
