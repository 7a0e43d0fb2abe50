//! The server: from bytes on a socket to a method and back.
//!
//! [`RpcServer`] accepts connections, `http` and `ws` speak the two transports, `dispatch` turns
//! a message into its answer, `blocking` bounds what runs beside the connections.

mod access;
mod blocking;
mod connection;
mod dispatch;
mod envelope;
mod http;
mod metrics;
mod subscription;
mod ws;

pub(crate) use blocking::BlockingPool;
pub use connection::RpcServer;
pub use dispatch::Dispatcher;
pub(crate) use envelope::split_array;
