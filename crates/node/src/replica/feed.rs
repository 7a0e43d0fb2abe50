//! Where a feed is.

use jovay_l1::L1Error;

use crate::FEED_PATH;

/// The address of a feed, `ws://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedAddress {
    /// `host:port`, and what may follow.
    rest: String,
}

impl FeedAddress {
    /// The feed at `url`; its path may be left out.
    ///
    /// # Errors
    /// Another scheme than `ws`: TLS ends at a proxy before the node.
    pub(crate) fn new(url: &str) -> Result<Self, L1Error> {
        let rest = url.strip_prefix("ws://").map(|rest| rest.trim_end_matches('/'));
        let rest = rest.map(|rest| rest.strip_suffix(FEED_PATH).unwrap_or(rest));
        match rest.filter(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#'])) {
            Some(rest) => Ok(Self { rest: rest.to_owned() }),
            None => {
                let message = "a feed's address is ws://host:port".into();
                Err(L1Error::Url { url: url.into(), message })
            }
        }
    }

    /// The feed's blocks from `number` on.
    pub(crate) fn from(&self, number: u64) -> String {
        format!("ws://{}{FEED_PATH}?from={number}", self.rest)
    }

    /// JSON-RPC of the node that serves it.
    pub(crate) fn rpc_url(&self) -> String {
        format!("http://{}", self.rest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses() {
        for url in ["ws://host:1", "ws://host:1/", "ws://host:1/feed"] {
            let feed = FeedAddress::new(url).unwrap();
            assert_eq!(feed.from(7), "ws://host:1/feed?from=7");
            assert_eq!(feed.rpc_url(), "http://host:1");
        }
        for url in ["host:1", "http://host", "ws://", "ws://host/a", "wss://host"] {
            assert!(FeedAddress::new(url).is_err(), "{url}");
        }
    }
}
