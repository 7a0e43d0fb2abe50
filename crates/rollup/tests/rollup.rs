//! Batches, tags, deposits and message proofs as the `jovay` namespace tells them, with anvil as L1.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use jovay_da::{BatchHeader, BatchVersion, DataLayerKind};
use jovay_evm::predeploys::{L1_GAS_ORACLE, L2_MAILBOX};
use jovay_l1::bindings::{L1GasOracle, L1Mailbox, Rollup};
use jovay_l1::{BlockTag, L1Client, L1Error, L1Receipt, Signer};
use jovay_node::{DEV_ACCOUNTS, Node};
use jovay_rollup::oracle::node_prices;
use jovay_rollup::store::{BatchRecord, BatchStore, SealReason};
use jovay_rollup::{
    Inbox, MessageIndex, OracleConfig, OracleFeeder, OracleParts, RollupNode, RollupParts, Tracker,
    TrackerConfig, TrackerHandle,
};
use jovay_rpc::TagSource;
use jovay_state::ChainStore;
use serde_json::{Value, json};
use support::{FEE, L1, MESSAGE_GAS, balance, eventually, inbox_config, node_config};

sol! {
    function sendMessage(address target, bytes message) external payable returns (bytes32);
    function messageRoot() external view returns (bytes32);
}

const ALICE: Address = Address::repeat_byte(0xa1);
const POLL: Duration = Duration::from_millis(20);

/// Everything that a sequencer has but a batcher.
struct Stack {
    l1: L1,
    node: Node,
    batches: Arc<BatchStore>,
    tracker: Tracker,
    handle: TrackerHandle,
    /// Of L2: JSON-RPC is JSON-RPC.
    l2: L1Client,
}

impl Stack {
    async fn start() -> Option<Self> {
        // Such batches need no blobs to be committed.
        let l1 = L1::start_with(DataLayerKind::Anchored).await?;
        let config = jovay_node::NodeConfig { port: 0, ..node_config() };
        let core = l1.node(&config);
        let batches = Arc::new(BatchStore::open(None).unwrap());
        let settings = TrackerConfig { safe: BlockTag::Latest, poll: POLL, ..Default::default() };
        let (tracker, handle) =
            Tracker::start(settings, l1.anvil.client.clone(), &l1.deployment, batches.clone())
                .await;
        core.set_tags(Arc::new(tracker.clone()));
        core.set_rollup(RollupNode::new(RollupParts {
            chain: core.store().clone(),
            queue: core.l1_queue().clone(),
            batches: batches.clone(),
            messages: MessageIndex::open(None).unwrap(),
            client: l1.anvil.client.clone(),
            deployment: l1.deployment.clone(),
            inbox: Arc::new(l1.inbox(&core, 0)),
            inbox_config: inbox_config(0),
            tracker: tracker.clone(),
            alarms: Arc::new(Vec::new),
        }));
        let listener = Node::listen(&config).await.unwrap();
        let node = Node::serve(core, listener, axum::Router::new()).unwrap();
        let l2 = L1Client::new(&format!("http://{}", node.address())).unwrap();
        Some(Self { l1, node, batches, tracker, handle, l2 })
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        self.l2.request(method, params).await.unwrap()
    }

    async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        match self.l2.request::<Value>(method, params).await {
            Err(L1Error::Rpc { code, message, .. }) => (code, message),
            other => panic!("{other:?}"),
        }
    }

    /// A transaction of the first development account on L2; returns when it is in a block.
    async fn send(&self, to: Address, value: u64, input: impl SolCall) -> B256 {
        let signer = Signer::from_bytes(&DEV_ACCOUNTS[0].1.0).unwrap();
        let nonce = self.l2.nonce(signer.address(), BlockTag::Latest).await.unwrap();
        let (_, raw) = signer.sign(TxEip1559 {
            chain_id: self.node.chain_id(),
            nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            access_list: Default::default(),
            input: input.abi_encode().into(),
        });
        let sequencer = self.node.core().sequencer();
        let included =
            sequencer.submit_and_wait(raw.into(), Duration::from_secs(20)).await.unwrap();
        let receipt = &included.outcome.receipts[included.index];
        assert!(receipt.receipt.status.coerce_status());
        included.outcome.block.transactions[included.index].hash()
    }

    /// Seals what there is since the last batch.
    fn seal(&self) -> BatchRecord {
        let last = self.batches.last_sealed().unwrap();
        let head = self.node.core().store().head();
        let position = self.node.core().store().l1_position_at(head.number()).unwrap().unwrap();
        let data_hash = keccak256(head.hash);
        let header = BatchHeader {
            version: BatchVersion::V2,
            index: last.index + 1,
            l1_rolling_hash: position.rolling_hash,
            data_hash,
            parent_hash: last.hash,
        };
        let record = BatchRecord {
            index: last.index + 1,
            hash: header.hash(),
            parent_hash: last.hash,
            version: 2,
            first_block: last.last_block + 1,
            last_block: head.number(),
            l1_message_count: position.next,
            l1_rolling_hash: position.rolling_hash,
            data_hash,
            reason: SealReason::Asked,
            ..BatchRecord::genesis()
        };
        self.batches.put(&record, None).unwrap();
        record
    }

    /// Commits a batch on L1.
    async fn commit(&self, record: &BatchRecord) -> L1Receipt {
        let call = Rollup::commitBatchesCall {
            parentIndex: record.index - 1,
            parentHash: record.parent_hash,
            batches: vec![jovay_l1::bindings::IRollup::BatchInput {
                version: record.version,
                l1MessageCount: record.l1_message_count,
                blobCount: 0,
                data: record.data_hash.to_vec().into(),
            }],
        };
        let rollup = self.l1.deployment.rollup;
        self.l1.anvil.call(self.l1.operator, rollup, U256::ZERO, call).await
    }

    fn tags(&self) -> (u64, u64) {
        let latest = self.node.core().store().head().number();
        let tags = self.tracker.tags(latest);
        (tags.safe, tags.finalized)
    }

    async fn stop(self) {
        self.handle.stop().await;
        self.node.stop().await;
    }
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_from_l2_to_a_claim_on_l1() {
    let Some(stack) = Stack::start().await else { return };
    let (operator, rollup) = (stack.l1.operator, stack.l1.deployment.rollup);
    stack.l1.deposit(ALICE, 1_000_000).await;
    eventually("the deposit", || balance(stack.node.core(), ALICE) == 1_000_000).await;
    let messages = 5_u64;
    let mut transactions = Vec::new();
    for nonce in 0..messages {
        let call = sendMessageCall { target: ALICE, message: Bytes::from(vec![nonce as u8; 3]) };
        transactions.push(stack.send(L2_MAILBOX, 100 + nonce, call).await);
    }
    let proof = |index: u64| ("jovay_getMessageProof", json!([hex(index)]));
    let refused = |index: u64| {
        let (method, params) = proof(index);
        stack.refused(method, params)
    };
    assert_eq!(refused(9).await, (-32_011, "no message 9: 5 were sent".into()));
    let (code, message) = refused(3).await;
    assert_eq!(code, -32_010);
    assert!(message.ends_with("no batch has the block yet"), "{message}");
    let executed = stack.ask("jovay_getTransactionStatus", json!([transactions[3]])).await;
    assert_eq!((&executed["status"], &executed["success"]), (&json!("executed"), &json!(true)));
    assert_eq!(executed["batchIndex"], Value::Null);

    let batch = stack.seal();
    // Blocks after the batch, with a message that its tree does not have.
    let late = sendMessageCall { target: ALICE, message: Bytes::new() };
    stack.send(L2_MAILBOX, 1, late).await;
    assert!(refused(3).await.1.ends_with("batch 1 waits to be committed"));
    assert_eq!(stack.tags(), (0, 0));
    let receipt = stack.commit(&batch).await;
    eventually("safe", || stack.tags().0 == batch.last_block).await;
    assert!(refused(3).await.1.ends_with("batch 1 is committed and waits for its proof"));
    eventually("the event", || stack.tracker.committed(&batch).is_some()).await;
    let committed = stack.ask("jovay_getTransactionStatus", json!([transactions[3]])).await;
    assert_eq!(committed["status"], "committed");
    assert_eq!(committed["committed"]["transactionHash"], json!(receipt.transaction_hash));
    assert_eq!(committed["committed"]["blockHash"], json!(receipt.block_hash));
    assert_eq!(committed["committed"]["final"], false);
    stack.l1.anvil.mine(8).await;
    eventually("finalized", || stack.tags() == (batch.last_block, batch.last_block)).await;
    let by_block = stack.ask("jovay_getBatchByBlockNumber", json!([hex(batch.last_block)])).await;
    let by_number = stack.ask("jovay_getBatchByNumber", json!(["0x1"])).await;
    let latest = stack.ask("jovay_getBatchByNumber", json!(["latest"])).await;
    assert!(by_block == by_number && by_number == latest);
    assert_eq!(latest, stack.ask("jovay_latestBatch", json!([])).await);
    assert_eq!((&latest["hash"], &latest["status"]), (&json!(batch.hash), &json!("committed")));
    assert_eq!(latest["committed"]["final"], true);
    assert_eq!(stack.ask("jovay_getBatchByNumber", json!(["0x2"])).await, Value::Null);
    let finalized = stack.ask("eth_getBlockByNumber", json!(["finalized", false])).await;
    assert_eq!(finalized["number"], hex(batch.last_block));

    // What a proof of the batch would leave on L1, which the next step of the rollup brings.
    let view = json!([{"to": L2_MAILBOX, "input": alloy_primitives::hex::encode_prefixed(messageRootCall {}.abi_encode())},
        hex(batch.last_block)]);
    let root: B256 = stack.l2.request("eth_call", view).await.unwrap();
    let counters: U256 = {
        let slot = stack.l1.anvil.client.storage(rollup, B256::ZERO, BlockTag::Latest);
        slot.await.unwrap().into()
    };
    let finalized = B256::from(counters | (U256::from(1) << 192));
    let root_slot =
        keccak256([U256::from(1).to_be_bytes::<32>(), U256::from(6).to_be_bytes()].concat());
    for (slot, value) in [(B256::ZERO, finalized), (root_slot, root)] {
        stack.l1.anvil.rpc("anvil_setStorageAt", json!([rollup, slot, value])).await;
    }
    stack.l1.anvil.mine(1).await;
    assert_eq!(refused(messages).await.0, -32_010, "it came after the batch");
    for index in 0..messages {
        let (method, params) = proof(index);
        let proof = stack.ask(method, params).await;
        let field = |name: &str| proof["message"][name].clone();
        let message = jovay_l1::bindings::IL1Mailbox::L2Message {
            sender: serde_json::from_value(field("sender")).unwrap(),
            target: serde_json::from_value(field("target")).unwrap(),
            value: serde_json::from_value(field("value")).unwrap(),
            nonce: serde_json::from_value(field("nonce")).unwrap(),
            message: serde_json::from_value(field("message")).unwrap(),
        };
        let call = L1Mailbox::claimMessageCall {
            message,
            batchIndex: 1,
            proof: serde_json::from_value(proof["proof"].clone()).unwrap(),
        };
        // L1's own contract judges the proof.
        let mailbox = stack.l1.deployment.mailbox;
        let receipt = stack.l1.anvil.call(operator, mailbox, U256::ZERO, call).await;
        let claimed = L1Mailbox::MessageClaimed::decode_raw_log(
            receipt.logs[0].topics.iter().copied(),
            &receipt.logs[0].data,
        );
        assert_eq!(json!(claimed.unwrap().messageHash), proof["messageHash"]);
    }
    let paid = stack.l1.anvil.client.balance(ALICE, BlockTag::Latest).await.unwrap();
    assert_eq!(paid, U256::from(100 + 101 + 102 + 103 + 104));
    eventually("the tracker sees it", || stack.tracker.status().proven_batch == Some(1)).await;
    let proven = stack.ask("jovay_getTransactionStatus", json!([transactions[0]])).await;
    assert!(["proven", "final"].contains(&proven["status"].as_str().unwrap()), "{proven}");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_goes_back_and_finalized_does_not() {
    let Some(stack) = Stack::start().await else { return };
    let (operator, rollup) = (stack.l1.operator, stack.l1.deployment.rollup);
    stack.l1.deposit(ALICE, 5).await;
    eventually("the deposit", || balance(stack.node.core(), ALICE) == 5).await;
    let batch = stack.seal();
    let before = stack.l1.anvil.rpc("evm_snapshot", json!([])).await;
    stack.commit(&batch).await;
    eventually("safe", || stack.tags().0 == batch.last_block).await;
    stack.l1.anvil.rpc("evm_revert", json!([before])).await;
    stack.l1.anvil.mine(1).await;
    eventually("safe goes back", || stack.tags().0 == 0).await;
    assert_eq!(stack.tracker.failure(), None);
    stack.l1.anvil.mine(3).await;
    let again = stack.commit(&batch).await;
    eventually("safe again", || stack.tags().0 == batch.last_block).await;
    eventually("the event", || {
        stack.tracker.committed(&batch).is_some_and(|place| place.block_hash == again.block_hash)
    })
    .await;
    stack.l1.anvil.mine(8).await;
    eventually("finalized", || stack.tags().1 == batch.last_block).await;
    // The operator drops a batch whose data is final.
    let call = Rollup::revertBatchesCall { newLastBatch: 0 };
    stack.l1.anvil.call(operator, rollup, U256::ZERO, call).await;
    stack.l1.anvil.mine(8).await;
    eventually("it is an error", || stack.tracker.failure().is_some()).await;
    assert_eq!(stack.tags().1, batch.last_block);
    let alarms = stack.ask("jovay_getSyncStatus", json!([])).await["alarms"].clone();
    assert!(alarms[0].as_str().unwrap().contains("no longer in a batch"), "{alarms}");

    // A batch that is not ours is not safe, whatever its number.
    let foreign = BatchRecord { data_hash: B256::repeat_byte(9), ..batch.clone() };
    let receipt = stack.commit(&foreign).await;
    eventually("it is looked at", || {
        stack.tracker.status().latest.is_some_and(|block| block.number >= receipt.block_number)
    })
    .await;
    assert_eq!(stack.tracker.status().committed_batch, Some(0));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_are_told_from_l1_to_their_end() {
    let Some(stack) = Stack::start().await else { return };
    let (operator, mailbox) = (stack.l1.operator, stack.l1.deployment.mailbox);
    let good = stack.l1.deposit(ALICE, 5).await;
    // A call that fails on L2: once by the mailbox, which keeps it, once by the sender itself.
    let fails = L1GasOracle::setFeesCall { newL1BaseFee: U256::ZERO, newL1BlobBaseFee: U256::ZERO };
    let call = L1Mailbox::sendMessageCall {
        target: L1_GAS_ORACLE,
        value: U256::ZERO,
        message: fails.abi_encode().into(),
        gasLimit: MESSAGE_GAS,
        refundTo: operator,
    };
    let kept = stack.l1.anvil.call(operator, mailbox, U256::from(FEE), call).await;
    let bad: Bytes = vec![1, 2, 3, 4].into();
    let failed = stack.l1.force(L1_GAS_ORACLE, 0, bad).await;
    eventually("all", || support::messages(stack.node.core()).len() == 3).await;
    let cases = [(&good, "executed"), (&kept, "failed-replayable"), (&failed, "failed")];
    for (index, (receipt, status)) in cases.into_iter().enumerate() {
        let hash = json!([receipt.transaction_hash]);
        let deposits = stack.ask("jovay_getDepositStatus", hash).await;
        let deposit = &deposits[0];
        assert_eq!(
            (&deposit["status"], &deposit["queueIndex"]),
            (&json!(status), &json!(hex(index as u64)))
        );
        assert_eq!(deposit["l1"]["blockHash"], json!(receipt.block_hash));
        let receipt =
            stack.ask("eth_getTransactionReceipt", json!([deposit["transactionHash"]])).await;
        assert_eq!(receipt["blockHash"], deposit["blockHash"]);
        assert_eq!(receipt["type"], "0x7f");
        let by_index = stack.ask("jovay_getDepositStatus", json!([hex(index as u64)])).await;
        assert_eq!(by_index, deposits);
    }
    assert_eq!(stack.ask("jovay_getDepositStatus", json!([B256::ZERO])).await, json!([]));
    assert_eq!(stack.ask("jovay_getDepositStatus", json!(["0x7"])).await, json!([]));
    let (code, _) = stack.refused("jovay_getDepositStatus", json!(["0x"])).await;
    assert_eq!(code, -32_602);
    // The bridge's own message names the hash under which it could have been replayed.
    let deposits = stack.ask("jovay_getDepositStatus", json!([good.transaction_hash])).await;
    assert!(deposits[0]["messageHash"].is_string());

    let info = stack.ask("jovay_rollupInfo", json!([])).await;
    assert_eq!(info["l1Mailbox"], json!(mailbox));
    assert_eq!((&info["l1ChainId"], &info["dataLayer"]), (&json!("0x7a69"), &json!("anchored")));
    let sync = stack.ask("jovay_getSyncStatus", json!([])).await;
    assert_eq!((&sync["nextQueueIndex"], &sync["alarms"]), (&json!("0x3"), &json!([])));

    // Found again by a reader that has not seen it.
    let late = Inbox::start(
        jovay_rollup::InboxConfig { confirmations: 1_000_000, ..inbox_config(0) },
        stack.l1.anvil.client.clone(),
        &stack.l1.deployment,
        stack.node.core().l1_queue().clone(),
    );
    let other = RollupNode::new(RollupParts {
        chain: stack.node.core().store().clone(),
        queue: stack.node.core().l1_queue().clone(),
        batches: stack.batches.clone(),
        messages: MessageIndex::open(None).unwrap(),
        client: stack.l1.anvil.client.clone(),
        deployment: stack.l1.deployment.clone(),
        inbox: Arc::new(late),
        inbox_config: inbox_config(0),
        tracker: stack.tracker.clone(),
        alarms: Arc::new(Vec::new),
    });
    use jovay_rpc::jovay::{DepositId, RollupApi};
    for index in 0..3 {
        let found = other.deposits(DepositId::Index(index)).await.unwrap();
        assert_eq!(found[0].l1.unwrap().block_hash, cases[index as usize].0.block_hash);
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_of_l1_reach_the_fee_of_a_transaction() {
    let Some(stack) = Stack::start().await else { return };
    let transfer = json!([{"from": DEV_ACCOUNTS[0].0, "to": ALICE, "value": "0x1"}]);
    assert_eq!(stack.ask("jovay_estimateL1Fee", transfer.clone()).await, "0x0");
    stack.l1.anvil.rpc("anvil_setNextBlockBaseFeePerGas", json!(["0x77359400"])).await;
    let feeder = OracleFeeder::start(
        OracleConfig { poll: POLL, report_min: POLL, ..OracleConfig::default() },
        OracleParts {
            chain: stack.node.core().store().clone(),
            sequencer: stack.node.core().sequencer().clone(),
            chain_id: stack.node.chain_id(),
            signer: Signer::from_bytes(&DEV_ACCOUNTS[0].1.0).unwrap(),
            prices: node_prices(stack.l1.anvil.client.clone()),
        },
    );
    eventually("a report", || feeder.status().reports > 0).await;
    let status = feeder.status();
    assert!(status.on_l2.0 > 0 && status.on_l2.0 as f64 >= status.prices.base_fee, "{status:?}");
    assert_eq!(status.error, None);
    feeder.stop().await;
    let described = stack.ask("jovay_estimateL1Fee", transfer).await;
    let described: U256 = serde_json::from_value(described).unwrap();
    assert!(!described.is_zero());
    // What a transaction then pays is what is told for its encoding.
    let hash = stack.send(ALICE, 1, messageRootCall {}).await;
    let raw = stack.ask("eth_getRawTransactionByHash", json!([hash])).await;
    let receipt = stack.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(stack.ask("jovay_estimateL1Fee", json!([raw])).await, receipt["l1Fee"]);
    stack.stop().await;
}
