//! The codec refuses what is not exactly right, and what it accepts encodes to the same bytes.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{B256, Bytes, b256, hex};
use jovay_da::{
    BLOB_BYTES, BatchData, BatchHeader, BatchVersion, Blob, BlockContext, Chunk, ChunksPayload,
    CodecError, CountRule, DaVersion, USABLE_BYTES_PER_BLOB, blobs_needed,
};
use proptest::prelude::*;

fn context(number: u64, transactions: u16, l1_messages: u16) -> BlockContext {
    BlockContext {
        spec_version: 1,
        number,
        timestamp: 1_752_206_935,
        base_fee: 1_000_000,
        gas_limit: 1_000_000_000,
        transactions,
        l1_messages,
    }
}

fn tiny() -> ChunksPayload {
    let tx = |byte| Bytes::from(vec![byte; 3]);
    ChunksPayload {
        chunks: vec![
            Chunk {
                blocks: vec![context(7, 2, 1), context(8, 1, 0)],
                transactions: vec![tx(1), tx(2)],
            },
            Chunk { blocks: vec![context(9, 0, 0)], transactions: vec![] },
        ],
    }
}

const CONTEXT_7: &str =
    "0000000100000000000000070000000068708e5700000000000f4240000000003b9aca0000020001";
const CONTEXT_8: &str =
    "0000000100000000000000080000000068708e5700000000000f4240000000003b9aca0000010000";
const CONTEXT_9: &str =
    "0000000100000000000000090000000068708e5700000000000f4240000000003b9aca0000000000";

/// The vectors of `docs/spec/batch.md`.
#[test]
fn golden_payloads() {
    let transactions = "0000000301010100000003020202";
    let (one, two) = (format!("02{CONTEXT_7}{CONTEXT_8}{transactions}"), format!("01{CONTEXT_9}"));
    let v0 = format!("0000005f{one}00000029{two}");
    let v2 = format!("00000062000000{one}0000002c000000{two}");
    for (version, golden) in
        [(BatchVersion::V0, &v0), (BatchVersion::V1, &v0), (BatchVersion::V2, &v2)]
    {
        assert_eq!(hex::encode(tiny().encode(version).unwrap()), *golden);
        assert_eq!(ChunksPayload::decode(version, &hex::decode(golden).unwrap()).unwrap(), tiny());
    }
    let flat = BatchData::uncompressed(BatchVersion::V2, &tiny()).unwrap().encode();
    assert_eq!(hex::encode(&flat), format!("0102000096{v2}"));
}

#[test]
fn golden_header() {
    let header = BatchHeader {
        version: BatchVersion::V2,
        index: 258,
        l1_rolling_hash: B256::repeat_byte(0x11),
        data_hash: B256::repeat_byte(0x22),
        parent_hash: B256::repeat_byte(0x33),
    };
    let raw = header.encode();
    let (a, b, c) = ("11".repeat(32), "22".repeat(32), "33".repeat(32));
    assert_eq!(hex::encode(raw), format!("020000000000000102{a}{b}{c}"));
    assert_eq!(
        header.hash(),
        b256!("83e645efcb1e960f3176501875042a380c59899b8a442f1888a99ff5966a3e6a")
    );
    assert_eq!(BatchHeader::decode(&raw).unwrap(), header);
    assert!(BatchHeader::decode(&raw[..104]).is_err());
    assert!(BatchHeader::decode(&[&raw[..], &[0]].concat()).is_err());
    let mut unknown = raw;
    unknown[0] = 3;
    let expected = CodecError::UnknownVersion { what: "batch", version: 3 };
    assert_eq!(BatchHeader::decode(&unknown).unwrap_err(), expected);
}

#[test]
fn counts_are_read_with_and_without_l1_messages() {
    let chunk = |number_counted: u16, held: usize| Chunk {
        blocks: vec![context(1, number_counted, 2)],
        transactions: vec![Bytes::from_static(b"x"); held],
    };
    assert_eq!(chunk(5, 3).l2_counts().unwrap(), (CountRule::WithL1Messages, vec![3]));
    assert_eq!(chunk(3, 3).l2_counts().unwrap(), (CountRule::L2Only, vec![3]));
    // More L1 messages than transactions rules the first reading out.
    assert_eq!(chunk(1, 1).l2_counts().unwrap(), (CountRule::L2Only, vec![1]));
    assert!(chunk(5, 4).l2_counts().is_err());
    let mut raw = Vec::new();
    chunk(5, 4).encode(BatchVersion::V2, &mut raw).unwrap();
    let error = Chunk::decode(BatchVersion::V2, &raw).unwrap_err();
    assert!(matches!(error, CodecError::CountMismatch { first: 1, held: 4, .. }));
}

#[test]
fn malformed_chunks_are_refused() {
    let chunk = &tiny().chunks[0];
    let mut raw = Vec::new();
    chunk.encode(BatchVersion::V2, &mut raw).unwrap();
    let decode = |raw: &[u8]| Chunk::decode(BatchVersion::V2, raw);
    assert_eq!(&decode(&raw).unwrap(), chunk);
    for len in 0..raw.len() {
        assert!(decode(&raw[..len]).is_err(), "cut to {len}");
    }
    // One byte behind the last transaction, which Jovay's own decoder drops.
    assert!(decode(&[&raw[..], &[0]].concat()).is_err());
    // An empty transaction.
    let error = decode(&[&raw[..], &[0; 4]].concat()).unwrap_err();
    assert_eq!(error, CodecError::Empty { what: "transaction" });
    assert_eq!(decode(&[0; 4]).unwrap_err(), CodecError::Empty { what: "chunk" });
    // A count of blocks that would need 160 GiB.
    assert!(matches!(decode(&[0xff; 44]).unwrap_err(), CodecError::TooShort { .. }));
    let mut gap = raw.clone();
    gap[4 + 40 + 11] = 9;
    assert_eq!(decode(&gap).unwrap_err(), CodecError::NotConsecutive { previous: 7, got: 9 });
    let mut negative = raw.clone();
    negative[4 + 12] = 0x80;
    assert!(matches!(decode(&negative).unwrap_err(), CodecError::TooLarge { .. }));
    let many = Chunk { blocks: (0..256).map(|n| context(n, 0, 0)).collect(), transactions: vec![] };
    assert!(many.encode(BatchVersion::V1, &mut Vec::new()).is_err());
    assert!(many.encode(BatchVersion::V2, &mut Vec::new()).is_ok());
}

#[test]
fn malformed_payloads_are_refused() {
    let decode = |raw: &[u8]| ChunksPayload::decode(BatchVersion::V2, raw);
    let raw = tiny().encode(BatchVersion::V2).unwrap();
    assert_eq!(decode(&[]).unwrap_err(), CodecError::Empty { what: "batch" });
    assert_eq!(decode(&[0; 4]).unwrap_err(), CodecError::Empty { what: "chunk" });
    // Behind whole chunks a payload may end; nowhere else.
    let ends: Vec<usize> = (1..raw.len()).filter(|len| decode(&raw[..*len]).is_ok()).collect();
    assert_eq!(ends, [4 + tiny().chunks[0].encoded_len(BatchVersion::V2)]);
    assert!(decode(&[&raw[..], &[0; 4]].concat()).is_err());
    let mut gap = tiny();
    gap.chunks[1].blocks[0].number = 10;
    let gap = gap.encode(BatchVersion::V2).unwrap();
    assert_eq!(decode(&gap).unwrap_err(), CodecError::NotConsecutive { previous: 8, got: 10 });
}

#[test]
fn malformed_blobs_are_refused() {
    let data = BatchData::uncompressed(BatchVersion::V2, &tiny()).unwrap();
    let blobs = data.to_blobs();
    assert_eq!(blobs[0][..6], [1, 2, 0, 0, 0x96, 0]);
    let with = |at: usize, byte: u8| {
        let mut blob = blobs[0];
        blob[at] = byte;
        BatchData::from_blobs(&[blob])
    };
    assert_eq!(with(0, 1).unwrap(), data);
    assert_eq!(with(0, 3).unwrap_err(), CodecError::UnknownVersion { what: "DA", version: 3 });
    assert_eq!(with(1, 0).unwrap_err(), CodecError::VersionMismatch { da: 1, batch: 0 });
    assert_eq!(with(32, 1).unwrap_err(), CodecError::NonZeroPadding { at: 32 });
    assert_eq!(
        with(BLOB_BYTES - 1, 1).unwrap_err(),
        CodecError::NonZeroPadding { at: BLOB_BYTES - 1 }
    );
    // A length of two blobs, with one given; and one blob too many.
    assert_eq!(with(2, 3).unwrap_err(), CodecError::BlobCount { need: 2, have: 1 });
    let two = [blobs[0], Blob::ZERO];
    assert_eq!(
        BatchData::from_blobs(&two).unwrap_err(),
        CodecError::BlobCount { need: 1, have: 2 }
    );
    let twice = [blobs[0], blobs[0]];
    assert_eq!(BatchData::from_blobs(&twice).unwrap_err(), CodecError::StartsBatch { position: 2 });
    assert!(BatchData::from_blobs::<Blob>(&[]).is_err());
    assert!(BatchData::from_blobs(&[&blobs[0][1..]]).is_err());
    assert!(BatchData::from_blobs(&[Blob::ZERO]).is_err());
}

#[test]
fn malformed_data_is_refused() {
    let raw = BatchData::uncompressed(BatchVersion::V2, &tiny()).unwrap().encode();
    assert!(BatchData::decode(&[&raw[..], &[0]].concat()).is_err());
    assert!(BatchData::decode(&raw[..raw.len() - 1]).is_err());
    assert!(BatchData::decode(&[]).is_err());
    assert!(BatchData::decode(&[2, 2, 0, 0, 0]).is_err());
    let mut zstd = raw;
    zstd[0] = 2;
    let error = BatchData::decode(&zstd).unwrap().payload().unwrap_err();
    assert_eq!(error, CodecError::Zstd("this is not a zstd frame".into()));
    let new = |da, version| BatchData::new(da, version, vec![1]);
    assert!(new(DaVersion::Da0, BatchVersion::V1).is_err());
    assert!(new(DaVersion::Da2, BatchVersion::V0).is_err());
    assert!(BatchData::new(DaVersion::Da1, BatchVersion::V1, vec![0; 1 << 24]).is_err());
}

#[test]
fn a_blob_is_filled_to_the_last_byte() {
    assert_eq!(USABLE_BYTES_PER_BLOB, 126_976);
    for (body, blobs) in [(126_972, 1), (126_973, 2), (253_948, 2), (253_949, 3)] {
        let data = BatchData::new(DaVersion::Da1, BatchVersion::V1, vec![0xff; body]).unwrap();
        assert_eq!(blobs_needed(data.packed_len()), blobs);
        let packed = data.to_blobs();
        assert_eq!(packed.len(), blobs);
        assert_eq!(BatchData::from_blobs(&packed).unwrap(), data);
    }
}

fn payloads() -> impl Strategy<Value = ChunksPayload> {
    let tx = proptest::collection::vec(any::<u8>(), 1..400).prop_map(Bytes::from);
    let block =
        (proptest::collection::vec(tx, 0..4), 0..3u16, any::<u32>(), any::<u64>(), any::<u64>());
    let chunks = proptest::collection::vec(proptest::collection::vec(block, 1..6), 1..5);
    (chunks, 0..u64::MAX / 2, 0..i64::MAX as u64).prop_map(|(chunks, mut number, timestamp)| {
        let mut payload = ChunksPayload::default();
        for blocks in chunks {
            let mut chunk = Chunk::default();
            for (transactions, l1_messages, spec_version, base_fee, gas_limit) in blocks {
                chunk.blocks.push(BlockContext {
                    spec_version,
                    number,
                    timestamp,
                    base_fee,
                    gas_limit,
                    transactions: transactions.len() as u16 + l1_messages,
                    l1_messages,
                });
                chunk.transactions.extend(transactions);
                number += 1;
            }
            payload.chunks.push(chunk);
        }
        payload
    })
}

fn versions() -> impl Strategy<Value = BatchVersion> {
    prop_oneof![Just(BatchVersion::V0), Just(BatchVersion::V1), Just(BatchVersion::V2)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn batches_round_trip(payload in payloads(), version in versions()) {
        let data = BatchData::uncompressed(version, &payload).unwrap();
        prop_assert_eq!(data.payload().unwrap(), payload);
        prop_assert_eq!(&BatchData::decode(&data.encode()).unwrap(), &data);
        prop_assert_eq!(&BatchData::from_blobs(&data.to_blobs()).unwrap(), &data);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        payload in payloads(),
        version in versions(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut raw = payload.encode(version).unwrap();
        let at = at.index(raw.len());
        raw[at] = byte;
        if let Ok(decoded) = ChunksPayload::decode(version, &raw) {
            prop_assert_eq!(decoded.encode(version).unwrap(), raw);
        }
    }

    #[test]
    fn noise_never_panics(raw in proptest::collection::vec(any::<u8>(), 0..600), version in versions()) {
        let _ = ChunksPayload::decode(version, &raw);
        let _ = BatchHeader::decode(&raw);
        if let Ok(data) = BatchData::decode(&raw) {
            prop_assert_eq!(data.encode(), raw);
            let _ = data.payload();
        }
    }
}
