//! The recorded answers of execution-apis, for the methods that execute.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Node, TestChain};

/// Directories of the suite that this crate's executing methods answer.
const METHODS: [&str; 11] = [
    "eth_call",
    "eth_estimateGas",
    "eth_createAccessList",
    "eth_simulateV1",
    "debug_traceTransaction",
    "debug_traceBlockByHash",
    "debug_traceBlockByNumber",
    "debug_getRawBlock",
    "debug_getRawHeader",
    "debug_getRawReceipts",
    "debug_getRawTransaction",
];

/// Error messages are not compared: hive's rule.
fn without_messages(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(error)) = map.get_mut("error") {
                error.remove("message");
            }
            map.values_mut().for_each(without_messages);
        }
        Value::Array(items) => items.iter_mut().for_each(without_messages),
        _ => {}
    }
}

/// geth leaves out two members of a step that say nothing, which the specification asks for.
fn without_empty_members(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.contains_key("pc") {
                map.retain(|key, value| {
                    !(key == "refund" && *value == 0 || key == "returnData" && *value == "0x")
                });
            }
            map.values_mut().for_each(without_empty_members);
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty_members),
        _ => {}
    }
}

/// Answers that differ from the recorded ones, with the first difference.
fn failures(node: &Node, path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut failures = Vec::new();
    let mut answer = Value::Null;
    for line in text.lines() {
        if let Some(request) = line.strip_prefix(">>") {
            let request: Value = serde_json::from_str(request).unwrap();
            answer = node.answer(request["method"].as_str().unwrap(), &request["params"]);
        } else if let Some(wanted) = line.strip_prefix("<<") {
            let mut wanted: Value = serde_json::from_str(wanted).unwrap();
            let members = wanted.as_object_mut().unwrap();
            members.remove("jsonrpc");
            members.remove("id");
            without_messages(&mut wanted);
            without_messages(&mut answer);
            without_empty_members(&mut answer);
            if let Some(difference) = difference(&answer, &wanted, "") {
                failures.push(difference);
            }
        }
    }
    failures
}

fn difference(got: &Value, wanted: &Value, at: &str) -> Option<String> {
    match (got, wanted) {
        (Value::Object(got), Value::Object(wanted)) => {
            let extra = got.keys().find(|key| !wanted.contains_key(*key));
            if let Some(key) = extra {
                return Some(format!("{at}.{key}: unexpected {}", got[key]));
            }
            wanted.iter().find_map(|(key, wanted)| match got.get(key) {
                Some(got) => difference(got, wanted, &format!("{at}.{key}")),
                None => Some(format!("{at}.{key}: missing")),
            })
        }
        (Value::Array(got), Value::Array(wanted)) => {
            if got.len() != wanted.len() {
                return Some(format!("{at}: {} items, want {}", got.len(), wanted.len()));
            }
            let pairs = got.iter().zip(wanted).enumerate();
            pairs.into_iter().find_map(|(index, (got, wanted))| {
                difference(got, wanted, &format!("{at}[{index}]"))
            })
        }
        _ if got == wanted => None,
        _ => Some(format!("{at}: {got:.200} want {wanted:.200}")),
    }
}

#[test]
fn recorded_answers() {
    let Some(dir) = support::execution_apis() else { return };
    let node = Node::new(TestChain::import(&dir));
    let (mut passed, mut failed) = (0, Vec::new());
    for method in METHODS {
        let mut files: Vec<_> =
            std::fs::read_dir(dir.join(method)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{method} has no tests");
        for path in files {
            match failures(&node, &path).into_iter().next() {
                None => passed += 1,
                Some(failure) => {
                    let name = path.file_stem().unwrap().to_string_lossy();
                    failed.push(format!("{method}/{name}: {failure}"));
                }
            }
        }
    }
    println!("{passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
