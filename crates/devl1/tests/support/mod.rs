//! The two L1s, and what is sent to them.
#![allow(dead_code, unused_imports)]

mod anvil;
mod blob;
mod wallet;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use jovay_devl1::{DevL1, DevL1Config};
use jovay_l1::{BlockTag, L1Block, L1Client, L1Error, L1Receipt};
use serde_json::{Value, json};

pub(crate) use anvil::anvil;
pub(crate) use blob::{sidecar, with_old_sidecar, with_sidecar};
pub(crate) use wallet::{GWEI, Wallet, blob_tx, transfer};

/// Where L1s differ. The first value of each is what Ethereum does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    /// EIP-7825's cap holds.
    pub(crate) gas_cap: bool,
    /// A replacement has to pay a tenth more.
    pub(crate) price_bump: bool,
    /// Wrong blob transactions, by their names in the suite, that it takes all the same.
    pub(crate) takes: &'static [&'static str],
    /// Its refusals of blob transactions say what is wrong.
    pub(crate) clear: bool,
    /// Most blobs in a block.
    pub(crate) blobs_per_block: u64,
    /// A block's timestamp is above its parent's.
    pub(crate) timestamps_rise: bool,
    /// EIP-4788's contract is there.
    pub(crate) beacon_roots: bool,
    /// The beacon API tells of slots; otherwise a block's number is its slot.
    pub(crate) slots: bool,
    /// The beacon API knows blocks by name (`head`).
    pub(crate) names: bool,
    /// The transactions of blocks that a reorg takes away return to the pool.
    pub(crate) reorg_returns: bool,
}

/// An L1 under test.
pub(crate) struct L1 {
    pub(crate) client: L1Client,
    pub(crate) url: String,
    pub(crate) ways: Ways,
    pub(crate) chain_id: u64,
    http: reqwest::Client,
}

/// An answer of the beacon API.
pub(crate) struct BeaconAnswer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl L1 {
    fn new(url: String, ways: Ways) -> Self {
        let client = L1Client::new(&url).unwrap();
        Self { client, url, ways, chain_id: 31_337, http: reqwest::Client::new() }
    }

    /// Calls a method that must succeed.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.client.request(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a transaction that must be accepted, and waits for its receipt.
    pub(crate) async fn mined(&self, raw: &Bytes) -> L1Receipt {
        let hash = self.client.send_raw(raw).await.unwrap();
        self.receipt(hash).await
    }

    /// The receipt of a transaction that is about to be in a block.
    pub(crate) async fn receipt(&self, hash: B256) -> L1Receipt {
        for _ in 0..600 {
            if let Some(receipt) = self.client.receipt(hash).await.unwrap() {
                return receipt;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{hash} is in no block");
    }

    /// The message with which a transaction is refused.
    pub(crate) async fn refused(&self, raw: &Bytes) -> String {
        match self.client.send_raw(raw).await {
            Err(L1Error::Rpc { message, .. }) => message.to_lowercase(),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn block(&self, tag: BlockTag) -> L1Block {
        self.client.block(tag).await.unwrap().unwrap()
    }

    pub(crate) async fn head(&self) -> u64 {
        self.block(BlockTag::Latest).await.number
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.call("anvil_mine", json!([U64::from(blocks)])).await;
    }

    pub(crate) async fn nonce(&self, address: Address) -> u64 {
        self.client.nonce(address, BlockTag::Latest).await.unwrap()
    }

    pub(crate) async fn eth_call(&self, to: Address, input: Vec<u8>) -> Bytes {
        self.client
            .request("eth_call", json!([{"to": to, "input": Bytes::from(input)}, "latest"]))
            .await
            .unwrap()
    }

    pub(crate) async fn blob_base_fee(&self) -> u128 {
        self.call("eth_blobBaseFee", json!([]))
            .await
            .as_str()
            .unwrap()
            .parse::<U256>()
            .unwrap()
            .to()
    }

    /// Asks the beacon API.
    pub(crate) async fn beacon(&self, path: &str) -> BeaconAnswer {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        BeaconAnswer { status, body: serde_json::from_str(&body).unwrap_or(Value::Null) }
    }

    /// A block's slot by the rule of every network: time since genesis over the time of a slot.
    pub(crate) async fn slot(&self, block: &L1Block) -> u64 {
        if !self.ways.slots {
            return block.number;
        }
        let genesis = self.beacon("/eth/v1/beacon/genesis").await.body;
        let spec = self.beacon("/eth/v1/config/spec").await.body;
        let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
        let seconds = number(&spec["data"]["SECONDS_PER_SLOT"]);
        (block.timestamp - number(&genesis["data"]["genesis_time"])) / seconds
    }
}

/// The development L1, sealing each transaction at once.
pub(crate) async fn devl1() -> (DevL1, L1) {
    let config = DevL1Config {
        block_time_s: 0.0,
        safe_depth: 1,
        finalized_depth: 2,
        ..DevL1Config::default()
    };
    devl1_with(config).await
}

/// The development L1 with other settings, on a free port.
pub(crate) async fn devl1_with(config: DevL1Config) -> (DevL1, L1) {
    let node = DevL1::start(DevL1Config { port: 0, ..config }).await.unwrap();
    let ways = Ways {
        gas_cap: true,
        price_bump: true,
        takes: &[],
        clear: true,
        blobs_per_block: 21,
        timestamps_rise: true,
        beacon_roots: true,
        slots: true,
        names: true,
        reorg_returns: true,
    };
    let l1 = L1::new(node.url(), ways);
    (node, l1)
}
