//! An L1 that is not ours: anvil, as `scripts/setup` installs it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use jovay_l1::{L1Client, L1Receipt};
use serde_json::{Value, json};

/// A running anvil; it ends with this value.
pub struct Anvil {
    child: Child,
    pub url: String,
    pub client: L1Client,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `anvil` on the path, or where `scripts/setup` puts it.
fn program() -> Option<PathBuf> {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/node_modules/.bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from(installed)]);
    folders.map(|folder| folder.join("anvil")).find(|file| file.is_file())
}

impl Anvil {
    /// Starts one that seals each transaction at once; `None`, loudly, if there is no anvil.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED: no anvil; scripts/setup installs it");
            return None;
        };
        let mut child = Command::new(program)
            .args(["--port", "0", "--hardfork", "osaka", "--slots-in-an-epoch", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("anvil ended").unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break address.to_owned();
            }
        };
        // Nothing may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{address}");
        let client = L1Client::new(&url).unwrap();
        Some(Self { child, url, client })
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        self.client.request(method, params).await.unwrap()
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    /// One of the accounts that anvil funds and signs for.
    pub async fn account(&self, index: usize) -> Address {
        let accounts: Vec<Address> =
            serde_json::from_value(self.rpc("eth_accounts", json!([])).await).unwrap();
        accounts[index]
    }

    /// Sends a transaction of a funded account and waits for its receipt, which must be a success.
    pub async fn send(
        &self,
        from: Address,
        to: Option<Address>,
        value: U256,
        input: Bytes,
    ) -> L1Receipt {
        let mut request = json!({"from": from, "value": value, "input": input, "gas": "0xb71b00"});
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let hash: B256 =
            self.client.request("eth_sendTransaction", json!([request])).await.unwrap();
        for _ in 0..1_000 {
            if let Some(receipt) = self.client.receipt(hash).await.unwrap() {
                assert!(receipt.succeeded(), "{hash} failed");
                return receipt;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no receipt of {hash}");
    }

    pub async fn call<C: SolCall>(
        &self,
        from: Address,
        to: Address,
        value: U256,
        call: C,
    ) -> L1Receipt {
        self.send(from, Some(to), value, call.abi_encode().into()).await
    }

    pub async fn create(&self, from: Address, code: Vec<u8>) -> Address {
        self.send(from, None, U256::ZERO, code.into()).await.contract_address.unwrap()
    }
}
