//! `jovay sequencer`.

use std::path::Path;

use jovay_da::DataLayerKind;
use jovay_l1::{Deployment, KeySource, Signer};
use jovay_node::{
    ChainStart, ConfigFlags, Core, L1Services, Node, NodeConfig, NodeError, Pace, SequencerKeys,
};

use crate::dev::until_signal;
use crate::{Outcome, logging, runtime};

/// Runs the sequencer of a deployed chain until Ctrl-C, SIGTERM or a failure.
pub(crate) fn run(flags: &ConfigFlags) -> Outcome {
    let config = NodeConfig::default().load(flags).map_err(|error| error.to_string())?;
    logging::start(&config)?;
    for (value, flag) in [
        (&config.l1_rpc, "--l1-rpc"),
        (&config.addresses, "--addresses"),
        (&config.datadir, "--datadir"),
        (&config.batcher_key, "--batcher-key"),
        (&config.feeder_key, "--feeder-key"),
    ] {
        if value.is_empty() {
            return Err(format!("a sequencer needs {flag}; see `jovay sequencer --help`"));
        }
    }
    let deployment =
        Deployment::read(Path::new(&config.addresses)).map_err(|error| error.to_string())?;
    if deployment.data_layer == DataLayerKind::Blobs && config.l1_beacon.is_empty() {
        return Err("the data of this chain is in blobs: a sequencer needs --l1-beacon".into());
    }
    let keys = SequencerKeys {
        batcher: key("batcher_key", &config.batcher_key)?,
        feeder: key("feeder_key", &config.feeder_key)?,
    };
    runtime()?.block_on(async {
        let line = |error: NodeError| error.to_string();
        let listener = Node::listen(&config).await.map_err(line)?;
        let core = open(config.clone(), deployment.clone()).await.map_err(line)?;
        let services = L1Services::start(&core, &config, &deployment, keys, Pace::Network);
        let services = services.await.map_err(line)?;
        let node = Node::serve(core, listener, Default::default()).map_err(line)?;
        println!("Jovay {}, sequencer of chain {}", env!("CARGO_PKG_VERSION"), node.chain_id());
        println!("JSON-RPC: http://{address} and ws://{address}", address = node.address());
        let ended = until_signal(node.failed()).await;
        services.stop().await;
        node.stop().await;
        ended
    })
}

fn key(setting: &str, source: &str) -> Result<Signer, String> {
    let source: KeySource = source.parse().map_err(|error| format!("{setting}: {error}"))?;
    source.signer().map_err(|error| format!("{setting}: {error}"))
}

async fn open(config: NodeConfig, deployment: Deployment) -> Result<Core, NodeError> {
    let opening = tokio::task::spawn_blocking(move || {
        let start = ChainStart::deployed(&config, &deployment)?;
        Core::open(&config, ChainStart { development: false, ..start })
    });
    opening.await.map_err(|error| NodeError::Store(error.to_string()))?
}
