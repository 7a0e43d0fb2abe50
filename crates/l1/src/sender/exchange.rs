//! Trying intents out on the L1 node, handing transactions over, and judging its refusals.

use alloy_primitives::{Address, Bytes, U256};
use serde_json::{Value, json};

use super::journal::{Attempt, Content};
use super::node::Node;
use crate::{BlockTag, L1Error};

/// What estimating, which executes, led to.
pub(super) enum Simulation {
    /// It works, and uses so much gas.
    Works(u64),
    /// It reverts with this.
    Reverts(Bytes),
    /// The node does not say.
    Unclear(String),
}

/// What became of a transaction that was handed to the node.
#[derive(Debug)]
pub(super) enum Handed {
    /// The node has it.
    Taken,
    /// Its nonce is used by something that is in a block.
    NonceUsed,
    /// The balance does not cover what it may cost.
    NoFunds(String),
    /// It must offer more.
    Underpriced(String),
    /// The node does not want it now.
    Busy(String),
    /// No node would ever take it.
    Invalid(String),
}

impl Node {
    /// Executes what `content` wants on top of the block `on`, or of the node's pool.
    pub(super) async fn simulate(
        &self,
        from: Address,
        content: &Content,
        on: BlockTag,
    ) -> Result<Simulation, L1Error> {
        let params = json!([call(from, content), on.param()]);
        let error = match self.client().request::<U256>("eth_estimateGas", params).await {
            Ok(gas) => return Ok(Simulation::Works(gas.saturating_to())),
            Err(error) => error,
        };
        match revert_of(&error) {
            Some(data) => Ok(Simulation::Reverts(data)),
            None if matches!(error, L1Error::Rpc { .. }) => {
                Ok(Simulation::Unclear(error.to_string()))
            }
            None => Err(error),
        }
    }

    /// What the transaction of a receipt returned when it reverted, as far as executing it again
    /// on its block's parent tells.
    pub(super) async fn revert_data(
        &self,
        from: Address,
        content: &Content,
        block: u64,
    ) -> Option<Bytes> {
        for number in [block.saturating_sub(1), block] {
            let params = json!([call(from, content), BlockTag::Number(number).param()]);
            if let Err(error) = self.client().request::<Value>("eth_call", params).await
                && let Some(data) = revert_of(&error)
            {
                return Some(data);
            }
        }
        None
    }

    /// Hands over a transaction. What a refusal means is for the chain to say (is it known, is
    /// its nonce used, is there money); the node's words only where nothing else tells.
    ///
    /// # Errors
    /// The node does not answer: it may have the transaction, or not.
    pub(super) async fn hand(
        &self,
        from: Address,
        attempt: &Attempt,
        cost: U256,
        raw: &[u8],
    ) -> Result<Handed, L1Error> {
        let error = match self.client().send_raw(raw).await {
            Ok(_) => return Ok(Handed::Taken),
            Err(error @ L1Error::Rpc { .. }) => error,
            Err(error) => return Err(error),
        };
        if self.client().transaction(attempt.hash).await?.is_some() {
            return Ok(Handed::Taken);
        }
        if self.client().nonce(from, BlockTag::Latest).await? > attempt.nonce {
            return Ok(Handed::NonceUsed);
        }
        let balance = self.client().balance(from, BlockTag::Latest).await?;
        if balance < cost {
            return Ok(Handed::NoFunds(funds(balance, cost)));
        }
        Ok(by_words(&error))
    }
}

/// Says that funds are missing.
pub(super) fn funds(balance: U256, cost: U256) -> String {
    format!("insufficient funds: the balance is {balance} wei, up to {cost} wei are needed")
}

fn call(from: Address, content: &Content) -> Value {
    let mut call = json!({"from": from, "value": content.value, "input": content.data});
    if let Some(to) = content.to {
        call["to"] = json!(to);
    }
    if content.has_blobs() {
        call["blobVersionedHashes"] = json!(content.versioned_hashes);
    }
    call
}

/// What a call returned, if `error` says that it reverted.
fn revert_of(error: &L1Error) -> Option<Bytes> {
    let L1Error::Rpc { code, message, data, .. } = error else { return None };
    let data = data.as_deref().and_then(|data| data.parse::<Bytes>().ok());
    // 3 is geth's code, which most have taken over; others say it in words.
    let reverted = *code == 3 || message.to_lowercase().contains("revert");
    reverted.then(|| data.unwrap_or_default())
}

/// Words of geth, reth, Nethermind, Besu, Erigon and anvil. Unknown ones mean to ask again later.
fn by_words(error: &L1Error) -> Handed {
    const UNDERPRICED: &[&str] = &[
        "underpriced",
        "fee too low",
        "less than block base fee",
        "less than block blob gas fee",
        "below minimum",
        "feetoolow",
        "price bump",
    ];
    const INVALID: &[&str] = &[
        "intrinsic gas",
        "exceeds block gas limit",
        "gas limit too high",
        "gas limit exceeds",
        "exceeds maximum gas limit",
        "oversized",
        "size limit",
        "not supported",
        "max initcode size",
        "invalid signature",
        "invalid sender",
        "invalid chain",
        "too many blobs",
        "failed to decode",
        "rlp:",
    ];
    let L1Error::Rpc { message, .. } = error else { return Handed::Busy(error.to_string()) };
    let words = message.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    if says(UNDERPRICED) {
        Handed::Underpriced(error.to_string())
    } else if says(INVALID) {
        Handed::Invalid(error.to_string())
    } else {
        Handed::Busy(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: i64, message: &str, data: Option<&str>) -> L1Error {
        L1Error::Rpc {
            method: "eth_sendRawTransaction".into(),
            code,
            message: message.into(),
            data: data.map(Into::into),
        }
    }

    /// What nodes say. What is not known must never end an intent.
    #[test]
    fn words_of_nodes() {
        let says = |message: &str| match by_words(&refusal(-32_000, message, None)) {
            Handed::Underpriced(_) => 'u',
            Handed::Invalid(_) => 'i',
            Handed::Busy(_) => 'b',
            _ => '?',
        };
        for (message, expected) in [
            // geth
            ("replacement transaction underpriced", 'u'),
            ("transaction gas price below minimum: gas tip cap 1, minimum needed 1000000", 'u'),
            ("max fee per blob gas less than block blob gas fee", 'u'),
            ("transaction gas limit too high (cap: 16777216, tx: 20000000)", 'i'),
            ("max fee per gas less than block base fee", 'u'),
            ("intrinsic gas too low: gas 20000, minimum needed 21000", 'i'),
            ("exceeds block gas limit", 'i'),
            ("oversized data: transaction size 131200, limit 131072", 'i'),
            ("transaction type not supported", 'i'),
            ("address already reserved", 'b'),
            ("txpool is full", 'b'),
            ("nonce too high", 'b'),
            // Nethermind, Erigon
            ("FeeTooLow, MaxFeePerGas too low", 'u'),
            ("ReplacementNotAllowed", 'b'),
            // Nobody
            ("the stars are wrong", 'b'),
        ] {
            assert_eq!(says(message), expected, "{message}");
        }
    }

    #[test]
    fn reverts_are_told_from_other_errors() {
        let data = |code, message, data| revert_of(&refusal(code, message, data));
        let some = Some(Bytes::from_static(&[0x12, 0x34]));
        assert_eq!(data(3, "execution reverted", Some("0x1234")), some);
        assert_eq!(data(-32_015, "VM execution error: Reverted", Some("0x1234")), some);
        assert_eq!(data(-32_000, "execution reverted", None), Some(Bytes::new()));
        assert_eq!(data(3, "execution reverted: no", Some("no hex")), Some(Bytes::new()));
        assert_eq!(data(-32_000, "insufficient funds for transfer", None), None);
        assert_eq!(data(-32_000, "header not found", Some("0x1234")), None);
    }
}
