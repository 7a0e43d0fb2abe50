//! The sequencer's feed, block by block.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jovay_state::ChainStore;
use jovay_storage::Chain;
use jovay_types::Block;
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::feed::FeedAddress;
use super::status::Status;
use crate::feed::{FEED_VERSION, FeedMessage, Hello, MESSAGE_BYTES_MAX};
use crate::import::Importer;

/// The feed speaks every second; silent for this long it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// First wait before connecting again; it doubles up to the longest.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait before connecting again.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// Why following stopped.
enum Stop {
    /// Connecting again may help.
    Lost(String),
    /// The feed's chain is not the chain here: nothing helps.
    Wrong(String),
}

pub(super) struct FeedFollower {
    pub(super) feed: FeedAddress,
    pub(super) chain_id: u64,
    pub(super) store: Arc<Chain>,
    pub(super) importer: Arc<Mutex<Importer>>,
    /// Held by whoever extends the chain.
    pub(super) writing: Arc<Mutex<()>>,
    pub(super) status: Arc<Status>,
}

impl FeedFollower {
    pub(super) async fn run(self) {
        let mut wait = RETRY_FIRST;
        while self.status.failure().is_none() {
            let before = self.store.head().number();
            match self.follow().await {
                Stop::Wrong(reason) => {
                    self.status.halt(format!("feed: {reason}"));
                    return;
                }
                Stop::Lost(reason) => tracing::warn!(%reason, "the feed is lost, connecting again"),
            }
            metrics::counter!("jovay_replica_feed_lost_total").increment(1);
            if self.store.head().number() > before {
                wait = RETRY_FIRST;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// Follows one connection until it ends.
    async fn follow(&self) -> Stop {
        let url = self.feed.from(self.store.head().number() + 1);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connecting = connect_async_with_config(&url, Some(limits), false);
        let mut socket = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return Stop::Lost(format!("{url}: {error}")),
            Err(_) => return Stop::Lost(format!("{url}: no answer")),
        };
        tracing::info!(url, "following the feed");
        loop {
            let raw = match timeout(SILENCE_MAX, socket.next()).await {
                Ok(Some(Ok(Message::Binary(raw)))) => raw,
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let reason = frame.map_or(String::new(), |frame| frame.reason.to_string());
                    return Stop::Lost(format!("closed: {reason}"));
                }
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(error))) => return Stop::Lost(error.to_string()),
                Ok(None) => return Stop::Lost("closed".into()),
                Err(_) => return Stop::Lost(format!("silent for {} s", SILENCE_MAX.as_secs())),
            };
            let taken = match FeedMessage::decode(&raw) {
                Ok(message) => self.take(message).await,
                Err(error) => Err(Stop::Lost(format!("malformed message: {error}"))),
            };
            if let Err(stop) = taken {
                return stop;
            }
        }
    }

    async fn take(&self, message: FeedMessage) -> Result<(), Stop> {
        match message {
            FeedMessage::Hello(hello) => self.greet(&hello),
            FeedMessage::Head(head) => {
                self.status.heard(head.number);
                let own = self.store.block_hash(head.number);
                let own = own.map_err(|error| Stop::Wrong(error.to_string()))?;
                match own {
                    Some(own) if own != head.hash => {
                        let (number, told) = (head.number, head.hash);
                        Err(Stop::Wrong(format!("block {number} is {told} there and {own} here")))
                    }
                    _ => Ok(()),
                }
            }
            FeedMessage::Block(block) => {
                let (importer, writing) = (self.importer.clone(), self.writing.clone());
                let store = self.store.clone();
                let work = move || import(&store, &writing, &importer, *block);
                let done = tokio::task::spawn_blocking(work).await;
                done.unwrap_or_else(|error| Err(Stop::Wrong(error.to_string())))
            }
        }
    }

    fn greet(&self, hello: &Hello) -> Result<(), Stop> {
        let own = Hello {
            version: FEED_VERSION,
            chain_id: self.chain_id,
            genesis: self.store.genesis_hash(),
        };
        if *hello == own {
            return Ok(());
        }
        Err(Stop::Wrong(format!("it is of another chain: {hello:?}, here {own:?}")))
    }
}

/// Adds a block of the feed, unless L1 has brought it already.
fn import(
    store: &Chain,
    writing: &Mutex<()>,
    importer: &Mutex<Importer>,
    block: Block,
) -> Result<(), Stop> {
    let number = block.header.number;
    // Recovered before the lock is taken: that is half of the work.
    let block = block.recover().map_err(|error| Stop::Wrong(format!("block {number}: {error}")))?;
    let _writing = writing.lock();
    let head = store.head().number();
    if number <= head {
        let own = store.block_hash(number).map_err(|error| Stop::Wrong(error.to_string()))?;
        return match own {
            Some(own) if own != block.hash => {
                let told = block.hash;
                Err(Stop::Wrong(format!("block {number} is {told} there and {own} here")))
            }
            _ => Ok(()),
        };
    }
    if number > head + 1 {
        return Err(Stop::Lost(format!("block {number} came behind block {head}")));
    }
    let added = importer.lock().extend_by_rules(block);
    added.map_err(|error| Stop::Wrong(format!("block {number}: {error}")))
}
