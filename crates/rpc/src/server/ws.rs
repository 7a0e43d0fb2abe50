//! WebSocket: the same requests, and subscriptions.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{interval, timeout};

use super::connection::{ConnectionToken, wait_for_stop};
use super::subscription::{Outgoing, Session, Subscriptions};
use super::{Dispatcher, metrics::Open};

/// A client that does not take a message within this time is cut off.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a session; `token` keeps the connection's place until it ends.
pub(super) fn upgrade(
    upgrade: WebSocketUpgrade,
    dispatcher: Dispatcher,
    token: Option<ConnectionToken>,
) -> Response {
    let limit = dispatcher.context().config.body_limit_bytes;
    upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| session(socket, dispatcher, token))
}

async fn session(socket: WebSocket, dispatcher: Dispatcher, token: Option<ConnectionToken>) {
    let _open = Open::new("jovay_rpc_websockets");
    let config = dispatcher.context().config.clone();
    let (sink, mut incoming) = socket.split();
    let (outgoing, queue) = mpsc::channel(config.ws_queue_limit);
    let ended = Arc::new(Notify::new());
    let writer = tokio::spawn(write(sink, queue, config.idle_timeout / 2, ended.clone()));
    let subscriptions = Subscriptions::new(outgoing.clone());
    let places = Arc::new(Semaphore::new(config.ws_inflight_limit));
    let mut stopped = token.as_ref().map(ConnectionToken::stopped);
    let stop = async move {
        match &mut stopped {
            Some(stopped) => wait_for_stop(stopped).await,
            None => std::future::pending().await,
        }
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        // The writer pings, so a living client is never silent for long.
        let message = tokio::select! {
            message = timeout(config.idle_timeout, incoming.next()) => message,
            () = ended.notified() => break,
            () = stop.as_mut() => break,
        };
        let body = match message {
            Ok(Some(Ok(Message::Text(text)))) => Bytes::from(text),
            Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => break,
        };
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let (dispatcher, subscriptions) = (dispatcher.clone(), subscriptions.clone());
        let (outgoing, ended) = (outgoing.clone(), ended.clone());
        tokio::spawn(async move {
            let _place = place;
            if !answer(&dispatcher, &body, subscriptions, &outgoing).await {
                ended.notify_one();
            }
        });
    }
    drop(subscriptions);
    writer.abort();
}

/// Answers one message; false if the client does not read.
async fn answer(
    dispatcher: &Dispatcher,
    body: &Bytes,
    subscriptions: Arc<Subscriptions>,
    outgoing: &Outgoing,
) -> bool {
    let session = Session::new(subscriptions);
    if let Some(answer) = dispatcher.answer_in(body, Some(&session)).await {
        let Ok(text) = Utf8Bytes::try_from(Bytes::from(answer)) else { return false };
        if outgoing.send_timeout(text, SEND_TIMEOUT).await.is_err() {
            return false;
        }
    }
    session.answered();
    true
}

/// Sends what is queued, and a ping when nothing else is sent.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Utf8Bytes>,
    ping_every: Duration,
    ended: Arc<Notify>,
) {
    let mut pings = interval(ping_every.max(Duration::from_millis(1)));
    loop {
        let message = tokio::select! {
            text = queue.recv() => match text {
                Some(text) => Message::Text(text),
                None => break,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(SEND_TIMEOUT, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    ended.notify_one();
}
