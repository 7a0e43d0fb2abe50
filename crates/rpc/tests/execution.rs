//! The executing methods on a chain of the L2, block by block compared with what was sealed.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address, bytes};
use jovay_evm::ChainSpec;
use jovay_rpc::{ChainApi, RpcConfig};
use jovay_types::{RecoveredTx, Transaction};
use serde_json::{Value, json};
use support::{Node, TestChain};

const CHAIN_ID: u64 = 777;
const RICH: Address = address!("00000000000000000000000000000000000a11ce");
const POOR: Address = address!("0000000000000000000000000000000000000b0b");
/// Jumps back for ever.
const LOOP: Address = address!("00000000000000000000000000000000000c0001");
/// Sends the value it gets on to `POOR`.
const FORWARDER: Address = address!("00000000000000000000000000000000000c0002");
/// Creates a contract whose code is one STOP.
const FACTORY: Address = address!("00000000000000000000000000000000000c0003");
/// Counts in slot 0.
const COUNTER: Address = address!("00000000000000000000000000000000000c0004");
/// Reverts with one word, 7.
const REVERTER: Address = address!("00000000000000000000000000000000000c0005");
const GWEI: u128 = 1_000_000_000;

fn genesis() -> Genesis {
    let code = |code: Bytes| GenesisAccount::default().with_code(Some(code)).with_nonce(Some(1));
    let rich = GenesisAccount::default().with_balance(U256::from(GWEI * GWEI * 100));
    let poor_hex = alloy_primitives::hex::encode(POOR);
    let forward = format!("60006000600060003473{poor_hex}5af100");
    Genesis { gas_limit: 30_000_000, timestamp: 1_700_000_000, ..Genesis::default() }
        .extend_accounts([
            (RICH, rich),
            (LOOP, code(bytes!("5b600056"))),
            (FORWARDER, code(forward.parse().unwrap())),
            (FACTORY, code(bytes!("6460016000f36000526005601b6000f000"))),
            (COUNTER, code(bytes!("60005460010160005500"))),
            (REVERTER, code(bytes!("600760005260206000fd"))),
        ])
}

fn tx(nonce: u64, to: Address, value: u64, gas_limit: u64) -> Arc<RecoveredTx> {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let signed = tx.into_signed(Signature::new(U256::ONE, U256::ONE, false));
    Arc::new(RecoveredTx::with_sender(Transaction::Ethereum(signed.into()), RICH))
}

/// Block 1: a transfer and a forwarded transfer. 2: a creation and two counts. 3: empty.
/// 4: a revert and a transfer.
fn chain() -> TestChain {
    let mut chain = TestChain::new(ChainSpec::l2(CHAIN_ID), &genesis());
    chain.build(vec![tx(0, POOR, 5, 21_000), tx(1, FORWARDER, 9, 100_000)]);
    chain.build(vec![
        tx(2, FACTORY, 0, 200_000),
        tx(3, COUNTER, 0, 100_000),
        tx(4, COUNTER, 0, 100_000),
    ]);
    chain.build(Vec::new());
    chain.build(vec![tx(5, REVERTER, 0, 100_000), tx(6, POOR, 1, 21_000)]);
    chain
}

fn node() -> Node {
    Node::new(chain())
}

fn hash_of(node: &Node, block: u64, index: usize) -> Value {
    let block = node.context.chain.block(block).unwrap().unwrap();
    json!(block.transactions[index].hash())
}

fn error(node: &Node, method: &str, params: Value) -> (i32, String) {
    let error = node.call(method, &params).unwrap_err();
    (error.code, error.message.into_owned())
}

#[test]
fn an_endless_call_ends_by_gas_and_by_time() {
    let (code, message) = error(&node(), "eth_call", json!([{ "to": LOOP }]));
    assert_eq!((code, message.as_str()), (-32000, "out of gas"));
    let config = RpcConfig {
        call_gas_cap: u64::MAX / 2,
        call_timeout: Duration::from_millis(200),
        ..RpcConfig::default()
    };
    let node = Node::with_config(chain(), config);
    for method in ["eth_call", "eth_estimateGas", "eth_createAccessList"] {
        let start = Instant::now();
        let params = json!([{ "to": LOOP, "gas": "0x7fffffffffffffff" }]);
        let (code, message) = error(&node, method, params);
        // Estimates stop at EIP-7825's cap before the time is over.
        let by_gas = method == "eth_estimateGas" && message.contains("gas required exceeds");
        assert!(by_gas || (code == -32002 && message.contains("timeout")), "{method}: {message}");
        assert!(start.elapsed() < Duration::from_secs(3), "{method}");
    }
    let calls = json!([{ "blockStateCalls": [{
        "blockOverrides": { "gasLimit": "0x7fffffffffffffff" }, "calls": [{ "to": LOOP }],
    }] }]);
    assert_eq!(error(&node, "eth_simulateV1", calls).0, -32002);
}

#[test]
fn a_step_trace_has_a_bound() {
    let start = Instant::now();
    let (code, message) = error(&node(), "debug_traceCall", json!([{ "to": LOOP }, "latest", {}]));
    assert_eq!(code, -32005, "{message}");
    assert!(start.elapsed() < Duration::from_secs(5));
    let limited = json!([{ "to": LOOP, "gas": "0x30d40" }, "latest", { "limit": 3 }]);
    let trace = node().call("debug_traceCall", &limited).unwrap();
    assert_eq!(trace["structLogs"].as_array().unwrap().len(), 3);
    assert_eq!(trace["failed"], true);
}

#[test]
fn requests_are_checked_in_geths_words() {
    let node = node();
    let cases = [
        (
            json!([{ "to": POOR, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
            -32000,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ),
        (json!([{ "data": "0x01", "input": "0x02" }]), -32602, "both \"data\" and \"input\""),
        (json!([{ "to": POOR, "chainId": "0x1" }]), -32000, "chainId does not match node's"),
        (
            json!([{ "to": POOR, "from": POOR, "value": "0xffff" }]),
            -32000,
            "insufficient funds for gas * price + value",
        ),
        (
            json!([{ "to": POOR, "from": RICH, "gasPrice": "0x1" }]),
            -32000,
            "max fee per gas less than block base fee",
        ),
        (json!([{ "to": POOR, "gas": "0x1" }]), -32000, "intrinsic gas too low"),
        (json!([{ "to": POOR }, "0xffff"]), -32000, "header not found"),
        (json!([{ "to": "0x12" }]), -32602, "invalid argument 0"),
        (
            json!([{ "to": POOR }, "latest", { (POOR.to_string()): { "state": {}, "stateDiff": {} } }]),
            -32000,
            "both 'state' and 'stateDiff'",
        ),
    ];
    for (params, code, message) in cases {
        let (got_code, got) = error(&node, "eth_call", params);
        assert!(got.contains(message), "{got}");
        assert_eq!(got_code, code, "{got}");
    }
    let reverted = node.call("eth_call", &json!([{ "to": REVERTER }])).unwrap_err();
    assert_eq!(reverted.code, 3);
    assert_eq!(reverted.data, Some(json!(format!("0x{:064x}", 7))));
    let unknown = json!([hash_of(&node, 1, 0), { "tracer": "nosuch" }]);
    assert!(error(&node, "debug_traceTransaction", unknown).1.contains("tracer not found"));
}

#[test]
fn overrides_change_what_a_call_sees() {
    let node = node();
    let code = json!({ (POOR.to_string()): { "code": "0x60005460005260206000f3",
        "stateDiff": { (format!("0x{:064x}", 0)): (format!("0x{:064x}", 42)) } } });
    let got = node.call("eth_call", &json!([{ "to": POOR }, "latest", code])).unwrap();
    assert_eq!(got, json!(format!("0x{:064x}", 42)));
    // NUMBER with the block overridden
    let number = json!({ (POOR.to_string()): { "code": "0x4360005260206000f3" } });
    let params = json!([{ "to": POOR }, "latest", number, { "number": "0x64" }]);
    assert_eq!(node.call("eth_call", &params).unwrap(), json!(format!("0x{:064x}", 100)));
    // nothing stays
    assert_eq!(node.call("eth_call", &json!([{ "to": POOR }])).unwrap(), json!("0x"));
}

#[test]
fn an_estimate_is_enough_and_not_much_too_much() {
    let node = node();
    for to in [POOR, FORWARDER, FACTORY, COUNTER] {
        let call = json!({ "from": RICH, "to": to, "value": "0x0" });
        let gas = node.call("eth_estimateGas", &json!([call])).unwrap();
        let mut with = call.clone();
        with["gas"] = gas.clone();
        let simulated = node
            .call("eth_simulateV1", &json!([{ "blockStateCalls": [{ "calls": [with] }] }]))
            .unwrap();
        let result = &simulated[0]["calls"][0];
        assert_eq!(result["status"], "0x1", "{to}: {result}");
        let number = |value: &Value| {
            u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
        };
        let used = number(&result["maxUsedGas"]);
        assert!(number(&gas) >= used && number(&gas) < used * 11 / 10 + 3000, "{to}");
    }
    let broke = json!([{ "from": POOR, "to": RICH, "gasPrice": "0x3b9aca00" }]);
    assert!(error(&node, "eth_estimateGas", broke).1.contains("gas required exceeds allowance"));
    assert_eq!(error(&node, "eth_estimateGas", json!([{ "to": REVERTER }])).0, 3);
}

#[test]
fn traces_agree_with_receipts_of_every_block() {
    let mut nodes = vec![node()];
    if let Some(dir) = support::execution_apis() {
        nodes.push(Node::new(TestChain::import(&dir)));
    }
    for node in nodes {
        let chain = &node.context.chain;
        for number in 1..=chain.tags().latest {
            let tracer = json!({ "tracer": "callTracer" });
            let at = json!(format!("{number:#x}"));
            let traces = node.call("debug_traceBlockByNumber", &json!([at, tracer])).unwrap();
            let steps = json!({ "disableStack": true, "disableStorage": true });
            let steps = node.call("debug_traceBlockByNumber", &json!([at, steps])).unwrap();
            let raw = node.call("debug_getRawBlock", &json!([at])).unwrap();
            // On the L2 chain here signatures are made up, so senders cannot be recovered.
            if !chain.spec().is_l2() {
                let again = node.call("debug_traceBlock", &json!([raw, tracer])).unwrap();
                assert_eq!(again, traces);
            }
            let receipts = chain.receipts(number).unwrap().unwrap();
            assert_eq!(traces.as_array().unwrap().len(), receipts.len());
            for (index, receipt) in receipts.iter().enumerate() {
                let trace = &traces[index]["result"];
                assert_eq!(trace["gasUsed"], format!("{:#x}", receipt.gas_used), "block {number}");
                assert_eq!(steps[index]["result"]["gas"], receipt.gas_used);
                let succeeded = trace.get("error").is_none();
                if let alloy_consensus::Eip658Value::Eip658(status) = receipt.receipt.status {
                    assert_eq!(succeeded, status, "block {number}");
                }
            }
        }
    }
}

#[test]
fn prestate_diffs_are_what_the_state_shows() {
    let node = node();
    let options = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let trace =
        node.call("debug_traceTransaction", &json!([hash_of(&node, 4, 1), options])).unwrap();
    let state = node.context.chain.state_at(4).unwrap();
    let poor = state.account(&POOR).unwrap().unwrap().balance;
    let key = format!("{POOR:#x}");
    assert_eq!(trace["post"][&key]["balance"], format!("{poor:#x}"));
    assert_eq!(trace["pre"][&key]["balance"], format!("{:#x}", poor - U256::ONE));
    for tracer in ["4byteTracer", "noopTracer", "flatCallTracer", "callTracer", "muxTracer"] {
        let config = if tracer == "muxTracer" { json!({ "callTracer": {} }) } else { json!({}) };
        let options = json!({ "tracer": tracer, "tracerConfig": config });
        let params = json!([hash_of(&node, 2, 0), options]);
        node.call("debug_traceTransaction", &params).unwrap();
    }
}

#[test]
fn a_call_can_be_traced_in_the_middle_of_a_block() {
    let node = node();
    let read = json!({ (COUNTER.to_string()): { "code": "0x60005460005260206000f3" } });
    for index in 0..=3u64 {
        let options = json!({ "tracer": "callTracer", "stateOverrides": read,
            "txIndex": format!("{index:#x}") });
        let params = json!([{ "to": COUNTER }, "0x2", options]);
        let trace = node.call("debug_traceCall", &params).unwrap();
        assert_eq!(trace["output"], format!("0x{:064x}", index.saturating_sub(1)), "{index}");
    }
    let beyond = json!([{ "to": COUNTER }, "0x2", { "txIndex": "0x4" }]);
    assert!(error(&node, "debug_traceCall", beyond).1.contains("out of range"));
}

#[test]
fn parity_traces() {
    let node = node();
    let hash = hash_of(&node, 1, 1);
    let traces = node.call("trace_transaction", &json!([hash])).unwrap();
    assert_eq!(traces.as_array().unwrap().len(), 2);
    assert_eq!(traces[1]["action"]["to"], format!("{POOR:#x}"));
    assert_eq!(traces[1]["action"]["value"], "0x9");
    assert_eq!(node.call("trace_get", &json!([hash, ["0x0"]])).unwrap(), traces[1]);
    assert_eq!(node.call("trace_get", &json!([hash, ["0x1"]])).unwrap(), Value::Null);
    let block = node.call("trace_block", &json!(["0x1"])).unwrap();
    assert_eq!(block.as_array().unwrap().len(), 3);
    assert_eq!(node.call("trace_block", &json!(["0x0"])).unwrap(), json!([]));
    assert_eq!(node.call("trace_block", &json!(["0xff"])).unwrap(), Value::Null);

    let all = json!({ "fromBlock": "0x0", "toBlock": "latest" });
    let all = node.call("trace_filter", &json!([all])).unwrap();
    // 1: one and two; 2: two, one, one; 4: one and one
    assert_eq!(all.as_array().unwrap().len(), 9);
    let page = json!({ "toAddress": [POOR], "after": 1, "count": 1 });
    let page = node.call("trace_filter", &json!([page])).unwrap();
    assert_eq!(page, json!([traces[1]]));
    let reversed = json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]);
    assert_eq!(error(&node, "trace_filter", reversed).0, -32602);

    let types = json!(["trace", "stateDiff", "vmTrace"]);
    let params = json!([hash_of(&node, 2, 1), types]);
    let replayed = node.call("trace_replayTransaction", &params).unwrap();
    let slot = &replayed["stateDiff"][format!("{COUNTER:#x}")]["storage"];
    assert!(slot.to_string().contains(&format!("0x{:064x}", 1)), "{slot}");
    assert!(!replayed["vmTrace"]["ops"].as_array().unwrap().is_empty());
    let block = node.call("trace_replayBlockTransactions", &json!(["0x2", types])).unwrap();
    assert_eq!(block[1]["trace"], replayed["trace"]);
    assert_eq!(block[1]["stateDiff"], replayed["stateDiff"]);

    let many = json!([[[{ "to": COUNTER }, ["stateDiff"]], [{ "to": COUNTER }, ["stateDiff"]]]]);
    let many = node.call("trace_callMany", &many).unwrap();
    assert!(many[1]["stateDiff"].to_string().contains(&format!("0x{:064x}", 4)), "{many}");
}

#[test]
fn otterscan() {
    let node = node();
    let call = |method: &str, params: Value| node.call(method, &params).unwrap();
    assert_eq!(call("ots_getApiLevel", json!([])), 8);
    assert_eq!(call("ots_hasCode", json!([COUNTER, "latest"])), true);
    assert_eq!(call("ots_hasCode", json!([RICH])), false);
    let operations = call("ots_getInternalOperations", json!([hash_of(&node, 1, 1)]));
    assert_eq!(operations[0]["to"], format!("{POOR:#x}"));
    assert_eq!(operations[0]["value"], "0x9");
    let data = call("ots_getTransactionError", json!([hash_of(&node, 4, 0)]));
    assert_eq!(data, format!("0x{:064x}", 7));
    assert_eq!(call("ots_getTransactionError", json!([hash_of(&node, 4, 1)])), "0x");
    let trace = call("ots_traceTransaction", json!([hash_of(&node, 1, 1)]));
    assert_eq!((&trace[0]["depth"], &trace[1]["depth"]), (&json!(0), &json!(1)));
    assert_eq!(trace[1]["type"], "CALL");

    let details = call("ots_getBlockDetails", json!([1]));
    assert_eq!(details["block"]["transactionCount"], 2);
    assert!(details["block"].get("transactions").is_none());
    assert_ne!(details["totalFees"], "0x0");
    let hash = node.context.chain.block_hash(1).unwrap().unwrap();
    assert_eq!(call("ots_getBlockDetailsByHash", json!([hash])), details);
    let page = call("ots_getBlockTransactions", json!([2, 0, 2]));
    let shown = page["fullblock"]["transactions"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1]["hash"], hash_of(&node, 2, 2));
    assert_eq!(page["receipts"].as_array().unwrap().len(), 2);
    let page = call("ots_getBlockTransactions", json!([2, 1, 2]));
    assert_eq!(page["fullblock"]["transactions"][0]["hash"], hash_of(&node, 2, 0));

    assert_eq!(call("ots_getTransactionBySenderAndNonce", json!([RICH, 3])), hash_of(&node, 2, 1));
    assert_eq!(call("ots_getTransactionBySenderAndNonce", json!([RICH, 7])), Value::Null);
    let created = FACTORY.create(1);
    let creator = call("ots_getContractCreator", json!([created]));
    assert_eq!(creator["creator"], format!("{FACTORY:#x}"));
    assert_eq!(creator["hash"], hash_of(&node, 2, 0));
    assert_eq!(call("ots_getContractCreator", json!([COUNTER])), Value::Null);
}

#[test]
fn otterscan_pages_through_an_address() {
    let node = node();
    let call = |method: &str, params: Value| node.call(method, &params).unwrap();
    let hashes = |page: &Value| -> Vec<Value> {
        page["txs"].as_array().unwrap().iter().map(|tx| tx["hash"].clone()).collect()
    };
    // POOR gets ether in block 1 (twice) and 4
    let first = call("ots_searchTransactionsBefore", json!([POOR, 0, 1]));
    assert_eq!(hashes(&first), [hash_of(&node, 4, 1)]);
    assert_eq!((&first["firstPage"], &first["lastPage"]), (&json!(true), &json!(false)));
    assert_eq!(first["receipts"][0]["transactionHash"], hash_of(&node, 4, 1));
    let second = call("ots_searchTransactionsBefore", json!([POOR, 4, 1]));
    assert_eq!(hashes(&second), [hash_of(&node, 1, 1), hash_of(&node, 1, 0)]);
    assert_eq!((&second["firstPage"], &second["lastPage"]), (&json!(false), &json!(true)));
    let from_start = call("ots_searchTransactionsAfter", json!([POOR, 0, 1]));
    assert_eq!(hashes(&from_start), hashes(&second));
    assert_eq!((&from_start["firstPage"], &from_start["lastPage"]), (&json!(false), &json!(true)));
    let newest = call("ots_searchTransactionsAfter", json!([POOR, 1, 5]));
    assert_eq!(hashes(&newest), hashes(&first));
    assert_eq!(newest["firstPage"], true);
    let too_long = json!([POOR, 0, 26]);
    assert_eq!(error(&node, "ots_searchTransactionsBefore", too_long).0, -32602);
}

#[test]
fn a_simulated_l2_block_is_the_block_that_is_built() {
    let mut chain = chain();
    let env = chain.next_block_env();
    let node = Node::new(self::chain());
    let payload = json!([{ "validation": true, "blockStateCalls": [{
        "blockOverrides": {
            "time": format!("{:#x}", env.timestamp),
            "baseFeePerGas": format!("{:#x}", env.base_fee.unwrap()),
        },
        "calls": [{ "from": RICH, "to": COUNTER, "gas": "0x186a0", "nonce": "0x7",
            "maxFeePerGas": "0x2540be400", "maxPriorityFeePerGas": "0x3b9aca00" }],
    }] }]);
    let simulated = node.call("eth_simulateV1", &payload).unwrap();
    chain.build(vec![tx(7, COUNTER, 0, 100_000)]);
    let built = &chain.head().header;
    assert_eq!(simulated[0]["stateRoot"], json!(built.state_root));
    assert_eq!(simulated[0]["receiptsRoot"], json!(built.receipts_root));
    assert_eq!(simulated[0]["gasUsed"], format!("{:#x}", built.gas_used));
    assert_eq!(simulated[0]["parentHash"], json!(built.parent_hash));
}

#[test]
fn whatever_is_asked_nothing_panics() {
    use proptest::prelude::*;
    let node = node();
    let values = prop_oneof![
        Just(json!(null)),
        Just(json!("latest")),
        Just(json!("0x1")),
        Just(json!("0xffffffffffffffff")),
        Just(json!(COUNTER)),
        Just(json!(RICH)),
        Just(hash_of(&node, 1, 1)),
        Just(json!([])),
        Just(json!(["trace", "vmTrace", "stateDiff"])),
        Just(json!({})),
        Just(json!({ "to": COUNTER, "gas": "0xffffffffffffffff" })),
        Just(json!({ "from": RICH, "value": format!("{:#x}", U256::MAX), "gasPrice": "0x1" })),
        Just(json!({ "maxFeePerGas": format!("{:#x}", u128::MAX), "to": POOR })),
        Just(json!({ "authorizationList": [], "to": POOR })),
        Just(json!({ "blobVersionedHashes": [], "to": POOR })),
        Just(json!({ "nonce": "0xffffffffffffffff", "input": "0x00" })),
        Just(json!({ "tracer": "prestateTracer", "limit": 1, "timeout": "1ns" })),
        Just(json!({ "number": format!("{:#x}", U256::MAX) })),
        Just(json!({ "time": "0xffffffffffffffff", "baseFeePerGas": "0xffffffffffffffff" })),
        Just(json!({ "blockStateCalls": [{ "calls": [{ "gas": "0xffffffffffffffff" }, {}] }] })),
        Just(json!({ "blockStateCalls": [{ "blockOverrides": {
            "time": "0xffffffffffffffff", "gasLimit": "0xffffffffffffffff",
            "baseFeePerGas": "0xffffffffffffffff" }, "calls": [{}] }], "validation": true })),
        Just(json!({ "fromBlock": "0x0", "count": 0 })),
        any::<u64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
    ];
    let methods: Vec<String> = ["eth_call", "eth_estimateGas", "eth_createAccessList"]
        .into_iter()
        .map(str::to_owned)
        .chain(node.methods().filter(|name| {
            let namespace = name.split('_').next().unwrap_or_default();
            ["debug", "trace", "ots"].contains(&namespace) || *name == "eth_simulateV1"
        }))
        .collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(3000));
    let strategy = (0..methods.len(), proptest::collection::vec(values, 0..5));
    runner
        .run(&strategy, |(method, params)| {
            if let Err(error) = node.call(&methods[method], &json!(params)) {
                prop_assert_ne!(error.code, -32603, "{} {:?}", methods[method], params);
            }
            Ok(())
        })
        .unwrap();
}
