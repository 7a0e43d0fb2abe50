//! The `rpc` namespace: what this server offers.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::params::Params;
use crate::registry::{Method, Registry, document, schema};
use crate::{Context, RpcError};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    vec![
        Method::new("rpc_modules", "The namespaces and their versions.")
            .returns("modules", schema::map(schema::string()))
            .light(modules),
        Method::new("rpc.discover", "The OpenRPC document of this server.")
            .returns("document", schema::object())
            .blocking(discover),
    ]
}

fn modules(context: &Context, _: &Params<'_>) -> Result<BTreeMap<String, String>, RpcError> {
    let registry = Registry::new(context.chain.dev().is_some());
    let names = registry.sorted().into_iter().filter_map(|method| method.name.split_once('_'));
    Ok(names.map(|(module, _)| (module.to_owned(), "1.0".to_owned())).collect())
}

fn discover(context: &Context, _: &Params<'_>) -> Result<&'static Value, RpcError> {
    static WITH_DEV: OnceLock<Value> = OnceLock::new();
    static WITHOUT_DEV: OnceLock<Value> = OnceLock::new();
    let dev = context.chain.dev().is_some();
    let cell = if dev { &WITH_DEV } else { &WITHOUT_DEV };
    Ok(cell.get_or_init(|| document(&Registry::new(dev))))
}
