//! Comparison of blocks that the chain has already with what L1 says about them.

use jovay_evm::{BlockEnv, ChainSpec};
use jovay_types::{Header, SealedBlock};

use crate::plan::PlannedBlock;
use crate::rules::block_env;

/// Where a block here differs from what L1 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) block: u64,
    pub(crate) what: &'static str,
    pub(crate) l1: String,
    pub(crate) ours: String,
}

/// Whether `ours`, which follows `parent`, is the block that L1 describes. Since it was executed
/// here, equal inputs mean an equal block.
///
/// # Errors
/// `Ok(Some(…))` is a difference; an error means that L1's block breaks a rule on top of `parent`.
pub(crate) fn compare(
    spec: &ChainSpec,
    parent: &Header,
    ours: &SealedBlock,
    planned: &PlannedBlock,
) -> Result<Option<Difference>, String> {
    let header = &ours.header;
    let differs = |what, l1: String, ours: String| {
        Ok(Some(Difference { block: header.number, what, l1, ours }))
    };
    let context = &planned.context;
    let numbers = [
        ("timestamp", context.timestamp, header.timestamp),
        ("gas limit", context.gas_limit, header.gas_limit),
        ("base fee", context.base_fee, header.base_fee_per_gas.unwrap_or_default()),
    ];
    if let Some((what, l1, ours)) = numbers.into_iter().find(|(_, l1, ours)| l1 != ours) {
        return differs(what, l1.to_string(), ours.to_string());
    }
    let (theirs, mine) = (&planned.transactions, &ours.transactions);
    let unequal = theirs.iter().zip(mine).find(|(theirs, mine)| theirs.hash() != mine.hash());
    if let Some((theirs, mine)) = unequal {
        return differs("transaction", theirs.hash().to_string(), mine.hash().to_string());
    }
    if theirs.len() != mine.len() {
        return differs("number of transactions", theirs.len().to_string(), mine.len().to_string());
    }
    let env = block_env(spec, parent, context, planned.l1_rolling_hash)?;
    let found = BlockEnv::from(header);
    if env != found {
        return differs("header", format!("{env:?}"), format!("{found:?}"));
    }
    Ok(None)
}
