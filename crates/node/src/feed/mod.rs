//! The block feed: what a node that makes the chain tells those that follow it.
//!
//! A follower opens a WebSocket at [`FEED_PATH`]`?from=N` and gets every block from `N` on as it is
//! published, earlier ones from the chain on disk. Nothing is buffered for it: a block is read when
//! the follower has taken the one before, so a slow one costs no memory, and one that takes nothing
//! is dropped.

mod message;
mod server;

pub(crate) use message::{FeedMessage, Hello};
pub(crate) use server::Feed;

/// Where the feed is served, on the port of JSON-RPC.
pub const FEED_PATH: &str = "/feed";

/// Version of the feed's messages.
pub(crate) const FEED_VERSION: u64 = 1;

/// Most bytes of a message: a block of 8 MiB of transactions and what L1 adds.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 << 20;
