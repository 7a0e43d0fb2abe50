//! Sealing blocks by hand, and the fields of the next one.

use std::time::Duration;

use alloy_primitives::{Address, B256};

use super::{aliases, dev, refused};
use crate::params::{LooseNumber, Params};
use crate::registry::{Method, schema};
use crate::{Context, MineOptions, RpcError, param_by_serde};

/// Blocks that one request may seal.
const BLOCKS_MAX: u64 = 100_000;

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let mut methods = vec![
        Method::new("evm_mine", "Seals a block, or several.")
            .optional("timestampOrOptions", schema::any())
            .ordered(evm_mine),
    ];
    methods.extend(aliases(&["anvil_mine", "hardhat_mine"], |name| {
        Method::new(name, "Seals blocks, their timestamps a number of seconds apart.")
            .optional("blocks", schema::loose_number())
            .optional("intervalSeconds", schema::loose_number())
            .ordered(mine)
    }));
    methods.extend(aliases(&["evm_setAutomine", "anvil_setAutomine"], |name| {
        Method::new(name, "Turns sealing on arrival on or off.")
            .param("on", schema::boolean())
            .ordered(|context, params| {
                dev(context)?.set_automine(params.get(0)?).map_err(refused)?;
                Ok(true)
            })
    }));
    methods.extend(aliases(&["anvil_getAutomine", "hardhat_getAutomine"], |name| {
        Method::new(name, "Whether transactions are sealed as they arrive.")
            .returns("on", schema::boolean())
            .ordered(|context, _| Ok(dev(context)?.automine()))
    }));
    methods.push(
        Method::new("evm_setIntervalMining", "Seals a block every so often too; 0 stops that.")
            .param("milliseconds", schema::loose_number())
            .ordered(|context, params| {
                let interval = Duration::from_millis(number(params, 0)?);
                dev(context)?.set_interval(interval).map_err(refused)?;
                Ok(true)
            }),
    );
    methods.push(
        Method::new("anvil_setIntervalMining", "Seals blocks at an interval only; 0 seals none.")
            .param("seconds", schema::loose_number())
            .ordered(|context, params| {
                let interval = Duration::from_secs(number(params, 0)?);
                let dev = dev(context)?;
                dev.set_automine(false).map_err(refused)?;
                dev.set_interval(interval).map_err(refused)?;
                Ok(true)
            }),
    );
    methods.extend(aliases(&["evm_setBlockGasLimit", "anvil_setBlockGasLimit"], |name| {
        Method::new(name, "Sets the gas limit of later blocks.")
            .param("gas", schema::loose_number())
            .ordered(|context, params| {
                dev(context)?.set_block_gas_limit(number(params, 0)?).map_err(refused)?;
                Ok(true)
            })
    }));
    methods.extend(aliases(&["anvil_setCoinbase", "hardhat_setCoinbase"], |name| {
        Method::new(name, "Sets the receiver of fees.").param("address", schema::address()).ordered(
            |context, params| {
                let address: Address = params.get(0)?;
                dev(context)?.set_coinbase(address).map_err(refused)?;
                Ok(true)
            },
        )
    }));
    let base_fee = ["anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas"];
    methods.extend(aliases(&base_fee, |name| {
        Method::new(name, "Sets the base fee of the next block.")
            .param("wei", schema::loose_number())
            .ordered(|context, params| {
                dev(context)?.set_next_base_fee(number(params, 0)?).map_err(refused)?;
                Ok(true)
            })
    }));
    methods.push(
        Method::new("jovay_devSetNextBlobBaseFee", "Sets the blob base fee of the next block.")
            .param("wei", schema::loose_number())
            .ordered(|context, params| {
                dev(context)?.set_next_blob_base_fee(number(params, 0)?).map_err(refused)?;
                Ok(true)
            }),
    );
    methods.extend(aliases(&["anvil_setPrevRandao", "hardhat_setPrevRandao"], |name| {
        Method::new(name, "Sets PREVRANDAO of the next block.")
            .param("value", schema::hash())
            .ordered(|context, params| {
                let value: B256 = params.get(0)?;
                dev(context)?.set_prev_randao(value).map_err(refused)?;
                Ok(true)
            })
    }));
    methods
}

/// A number at `index` that fits 64 bits.
pub(super) fn number(params: &Params<'_>, index: usize) -> Result<u64, RpcError> {
    let number: LooseNumber = params.get(index)?;
    number.to_u64().ok_or_else(|| RpcError::invalid_argument(index, "number > 64 bits"))
}

/// The same, if it is given.
pub(super) fn number_opt(params: &Params<'_>, index: usize) -> Result<Option<u64>, RpcError> {
    match params.raw(index) {
        Some(_) => number(params, index).map(Some),
        None => Ok(None),
    }
}

/// What Ganache's `evm_mine` takes besides a plain timestamp.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum MineParam {
    Timestamp(LooseNumber),
    Options { timestamp: Option<LooseNumber>, blocks: Option<LooseNumber> },
}

param_by_serde!(MineParam);

fn evm_mine(context: &Context, params: &Params<'_>) -> Result<&'static str, RpcError> {
    let fits = |number: LooseNumber| {
        number.to_u64().ok_or_else(|| RpcError::invalid_argument(0, "number > 64 bits"))
    };
    let (timestamp, blocks) = match params.opt(0)? {
        None => (None, None),
        Some(MineParam::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(MineParam::Options { timestamp, blocks }) => (timestamp, blocks),
    };
    let blocks = blocks.map(fits).transpose()?.unwrap_or(1);
    let timestamp = timestamp.map(fits).transpose()?.filter(|timestamp| *timestamp > 0);
    run(context, MineOptions { blocks, interval_s: None, timestamp })?;
    Ok("0x0")
}

fn mine(context: &Context, params: &Params<'_>) -> Result<bool, RpcError> {
    let blocks = number_opt(params, 0)?.unwrap_or(1);
    let interval_s = number_opt(params, 1)?;
    run(context, MineOptions { blocks, interval_s, timestamp: None })?;
    Ok(true)
}

fn run(context: &Context, options: MineOptions) -> Result<(), RpcError> {
    if options.blocks > BLOCKS_MAX {
        return Err(RpcError::invalid_params(format!(
            "too many blocks, the limit is {BLOCKS_MAX}"
        )));
    }
    let latest = context.require_block(Default::default())?.header.timestamp;
    if let Some(timestamp) = options.timestamp.filter(|timestamp| *timestamp < latest) {
        let message =
            format!("timestamp {timestamp} is lower than the previous block's timestamp {latest}");
        return Err(RpcError::invalid_params(message));
    }
    dev(context)?.mine(options).map_err(refused)
}
