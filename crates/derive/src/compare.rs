//! Comparison with a node of L2.

use alloy_primitives::B256;
use jovay_l1::L1Client;
use jovay_storage::Chain;
use serde::Deserialize;
use serde_json::json;

use crate::DeriveError;

/// Blocks that are asked for in one request.
const BLOCKS_AT_ONCE: u64 = 100;

/// A node of L2 whose blocks must be those that L1 gives.
#[derive(Clone, Debug)]
pub struct NodeComparison {
    /// JSON-RPC is the same on both layers.
    client: L1Client,
    compared: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    hash: B256,
    state_root: B256,
}

impl NodeComparison {
    /// Compares with the node behind `client`.
    pub fn new(client: L1Client) -> Self {
        Self { client, compared: 0 }
    }

    /// How many blocks were compared.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Compares hash and state root of the blocks `from..=to` of `chain` with the node's.
    ///
    /// # Errors
    /// [`DeriveError::Comparison`], or the node does not answer.
    pub async fn check(&mut self, chain: &Chain, from: u64, to: u64) -> Result<(), DeriveError> {
        let mut first = from;
        while first <= to {
            let last = to.min(first + BLOCKS_AT_ONCE - 1);
            let params = (first..=last).map(|n| json!([format!("{n:#x}"), false])).collect();
            let told: Vec<Option<Told>> =
                self.client.request_many("eth_getBlockByNumber", params).await?;
            for (number, told) in (first..=last).zip(told) {
                self.check_block(chain, number, told)?;
            }
            first = last + 1;
        }
        Ok(())
    }

    fn check_block(
        &mut self,
        chain: &Chain,
        number: u64,
        told: Option<Told>,
    ) -> Result<(), DeriveError> {
        let differs = |what, theirs: String, ours: B256| DeriveError::Comparison {
            block: number,
            what,
            node: self.client.shown_url(),
            theirs,
            ours: ours.to_string(),
        };
        let missing = || DeriveError::Store(format!("block {number} is not on disk"));
        let ours = chain.block(number)?.ok_or_else(missing)?;
        let Some(told) = told else { return Err(differs("block", "missing".into(), ours.hash)) };
        if told.state_root != ours.header.state_root {
            let root = told.state_root.to_string();
            return Err(differs("state root", root, ours.header.state_root));
        }
        if told.hash != ours.hash {
            return Err(differs("hash", told.hash.to_string(), ours.hash));
        }
        self.compared += 1;
        Ok(())
    }
}
