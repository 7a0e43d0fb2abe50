//! JSON-RPC to an Ethereum execution node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::L1Error;
use crate::types::{BlockTag, L1Block, L1Log, L1Receipt, L1Transaction, LogFilter};

/// Most bytes of an answer.
const ANSWER_MAX: usize = 64 << 20;
/// How long a request may take. KZG makes some nodes slow on their first blob.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one Ethereum node. Clones share its connections.
#[derive(Clone, Debug)]
pub struct L1Client {
    http: Client,
    url: Arc<Url>,
    next_id: Arc<AtomicU64>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

impl Answer {
    fn into_result<T: DeserializeOwned>(self, method: &str) -> Result<T, L1Error> {
        if let Some(Refusal { code, message, data }) = self.error {
            let data = data.map(|data| data.as_str().map_or(data.to_string(), str::to_owned));
            return Err(L1Error::Rpc { method: method.into(), code, message, data });
        }
        serde_json::from_value(self.result).map_err(|error| L1Error::malformed(method, error))
    }
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl L1Client {
    /// A client of the node at `url` (http or https). Nothing is asked yet.
    ///
    /// # Errors
    /// [`L1Error::Url`].
    pub fn new(url: &str) -> Result<Self, L1Error> {
        let no = |message: String| L1Error::Url { url: url.into(), message };
        let parsed = Url::parse(url).map_err(|error| no(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(no("the scheme must be http or https".into()));
        }
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| no(error.to_string()))?;
        Ok(Self { http, url: Arc::new(parsed), next_id: Arc::default() })
    }

    /// The node's address without user name and password, for logs.
    pub fn shown_url(&self) -> String {
        let mut url = (*self.url).clone();
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_query(None);
        url.into()
    }

    /// Calls any method.
    ///
    /// # Errors
    /// See [`L1Error`]; a result of another type is [`L1Error::Malformed`]. So in every method.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, L1Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let answer: Answer = self.post(method, &body).await?;
        answer.into_result(method)
    }

    /// Calls `method` once for each element of `params`, in one batch. The results are in the
    /// order of `params`.
    ///
    /// # Errors
    /// As [`Self::request`]; one refusal fails the whole batch.
    pub async fn request_many<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Vec<Value>,
    ) -> Result<Vec<T>, L1Error> {
        if params.is_empty() {
            return Ok(Vec::new());
        }
        let count = params.len();
        let first = self.next_id.fetch_add(count as u64, Ordering::Relaxed);
        let calls = (first..).zip(params).map(
            |(id, params)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
        );
        let body = Value::Array(calls.collect());
        let mut answers: Vec<Answer> = self.post(method, &body).await?;
        // A server may answer in any order.
        answers.sort_by_key(|answer| answer.id);
        let complete = answers.len() == count
            && (first..).zip(&answers).all(|(id, answer)| answer.id == Some(id));
        if !complete {
            return Err(L1Error::malformed(method, "not one answer for each call of a batch"));
        }
        answers.into_iter().map(|answer| answer.into_result(method)).collect()
    }

    async fn post<A: DeserializeOwned>(&self, method: &str, body: &Value) -> Result<A, L1Error> {
        let transport = |error: &dyn std::fmt::Display| L1Error::Transport {
            method: method.into(),
            message: error.to_string(),
        };
        let request = self.http.post((*self.url).clone());
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.map_err(|error| transport(&error.without_url()))?;
        let status = response.status();
        let bytes = read_body(response, ANSWER_MAX).await.map_err(|error| transport(&error))?;
        match serde_json::from_slice(&bytes) {
            Ok(answer) => Ok(answer),
            Err(_) if !status.is_success() => Err(transport(&status)),
            Err(error) => Err(L1Error::malformed(method, error)),
        }
    }

    /// The chain id (EIP-155).
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.request::<U64>("eth_chainId", json!([])).await.map(|id| id.to())
    }

    /// The header of a block; `None` if there is none such.
    pub async fn block(&self, tag: BlockTag) -> Result<Option<L1Block>, L1Error> {
        match tag {
            BlockTag::Hash(hash) => self.request("eth_getBlockByHash", json!([hash, false])).await,
            tag => self.request("eth_getBlockByNumber", json!([tag.param(), false])).await,
        }
    }

    /// Logs in block order. Nodes limit the range; see their error.
    pub async fn logs(&self, filter: &LogFilter) -> Result<Vec<L1Log>, L1Error> {
        self.request("eth_getLogs", json!([filter])).await
    }

    /// A transaction in a block or in the node's pool.
    pub async fn transaction(&self, hash: B256) -> Result<Option<L1Transaction>, L1Error> {
        self.request("eth_getTransactionByHash", json!([hash])).await
    }

    /// The receipt of a transaction that is in a block.
    pub async fn receipt(&self, hash: B256) -> Result<Option<L1Receipt>, L1Error> {
        self.request("eth_getTransactionReceipt", json!([hash])).await
    }

    /// The next nonce of an account.
    pub async fn nonce(&self, address: Address, tag: BlockTag) -> Result<u64, L1Error> {
        let params = json!([address, tag.param()]);
        self.request::<U64>("eth_getTransactionCount", params).await.map(|nonce| nonce.to())
    }

    /// The balance of an account in wei.
    pub async fn balance(&self, address: Address, tag: BlockTag) -> Result<U256, L1Error> {
        self.request("eth_getBalance", json!([address, tag.param()])).await
    }

    /// The code of an account.
    pub async fn code(&self, address: Address, tag: BlockTag) -> Result<Bytes, L1Error> {
        self.request("eth_getCode", json!([address, tag.param()])).await
    }

    /// A storage slot.
    pub async fn storage(
        &self,
        address: Address,
        slot: B256,
        tag: BlockTag,
    ) -> Result<B256, L1Error> {
        self.request("eth_getStorageAt", json!([address, slot, tag.param()])).await
    }

    /// Calls a view function of a contract.
    ///
    /// # Errors
    /// Also [`L1Error::Malformed`] if what comes back is not what the function returns: there may
    /// be no contract.
    pub async fn view<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        tag: BlockTag,
    ) -> Result<C::Return, L1Error> {
        let input = Bytes::from(call.abi_encode());
        let params = json!([{"to": to, "input": input}, tag.param()]);
        let output: Bytes = self.request("eth_call", params).await?;
        C::abi_decode_returns(&output).map_err(|error| {
            L1Error::malformed("eth_call", format!("{} of {to}: {error}", C::SIGNATURE))
        })
    }

    /// Gas that a transaction would use on top of the latest block.
    pub async fn estimate_gas(&self, request: &Value) -> Result<u64, L1Error> {
        self.request::<U64>("eth_estimateGas", json!([request])).await.map(|gas| gas.to())
    }

    /// Hands a signed transaction to the node. Blob transactions come with their sidecar.
    pub async fn send_raw(&self, raw: &[u8]) -> Result<B256, L1Error> {
        let raw = alloy_primitives::hex::encode_prefixed(raw);
        self.request("eth_sendRawTransaction", json!([raw])).await
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) =
        response.chunk().await.map_err(|error| error.without_url().to_string())?
    {
        if body.len() + part.len() > limit {
            return Err(format!("the answer has more than {limit} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
