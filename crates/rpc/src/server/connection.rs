//! Accepting connections, within their limit and their time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use super::metrics::Open;
use super::{Dispatcher, http};
use crate::RpcConfig;

/// Read buffer of a connection: room for the head of a request. Bodies do not pass through it
/// whole.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// How long open requests may take to end when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// After a failed accept (no file descriptors left), wait before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server.
pub struct RpcServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    places: Arc<Semaphore>,
    places_limit: u32,
}

impl RpcServer {
    /// Serves JSON-RPC on `listener`, and beside it the routes of `extra` (`/health`,
    /// `/metrics`), until [`RpcServer::stop`]. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn start(listener: TcpListener, dispatcher: Dispatcher, extra: Router) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let config = dispatcher.context().config.clone();
        let places_limit = u32::try_from(config.connection_limit).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(places_limit as usize));
        let router = http::router(dispatcher, extra);
        let accepting = tokio::spawn(accept(listener, router, config, places.clone(), stopped));
        Ok(Self { address, stop, accepting, places, places_limit })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more, lets open requests end for a short time, and returns.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.accepting.await;
        let all_closed = self.places.acquire_many(self.places_limit);
        let _ = tokio::time::timeout(STOP_GRACE, all_closed).await;
    }
}

/// Keeps a connection's place as long as it is held, and tells when the server stops. A WebSocket
/// takes it over from the HTTP connection that it was.
#[derive(Clone)]
pub(super) struct ConnectionToken {
    _place: Arc<(OwnedSemaphorePermit, Open)>,
    stopped: watch::Receiver<bool>,
}

impl ConnectionToken {
    /// Turns true when the server stops.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }
}

/// Returns when the server stops, or is gone.
pub(super) async fn wait_for_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: TcpListener,
    router: Router,
    config: Arc<RpcConfig>,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = wait_for_stop(&mut stopped) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            metrics::counter!("jovay_rpc_connections_refused_total").increment(1);
            drop(stream);
            continue;
        };
        let _place = Arc::new((place, Open::new("jovay_rpc_connections")));
        let token = ConnectionToken { _place, stopped: stopped.clone() };
        tokio::spawn(serve(stream, router.clone(), config.clone(), token));
    }
}

/// Serves one connection to its end. hyper's timeout for the head of a request also runs
/// between requests, so it closes idle connections and slow senders alike.
async fn serve(stream: TcpStream, router: Router, config: Arc<RpcConfig>, token: ConnectionToken) {
    let _ = stream.set_nodelay(true);
    let mut stopped = token.stopped();
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(token.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.idle_timeout)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = wait_for_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(%error, "connection ended");
    }
}
