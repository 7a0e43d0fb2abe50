//! The sequencer as a replica asks it.

use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use futures_util::future::BoxFuture;
use jovay_l1::{L1Client, L1Error};
use jovay_rpc::jovay::{SEQUENCER_UNAVAILABLE, SequencerApi};
use jovay_rpc::{RpcError, SubmitError};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::front::CODE_REFUSED;

/// Questions that are with the sequencer at the same time; more wait.
const ASKED_AT_ONCE: usize = 32;
/// How long a question may take, the wait for its turn counted.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// JSON-RPC of the sequencer, if the replica was told of one.
#[derive(Debug)]
pub(super) struct SequencerRpc {
    client: Option<L1Client>,
    asking: Semaphore,
}

impl SequencerRpc {
    pub(super) fn new(client: Option<L1Client>) -> Self {
        Self { client, asking: Semaphore::new(ASKED_AT_ONCE) }
    }

    /// Hands a signed transaction on.
    ///
    /// # Errors
    /// In the sequencer's words, or that it cannot be asked.
    pub(super) async fn send(&self, raw: Bytes) -> Result<B256, SubmitError> {
        let refuse = |message: String| SubmitError { code: CODE_REFUSED, message };
        let Some(client) = &self.client else {
            return Err(refuse("this replica follows L1 alone and knows no sequencer".into()));
        };
        client.send_raw(&raw).await.map_err(|error| match error {
            L1Error::Rpc { code, message, .. } => {
                SubmitError { code: i32::try_from(code).unwrap_or(CODE_REFUSED), message }
            }
            error => refuse(format!("the sequencer cannot be reached: {}", reason(error))),
        })
    }

    async fn answer(&self, method: &'static str, params: Vec<Value>) -> Result<Value, RpcError> {
        let unavailable = |message: String| RpcError::new(SEQUENCER_UNAVAILABLE, message);
        let Some(client) = &self.client else {
            let message = "this replica follows L1 alone; only a sequencer can answer this";
            return Err(unavailable(message.into()));
        };
        let asked = async {
            // The semaphore is never closed; a question without its turn is only one more.
            let _turn = self.asking.acquire().await;
            client.request(method, Value::Array(params)).await
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(L1Error::Rpc { code, message, data, .. })) => {
                let error = RpcError::new(i32::try_from(code).unwrap_or(CODE_REFUSED), message);
                Err(match data {
                    // The client keeps it as text.
                    Some(text) => {
                        error.with_data(serde_json::from_str(&text).unwrap_or(Value::String(text)))
                    }
                    None => error,
                })
            }
            Ok(Err(error)) => {
                Err(unavailable(format!("the sequencer cannot be reached: {}", reason(error))))
            }
            Err(_) => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                Err(unavailable(format!("the sequencer did not answer within {seconds} s")))
            }
        }
    }
}

/// What went wrong, without the client's talk of L1.
fn reason(error: L1Error) -> String {
    match error {
        L1Error::Transport { message, .. } | L1Error::Malformed { message, .. } => message,
        error => error.to_string(),
    }
}

impl SequencerApi for SequencerRpc {
    fn ask(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> BoxFuture<'_, Result<Value, RpcError>> {
        Box::pin(self.answer(method, params))
    }
}
