//! The `eth` namespace, but for execution (`call`, `estimateGas`, `simulateV1`).

mod block;
mod chain;
mod config;
mod fees;
mod filters;
mod log_filter;
mod logs;
mod send;
mod sign;
mod state;
mod transaction;
mod typed_data;

pub(crate) use filters::FilterTable;
pub(crate) use log_filter::LogFilter;

use crate::registry::{Method, schema};

/// Declarations.
pub(crate) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(block::methods());
    methods.extend(chain::methods());
    methods.extend(config::methods());
    methods.extend(fees::methods());
    methods.extend(filters::methods());
    methods.extend(logs::methods());
    methods.extend(send::methods());
    methods.extend(sign::methods());
    methods.extend(state::methods());
    methods.extend(transaction::methods());
    methods.push(
        Method::new("eth_subscribe", "Opens a subscription; over WebSocket only.")
            .param("kind", schema::string())
            .optional("options", schema::any())
            .returns("subscription", schema::string()),
    );
    methods.push(
        Method::new("eth_unsubscribe", "Ends a subscription.")
            .param("subscription", schema::string())
            .returns("ended", schema::boolean()),
    );
    methods
}
