//! Controls of a development chain under the names that Hardhat, Foundry and Ganache gave them.

mod accounts;
mod blocks;
mod info;
mod pool;
mod reorg;
mod time;

use crate::registry::Method;
use crate::{ChainError, Context, DevApi, RpcError};

/// Declarations. They are served on development chains only.
pub(crate) fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    methods.extend(accounts::methods());
    methods.extend(blocks::methods());
    methods.extend(info::methods());
    methods.extend(pool::methods());
    methods.extend(reorg::methods());
    methods.extend(time::methods());
    methods
}

/// The controls.
fn dev(context: &Context) -> Result<&dyn DevApi, RpcError> {
    context.chain.dev().ok_or_else(|| RpcError::server("not a development chain"))
}

/// The controls refuse what makes no sense, such as time that runs backwards.
fn refused(error: ChainError) -> RpcError {
    match error {
        ChainError::Backend(message) => RpcError::server(message),
        error => error.into(),
    }
}

/// One declaration under several names.
fn aliases(names: &[&'static str], declare: impl Fn(&'static str) -> Method) -> Vec<Method> {
    names.iter().map(|name| declare(name)).collect()
}
