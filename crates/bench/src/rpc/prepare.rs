//! Funding the senders, deploying what the load needs, signing ahead.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256, b256};
use rayon::prelude::*;
use secp256k1::SecretKey;
use serde_json::{Value, json};

use super::drive::Work;
use super::{Load, Options};
use crate::BenchError;
use crate::client::Client;
use crate::wallet::{Action, Fees, Signed, Wallet};

/// The first account of the mnemonic "test test … junk", prefunded on every development node.
const FUNDER: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
/// Wei that each sender gets: 20 ether.
const ENDOWMENT: u64 = 20;
/// Transactions per request while preparing.
const PREPARE_BATCH: usize = 50;
/// How long a preparation step may take.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(120);

/// Senders that are ready to send.
pub(super) struct Prepared {
    load: Load,
    fees: Fees,
    contract: Option<Address>,
    senders: Vec<Wallet>,
    receivers: u64,
}

impl Prepared {
    /// Funds the senders and deploys and distributes the token if the load has one.
    pub(super) async fn new(
        client: &mut Client,
        load: Load,
        options: &Options,
    ) -> Result<Self, BenchError> {
        let chain_id: U64 = client.call("eth_chainId", json!([])).await?;
        let price: U128 = client.call("eth_gasPrice", json!([])).await?;
        // Fees may rise while blocks are full; ten times today's price outlasts a short run.
        let max_fee = price.to::<u128>().saturating_mul(10).max(2_000_000_000);
        let fees = Fees { chain_id: chain_id.to(), max_fee, tip: 1_000_000 };
        let mut funder = funder()?;
        let wei = U256::from(ENDOWMENT) * U256::from(10).pow(U256::from(18));
        let senders: Vec<_> = (0..options.senders as u64).map(Wallet::throwaway).collect();

        let mut steps = Vec::new();
        let mut contract = None;
        if let Some(action) = load.deployment()? {
            contract = Some(funder.address.create(funder.nonce));
            steps.push(funder.sign(action, fees));
        }
        for sender in &senders {
            let to = TxKind::Call(sender.address);
            let action = Action { to, value: wei, input: Bytes::new(), gas_limit: 21_000 };
            steps.push(funder.sign(action, fees));
            if let Some(action) = load.endowment(contract, sender.address) {
                steps.push(funder.sign(action, fees));
            }
        }
        send_and_wait(client, &steps).await?;
        Ok(Self { load, fees, contract, senders, receivers: 0 })
    }

    /// Takes the senders' nonces from the chain: not all that was signed may have been sent.
    pub(super) async fn forget_unsent(&mut self, client: &mut Client) -> Result<(), BenchError> {
        for wallet in &mut self.senders {
            let params = json!([wallet.address, "latest"]);
            let nonce: U64 = client.call("eth_getTransactionCount", params).await?;
            wallet.nonce = nonce.to();
        }
        Ok(())
    }

    /// Signs `count` transactions, spread evenly over the senders. Receivers are distinct
    /// accounts; every second one has been used before, as on a live chain.
    pub(super) fn sign(&mut self, count: usize) -> Work {
        let senders = self.senders.len();
        let (load, fees, contract) = (self.load, self.fees, self.contract);
        let first = self.receivers;
        self.receivers += (count / 2) as u64 + 1;
        let lanes = self.senders.par_iter_mut().enumerate().map(|(lane, wallet)| {
            let own = (lane..count).step_by(senders);
            own.map(|i| {
                let receiver = first + (i / 2) as u64;
                let to = Address::from_slice(
                    &(0x1000_0000_0000 + receiver).to_be_bytes().repeat(3)[..20],
                );
                wallet.sign(load.transaction(contract, to), fees)
            })
            .collect()
        });
        Work { lanes: lanes.collect() }
    }
}

fn funder() -> Result<Wallet, BenchError> {
    let key = SecretKey::from_slice(FUNDER.as_slice()).map_err(|error| BenchError::Node {
        method: "funding key".into(),
        message: error.to_string(),
    })?;
    Ok(Wallet::new(key))
}

/// Sends everything in order and waits until the last has a receipt that says success.
async fn send_and_wait(client: &mut Client, steps: &[Signed]) -> Result<(), BenchError> {
    for chunk in steps.chunks(PREPARE_BATCH) {
        let calls: Vec<Value> = chunk
            .iter()
            .map(|tx| json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [tx.raw]}))
            .collect();
        let answers: Vec<Value> =
            client.post("eth_sendRawTransaction", Value::from(calls).to_string()).await?;
        if let Some(error) = answers.iter().find_map(|answer| answer.get("error")) {
            let message = error.to_string();
            return Err(BenchError::Node { method: "eth_sendRawTransaction".into(), message });
        }
    }
    let started = Instant::now();
    for tx in steps {
        loop {
            let receipt: Value = client.call("eth_getTransactionReceipt", json!([tx.hash])).await?;
            match receipt["status"].as_str() {
                Some("0x1") => break,
                Some(status) => {
                    let message = format!("{} has status {status}", tx.hash);
                    return Err(BenchError::Node { method: "prepare".into(), message });
                }
                None if started.elapsed() > PREPARE_TIMEOUT => {
                    return Err(BenchError::Timeout("the preparing transactions".into()));
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    Ok(())
}
