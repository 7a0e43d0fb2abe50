//! The server over real sockets: limits, transports, access.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy_genesis::Genesis;
use futures_util::{SinkExt, StreamExt};
use jovay_evm::{ChainSpec, Fork};
use jovay_rpc::{Context, Dispatcher, Registry, RpcConfig, RpcServer};
use serde_json::{Value, json};
use support::TestChain;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

async fn server(config: RpcConfig) -> RpcServer {
    let chain = TestChain::new(ChainSpec::ethereum(1337, Fork::Osaka), &Genesis::default());
    let context = Context::new(Arc::new(chain), config);
    let dispatcher = Dispatcher::new(context, Registry::new(false));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    RpcServer::start(listener, dispatcher, axum::Router::new()).unwrap()
}

/// Sends a request head and `body`; the whole answer of a connection that then closes.
async fn send(address: SocketAddr, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const JSON: &str = "host: localhost\r\ncontent-type: application/json\r\n";

async fn post(address: SocketAddr, body: &str) -> Value {
    let answer = send(address, JSON, body.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() }
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test]
async fn envelope_rules() {
    let server = server(RpcConfig::default()).await;
    let at = server.address();
    let ok = post(at, r#"{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}"#).await;
    assert_eq!(ok, json!({ "jsonrpc": "2.0", "id": "a", "result": "0x539" }));
    let null = post(at, r#"{"jsonrpc":"2.0","id":null,"method":"eth_chainId"}"#).await;
    assert_eq!(null["id"], Value::Null);
    assert_eq!(null["result"], "0x539");
    assert_eq!(post(at, r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#).await, Value::Null);
    let cases = [
        ("{", -32700),
        ("", -32700),
        ("1", -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_nope"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"evm_mine"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x01"]}"#, -32602),
    ];
    for (body, expected) in cases {
        assert_eq!(code(&post(at, body).await), expected, "{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn batches_keep_order_and_limit() {
    let server = server(RpcConfig { batch_limit: 50, ..RpcConfig::default() }).await;
    let call = |id: usize, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let methods = ["eth_chainId", "eth_newBlockFilter", "eth_nope", "eth_gasPrice"];
    let batch: Vec<Value> = (0..50).map(|id| call(id, methods[id % methods.len()])).collect();
    let answers = post(server.address(), &Value::from(batch).to_string()).await;
    let ids: Vec<u64> =
        answers.as_array().unwrap().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
    let batch: Vec<Value> = (0..51).map(|id| call(id, "eth_chainId")).collect();
    let answer = post(server.address(), &Value::from(batch).to_string()).await;
    assert_eq!(code(&answer), -32600);
    let mixed = post(
        server.address(),
        r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},
            {"jsonrpc":"2.0","method":"eth_chainId"}, 5]"#,
    )
    .await;
    assert_eq!(mixed.as_array().unwrap().len(), 2);
    assert_eq!(code(&mixed[1]), -32600);
    server.stop().await;
}

#[tokio::test]
async fn bodies_and_answers_are_bounded() {
    let config =
        RpcConfig { body_limit_bytes: 10_000, response_limit_bytes: 2000, ..RpcConfig::default() };
    let server = server(config).await;
    let answer = send(server.address(), JSON, &vec![b'x'; 100_000]).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    let block = r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0"]}"#;
    let answer = post(server.address(), &format!("[{block},{block},{block}]")).await;
    assert!(answer[0]["result"].is_object());
    assert_eq!(code(&answer[2]), -32003);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":{}{}}}"#,
        "[".repeat(4000),
        "]".repeat(4000)
    );
    assert_eq!(code(&post(server.address(), &deep).await), -32602);
    server.stop().await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let config =
        RpcConfig { cors_origins: vec!["https://app.example".into()], ..RpcConfig::default() };
    let server = server(config).await;
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let evil = "host: evil.example\r\ncontent-type: application/json\r\n";
    assert!(send(server.address(), evil, body).await.starts_with("HTTP/1.1 403"));
    let form = "host: localhost\r\ncontent-type: text/plain\r\n";
    assert!(send(server.address(), form, body).await.starts_with("HTTP/1.1 415"));
    let page = format!("{JSON}origin: https://app.example\r\n");
    let answer = send(server.address(), &page, body).await;
    assert!(answer.contains("access-control-allow-origin: https://app.example"), "{answer}");
    let page = format!("{JSON}origin: https://other.example\r\n");
    assert!(!send(server.address(), &page, body).await.contains("access-control"));
    server.stop().await;
}

#[tokio::test]
async fn idle_and_surplus_connections_are_closed() {
    let config = RpcConfig {
        connection_limit: 20,
        idle_timeout: Duration::from_millis(300),
        ..RpcConfig::default()
    };
    let server = server(config).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    // A head that never ends.
    idle[0].write_all(b"POST / HTTP/1.1\r\nhost: ").await.unwrap();
    for stream in &mut idle {
        let mut buffer = [0; 256];
        let closed = async { while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {} };
        tokio::time::timeout(Duration::from_secs(5), closed).await.expect("still open");
    }
    let ok = post(server.address(), r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#).await;
    assert_eq!(ok["result"], "0x539");
    server.stop().await;
}

#[tokio::test]
async fn websocket_answers_and_subscribes() {
    let config = RpcConfig { subscription_limit: 2, ..RpcConfig::default() };
    let server = server(config).await;
    let url = format!("ws://{}", server.address());
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let mut ids = Vec::new();
    for (id, kind) in ["newHeads", "logs", "newHeads", "nope"].iter().enumerate() {
        let request =
            json!({ "jsonrpc": "2.0", "id": id, "method": "eth_subscribe", "params": [kind] });
        socket.send(Message::text(request.to_string())).await.unwrap();
        let answer = next_json(&mut socket).await;
        assert_eq!(answer["id"], id);
        ids.push(answer);
    }
    assert!(ids[0]["result"].as_str().unwrap().starts_with("0x"));
    assert_ne!(ids[0]["result"], ids[1]["result"]);
    assert_eq!(code(&ids[2]), -32005);
    assert_eq!(code(&ids[3]), -32601);
    for (expected, id) in [(true, &ids[0]["result"]), (false, &ids[0]["result"])] {
        let request =
            json!({ "jsonrpc": "2.0", "id": 9, "method": "eth_unsubscribe", "params": [id] });
        socket.send(Message::text(request.to_string())).await.unwrap();
        let answer = next_json(&mut socket).await;
        assert_eq!(answer.get("result").is_some(), expected, "{answer}");
    }
    server.stop().await;
}

async fn next_json<S>(socket: &mut S) -> Value
where
    S: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    loop {
        let message = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
        if let Message::Text(text) = message.expect("no answer").unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}
