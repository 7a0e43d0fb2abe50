//! What a node that makes no batches asks of the one that does.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::registry::Handler;
use crate::{Method, RpcError};

/// JSON-RPC of the sequencer that a replica follows.
pub trait SequencerApi: Send + Sync + 'static {
    /// What the sequencer answers to `method`, which is in the `jovay` namespace.
    ///
    /// # Errors
    /// The sequencer's own, or [`SEQUENCER_UNAVAILABLE`](super::SEQUENCER_UNAVAILABLE).
    fn ask(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> BoxFuture<'_, Result<Value, RpcError>>;
}

/// `method` as the sequencer answers it, if it is one that needs batches and messages; others are
/// left as they are.
pub(crate) fn forwarded(mut method: Method, sequencer: &Arc<dyn SequencerApi>) -> Method {
    if !method.errors.iter().any(|(code, _)| *code == super::NO_L1) {
        return method;
    }
    let (sequencer, name, count) = (sequencer.clone(), method.name, method.params.len());
    method.handler = Handler::Future(Arc::new(move |_, params| {
        let read = |index| match params.raw(index) {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| RpcError::invalid_argument(index, error)),
            None => Ok(Value::Null),
        };
        let asked = (0..count).map(read).collect::<Result<Vec<Value>, _>>()?;
        let sequencer = sequencer.clone();
        Ok(Box::pin(async move { crate::registry::to_answer(&sequencer.ask(name, asked).await?) }))
    }));
    method
}
