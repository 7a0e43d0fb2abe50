//! The committed OpenRPC document is the one that the code generates.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// Set to any value to write the document instead of comparing it.
const REWRITE: &str = "UPDATE_OPENRPC";

#[test]
fn committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openrpc.json");
    let mut generated = serde_json::to_string_pretty(&jovay_rpc::openrpc_document()).unwrap();
    generated.push('\n');
    if std::env::var_os(REWRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/openrpc.json is out of date: run the test with {REWRITE}=1 and commit it"
    );
}

#[test]
fn every_method_is_described() {
    let document = jovay_rpc::openrpc_document();
    let methods = document["methods"].as_array().unwrap();
    assert!(methods.len() > 100, "{}", methods.len());
    for method in methods {
        let name = method["name"].as_str().unwrap();
        assert!(name.contains(['_', '.']), "{name} has no namespace");
        assert!(method["summary"].as_str().unwrap().ends_with('.'), "{name} has no sentence");
        let params = method["params"].as_array().unwrap();
        let required: Vec<bool> =
            params.iter().map(|param| param["required"].as_bool().unwrap()).collect();
        assert!(required.is_sorted_by(|a, b| a >= b), "{name}: optional before required");
    }
}
