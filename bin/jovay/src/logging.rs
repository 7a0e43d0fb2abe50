//! Log lines for people, or as JSON for machines.

use jovay_node::NodeConfig;
use tracing_subscriber::EnvFilter;

/// Sends log lines to stderr as `config` says.
///
/// # Errors
/// The filter is malformed.
pub(crate) fn start(config: &NodeConfig) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| format!("setting `log`: {error}; try `info` or `jovay_rpc=debug`"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.log_json {
        lines.json().try_init()
    } else {
        let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
        lines.with_target(false).with_ansi(colour).try_init()
    };
    started.map_err(|error| error.to_string())
}
