//! A JSON-RPC proxy in front of an L1 node that lies, or that limits requests.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use jovay_l1::L1Client;
use serde_json::{Value, json};

type Change = dyn Fn(&Value, Value) -> Value + Send + Sync;

pub struct Tampering {
    url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Tampering {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Tampering {
    /// Replaces `honest` by `forged` in the answers to `method`.
    pub async fn start(upstream: &str, method: &str, honest: &str, forged: &str) -> Self {
        let [method, honest, forged] = [method, honest, forged].map(str::to_owned);
        Self::with(upstream, move |request, answer| {
            if request["method"] != method.as_str() {
                return answer;
            }
            serde_json::from_str(&answer.to_string().replace(&honest, &forged)).unwrap()
        })
        .await
    }

    /// Refuses to look for logs in more than `blocks` blocks.
    pub async fn limiting_logs(upstream: &str, blocks: u64) -> Self {
        Self::with(upstream, move |request, answer| {
            let number = |key: &str| {
                let text = request["params"][0][key].as_str().unwrap_or("0x0");
                u64::from_str_radix(&text[2..], 16).unwrap()
            };
            if request["method"] != "eth_getLogs"
                || number("toBlock") - number("fromBlock") < blocks
            {
                return answer;
            }
            let message = "query exceeds max block range";
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": message}})
        })
        .await
    }

    async fn with(
        upstream: &str,
        change: impl Fn(&Value, Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let upstream = L1Client::new(upstream).unwrap();
        let change: Arc<Change> = Arc::new(change);
        let handler = move |body: String| {
            let (upstream, change) = (upstream.clone(), change.clone());
            async move {
                let request: Value = serde_json::from_str(&body).unwrap();
                let method = request["method"].as_str().unwrap();
                let result = upstream.request::<Value>(method, request["params"].clone()).await;
                let answer = match result {
                    Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
                    Err(error) => {
                        let error = json!({"code": -32000, "message": error.to_string()});
                        json!({"jsonrpc": "2.0", "id": request["id"], "error": error})
                    }
                };
                change(&request, answer).to_string()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(handler));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, server }
    }

    pub fn client(&self) -> L1Client {
        L1Client::new(&self.url).unwrap()
    }
}
