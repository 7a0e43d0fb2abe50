//! Sealing is complete, deterministic, within its limits, and survives restarts.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{Bytes, keccak256};
use jovay_da::{
    BatchSealer, BatchVersion, BlockContext, BlockData, CloseReason, CostTarget, DaVersion,
    L1Prices, SealError, Sealed, SealedBatch, SealingConfig,
};
use proptest::prelude::*;

/// A block of `count` transactions of `len` bytes, half of each noise.
fn block(number: u64, timestamp: u64, count: usize, len: usize, l1_messages: u16) -> BlockData {
    let tx = |index: usize| {
        let mut noise = keccak256([number.to_be_bytes(), (index as u64).to_be_bytes()].concat());
        let mut tx = vec![2; len / 2];
        while tx.len() < len {
            tx.extend_from_slice(&noise[..(len - tx.len()).min(32)]);
            noise = keccak256(noise);
        }
        Bytes::from(tx)
    };
    BlockData {
        context: BlockContext {
            spec_version: 1,
            number,
            timestamp,
            base_fee: 7,
            gas_limit: 30_000_000,
            transactions: count as u16 + l1_messages,
            l1_messages,
        },
        gas_used: 21_000 * count as u64,
        transactions: (0..count).map(tx).collect(),
    }
}

fn small() -> SealingConfig {
    let mut config = SealingConfig::default();
    config.chunk.bytes = 4_000;
    config.chunk.blocks = 8;
    config.chunk.transactions = 40;
    config.chunk.gas = 700_000;
    config.batch.data_bytes = 8_000;
    config.batch.payload_bytes = 40_000;
    config.batch.blocks = 100;
    config.batch.transactions = 1_000;
    config.batch.age_s = 60;
    config
}

fn push_all(sealer: &mut BatchSealer, blocks: &[BlockData]) -> Sealed {
    let mut all = Sealed::default();
    for block in blocks {
        let sealed = sealer.push(block.clone(), None).unwrap();
        all.chunks.extend(sealed.chunks);
        all.batches.extend(sealed.batches);
    }
    all
}

/// The batches hold the blocks up to `end`, in order and unchanged.
fn assert_complete(batches: &[SealedBatch], blocks: &[BlockData]) {
    let mut expected = blocks.iter();
    for batch in batches {
        let payload = batch.data.payload().unwrap();
        assert_eq!(payload.first_block(), batch.first_block);
        assert_eq!(payload.last_block(), batch.last_block);
        assert_eq!(payload.encode(BatchVersion::V2).unwrap().len(), batch.payload_len);
        let (mut transactions, mut gas) = (0, 0);
        for (chunk, blocks) in payload.chunks.iter().zip(&batch.chunk_blocks) {
            assert_eq!(chunk.blocks.len(), *blocks as usize);
            let mut found = chunk.transactions.iter();
            for context in &chunk.blocks {
                let block = expected.next().unwrap();
                assert_eq!(*context, block.context);
                assert!(
                    block.transactions.iter().eq(found.by_ref().take(block.transactions.len()))
                );
                transactions += u64::from(context.transactions);
                gas += block.gas_used;
            }
            assert!(found.next().is_none());
        }
        assert_eq!((transactions, gas), (batch.transactions, batch.gas_used));
    }
}

fn reason(config: SealingConfig, blocks: &[BlockData]) -> (CloseReason, u64) {
    let mut sealer = BatchSealer::new(config, blocks[0].context.number).unwrap();
    let sealed = push_all(&mut sealer, blocks);
    assert_complete(&sealed.batches, blocks);
    (sealed.batches[0].reason, sealed.batches[0].last_block)
}

#[test]
fn each_limit_closes_a_batch() {
    let blocks: Vec<_> = (5..400).map(|n| block(n, 1_000, 2, 100, 1)).collect();
    let mut config = small();
    config.batch.blocks = 9;
    assert_eq!(reason(config, &blocks), (CloseReason::Blocks, 13));
    let mut config = small();
    config.batch.transactions = 10;
    assert_eq!(reason(config, &blocks), (CloseReason::Transactions, 8));
    assert_eq!(reason(small(), &blocks).0, CloseReason::Data);
    let mut config = small();
    config.batch.payload_bytes = 6_000;
    assert_eq!(reason(config, &blocks).0, CloseReason::Payload);
    let old: Vec<_> = (5..20).map(|n| block(n, n * 20, 0, 0, 0)).collect();
    assert_eq!(reason(small(), &old), (CloseReason::Age, 8));
}

#[test]
fn batches_are_filled_to_their_last_block() {
    let mut config = small();
    config.batch.data_bytes = 100_000;
    config.batch.payload_bytes = 1_000_000;
    config.batch.blocks = 10_000;
    config.batch.transactions = 100_000;
    config.chunk.bytes = 40_000;
    config.chunk.transactions = 1_000;
    config.chunk.gas = u64::MAX;
    config.chunk.blocks = 1_000;
    let blocks: Vec<_> = (0..1_200).map(|n| block(n, 1_000, 3, 120, 0)).collect();
    let mut sealer = BatchSealer::new(config, 0).unwrap();
    let sealed = push_all(&mut sealer, &blocks);
    assert!(sealed.batches.len() >= 2);
    for batch in &sealed.batches {
        assert_eq!(batch.reason, CloseReason::Data);
        assert!(batch.data.packed_len() > 99_400, "{}", batch.data.packed_len());
    }
    assert_complete(&sealed.batches, &blocks);
}

#[test]
fn a_batch_closes_when_it_is_cheap_enough() {
    let mut config = small();
    config.cost_target =
        Some(CostTarget { wei_per_transaction: 10_000, commit_gas: 100_000, gas_per_blob: 0 });
    let mut sealer = BatchSealer::new(config, 0).unwrap();
    let (dear, cheap) = (L1Prices { gas: 10, blob_gas: 1 }, L1Prices { gas: 1, blob_gas: 1 });
    // (100,000 + 131,072) wei cheap: 24 transactions carry it.
    for number in 0..23 {
        let sealed = sealer.push(block(number, 0, 1, 50, 0), Some(&cheap)).unwrap();
        assert!(sealed.batches.is_empty());
    }
    assert!(sealer.push(block(23, 0, 1, 50, 0), Some(&dear)).unwrap().batches.is_empty());
    assert!(sealer.push(block(24, 0, 0, 50, 0), None).unwrap().batches.is_empty());
    let sealed = sealer.push(block(25, 0, 0, 50, 0), Some(&cheap)).unwrap();
    assert_eq!(sealed.batches[0].reason, CloseReason::Cost);
    assert_eq!(sealed.batches[0].transactions, 24);
}

#[test]
fn each_limit_closes_a_chunk() {
    let mut config = small();
    config.batch.data_bytes = 100_000;
    config.batch.payload_bytes = 1_000_000;
    let first = |count, len| {
        let mut sealer = BatchSealer::new(config, 0).unwrap();
        let blocks: Vec<_> = (0..30).map(|n| block(n, 0, count, len, 0)).collect();
        push_all(&mut sealer, &blocks).chunks[0].chunk.blocks.len()
    };
    assert_eq!(first(0, 0), 8);
    assert_eq!(first(10, 20), 3, "700,000 gas carry three blocks of ten transfers");
    assert_eq!(first(5, 300), 2, "4,000 bytes");
    assert_eq!(first(1, 8_000), 1, "a block larger than a chunk stands alone");
}

#[test]
fn blocks_that_do_not_belong_are_refused_and_change_nothing() {
    let mut sealer = BatchSealer::new(small(), 3).unwrap();
    let error = sealer.push(block(4, 0, 0, 0, 0), None).unwrap_err();
    assert!(matches!(error, SealError::WrongBlock { expected: 3, got: 4 }));
    let error = sealer.push(block(3, 0, 1, 8_000, 0), None).unwrap_err();
    assert!(matches!(error, SealError::BlockTooLarge { number: 3, limit: 7_988, .. }));
    assert!(sealer.push(block(3, u64::MAX, 0, 0, 0), None).is_err());
    let mut wrong = block(3, 0, 2, 10, 0);
    wrong.context.l1_messages = 1;
    assert!(sealer.push(wrong, None).is_err());
    let mut empty = block(3, 0, 1, 10, 0);
    empty.transactions[0] = Bytes::new();
    assert!(sealer.push(empty, None).is_err());
    assert_eq!((sealer.next_block(), sealer.first_open_block()), (3, 3));
    assert_eq!(sealer.close().unwrap(), Sealed::default());
    // The largest block there may be fits a batch alone, even as noise.
    let limit = small().block_bytes_max();
    let mut noise = block(3, 0, 1, 10, 0);
    noise.transactions[0] =
        (0..limit as u64).flat_map(|n| keccak256(n.to_be_bytes()).0).take(limit - 44).collect();
    sealer.push(noise, None).unwrap();
    let sealed = sealer.close().unwrap();
    assert_eq!(sealed.batches[0].data.da_version(), DaVersion::Da1);
    assert_eq!(sealed.batches[0].data.packed_len(), small().batch.data_bytes);
}

#[test]
fn contradictory_configurations_are_refused() {
    let bad: [fn(&mut SealingConfig); 6] = [
        |config| config.chunk.bytes = 8_000,
        |config| config.chunk.gas = 0,
        |config| config.batch.data_bytes = 12,
        |config| config.batch.data_bytes = 17 << 20,
        |config| config.batch.payload_bytes = 129 << 20,
        |config| config.zstd_level = 23,
    ];
    for spoil in bad {
        let mut config = small();
        spoil(&mut config);
        assert!(matches!(config.check(), Err(SealError::Config(_))));
    }
    SealingConfig::default().check().unwrap();
}

#[test]
fn damaged_states_are_refused() {
    let mut sealer = BatchSealer::new(small(), 0).unwrap();
    push_all(&mut sealer, &(0..20).map(|n| block(n, 0, 3, 100, 0)).collect::<Vec<_>>());
    let state = sealer.state().unwrap();
    BatchSealer::restore(small(), &state).unwrap();
    for len in 0..state.len() {
        assert!(BatchSealer::restore(small(), &state[..len]).is_err(), "cut to {len}");
    }
    assert!(BatchSealer::restore(small(), &[&state[..], &[0]].concat()).is_err());
    let mut other = state.clone();
    other[8] ^= 1;
    assert!(BatchSealer::restore(small(), &other).is_err());
    let mut config = small();
    config.batch.data_bytes = 1_000;
    config.chunk.bytes = 900;
    assert!(BatchSealer::restore(config, &state).is_err());
}

fn chains() -> impl Strategy<Value = Vec<BlockData>> {
    let one = (0..12usize, 1..700usize, 0..3u16, 0..4u64);
    proptest::collection::vec(one, 1..120).prop_map(|blocks| {
        let mut time = 1_000;
        let blocks = blocks.into_iter().enumerate();
        let blocks = blocks.map(|(index, (count, len, l1_messages, pause))| {
            time += pause;
            let len = len.min(7_900 / count.max(1) - 8);
            block(index as u64, time, count, len, l1_messages)
        });
        blocks.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sealing_is_complete_bounded_and_the_same_after_any_restart(
        blocks in chains(),
        restarts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let config = small();
        let mut sealer = BatchSealer::new(config, 0).unwrap();
        let mut straight = push_all(&mut sealer, &blocks);
        let end = sealer.close().unwrap();
        straight.chunks.extend(end.chunks);
        straight.batches.extend(end.batches);
        assert_complete(&straight.batches, &blocks);
        let sealed: usize = straight.chunks.iter().map(|chunk| chunk.chunk.blocks.len()).sum();
        prop_assert_eq!(sealed, blocks.len());
        prop_assert_eq!(straight.batches.last().unwrap().last_block + 1, blocks.len() as u64);
        for batch in &straight.batches {
            prop_assert!(batch.data.packed_len() <= config.batch.data_bytes);
            prop_assert!(batch.payload_len <= config.batch.payload_bytes);
        }

        let stops: Vec<usize> = restarts.iter().map(|at| at.index(blocks.len())).collect();
        let mut sealer = BatchSealer::new(config, 0).unwrap();
        let mut broken = Sealed::default();
        for (index, block) in blocks.iter().enumerate() {
            if stops.contains(&index) {
                sealer = BatchSealer::restore(config, &sealer.state().unwrap()).unwrap();
            }
            let sealed = sealer.push(block.clone(), None).unwrap();
            broken.chunks.extend(sealed.chunks);
            broken.batches.extend(sealed.batches);
        }
        let end = sealer.close().unwrap();
        broken.chunks.extend(end.chunks);
        broken.batches.extend(end.batches);
        prop_assert_eq!(broken, straight);
    }
}
