//! Request bodies, against a real chain in memory with every namespace.
#![no_main]

use std::sync::OnceLock;

use bytes::Bytes;
use jovay_node::{Core, NodeConfig};
use serde_json::Value;

struct Node {
    runtime: tokio::runtime::Runtime,
    core: Core,
}

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let core = Core::open(&NodeConfig::default()).expect("a chain in memory");
        Node { runtime, core }
    })
}

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let node = node();
    let _entered = node.runtime.enter();
    let dispatcher = node.core.dispatcher();
    let body = Bytes::copy_from_slice(raw);
    let Some(answer) = node.runtime.block_on(dispatcher.answer(&body)) else { return };
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    let answers = match answer {
        Value::Array(answers) => answers,
        one => vec![one],
    };
    for answer in answers {
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
        assert_ne!(answer["error"]["code"], -32603, "{answer}");
    }
});
