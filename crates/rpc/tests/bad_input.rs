//! Whatever arrives gets a JSON-RPC answer: result xor error, the id echoed, never -32603.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, OnceLock};

use alloy_genesis::Genesis;
use axum::body::Bytes;
use jovay_evm::{ChainSpec, Fork};
use jovay_rpc::{Context, Dispatcher, Registry, RpcConfig};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::TestChain;

struct Node {
    runtime: tokio::runtime::Runtime,
    dispatcher: Dispatcher,
    methods: Vec<&'static str>,
}

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let chain = TestChain::new(ChainSpec::ethereum(1337, Fork::Osaka), &Genesis::default());
        let registry = Registry::new(false);
        let methods = registry
            .sorted()
            .iter()
            .map(|method| method.name)
            // This chain double has no pool to send to.
            .filter(|name| !name.starts_with("eth_sendRaw"))
            .collect();
        let context = Context::new(Arc::new(chain), RpcConfig::default());
        let dispatcher = Dispatcher::new(context, registry);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        Node { runtime, dispatcher, methods }
    })
}

fn answer(body: Vec<u8>) -> Option<Value> {
    let node = node();
    let answer = node.runtime.block_on(node.dispatcher.answer(&Bytes::from(body)));
    answer.map(|answer| serde_json::from_slice(&answer).unwrap())
}

fn check(answer: &Value) {
    assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
    assert_eq!(answer["jsonrpc"], "2.0");
    if let Some(error) = answer.get("error") {
        assert!(error["message"].is_string(), "{answer}");
        assert_ne!(error["code"].as_i64().unwrap(), -32603, "{answer}");
    }
}

fn atom() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        "0x",
        "0x0",
        "0x00",
        "0xg",
        "latest",
        "pending",
        "earliest",
        "latest ",
        "\u{0}",
        "0xffffffffffffffff",
        "0x10000000000000000",
        "newHeads",
        "0x7fffffffffffffff",
        "😀",
        "0x0000000000000000000000000000000000000001",
        "0x0000000000000000000000000000000000000000000000000000000000000001",
        "0x00000000000000000000000000000000000000000000000000000000000000001",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..64)
            .prop_map(|bytes| Value::from(format!("0x{}", alloy_primitives::hex::encode(bytes)))),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let keys = [
        "address",
        "topics",
        "fromBlock",
        "toBlock",
        "blockHash",
        "blockNumber",
        "from",
        "to",
        "data",
        "input",
        "value",
        "gas",
        "gasPrice",
        "accessList",
        "tracer",
        "types",
        "message",
        "domain",
        "primaryType",
        "blockStateCalls",
        "calls",
        "stateOverrides",
        "balance",
    ];
    atom().prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner), 0..5)
                .prop_map(|entries| entries
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn bytes(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        match answer(body) {
            Some(Value::Array(answers)) => answers.iter().for_each(check),
            Some(answer) => check(&answer),
            None => {}
        }
    }

    #[test]
    fn params(at in any::<prop::sample::Index>(), params in json_value(), id in any::<i64>()) {
        let methods = &node().methods;
        let method = methods[at.index(methods.len())];
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let answer = answer(request.to_string().into_bytes()).unwrap();
        check(&answer);
        prop_assert_eq!(&answer["id"], id);
    }

    #[test]
    fn param_lists(
        at in any::<prop::sample::Index>(),
        params in proptest::collection::vec(json_value(), 0..4),
    ) {
        let methods = &node().methods;
        let method = methods[at.index(methods.len())];
        let request = json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params });
        let answer = answer(request.to_string().into_bytes()).unwrap();
        check(&answer);
        prop_assert_eq!(&answer["id"], "x");
    }

    #[test]
    fn envelopes(envelope in json_value()) {
        match answer(envelope.to_string().into_bytes()) {
            Some(Value::Array(answers)) => answers.iter().for_each(check),
            Some(answer) => check(&answer),
            None => {}
        }
    }
}
