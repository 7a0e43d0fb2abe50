//! The fixtures' JSON, as far as the runners need it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use jovay_state::MemoryState;
use serde::Deserialize;

/// A file: cases by name.
pub(crate) type Cases<T> = BTreeMap<String, T>;

#[derive(Debug, Deserialize)]
pub(crate) struct AccountFixture {
    pub(crate) balance: U256,
    pub(crate) nonce: U64,
    pub(crate) code: Bytes,
    #[serde(default)]
    pub(crate) storage: BTreeMap<U256, U256>,
}

pub(crate) type Alloc = BTreeMap<Address, AccountFixture>;

/// The state that `alloc` lists.
pub(crate) fn memory_state(alloc: &Alloc) -> MemoryState {
    let mut state = MemoryState::new();
    for (address, account) in alloc {
        let slots = account.storage.iter().map(|(slot, value)| (*slot, *value));
        let nonce = account.nonce.to();
        state.insert(*address, nonce, account.balance, account.code.clone(), slots);
    }
    state
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlobParamsFixture {
    pub(crate) target: U64,
    pub(crate) max: U64,
    pub(crate) base_fee_update_fraction: U64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigFixture {
    pub(crate) chainid: Option<U64>,
    #[serde(default)]
    pub(crate) blob_schedule: BTreeMap<String, BlobParamsFixture>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvFixture {
    pub(crate) current_coinbase: Address,
    pub(crate) current_gas_limit: U256,
    pub(crate) current_number: U64,
    pub(crate) current_timestamp: U64,
    #[serde(default)]
    pub(crate) current_difficulty: U256,
    pub(crate) current_base_fee: Option<U64>,
    pub(crate) current_random: Option<U256>,
    pub(crate) current_excess_blob_gas: Option<U64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateCase {
    pub(crate) env: EnvFixture,
    pub(crate) pre: Alloc,
    pub(crate) transaction: StateTransaction,
    pub(crate) post: BTreeMap<String, Vec<Post>>,
    #[serde(default)]
    pub(crate) config: ConfigFixture,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StateTransaction {
    pub(crate) sender: Option<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Post {
    pub(crate) hash: B256,
    pub(crate) logs: B256,
    pub(crate) txbytes: Bytes,
    pub(crate) indexes: Indexes,
    pub(crate) expect_exception: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Indexes {
    pub(crate) data: usize,
    pub(crate) gas: usize,
    pub(crate) value: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockchainCase {
    pub(crate) network: String,
    #[serde(rename = "genesisRLP")]
    pub(crate) genesis_rlp: Bytes,
    pub(crate) pre: Alloc,
    pub(crate) post_state: Option<Alloc>,
    pub(crate) post_state_hash: Option<B256>,
    pub(crate) lastblockhash: B256,
    pub(crate) blocks: Vec<BlockFixture>,
    #[serde(default)]
    pub(crate) config: ConfigFixture,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockFixture {
    pub(crate) rlp: Bytes,
    pub(crate) expect_exception: Option<String>,
}
