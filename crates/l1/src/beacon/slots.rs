//! Which slot an execution block is in.

use alloy_primitives::B256;
use jovay_da::LayerError;
use serde::Deserialize;

use super::BlobHint;
use super::client::BeaconClient;

/// Most bytes of an answer about the chain: a configuration has some 20 kB.
const ANSWER_MAX: usize = 1 << 20;

/// How a node numbers its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slots {
    /// By time.
    Timed {
        /// Unix seconds of slot 0.
        genesis: u64,
        /// Milliseconds of a slot.
        milliseconds: u64,
    },
    /// By the execution block's number: anvil, which has no beacon chain.
    Numbers,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds: Option<String>,
    /// What newer nodes say.
    #[serde(rename = "SLOT_DURATION_MS")]
    milliseconds: Option<String>,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
struct Header {
    header: SignedHeader,
}

#[derive(Deserialize)]
struct SignedHeader {
    message: HeaderMessage,
}

#[derive(Deserialize)]
struct HeaderMessage {
    parent_root: B256,
}

impl Slots {
    /// Finds out by asking: a node without a configuration has no slots.
    pub(super) async fn probe(client: &BeaconClient) -> Result<Self, LayerError> {
        let Some(spec) = client.json::<Spec>("eth/v1/config/spec", ANSWER_MAX).await? else {
            return Ok(Self::Numbers);
        };
        let number = |text: &str, what: &str| {
            let parsed = text.parse::<u64>().ok().filter(|number| *number > 0);
            parsed.ok_or_else(|| LayerError::Source(format!("beacon node: {what} is {text:?}")))
        };
        let milliseconds = match (&spec.milliseconds, &spec.seconds) {
            (Some(text), _) => number(text, "SLOT_DURATION_MS")?,
            (None, Some(text)) => number(text, "SECONDS_PER_SLOT")?.saturating_mul(1_000),
            (None, None) => return Ok(Self::Numbers),
        };
        let genesis: Option<Genesis> = client.json("eth/v1/beacon/genesis", ANSWER_MAX).await?;
        let genesis = genesis.ok_or_else(|| {
            LayerError::Source("beacon node: it has no genesis: it is not in operation".into())
        })?;
        let genesis = number(&genesis.genesis_time, "genesis_time")?;
        Ok(Self::Timed { genesis, milliseconds })
    }

    /// The slot of a block.
    pub(super) fn of(self, hint: &BlobHint) -> Result<u64, LayerError> {
        let Self::Timed { genesis, milliseconds } = self else { return Ok(hint.number) };
        let age = hint.timestamp.checked_sub(genesis).and_then(|age| age.checked_mul(1_000));
        age.map(|age| age / milliseconds).ok_or_else(|| {
            LayerError::Source(format!(
                "beacon node: L1 block {} is older than its chain: another network's?",
                hint.number
            ))
        })
    }

    /// Whether the node has the block of `hint` in `slot`; `None` if that cannot be told.
    pub(super) async fn is_there(
        self,
        client: &BeaconClient,
        slot: u64,
        hint: &BlobHint,
    ) -> Result<Option<bool>, LayerError> {
        let expected = hint.parent_beacon_root.filter(|root| !root.is_zero());
        let (Self::Timed { .. }, Some(expected)) = (self, expected) else { return Ok(None) };
        let route = format!("eth/v1/beacon/headers/{slot}");
        let header: Option<Header> = client.json(&route, ANSWER_MAX).await?;
        Ok(Some(header.is_some_and(|found| found.header.message.parent_root == expected)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn mainnet_slots() {
        // Slot 13,164,544 is the first of epoch 411,392, in which Fusaka began at 1764798551.
        let slots = Slots::Timed { genesis: 1_606_824_023, milliseconds: 12_000 };
        let hint = |timestamp| BlobHint { number: 7, timestamp, parent_beacon_root: None };
        assert_eq!(slots.of(&hint(1_764_798_551)).unwrap(), 13_164_544);
        assert_eq!(slots.of(&hint(1_606_824_023)).unwrap(), 0);
        assert!(slots.of(&hint(1_606_824_022)).is_err());
        assert_eq!(Slots::Numbers.of(&hint(1)).unwrap(), 7);
    }
}
