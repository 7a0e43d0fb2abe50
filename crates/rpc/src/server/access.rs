//! Who may talk to the server: the `Host` header (against DNS rebinding) and browsers' origins.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::RpcConfig;

/// The allow-lists.
#[derive(Clone)]
pub(super) struct Access {
    config: Arc<RpcConfig>,
}

impl Access {
    pub(super) fn new(config: Arc<RpcConfig>) -> Self {
        Self { config }
    }

    /// Whether a request for `host` is served: a missing header, an IP address, or a listed
    /// name. Names are what a hostile page can point at this machine; addresses are not.
    pub(super) fn host_allowed(&self, host: Option<&str>) -> bool {
        let Some(host) = host else { return true };
        let name = without_port(host);
        if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return true;
        }
        let mut hosts = self.config.hosts.iter();
        hosts.any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(name))
    }

    /// The value of `access-control-allow-origin` for a browser's `origin`, if it may call.
    pub(super) fn origin_allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let text = origin.to_str().ok()?;
        let origins = &self.config.cors_origins;
        if origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let listed = origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text));
        listed.then(|| origin.clone())
    }

    /// Whether a WebSocket may be opened: browsers do not ask beforehand, so this is the only
    /// check. Programs send no origin; a page of this very server is allowed.
    pub(super) fn websocket_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        if self.origin_allowed(origin).is_some() {
            return true;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        matches!((origin, host), (Some((_, origin)), Some(host)) if origin == host)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // The colons of a bare IPv6 address separate no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(hosts: &[&str], origins: &[&str]) -> Access {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        Access::new(Arc::new(RpcConfig {
            hosts: owned(hosts),
            cors_origins: owned(origins),
            ..RpcConfig::default()
        }))
    }

    #[test]
    fn hosts() {
        let access = access(&["localhost", "node.example"], &[]);
        for allowed in
            ["localhost", "LOCALHOST:8545", "node.example:1", "127.0.0.1:8545", "[::1]:8545", "::1"]
        {
            assert!(access.host_allowed(Some(allowed)), "{allowed}");
        }
        for refused in ["evil.example", "evil.example:8545", "localhost.evil.example", ""] {
            assert!(!access.host_allowed(Some(refused)), "{refused}");
        }
        assert!(access.host_allowed(None));
    }

    #[test]
    fn origins() {
        let page = HeaderValue::from_static("https://app.example");
        assert!(access(&[], &[]).origin_allowed(&page).is_none());
        assert_eq!(access(&[], &["https://app.example"]).origin_allowed(&page), Some(page.clone()));
        assert_eq!(access(&[], &["*"]).origin_allowed(&page), Some(HeaderValue::from_static("*")));
    }
}
