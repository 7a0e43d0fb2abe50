//! The serving side.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use jovay_state::{ChainStore, SealOutcome};
use jovay_storage::Chain;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{FEED_PATH, FEED_VERSION, FeedMessage, Hello};

/// Followers at most.
const FOLLOWERS_MAX: usize = 64;
/// A follower that does not take a message within this time is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a follower hears where the chain stands.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long followers may take to go.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Most bytes that a follower may send: it has nothing to say.
const REQUEST_BYTES_MAX: usize = 1024;

/// Serves the feed of one chain.
#[derive(Clone)]
pub(crate) struct Feed {
    hello: Hello,
    store: Arc<Chain>,
    /// Published blocks, as a wake-up alone: what is sent comes from the store.
    subscribe: Arc<dyn Fn() -> broadcast::Receiver<SealOutcome> + Send + Sync>,
    places: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// Why a follower is let go.
enum End {
    /// It went away, or takes nothing.
    Gone,
    /// It is told why.
    Told(&'static str),
}

impl Feed {
    /// The feed of `store`; `subscribe` gives published blocks from then on.
    pub(crate) fn new(
        chain_id: u64,
        store: Arc<Chain>,
        subscribe: impl Fn() -> broadcast::Receiver<SealOutcome> + Send + Sync + 'static,
    ) -> Self {
        let hello = Hello { version: FEED_VERSION, chain_id, genesis: store.genesis_hash() };
        let places = Arc::new(Semaphore::new(FOLLOWERS_MAX));
        let (subscribe, stop) = (Arc::new(subscribe), watch::Sender::new(false));
        Self { hello, store, subscribe, places, stop }
    }

    /// The route.
    pub(crate) fn router(&self) -> Router {
        Router::new().route(FEED_PATH, get(open)).with_state(self.clone())
    }

    /// Lets every follower go, and waits a moment until they have gone.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let gone = self.places.acquire_many(FOLLOWERS_MAX as u32);
        if timeout(STOP_GRACE, gone).await.is_err() {
            tracing::warn!("a follower of the feed does not go");
        }
    }

    async fn serve(&self, socket: WebSocket, from: u64) {
        metrics::gauge!("jovay_feed_followers").increment(1.0);
        let (mut sink, stream) = socket.split();
        let mut stopped = self.stop.subscribe();
        let end = tokio::select! {
            end = self.send_all(&mut sink, from) => end,
            () = until_closed(stream) => End::Gone,
            _ = stopped.wait_for(|stop| *stop) => End::Told("the node stops"),
        };
        if let End::Told(reason) = end {
            let frame = CloseFrame { code: close_code::AWAY, reason: reason.into() };
            let _ = timeout(HEARTBEAT, sink.send(Message::Close(Some(frame)))).await;
        }
        metrics::gauge!("jovay_feed_followers").decrement(1.0);
    }

    /// Sends blocks from `next` on, and where the chain stands, until something ends it.
    async fn send_all(&self, sink: &mut SplitSink<WebSocket, Message>, mut next: u64) -> End {
        let mut published = (self.subscribe)();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Err(end) = send(sink, FeedMessage::hello(&self.hello)).await {
            return end;
        }
        loop {
            let head = self.store.head();
            tokio::select! {
                // A follower that catches up hears of the head too.
                biased;
                _ = beat.tick() => {
                    if let Err(end) = send(sink, FeedMessage::head(&head)).await {
                        return end;
                    }
                }
                () = std::future::ready(()), if next <= head.number() => {
                    let message = match self.read(next).await {
                        Ok(message) => message,
                        Err(end) => return end,
                    };
                    if let Err(end) = send(sink, message).await {
                        return end;
                    }
                    next += 1;
                }
                told = published.recv() => {
                    if matches!(told, Err(broadcast::error::RecvError::Closed)) {
                        return End::Told("the node stops");
                    }
                }
            }
        }
    }

    async fn read(&self, number: u64) -> Result<Vec<u8>, End> {
        let store = self.store.clone();
        let read = move || store.block(number).map(|found| found.map(|b| FeedMessage::block(&b)));
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(Some(message))) => Ok(message),
            // A development chain may have gone back meanwhile.
            Ok(Ok(None)) => Err(End::Told("the chain went back")),
            Ok(Err(error)) => {
                tracing::error!(%error, number, "a block of the feed cannot be read");
                Err(End::Told("a block cannot be read"))
            }
            Err(_) => Err(End::Told("the node stops")),
        }
    }
}

async fn open(
    State(feed): State<Feed>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let from = query.as_deref().and_then(|query| query.strip_prefix("from=")?.parse().ok());
    let Some(from) = from else {
        return (StatusCode::BAD_REQUEST, "say where to begin: /feed?from=<block>\n")
            .into_response();
    };
    let Ok(place) = feed.places.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many followers\n").into_response();
    };
    upgrade.max_message_size(REQUEST_BYTES_MAX).max_frame_size(REQUEST_BYTES_MAX).on_upgrade(
        move |socket| async move {
            feed.serve(socket, from).await;
            // Whoever waits for the place waits for the store to be let go.
            drop(feed);
            drop(place);
        },
    )
}

async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Vec<u8>) -> Result<(), End> {
    match timeout(SEND_TIMEOUT, sink.send(Message::Binary(message.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => {
            metrics::counter!("jovay_feed_dropped_total").increment(1);
            tracing::warn!("a follower of the feed takes nothing: dropped");
            Err(End::Gone)
        }
    }
}

/// Reads what a follower sends, which is nothing but answers to pings, until it goes away.
async fn until_closed(mut stream: SplitStream<WebSocket>) {
    while let Some(Ok(message)) = stream.next().await {
        if matches!(message, Message::Close(_) | Message::Text(_) | Message::Binary(_)) {
            return;
        }
    }
}
