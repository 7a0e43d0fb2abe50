//! The OpenRPC document, made from the declarations.

use serde_json::{Value, json};

use super::{Method, Registry};

/// The OpenRPC 1.3 document of every method, those of development chains included.
pub fn openrpc_document() -> Value {
    document(&Registry::new(true))
}

/// The OpenRPC document of `registry`.
pub(crate) fn document(registry: &Registry) -> Value {
    let methods: Vec<Value> = registry.sorted().into_iter().map(|entry| method(entry)).collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Jovay JSON-RPC",
            "description": "JSON-RPC of a Jovay node, over HTTP and WebSocket on one port.",
            "license": { "name": "MIT OR Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "methods": methods,
    })
}

fn method(method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|param| {
            json!({ "name": param.name, "required": param.required, "schema": param.schema })
        })
        .collect();
    let mut out = json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": method.result.0, "schema": method.result.1 },
    });
    if !method.errors.is_empty() {
        let errors: Vec<Value> = method
            .errors
            .iter()
            .map(|(code, message)| json!({ "code": code, "message": message }))
            .collect();
        out["errors"] = errors.into();
    }
    out
}
