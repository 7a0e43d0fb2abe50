//! One transaction of a person on L1.

use std::time::{Duration, Instant};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U64, U256, hex};
use alloy_sol_types::SolCall;
use jovay_l1::{BlockTag, FeeState, L1Client, L1Error, L1Receipt, Signer, describe_revert};
use serde_json::json;

use super::BridgeError;

/// Gas limit over the estimate, in percent: state may change until the transaction is in a block.
const GAS_MARGIN_PERCENT: u64 = 125;
/// Most gas of a transaction (EIP-7825).
const GAS_MAX: u64 = 1 << 24;
/// A tip for nodes that suggest none, in wei.
const TIP_DEFAULT: u128 = 1_000_000_000;
/// How long a transaction may take to get into a block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(600);
/// Between two looks for the receipt.
const POLL: Duration = Duration::from_millis(250);

/// Sends `call` to `to` with `value` wei and waits until it is in a block. `what` is for errors.
///
/// # Errors
/// See [`BridgeError`].
pub(super) async fn send<C: SolCall>(
    client: &L1Client,
    signer: &Signer,
    what: &'static str,
    to: Address,
    value: U256,
    call: &C,
) -> Result<L1Receipt, BridgeError> {
    let input = Bytes::from(call.abi_encode());
    let from = signer.address();
    let (base_fee, tip) = prices(client).await?;
    // Twice the base fee: enough for the six full blocks that double it.
    let max_fee = base_fee.saturating_mul(2).saturating_add(tip);
    let request = json!({"from": from, "to": to, "value": value, "input": input});
    let gas = client.estimate_gas(&request).await;
    let balance = client.balance(from, BlockTag::Latest).await?;
    let needed = |gas: u64| value.saturating_add(U256::from(gas) * U256::from(max_fee));
    let gas = match gas {
        Ok(gas) => (gas.saturating_mul(GAS_MARGIN_PERCENT) / 100).min(GAS_MAX),
        Err(_) if balance < value => {
            return Err(BridgeError::Unfunded { account: from, balance, needed: value });
        }
        Err(error) => return Err(reverted(what, error)),
    };
    if balance < needed(gas) {
        return Err(BridgeError::Unfunded { account: from, balance, needed: needed(gas) });
    }
    let (hash, raw) = signer.sign(TxEip1559 {
        chain_id: client.chain_id().await?,
        nonce: client.nonce(from, BlockTag::Pending).await?,
        gas_limit: gas,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        value,
        access_list: Default::default(),
        input,
    });
    client.send_raw(&raw).await?;
    let begun = Instant::now();
    while begun.elapsed() < INCLUSION_TIMEOUT {
        match client.receipt(hash).await {
            Ok(Some(receipt)) if receipt.succeeded() => return Ok(receipt),
            Ok(Some(receipt)) => {
                let reason = format!("transaction {hash} in block {}", receipt.block_number);
                return Err(BridgeError::Reverted { what, reason });
            }
            Ok(None) => {}
            // It is on its way; a node that is busy says nothing about that.
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(POLL).await;
    }
    Err(BridgeError::Timeout { what, hash, seconds: INCLUSION_TIMEOUT.as_secs() })
}

fn reverted(what: &'static str, error: L1Error) -> BridgeError {
    let L1Error::Rpc { data, message, .. } = &error else { return error.into() };
    let bytes = data.as_ref().and_then(|data| hex::decode(data.trim_matches('"')).ok());
    let reason = bytes.map_or_else(|| message.clone(), |bytes| describe_revert(&bytes));
    BridgeError::Reverted { what, reason }
}

/// The next block's base fee and a usual tip, in wei.
async fn prices(client: &L1Client) -> Result<(u128, u128), BridgeError> {
    let malformed = |message: &str| L1Error::Malformed {
        method: "eth_getBlockByNumber".into(),
        message: message.into(),
    };
    let head = client.block(BlockTag::Latest).await?;
    let head = head.ok_or_else(|| malformed("there is no latest block"))?;
    let state = FeeState::of(&head).ok_or_else(|| malformed("its fees are no network's"))?;
    let tip = match client.request::<U64>("eth_maxPriorityFeePerGas", json!([])).await {
        Ok(tip) => tip.to::<u64>().into(),
        Err(L1Error::Rpc { .. }) => TIP_DEFAULT,
        Err(error) => return Err(error.into()),
    };
    Ok((u128::from(state.next_base_fee()), tip))
}
