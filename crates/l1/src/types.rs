//! What is read from L1.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// Which block is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockTag {
    /// The last block.
    Latest,
    /// The last block that two thirds of the validators have attested.
    Safe,
    /// The last block that cannot change any more.
    Finalized,
    /// What the pool would lead to.
    Pending,
    /// The block with this number.
    Number(u64),
    /// The block with this hash, as long as it is on the chain (EIP-1898 where state is asked for).
    Hash(B256),
}

impl BlockTag {
    /// As a parameter of JSON-RPC.
    pub(crate) fn param(self) -> serde_json::Value {
        match self {
            Self::Latest => "latest".into(),
            Self::Safe => "safe".into(),
            Self::Finalized => "finalized".into(),
            Self::Pending => "pending".into(),
            Self::Number(number) => format!("{number:#x}").into(),
            Self::Hash(hash) => {
                serde_json::json!({ "blockHash": hash, "requireCanonical": true })
            }
        }
    }
}

impl std::str::FromStr for BlockTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            "safe" => Ok(Self::Safe),
            "finalized" => Ok(Self::Finalized),
            _ => Err(format!("{text:?} is not one of latest, safe, finalized")),
        }
    }
}

impl std::fmt::Display for BlockTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Safe => f.write_str("safe"),
            Self::Finalized => f.write_str("finalized"),
            Self::Pending => f.write_str("pending"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Hash(hash) => write!(f, "{hash}"),
        }
    }
}

/// The header fields of an L1 block that the rollup uses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Block {
    /// Its number.
    #[serde(with = "alloy_serde::quantity")]
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before.
    pub parent_hash: B256,
    /// Seconds since 1970.
    #[serde(with = "alloy_serde::quantity")]
    pub timestamp: u64,
    /// Gas that it may use.
    #[serde(with = "alloy_serde::quantity")]
    pub gas_limit: u64,
    /// Gas that it used.
    #[serde(with = "alloy_serde::quantity")]
    pub gas_used: u64,
    /// Wei per gas (EIP-1559).
    #[serde(with = "alloy_serde::quantity")]
    pub base_fee_per_gas: u64,
    /// Blob gas above the target so far (EIP-4844); `None` before Cancun.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub excess_blob_gas: Option<u64>,
    /// Blob gas that it used (EIP-4844); `None` before Cancun.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub blob_gas_used: Option<u64>,
    /// Root of the beacon block before (EIP-4788); `None` before Cancun.
    #[serde(default)]
    pub parent_beacon_block_root: Option<B256>,
}

/// A log of a block on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Log {
    /// Who emitted it.
    pub address: Address,
    /// Indexed fields; the event's hash first.
    pub topics: Vec<B256>,
    /// The other fields.
    pub data: Bytes,
    /// Number of its block.
    #[serde(with = "alloy_serde::quantity")]
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// The transaction that led to it.
    pub transaction_hash: B256,
    /// Its place in the block.
    #[serde(with = "alloy_serde::quantity")]
    pub log_index: u64,
    /// Whether its block has been taken back.
    #[serde(default)]
    pub removed: bool,
}

/// Which logs to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFilter {
    /// First block.
    #[serde(with = "alloy_serde::quantity")]
    pub from_block: u64,
    /// Last block.
    #[serde(with = "alloy_serde::quantity")]
    pub to_block: u64,
    /// Emitted by one of these.
    pub address: Vec<Address>,
    /// For each position the accepted values; empty accepts all.
    pub topics: Vec<Vec<B256>>,
}

/// A transaction on L1, in a block or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Transaction {
    /// Its hash.
    pub hash: B256,
    /// Who signed it.
    pub from: Address,
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// The signer's nonce.
    #[serde(with = "alloy_serde::quantity")]
    pub nonce: u64,
    /// Wei that go along.
    pub value: U256,
    /// Call data.
    pub input: Bytes,
    /// Hash of its block; `None` while it waits.
    pub block_hash: Option<B256>,
    /// Number of its block; `None` while it waits.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub block_number: Option<u64>,
    /// Versioned hashes of its blobs.
    #[serde(default)]
    pub blob_versioned_hashes: Vec<B256>,
}

/// What a transaction in a block led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Receipt {
    /// The transaction.
    pub transaction_hash: B256,
    /// Hash of its block.
    pub block_hash: B256,
    /// Number of its block.
    #[serde(with = "alloy_serde::quantity")]
    pub block_number: u64,
    /// 1 if it succeeded.
    #[serde(with = "alloy_serde::quantity")]
    pub status: u64,
    /// Gas that it used.
    #[serde(with = "alloy_serde::quantity")]
    pub gas_used: u64,
    /// Wei per gas that it paid.
    #[serde(with = "alloy_serde::quantity")]
    pub effective_gas_price: u128,
    /// Blob gas that it used.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub blob_gas_used: Option<u64>,
    /// Wei per blob gas that it paid.
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub blob_gas_price: Option<u128>,
    /// The contract that it created.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// Its logs.
    pub logs: Vec<L1Log>,
}

impl L1Receipt {
    /// Whether the transaction did what it was to do.
    pub fn succeeded(&self) -> bool {
        self.status == 1
    }

    /// Wei that it cost, blobs included.
    pub fn cost(&self) -> U256 {
        let gas = U256::from(self.gas_used) * U256::from(self.effective_gas_price);
        let (blob_gas, price) = (self.blob_gas_used, self.blob_gas_price);
        gas + U256::from(blob_gas.unwrap_or_default()) * U256::from(price.unwrap_or_default())
    }
}
