//! A proxy that breaks a connection at a chosen request, as a crash of the sender would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// On which side of the node the connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The node does not get the request.
    Before,
    /// The node has acted on it; the sender does not get the answer.
    After,
}

/// The proxy; it breaks once.
pub struct Proxy {
    pub url: String,
    pub broken: Arc<Notify>,
    seen: Arc<AtomicU64>,
}

impl Proxy {
    /// In front of `upstream`, breaking at the request with this number, from 0.
    pub async fn start(upstream: &str, at: u64, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (broken, seen) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        let state = (Arc::clone(&broken), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (broken, seen) = (Arc::clone(&state.0), Arc::clone(&state.1));
                let upstream = upstream.clone();
                tokio::spawn(async move {
                    serve(socket, &upstream, at, cut, &seen, &broken).await;
                });
            }
        });
        Self { url, broken, seen }
    }

    pub fn requests(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut socket: TcpStream,
    upstream: &str,
    at: u64,
    cut: Cut,
    seen: &AtomicU64,
    broken: &Notify,
) -> Option<()> {
    loop {
        let request = message(&mut socket).await?;
        let number = seen.fetch_add(1, Ordering::SeqCst);
        if number == at && cut == Cut::Before {
            broken.notify_one();
            return None;
        }
        let mut node = TcpStream::connect(upstream).await.ok()?;
        node.write_all(&request).await.ok()?;
        let answer = message(&mut node).await?;
        if number == at {
            broken.notify_one();
            return None;
        }
        socket.write_all(&answer).await.ok()?;
    }
}

/// One HTTP/1.1 message with a content length.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.unwrap_or("0").trim().parse().ok()?;
            while bytes.len() < end + length {
                read(stream, &mut bytes).await?;
            }
            return Some(bytes);
        }
        read(stream, &mut bytes).await?;
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(bytes).await {
        Ok(count) if count > 0 => Some(()),
        _ => None,
    }
}
