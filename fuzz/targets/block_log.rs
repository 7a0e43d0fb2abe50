//! A log segment of arbitrary bytes: opening gives a chain or an error, never a panic.
#![no_main]

use std::sync::OnceLock;

use jovay_node::{ChainStart, NodeConfig};
use jovay_storage::{Chain, Config, Genesis};

fn genesis() -> &'static Genesis {
    static GENESIS: OnceLock<Genesis> = OnceLock::new();
    GENESIS.get_or_init(|| ChainStart::new(&NodeConfig::default()).expect("built in").genesis)
}

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config::on_disk(folder.path());
    drop(Chain::open(config.clone(), genesis()).expect("a new chain"));
    let log = folder.path().join("log");
    for segment in std::fs::read_dir(&log).expect("the log's folder").flatten() {
        let mut bytes = std::fs::read(segment.path()).expect("a segment");
        bytes.extend_from_slice(raw);
        std::fs::write(segment.path(), bytes).expect("a segment");
    }
    if let Ok(chain) = Chain::open(config, genesis()) {
        assert!(chain.block(0).expect("the genesis block").is_some());
    }
});
