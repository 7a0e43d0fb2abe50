//! What gas costs, and what it has cost.

use alloy_consensus::Header;
use alloy_primitives::{U64, U128, U256};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::params::{BlockNumber, FromParam, LooseNumber, Params, from_json};
use crate::registry::{Method, schema};
use crate::{Context, RpcError};

/// Blocks that one `eth_feeHistory` covers: geth's limit.
const HISTORY_BLOCKS_MAX: u64 = 1024;
/// Percentiles that one `eth_feeHistory` may name: geth's limit.
const PERCENTILES_MAX: usize = 100;
/// Blocks whose tips count for a suggestion.
const TIP_BLOCKS: u64 = 20;
/// Cheapest tips of each block that count.
const TIPS_PER_BLOCK: usize = 3;
/// Which of them is suggested.
const TIP_PERCENTILE: usize = 60;
/// Suggested at least, in wei: a tip that makes no difference to a wallet and keeps the order of
/// the pool meaningful.
pub(crate) const TIP_MIN: u128 = 1_000_000;
/// Suggested at most, in wei: 500 gwei, so that one foolish sender does not set the price.
const TIP_MAX: u128 = 500_000_000_000;

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("eth_gasPrice", "A gas price with which a legacy transaction gets in.")
            .returns("wei", schema::quantity())
            .light(|context, _| {
                let base = context.chain.next_block_env().base_fee.unwrap_or(0);
                Ok(U256::from(base) + U256::from(suggested_tip(context)?))
            }),
        Method::new("eth_maxPriorityFeePerGas", "A tip with which a transaction gets in.")
            .returns("wei", schema::quantity())
            .light(|context, _| Ok(U128::from(suggested_tip(context)?))),
        Method::new("eth_baseFee", "Base fee of the next block.")
            .returns("wei", schema::nullable(schema::quantity()))
            .light(|context, _| Ok(context.chain.next_block_env().base_fee.map(U64::from))),
        Method::new("eth_blobBaseFee", "Price of blob gas.")
            .returns("wei", schema::quantity())
            .light(|context, _| {
                let latest = context.require_block(BlockNumber::Latest.into())?;
                Ok(U128::from(blob_fee(context, &latest.header)))
            }),
        Method::new("eth_feeHistory", "Base fees, use of gas and tips of past blocks.")
            .param("blockCount", schema::loose_number())
            .param("newestBlock", schema::block_number())
            .optional("rewardPercentiles", schema::array(schema::number()))
            .returns("history", schema::object())
            .blocking(fee_history),
    ]
}

fn blob_fee(context: &Context, header: &Header) -> u128 {
    let excess = header.excess_blob_gas;
    excess
        .and_then(|excess| context.chain.spec().blob_base_fee(excess, header.timestamp))
        .unwrap_or(0)
}

/// The 60th percentile of the cheapest tips of the last blocks, within bounds.
pub(crate) fn suggested_tip(context: &Context) -> Result<u128, RpcError> {
    let latest = context.chain.tags().latest;
    let mut tips = Vec::new();
    for number in (latest.saturating_sub(TIP_BLOCKS - 1)..=latest).rev() {
        let Some(block) = context.chain.block(number)? else { continue };
        // In a block with room any tip would have done.
        if block.header.gas_used < block.header.gas_limit / 2 {
            tips.push(TIP_MIN);
            continue;
        }
        let base_fee = block.header.base_fee_per_gas;
        let mut of_block: Vec<u128> = block
            .transactions
            .iter()
            .filter(|tx| tx.as_ethereum().is_some())
            .map(|tx| tip(tx.effective_gas_price(base_fee), base_fee))
            .collect();
        of_block.sort_unstable();
        tips.extend(of_block.into_iter().take(TIPS_PER_BLOCK));
    }
    tips.sort_unstable();
    let at = tips.len().saturating_sub(1) * TIP_PERCENTILE / 100;
    Ok(tips.get(at).copied().unwrap_or(TIP_MIN).clamp(TIP_MIN, TIP_MAX))
}

fn tip(price: u128, base_fee: Option<u64>) -> u128 {
    price.saturating_sub(u128::from(base_fee.unwrap_or(0)))
}

/// Percentiles, ascending, each from 0 to 100.
struct Percentiles(Vec<f64>);

impl FromParam for Percentiles {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        from_json(raw).map(Self)
    }
}

impl Percentiles {
    fn check(&self) -> Result<(), RpcError> {
        if self.0.len() > PERCENTILES_MAX {
            let message = format!("over the query limit {PERCENTILES_MAX} of reward percentiles");
            return Err(RpcError::invalid_params(message));
        }
        let mut last = 0.0;
        for (at, percentile) in self.0.iter().enumerate() {
            if !(0.0..=100.0).contains(percentile) {
                return Err(RpcError::server(format!("invalid reward percentile: {percentile}")));
            }
            if at > 0 && *percentile <= last {
                let message =
                    format!("invalid reward percentile: #{}:{last} >= #{at}:{percentile}", at - 1);
                return Err(RpcError::server(message));
            }
            last = *percentile;
        }
        Ok(())
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<U128>>>,
    base_fee_per_gas: Vec<U64>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<U128>,
    blob_gas_used_ratio: Vec<f64>,
}

fn fee_history(context: &Context, params: &Params<'_>) -> Result<FeeHistory, RpcError> {
    let count: LooseNumber = params.get(0)?;
    let newest: BlockNumber = params.get(1)?;
    let percentiles: Option<Percentiles> = params.opt(2)?;
    if let Some(percentiles) = &percentiles {
        percentiles.check()?;
    }
    let Some(count) = count.to_u64() else {
        return Err(RpcError::invalid_argument(0, "block count > 64 bits"));
    };
    let head = context.chain.tags().latest;
    let newest = context.number(newest);
    if newest > head {
        let message = format!("request beyond head block: requested {newest}, head {head}");
        return Err(RpcError::server(message));
    }
    let count = count.min(HISTORY_BLOCKS_MAX).min(newest + 1);
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest = newest + 1 - count;
    let mut history = FeeHistory { oldest_block: U64::from(oldest), ..FeeHistory::default() };
    let percentiles = percentiles.map(|percentiles| percentiles.0).filter(|list| !list.is_empty());
    for number in oldest..=newest {
        let block = context.require_block(number.into())?;
        history.push(context, &block.header);
        if let Some(percentiles) = &percentiles {
            let rewards = rewards(context, number, percentiles)?;
            history.reward.get_or_insert_default().push(rewards);
        }
    }
    let last = context.require_block(newest.into())?;
    history.push_next(context, &last.header)?;
    Ok(history)
}

impl FeeHistory {
    fn push(&mut self, context: &Context, header: &Header) {
        let ratio = |used: u64, limit: u64| match limit {
            0 => 0.0,
            limit => used as f64 / limit as f64,
        };
        self.base_fee_per_gas.push(U64::from(header.base_fee_per_gas.unwrap_or(0)));
        self.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        self.base_fee_per_blob_gas.push(U128::from(blob_fee(context, header)));
        let blobs = context.chain.spec().blob_params(header.timestamp);
        let blob_limit = blobs.map_or(0, |params| params.max_blob_gas_per_block());
        self.blob_gas_used_ratio.push(ratio(header.blob_gas_used.unwrap_or(0), blob_limit));
    }

    /// The fees of the block after `last`, which follow from it.
    fn push_next(&mut self, context: &Context, last: &Header) -> Result<(), RpcError> {
        let spec = context.chain.spec();
        let next = context.chain.block(last.number + 1)?;
        let (base_fee, blob_fee) = match next {
            Some(next) => (next.header.base_fee_per_gas, blob_fee(context, &next.header)),
            None => {
                let excess = spec.next_excess_blob_gas(last, last.timestamp);
                let fee = excess.and_then(|excess| spec.blob_base_fee(excess, last.timestamp));
                (context.chain.next_block_env().base_fee, fee.unwrap_or(0))
            }
        };
        self.base_fee_per_gas.push(U64::from(base_fee.unwrap_or(0)));
        self.base_fee_per_blob_gas.push(U128::from(blob_fee));
        Ok(())
    }
}

/// The tips at which the given percentiles of the block's gas were bought.
fn rewards(context: &Context, number: u64, percentiles: &[f64]) -> Result<Vec<U128>, RpcError> {
    let block = context.require_block(number.into())?;
    let receipts = context.receipts(number)?;
    let base_fee = block.header.base_fee_per_gas;
    let mut tips: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .zip(receipts.iter())
        .map(|(tx, receipt)| (tip(tx.effective_gas_price(base_fee), base_fee), receipt.gas_used))
        .collect();
    tips.sort_unstable();
    let Some(&(first, first_gas)) = tips.first() else {
        return Ok(vec![U128::ZERO; percentiles.len()]);
    };
    let mut at = 0;
    let (mut price, mut sum) = (first, first_gas);
    let mut out = Vec::with_capacity(percentiles.len());
    for percentile in percentiles {
        let threshold = (block.header.gas_used as f64 * percentile / 100.0) as u64;
        while sum < threshold && at + 1 < tips.len() {
            at += 1;
            price = tips[at].0;
            sum = sum.saturating_add(tips[at].1);
        }
        out.push(U128::from(price));
    }
    Ok(out)
}
