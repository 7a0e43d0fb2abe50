//! The contracts on anvil, deployed as plainly as possible, and blob transactions to them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip4844, TxEip4844WithSidecar};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use jovay_da::{BatchData, DataLayerKind, blob_sidecar};
use jovay_l1::bindings::{ERC1967Proxy, IRollup, L1Mailbox, Rollup};
use jovay_l1::{BlockTag, Deployment, L1Client, L1Receipt};
use serde_json::{Value, json};

use super::{CHAIN_ID, L1_CHAIN_ID};

/// The key of anvil's first account, the operator of everything.
const KEY: [u8; 32] = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

/// A running anvil with the contracts; it ends with this value.
pub struct Anvil {
    child: Child,
    pub url: String,
    pub client: L1Client,
    pub deployment: Deployment,
    pub operator: Address,
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
    /// Starts it and deploys a rollup that begins with the block (hash, state root) that `genesis`
    /// makes for the mailbox's address; `None`, loudly, if there is no anvil.
    pub async fn start(
        kind: DataLayerKind,
        genesis: impl FnOnce(Address) -> (B256, B256),
    ) -> Option<Self> {
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
        let listening = |line: std::io::Result<String>| {
            line.unwrap().strip_prefix("Listening on ").map(|address| format!("http://{address}"))
        };
        let url = lines.find_map(listening).unwrap();
        // Nothing may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let client = L1Client::new(&url).unwrap();
        let accounts: Vec<Address> = client.request("eth_accounts", json!([])).await.unwrap();
        let (deployment, operator) = (Deployment::default(), accounts[0]);
        let mut anvil = Self { child, url, client, deployment, operator };
        anvil.deploy(kind, genesis).await;
        Some(anvil)
    }

    async fn deploy(&mut self, kind: DataLayerKind, genesis: impl FnOnce(Address) -> (B256, B256)) {
        let operator = self.operator;
        let init = L1Mailbox::initializeCall {
            admin: operator,
            guardian: operator,
            feeRecipient_: operator,
            gasPrice_: 1_000_000,
            maxGasLimit_: 20_000_000,
        };
        let mailbox = self.proxy(L1Mailbox::BYTECODE.to_vec(), init).await;
        let (genesis_hash, genesis_root) = genesis(mailbox);
        let (chain_id, layer) = (CHAIN_ID, kind as u8);
        let arguments =
            Rollup::constructorCall { mailbox_: mailbox, chainId: chain_id, layer }.abi_encode();
        let init = Rollup::initializeCall {
            admin: operator,
            guardian: operator,
            genesisStateRoot: genesis_root,
            genesisBlockHash: genesis_hash,
            deadline: 86_400,
        };
        let rollup = self.proxy([&Rollup::BYTECODE[..], &arguments].concat(), init).await;
        self.call(mailbox, U256::ZERO, L1Mailbox::setRollupCall { newRollup: rollup }).await;
        for role in ["BATCHER_ROLE", "REVERTER_ROLE"] {
            let role = keccak256(role);
            let grant = Rollup::grantRoleCall { role, account: operator };
            self.call(rollup, U256::ZERO, grant).await;
        }
        self.deployment = Deployment {
            l1_chain_id: L1_CHAIN_ID,
            l2_chain_id: CHAIN_ID,
            rollup,
            mailbox,
            genesis_hash,
            genesis_state_root: genesis_root,
            data_layer: kind,
            ..Deployment::default()
        };
    }

    async fn proxy(&self, code: Vec<u8>, init: impl SolCall) -> Address {
        let implementation = self.create(code).await;
        let data = init.abi_encode().into();
        let arguments = ERC1967Proxy::constructorCall { implementation, _data: data }.abi_encode();
        self.create([&ERC1967Proxy::BYTECODE[..], &arguments].concat()).await
    }

    async fn create(&self, code: Vec<u8>) -> Address {
        self.send(json!({"input": Bytes::from(code)})).await.contract_address.unwrap()
    }

    /// Calls a contract as the operator.
    pub async fn call(&self, to: Address, value: U256, call: impl SolCall) -> L1Receipt {
        let input = Bytes::from(call.abi_encode());
        self.send(json!({"to": to, "value": value, "input": input})).await
    }

    async fn send(&self, mut request: Value) -> L1Receipt {
        request["from"] = json!(self.operator);
        request["gas"] = json!("0xb71b00");
        let sent = self.client.request("eth_sendTransaction", json!([request])).await;
        self.receipt(sent.unwrap()).await
    }

    async fn receipt(&self, hash: B256) -> L1Receipt {
        for _ in 0..1_000 {
            if let Some(receipt) = self.client.receipt(hash).await.unwrap() {
                assert!(receipt.succeeded(), "{hash} failed");
                return receipt;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no receipt of {hash}");
    }

    pub async fn mine(&self, blocks: u64) {
        let params = json!([format!("{blocks:#x}")]);
        self.client.request::<Value>("anvil_mine", params).await.unwrap();
    }

    /// Takes the last blocks back and seals as many empty ones, and some more.
    pub async fn reorg(&self, depth: u64, more: u64) {
        let params = json!([depth, []]);
        self.client.request::<Value>("anvil_reorg", params).await.unwrap();
        self.mine(more).await;
    }

    pub async fn head(&self) -> u64 {
        self.client.block(BlockTag::Latest).await.unwrap().unwrap().number
    }

    /// Commits batches, each with the L1 messages that it takes; also the sidecar if there is one.
    pub async fn commit(
        &self,
        batches: &[(BatchData, u64)],
    ) -> Option<BlobTransactionSidecarEip7594> {
        let latest = BlockTag::Latest;
        let rollup = self.deployment.rollup;
        let view = Rollup::lastCommittedBatchCall {};
        let last = self.client.view(rollup, &view, latest).await.unwrap();
        let view = Rollup::batchCall { batchIndex: last };
        let parent = self.client.view(rollup, &view, latest).await.unwrap();
        let mut count = parent.l1MessageCount;
        let (mut blobs, mut inputs) = (Vec::new(), Vec::new());
        for (data, messages) in batches {
            count += messages;
            let in_blobs = self.deployment.data_layer == DataLayerKind::Blobs;
            let own = if in_blobs { data.to_blobs() } else { Vec::new() };
            inputs.push(IRollup::BatchInput {
                version: 2,
                l1MessageCount: count,
                blobCount: own.len() as u8,
                data: if in_blobs { Bytes::new() } else { data.encode().into() },
            });
            blobs.extend(own);
        }
        let (parent_index, parent_hash) = (last, parent.hash);
        let call = Rollup::commitBatchesCall {
            parentIndex: parent_index,
            parentHash: parent_hash,
            batches: inputs,
        };
        if blobs.is_empty() {
            self.call(rollup, U256::ZERO, call).await;
            return None;
        }
        let sidecar = blob_sidecar(blobs).unwrap();
        let tx = TxEip4844 {
            chain_id: L1_CHAIN_ID,
            nonce: self.client.nonce(self.operator, latest).await.unwrap(),
            gas_limit: 5_000_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: rollup,
            value: U256::ZERO,
            access_list: Default::default(),
            blob_versioned_hashes: sidecar.versioned_hashes().collect(),
            max_fee_per_blob_gas: 100_000_000_000,
            input: call.abi_encode().into(),
        };
        let signature = sign_message(KEY.into(), tx.signature_hash()).unwrap();
        let tx = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar.clone());
        let signed = tx.into_signed(signature);
        let envelope: EthereumTxEnvelope<TxEip4844WithSidecar<_>> =
            EthereumTxEnvelope::Eip4844(signed);
        let hash = self.client.send_raw(&envelope.encoded_2718()).await.unwrap();
        self.receipt(hash).await;
        Some(sidecar)
    }
}
