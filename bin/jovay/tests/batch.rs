//! `jovay batch decode` on files.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use jovay_da::{BatchData, BatchVersion, BlockContext, Chunk, ChunksPayload};
use serde_json::Value;

fn decode(files: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jovay"));
    command.args(["batch", "decode", "--blob"]).args(files).output().unwrap()
}

#[test]
fn two_blobs_are_decoded_in_order_and_refused_otherwise() {
    let context = BlockContext { number: 5, transactions: 2, l1_messages: 1, ..Default::default() };
    let chunk = Chunk { blocks: vec![context], transactions: vec![vec![0xab; 150_000].into()] };
    let payload = ChunksPayload { chunks: vec![chunk] };
    let blobs = BatchData::uncompressed(BatchVersion::V2, &payload).unwrap().to_blobs();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("0.bin"), folder.path().join("1.hex"));
    std::fs::write(&first, blobs[0]).unwrap();
    std::fs::write(&second, format!("{}\n", alloy_primitives::hex::encode_prefixed(blobs[1])))
        .unwrap();

    let output = decode(&[&first, &second]);
    assert!(output.status.success());
    let batch: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&batch["blobs"], &batch["batchVersion"]), (&2.into(), &2.into()));
    let block = &batch["chunks"][0]["blocks"][0];
    assert_eq!((&block["blockNumber"], &block["numL1Messages"]), (&5.into(), &1.into()));
    // The bytes are no transaction: shown as they are, with what is wrong.
    let tx = &block["transactions"][0];
    assert_eq!(tx["bytes"], 150_000);
    assert!(tx["error"].as_str().unwrap().starts_with("not a transaction"));

    for (files, message) in [
        (vec![first.as_path()], "the batch needs 2 blobs, 1 given"),
        (vec![&second, &first], "blob 2 starts a batch of its own"),
        (vec![folder.path()], "Is a directory"),
    ] {
        let output = decode(&files);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(error.contains(message), "{error}");
    }
}
