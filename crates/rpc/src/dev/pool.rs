//! Dropping transactions.

use alloy_primitives::B256;

use super::{aliases, dev, refused};
use crate::registry::{Method, schema};

/// Declarations.
pub(super) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(aliases(&["anvil_dropTransaction", "hardhat_dropTransaction"], |name| {
        Method::new(name, "Drops a transaction from the pool; whether it was there.")
            .param("hash", schema::hash())
            .returns("dropped", schema::boolean())
            .ordered(|context, params| {
                let hash: B256 = params.get(0)?;
                dev(context)?.drop_transaction(&hash).map_err(refused)
            })
    }));
    methods.push(
        Method::new("anvil_dropAllTransactions", "Drops all transactions from the pool.").ordered(
            |context, _| {
                dev(context)?.drop_all_transactions().map_err(refused)?;
                Ok(true)
            },
        ),
    );
    methods
}
