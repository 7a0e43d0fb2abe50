//! What a block context may say, and the header fields that follow from it
//! (`docs/spec/derivation.md`).

use alloy_primitives::B256;
use jovay_da::BlockContext;
use jovay_evm::{BlockEnv, ChainSpec, GAS_LIMIT_MAX, GAS_LIMIT_MIN, L2_SPEC_VERSION};
use jovay_types::{Header, RecoveredTx, Transaction};

/// The header fields of the block after `parent` by its context. `l1_rolling_hash` is the queue's
/// after the last message that blocks up to `parent` took.
///
/// # Errors
/// Which rule the context breaks.
pub(crate) fn block_env(
    spec: &ChainSpec,
    parent: &Header,
    context: &BlockContext,
    l1_rolling_hash: B256,
) -> Result<BlockEnv, String> {
    if context.spec_version != L2_SPEC_VERSION {
        let (got, known) = (context.spec_version, L2_SPEC_VERSION);
        return Err(format!("it follows version {got} of the rules, this program knows {known}"));
    }
    if parent.number.checked_add(1) != Some(context.number) {
        return Err(format!("it follows block {}", parent.number));
    }
    if context.timestamp < parent.timestamp {
        let (own, before) = (context.timestamp, parent.timestamp);
        return Err(format!("its timestamp {own} is before its parent's {before}"));
    }
    if !(GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&context.gas_limit) {
        return Err(format!("its gas limit {} is out of bounds", context.gas_limit));
    }
    let env = spec.next_block(parent, context.timestamp, context.gas_limit, l1_rolling_hash);
    if env.base_fee != Some(context.base_fee) {
        let (told, ruled) = (context.base_fee, env.base_fee.unwrap_or_default());
        return Err(format!("its base fee is {told}, the rules give {ruled}"));
    }
    Ok(env)
}

/// A signed transaction of a block, with its sender.
///
/// # Errors
/// It is not encoded as it must be, is of a kind that batches do not carry, or has no valid
/// signature.
pub(crate) fn signed_transaction(raw: &[u8]) -> Result<RecoveredTx, String> {
    let tx = Transaction::decode_2718_exact(raw).map_err(|error| error.to_string())?;
    match &tx {
        Transaction::L1Message(_) => {
            return Err("an L1 message stands in the data; L1's queue has them".into());
        }
        Transaction::Ethereum(signed) if signed.is_eip4844() => {
            return Err("a blob transaction; the L2 has none".into());
        }
        Transaction::Ethereum(_) => {}
    }
    if tx.encoded_2718() != raw {
        return Err("it is not in its canonical encoding".into());
    }
    RecoveredTx::recover(tx).map_err(|error| error.to_string())
}
