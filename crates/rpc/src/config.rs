//! Limits and policies of the server, with their defaults.

use std::time::Duration;

/// What the server allows. Every number bounds something that comes from outside.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// What `web3_clientVersion` answers.
    pub client_version: String,
    /// Longest request body or WebSocket message, in bytes. geth's limit.
    pub body_limit_bytes: usize,
    /// Most requests in a batch. geth's limit.
    pub batch_limit: usize,
    /// Longest answer, a batch's counted together, in bytes. geth's limit.
    pub response_limit_bytes: usize,
    /// Open connections; further ones are closed at once.
    pub connection_limit: usize,
    /// A client must send its request head within this time, and may idle no longer between two.
    pub idle_timeout: Duration,
    /// A client must send its whole request body within this time.
    pub body_timeout: Duration,
    /// Requests of one WebSocket connection that may be in work together; more wait.
    pub ws_inflight_limit: usize,
    /// Messages waiting to be sent on a WebSocket.
    pub ws_queue_limit: usize,
    /// Subscriptions of one WebSocket connection.
    pub subscription_limit: usize,
    /// Installed filters, of all clients together.
    pub filter_limit: usize,
    /// A filter not polled for this long is dropped. geth's time.
    pub filter_ttl: Duration,
    /// Blocking calls that run together.
    pub blocking_limit: usize,
    /// Blocking calls that wait for a place; more are refused as "server busy".
    pub blocking_queue_limit: usize,
    /// Most gas that a simulated call may use: geth's `--rpc.gascap`.
    pub call_gas_cap: u64,
    /// Longest that one call or trace may run: geth's `--rpc.evmtimeout`.
    pub call_timeout: Duration,
    /// Blocks that one `eth_getLogs` may span.
    pub log_range_limit: u64,
    /// Logs that one `eth_getLogs` may return.
    pub log_result_limit: usize,
    /// Default and longest waiting time of `eth_sendRawTransactionSync` (EIP-7966).
    pub send_sync_timeout: Duration,
    /// Longest that a development chain with automine keeps a sender waiting for its block.
    pub automine_wait: Duration,
    /// Host headers that are served beside `localhost` and IP addresses: geth's `--http.vhosts`.
    /// `*` serves all.
    pub hosts: Vec<String>,
    /// Origins that browsers may call from: geth's `--http.corsdomain`. `*` allows all.
    pub cors_origins: Vec<String>,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            client_version: format!(
                "jovay/v{}/{}-{}/rust",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                std::env::consts::ARCH,
            ),
            body_limit_bytes: 5 * 1024 * 1024,
            batch_limit: 1000,
            response_limit_bytes: 25 * 1024 * 1024,
            connection_limit: 1000,
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            ws_inflight_limit: 16,
            ws_queue_limit: 64,
            subscription_limit: 128,
            filter_limit: 10_000,
            filter_ttl: Duration::from_secs(300),
            blocking_limit: 16,
            blocking_queue_limit: 4096,
            call_gas_cap: 50_000_000,
            call_timeout: Duration::from_secs(5),
            log_range_limit: 100_000,
            log_result_limit: 20_000,
            send_sync_timeout: Duration::from_secs(20),
            automine_wait: Duration::from_secs(10),
            hosts: vec!["localhost".into()],
            cors_origins: Vec::new(),
        }
    }
}
