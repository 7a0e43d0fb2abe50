//! JSON-RPC over one kept-alive HTTP connection.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::BenchError;

/// The largest answer accepted from a node, in bytes.
const RESPONSE_MAX: usize = 256 * 1024 * 1024;

/// A connection to a node.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Client {
    /// Connects to `127.0.0.1:port`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(port: u16) -> Result<Self, BenchError> {
        let authority = format!("127.0.0.1:{port}");
        let io = |source| BenchError::Io { what: format!("connect to {authority}"), source };
        let stream = TcpStream::connect(&authority).await.map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| io(std::io::Error::other(error)))?;
        tokio::spawn(connection);
        Ok(Self { sender, authority })
    }

    /// Calls one method and decodes its result.
    ///
    /// # Errors
    /// The connection broke, or the node answered with an error or with another type.
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<T, BenchError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer: Value = self.post(method, body.to_string()).await?;
        if let Some(error) = answer.get("error") {
            return Err(BenchError::Node { method: method.into(), message: error.to_string() });
        }
        serde_json::from_value(answer["result"].take())
            .map_err(|error| BenchError::Node { method: method.into(), message: error.to_string() })
    }

    /// Posts `body` and decodes the answer.
    ///
    /// # Errors
    /// The connection broke or the answer is not a `T`; `what` names the call in the error.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        what: &str,
        body: String,
    ) -> Result<T, BenchError> {
        let failed = |message: String| BenchError::Node { method: what.into(), message };
        let request = hyper::Request::post("/")
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(error.to_string()))?;
        self.sender.ready().await.map_err(|error| failed(error.to_string()))?;
        let response =
            self.sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
        let bytes = Limited::new(response.into_body(), RESPONSE_MAX)
            .collect()
            .await
            .map_err(|error| failed(error.to_string()))?
            .to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
    }
}
