//! Real batches of the Jovay network, decoded and encoded again byte for byte.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_consensus::{EthereumTxEnvelope, TxEip4844WithSidecar};
use alloy_eips::eip2718::Decodable2718;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{B256, Bytes, hex, keccak256};
use jovay_da::{
    BatchData, BatchHeader, BatchVersion, BlockContext, Chunk, ChunksPayload, DaVersion,
    PayloadCompressor, blob_commitment, blob_data_hash, blob_sidecar, describe_batch,
    parse_blob_file, verify_blob, verify_sidecar, versioned_hash,
};
use serde_json::Value;

fn resource(name: &str) -> String {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let raw = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    String::from_utf8(raw).unwrap()
}

fn u64_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// The `l2Transactions` of the JSON: each behind its length.
fn transactions(mut raw: &[u8]) -> Vec<Bytes> {
    let mut all = Vec::new();
    while let Some((len, rest)) = raw.split_first_chunk::<4>() {
        let (tx, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        all.push(Bytes::copy_from_slice(tx));
        raw = rest;
    }
    all
}

fn chunk(json: &Value) -> Chunk {
    let block = |json: &Value| BlockContext {
        spec_version: u64_of(&json["specVersion"]) as u32,
        number: u64_of(&json["blockNumber"]),
        timestamp: u64_of(&json["timestamp"]),
        base_fee: u64_of(&json["baseFee"]),
        gas_limit: u64_of(&json["gasLimit"]),
        transactions: u64_of(&json["numTransactions"]) as u16,
        l1_messages: u64_of(&json["numL1Messages"]) as u16,
    };
    let raw = hex::decode(json["l2Transactions"].as_str().unwrap()).unwrap();
    Chunk {
        blocks: json["blockContexts"].as_array().unwrap().iter().map(block).collect(),
        transactions: transactions(&raw),
    }
}

/// Jovay's hash of a chunk: contexts, then transaction hashes padded to `transactions_max`.
fn chunk_hash(chunk: &Chunk, transactions_max: usize) -> B256 {
    let mut raw = Vec::new();
    chunk.blocks.iter().for_each(|block| block.encode(&mut raw));
    chunk.transactions.iter().for_each(|tx| raw.extend_from_slice(keccak256(tx).as_slice()));
    raw.resize(raw.len() + 32 * (transactions_max - chunk.transactions.len()), 0);
    keccak256(raw)
}

#[test]
fn batch_20_gives_the_hashes_that_the_network_computed() {
    let json: Value = serde_json::from_str(&resource("batch-light.json.zst")).unwrap();
    let chunks: Vec<Chunk> = json["chunks"].as_array().unwrap().iter().map(chunk).collect();
    assert_eq!(chunks.len(), 38);
    let payload = ChunksPayload { chunks };
    let data = BatchData::uncompressed(BatchVersion::V0, &payload).unwrap();
    assert_eq!(data.da_version(), DaVersion::Da0);
    let blobs = data.to_blobs();
    let hashes: Vec<B256> =
        blobs.iter().map(|blob| versioned_hash(&blob_commitment(blob).unwrap())).collect();

    let expected = &json["batchHeader"];
    let hash = |key: &str| expected[key].as_str().unwrap().parse::<B256>().unwrap();
    // The one field that the JSON has in base64.
    assert_eq!(expected["l1MsgRollingHash"], "vb05Lk0f4+Eg8ZI+SqMErubs1thHG85pkpK5hjFxo8M=");
    let rolling = "bdbd392e4d1fe3e120f1923e4aa304aee6ecd6d8471bce699292b9863171a3c3";
    assert_eq!(blob_data_hash(&hashes), hash("dataHash"));
    let header = BatchHeader {
        version: BatchVersion::V0,
        index: 20,
        l1_rolling_hash: rolling.parse().unwrap(),
        data_hash: hash("dataHash"),
        parent_hash: hash("parentBatchHash"),
    };
    assert_eq!(header.hash(), hash("hash"));
    assert_eq!(BatchHeader::decode(&header.encode()).unwrap(), header);

    assert_eq!(BatchData::from_blobs(&blobs).unwrap(), data);
    assert_eq!(data.payload().unwrap(), payload);
    assert_eq!(BatchData::decode(&data.encode()).unwrap(), data);
}

#[test]
fn chunk_hashes_of_batch_20_agree() {
    let json: Value = serde_json::from_str(&resource("batch-light.json.zst")).unwrap();
    let chunks = json["chunks"].as_array().unwrap();
    let first: B256 = chunks[0]["hash"].as_str().unwrap().parse().unwrap();
    // The network's limit then is not in the file; one number must explain every chunk.
    let max = (0..5_000).find(|max| chunk_hash(&chunk(&chunks[0]), *max) == first).unwrap();
    for json in chunks {
        let expected: B256 = json["hash"].as_str().unwrap().parse().unwrap();
        assert_eq!(chunk_hash(&chunk(json), max), expected);
    }
}

type Pooled = EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;

fn batch_2424() -> TxEip4844WithSidecar<BlobTransactionSidecarVariant> {
    let raw = hex::decode(resource("raw_eip4844_fusaka_tx.hex.zst").trim()).unwrap();
    let mut rest = raw.as_slice();
    let tx = Pooled::decode_2718(&mut rest).unwrap();
    assert!(rest.is_empty());
    let EthereumTxEnvelope::Eip4844(tx) = tx else { panic!("not a blob transaction") };
    tx.into_parts().0
}

#[test]
fn batch_2424_decodes_and_encodes_to_the_same_blob() {
    let tx = batch_2424();
    let sidecar = tx.sidecar.as_eip7594().unwrap();
    let data = BatchData::from_blobs(&sidecar.blobs).unwrap();
    assert_eq!((data.da_version(), data.batch_version()), (DaVersion::Da2, BatchVersion::V1));
    assert_eq!(data.body().len(), 2_168);
    assert_eq!(data.to_blobs(), sidecar.blobs);

    // The payload survives a decoding and an encoding, and zstd at level 3 gives Jovay's bytes.
    let payload = data.payload().unwrap();
    let raw = payload.encode(BatchVersion::V1).unwrap();
    assert_eq!(raw, *data.payload_bytes().unwrap());
    assert_eq!(raw.len(), 14_623);
    assert_eq!(zstd::bulk::compress(&raw, 3).unwrap(), data.body());
    assert_eq!(payload.first_block()..=payload.last_block(), 943_937..=944_288);
    let count: usize = payload.chunks.iter().map(|chunk| chunk.transactions.len()).sum();
    assert_eq!(count, 4);

    let mut compressor = PayloadCompressor::new(3).unwrap();
    compressor.append(&raw).unwrap();
    let streamed = BatchData::new(DaVersion::Da2, BatchVersion::V1, compressor.finish()).unwrap();
    assert_eq!(streamed.payload().unwrap(), payload);
}

#[test]
fn batch_2424_has_the_proofs_that_we_compute() {
    let tx = batch_2424();
    let sidecar = tx.sidecar.as_eip7594().unwrap();
    let hashes = &tx.tx.blob_versioned_hashes;
    verify_sidecar(sidecar, hashes).unwrap();
    verify_blob(0, &sidecar.blobs[0], hashes[0]).unwrap();
    assert_eq!(&blob_sidecar(sidecar.blobs.clone()).unwrap(), sidecar);

    let mut wrong = sidecar.clone();
    wrong.cell_proofs.swap(0, 1);
    assert!(verify_sidecar(&wrong, hashes).is_err());
    let mut wrong = sidecar.clone();
    wrong.blobs[0][40] ^= 1;
    assert!(verify_sidecar(&wrong, hashes).is_err());
    assert!(verify_blob(0, &wrong.blobs[0], hashes[0]).is_err());
    let mut wrong = sidecar.clone();
    wrong.cell_proofs.pop();
    assert!(verify_sidecar(&wrong, hashes).is_err());
    assert!(verify_sidecar(sidecar, &[B256::ZERO]).is_err());
}

#[test]
fn batch_2424_is_described_with_its_unsigned_system_transactions() {
    let tx = batch_2424();
    let blob = tx.sidecar.as_eip7594().unwrap().blobs[0].to_vec();
    let hexadecimal = format!("0x{}\n", hex::encode(&blob));
    let blobs = parse_blob_file(hexadecimal.as_bytes()).unwrap();
    assert_eq!(parse_blob_file(&blob).unwrap(), blobs);
    let batch = describe_batch(&blobs).unwrap();
    assert_eq!(batch["batchVersion"], 1);
    assert_eq!(batch["l2TransactionCount"], 4);
    let blocks = batch["chunks"].as_array().unwrap().iter();
    let blocks = blocks.flat_map(|chunk| chunk["blocks"].as_array().unwrap());
    let found: Vec<&Value> =
        blocks.flat_map(|block| block["transactions"].as_array().unwrap()).collect();
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|tx| tx["error"].is_null()));
    let unsigned: Vec<_> = found.iter().filter(|tx| tx["unsigned"] == true).collect();
    assert_eq!(unsigned.len(), 2);
    assert_eq!(unsigned[0]["to"], "0x4100000000000000000000000000000000000000");
    assert!(unsigned[0]["sender"].is_null());
    let signed: Vec<_> = found.iter().filter(|tx| tx["type"] == "0x2").collect();
    assert_eq!(signed.len(), 2);
    // The same relayer, whatever the hash, signed both.
    assert_eq!(signed[0]["sender"], signed[1]["sender"]);
    assert_eq!(signed[0]["chainId"], "0x216aad6");
}
