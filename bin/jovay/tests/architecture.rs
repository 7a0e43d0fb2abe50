//! Checks of the tree itself: which crate may use which (DESIGN, "dependencies point down only").
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The layers, lowest first. A crate may use crates of lower layers only.
const LAYERS: &[&[&str]] = &[
    &["jovay-types"],
    &["jovay-state"],
    &["jovay-evm"],
    &["jovay-storage", "jovay-da"],
    &["jovay-sequencer", "jovay-rpc", "jovay-l1", "jovay-conformance", "jovay-bench"],
    &["jovay-deploy", "jovay-derive", "jovay-rollup"],
    &["jovay-node"],
    &["jovay-devl1"],
    &["jovay-devnet"],
    &["jovay"],
];

/// What a crate must not use, however indirectly: no async, no I/O.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("jovay-types", &["tokio", "axum", "hyper", "fjall"]),
    ("jovay-state", &["tokio", "axum", "hyper", "fjall"]),
    ("jovay-evm", &["tokio", "axum", "hyper", "fjall"]),
    // The object store's S3 client brings hyper along, to `da` and to who uses it; no server.
    ("jovay-da", &["axum", "fjall"]),
    ("jovay-storage", &["tokio", "axum", "hyper"]),
    ("jovay-rpc", &["fjall", "jovay-sequencer", "jovay-storage"]),
    ("jovay-sequencer", &["fjall", "jovay-storage", "axum"]),
    ("jovay-l1", &["axum", "fjall", "jovay-sequencer", "jovay-rpc"]),
    ("jovay-derive", &["axum", "jovay-sequencer", "jovay-rpc"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// For each package id: its name and the ids it uses, without dev-dependencies.
fn graph(metadata: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    let names: BTreeMap<_, _> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let node = |node: &Value| {
        let id = node["id"].as_str().unwrap();
        let uses = node["deps"].as_array().unwrap().iter().filter(|dep| {
            dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
        });
        let uses = uses.map(|dep| dep["pkg"].as_str().unwrap().to_owned()).collect();
        (id.to_owned(), (names[id].to_owned(), uses))
    };
    metadata["resolve"]["nodes"].as_array().unwrap().iter().map(node).collect()
}

#[test]
fn dependencies_point_down() {
    let metadata = metadata();
    let graph = graph(&metadata);
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    for member in metadata["workspace_members"].as_array().unwrap() {
        let (name, uses) = &graph[member.as_str().unwrap()];
        let own = layer(name).unwrap_or_else(|| panic!("{name} has no layer in LAYERS"));
        for used in uses.iter().map(|id| &graph[id].0) {
            if let Some(other) = layer(used) {
                assert!(other < own, "{name} must not use {used}");
            }
        }
    }
}

#[test]
fn core_crates_have_no_async_and_no_disk() {
    let graph = graph(&metadata());
    for (name, forbidden) in FORBIDDEN {
        let root = graph.iter().find(|(_, (n, _))| n == name).unwrap().0;
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(&graph[id].1);
            }
        }
        for id in seen {
            let used = graph[id].0.as_str();
            assert!(!forbidden.contains(&used), "{name} must not depend on {used}");
        }
    }
}

/// The licences that `deny.toml` allows.
fn allowed_licences() -> Vec<String> {
    let deny = include_str!("../../../deny.toml");
    let list = deny.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    list.split(',').map(|item| item.trim().trim_matches('"').to_owned()).collect()
}

/// Whether an SPDX expression can be satisfied: one side of an OR, both sides of an AND. `/` is an
/// old way to write OR. Parentheses occur around whole operands of AND only.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let known = |licence: &str| allowed.iter().any(|allowed| allowed == licence.trim());
    let any_side = |part: &String| part.split(" OR ").any(|side| side.split(" AND ").all(known));
    and_parts(&expression.replace('/', " OR ")).iter().all(any_side)
}

/// The operands of the ANDs that stand outside parentheses, without their own parentheses.
fn and_parts(expression: &str) -> Vec<String> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0;
    for word in expression.split_whitespace() {
        depth += word.matches('(').count();
        depth -= word.matches(')').count();
        if word == "AND" && depth == 0 {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(word.trim_matches(['(', ')']));
        }
    }
    parts.into_iter().map(|words| words.join(" ")).collect()
}

#[test]
fn licences_are_allowed() {
    let allowed = allowed_licences();
    for package in metadata()["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{}: {licence:?}", package["name"]);
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "Apache-2.0", "ISC"].map(String::from);
    for good in ["MIT", "GPL-3.0 OR MIT", "GPL-2.0/MIT", "MIT AND ISC", "(MIT OR GPL-3.0) AND ISC"]
    {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-2.0 OR GPL-3.0) AND MIT", "AGPL-3.0"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

#[test]
fn no_git_dependencies() {
    for package in metadata()["packages"].as_array().unwrap() {
        let source = package["source"].as_str().unwrap_or_default();
        assert!(!source.starts_with("git"), "{} comes from git", package["name"]);
    }
}
