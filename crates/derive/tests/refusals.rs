//! One thing changed: derivation refuses and names the batch.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{B256, Bytes, keccak256};
use jovay_da::{
    BatchData, BatchVersion, ChunksPayload, DaVersion, DataLayerKind, PayloadCompressor,
};
use jovay_derive::{DeriveError, OnDifference, Records, RollupEvent};
use jovay_state::ChainStore;
use jovay_types::{L1Message, Transaction};

use support::l1::State;
use support::{Setting, World, chain_in, derivation, derive_all, runtime};

/// A chain of six batches or more, with messages; its last batch is final.
fn world(seed: u64) -> World {
    let mut world = World::new(seed, DataLayerKind::Blobs);
    world.grow(30, 6);
    while world.l1.state.lock().all().len() < 7 || world.l1.message_count() < 8 {
        world.grow(10, 6);
    }
    world
}

fn refusal(world: &World) -> DeriveError {
    derive_all(&world.l1).map(|_| "a chain").unwrap_err()
}

/// Refused, with all of `words` in the message.
fn assert_refused(world: &World, words: &[&str]) {
    let message = refusal(world).to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn a_byte_of_a_blob_or_a_missing_blob() {
    let world = world(1);
    let batch = world.l1.state.lock().all()[3];
    let hashes = world.l1.state.lock().blob_hashes[&batch.at.transaction].clone();
    let hash = hashes[batch.first_blob as usize];
    let name = hash.to_string();
    for at in [1, 77, 4_000, 131_071] {
        world.l1.state.lock().blobs.get_mut(&hash).unwrap()[at] ^= 1;
        assert_refused(&world, &["batch 3 ", "blob 0 of 1", &name, "does not match"]);
        world.l1.state.lock().blobs.get_mut(&hash).unwrap()[at] ^= 1;
    }
    world.l1.state.lock().blobs.remove(&hash);
    assert_refused(&world, &["batch 3 ", "blob 0 of 1", &name, "no data under"]);
}

#[test]
fn another_source_helps_out() {
    let world = world(2);
    let batch = world.l1.state.lock().all()[2];
    let hash = world.l1.state.lock().blob_hashes[&batch.at.transaction][batch.first_blob as usize];
    let dir = tempfile::tempdir().unwrap();
    let (store, prefix) = jovay_da::open_object_store(dir.path().to_str().unwrap()).unwrap();
    let archive = jovay_da::BlobArchive::new(store, prefix);
    let good = world.l1.state.lock().blobs[&hash];
    runtime().block_on(archive.keep(hash, &good)).unwrap();
    world.l1.state.lock().blobs.get_mut(&hash).unwrap()[40] ^= 1;
    let mut sources = jovay_derive::BlobSources::default();
    sources.push("memory", world.l1.clone() as std::sync::Arc<dyn jovay_da::BlobSource>);
    sources.push("archive", std::sync::Arc::new(archive));
    let chain = chain_in(None);
    runtime().block_on(async {
        let kind = DataLayerKind::Blobs;
        let patience = std::time::Duration::ZERO;
        let source =
            jovay_derive::BatchSource::new(world.l1.clone(), kind, sources, None, patience);
        let config = jovay_derive::DerivationConfig {
            deployment: world.deployment(),
            tag: jovay_l1::BlockTag::Latest,
            until: None,
            on_difference: OnDifference::Halt,
        };
        let source = std::sync::Arc::new(source.unwrap());
        let records = Records::in_memory();
        let l1 = world.l1.clone();
        let open = jovay_derive::Derivation::open;
        let derivation = open(config, l1, source, chain.clone(), support::spec(), records).await;
        derivation.unwrap().advance().await.unwrap();
    });
    world.assert_same(&chain);
}

/// Changes what L1 says.
fn lie(seed: u64, words: &[&str], change: impl FnOnce(&mut State)) {
    let world = world(seed);
    change(&mut world.l1.state.lock());
    assert_refused(&world, words);
}

#[test]
fn events_that_do_not_hold_together() {
    let without = |index: u64| {
        move |state: &mut State| {
            for block in &mut state.blocks {
                block.events.retain(
                    |event| !matches!(event, RollupEvent::Committed(batch) if batch.index == index),
                );
            }
        }
    };
    lie(3, &["batch 3:", "behind batch 1"], without(2));
    let commit = |index: usize, change: fn(&mut jovay_derive::Committed)| {
        move |state: &mut State| change(state.commits_mut().nth(index).unwrap())
    };
    lie(3, &["batch 2:", "its hash is"], commit(2, |batch| batch.hash = B256::ZERO));
    lie(3, &["batch 4:", "its hash is"], commit(4, |batch| batch.data_hash[0] ^= 1));
    lie(3, &["batch 4:", "its hash is"], commit(4, |batch| batch.l1_rolling_hash[9] ^= 1));
    lie(3, &["batch 4:", "version is 1"], commit(4, |batch| batch.version = 1));
    lie(3, &["batch 0:", "genesis"], commit(0, |batch| batch.l1_message_count = 1));
    lie(3, &["batch 4:", "blobs"], commit(4, |batch| batch.first_blob = 40));
    lie(3, &["batch 4:", "data hash"], |state| {
        let transaction = state.all()[4].at.transaction;
        state.blob_hashes.get_mut(&transaction).unwrap().iter_mut().for_each(|hash| hash[5] ^= 1);
    });
}

#[test]
fn a_contract_that_was_told_wrong_things() {
    // The header's hash is right, so only the content gives it away.
    let told = |index: usize, change: fn(&mut jovay_derive::Committed)| {
        move |state: &mut State| {
            change(state.commits_mut().nth(index).unwrap());
            state.rehash();
        }
    };
    lie(3, &["batch 3 ", "rolling hash"], told(3, |batch| batch.l1_rolling_hash[0] ^= 1));
    let world = world(3);
    let batches = world.l1.state.lock().all();
    let taking = (2..batches.len())
        .find(|at| batches[*at].l1_message_count > batches[at - 1].l1_message_count)
        .unwrap();
    let change = |batch: &mut jovay_derive::Committed| batch.l1_message_count -= 1;
    told(taking, change)(&mut world.l1.state.lock());
    assert_refused(&world, &[&format!("batch {taking} "), "L1 messages, by L1 it takes"]);
}

#[test]
fn messages_that_are_not_what_l1_hashed() {
    let message = |index: usize, change: fn(&mut jovay_derive::QueuedMessage)| {
        move |state: &mut State| {
            let mut all = state.blocks.iter_mut().flat_map(|block| &mut block.messages);
            change(all.nth(index).unwrap());
        }
    };
    lie(3, &["message 2:", "its hash is"], message(2, |queued| queued.message.gas_limit += 1));
    lie(3, &["message 2:", "its hash is"], message(2, |queued| queued.hash[0] ^= 1));
    lie(3, &["message 2:", "rolling hash"], message(2, |queued| queued.rolling_hash[0] ^= 1));
    lie(3, &["message 3", "message 2 comes next"], |state| {
        for block in &mut state.blocks {
            block.messages.retain(|queued| queued.message.queue_index != 2);
        }
    });
    lie(3, &["message 0", "do not queue it"], |state| {
        state.blocks.iter_mut().for_each(|block| block.messages.clear());
    });
}

#[test]
fn another_genesis_or_another_chain() {
    let world = world(5);
    world.l1.state.lock().facts.l2_chain_id += 1;
    assert_refused(&world, &["chain id of L2"]);
    world.l1.state.lock().facts.l2_chain_id -= 1;
    world.l1.state.lock().facts.l1_chain_id += 1;
    assert_refused(&world, &["chain id of L1"]);
    world.l1.state.lock().facts.l1_chain_id -= 1;
    world.l1.state.lock().facts.mailbox = Default::default();
    assert_refused(&world, &["mailbox"]);

    // The contract was set up for another first block than the addresses file says.
    let world = self::world(5);
    for block in &mut world.l1.state.lock().blocks {
        for event in &mut block.events {
            if let RollupEvent::Finalized { last: 0, block_hash, .. } = event {
                block_hash[0] ^= 1;
            }
        }
    }
    assert_refused(&world, &["batch 0, block 0", "final block hash"]);
}

#[test]
fn outcomes_that_are_not_ours() {
    let world = world(6);
    let chain = derive_all(&world.l1).unwrap();
    let head = chain.head();
    let last = world.l1.state.lock().all().len() as u64 - 1;
    world.l1.finalize(last, head.header.state_root, B256::repeat_byte(1));
    let batch = format!("batch {last}, block {}", head.number());
    assert_refused(&world, &[&batch, "final block hash", "0x0101"]);
    world.l1.reorg(world.l1.head() - 1, 0);
    world.l1.finalize(last, B256::repeat_byte(2), head.hash);
    assert_refused(&world, &[&batch, "final state root", "0x0202"]);
    world.l1.reorg(world.l1.head() - 1, 0);
    world.l1.finalize(last, head.header.state_root, head.hash);
    derive_all(&world.l1).unwrap();
}

/// Commits the last batch of a chain again with changed blocks: everything that L1 checks holds.
fn forge(words: &[&str], change: impl FnOnce(&mut ChunksPayload)) {
    let mut world = World::new(8, DataLayerKind::Blobs);
    world.grow(12, 4);
    let mut batches = Vec::new();
    while batches.is_empty() {
        let message = world.mixer.message(&mut world.random, world.l1.message_count());
        world.message(message);
        batches.extend(world.block(6));
    }
    let index = world.l1.state.lock().all().len() as u64;
    let batch = batches.remove(0);
    let mut payload = batch.data.payload().unwrap();
    change(&mut payload);
    let raw = payload.encode(BatchVersion::V2).unwrap();
    let mut compressor = PayloadCompressor::new(3).unwrap();
    compressor.append(&raw).unwrap();
    let mark = compressor.mark();
    let body = compressor.finish_at(mark.0, mark.1);
    let data = BatchData::new(DaVersion::Da2, BatchVersion::V2, body).unwrap();
    world.l1.commit_data(vec![(data, batch.l1_messages)]);
    let name = format!("batch {index}");
    assert_refused(&world, &[&[&name[..]], words].concat());
}

#[test]
fn blocks_that_break_a_rule() {
    type Context = jovay_da::BlockContext;
    let first = |change: fn(&mut Context)| {
        move |payload: &mut ChunksPayload| change(&mut payload.chunks[0].blocks[0])
    };
    forge(&["block 13", "version 2 of the rules"], first(|block| block.spec_version = 2));
    forge(&["block 13", "timestamp"], first(|block| block.timestamp = 1_600_000_000));
    forge(&["block 13", "base fee"], first(|block| block.base_fee += 1));
    forge(&["block 13", "gas limit"], first(|block| block.gas_limit = 4_999));
    forge(&["block 13", "gas limit"], first(|block| block.gas_limit = 1 << 63));
    // The numbers go on without a gap, from another one.
    forge(&["begins with block 14", "block 13 is next"], |payload| {
        let blocks = payload.chunks.iter_mut().flat_map(|chunk| &mut chunk.blocks);
        blocks.for_each(|block| block.number += 1);
    });
    // One message fewer than the contract was told.
    forge(&["L1 messages, by L1"], |payload| {
        let block = &mut payload.chunks[0].blocks[0];
        (block.transactions, block.l1_messages) = (block.transactions - 1, block.l1_messages - 1);
    });
    // Counts as the published description has them, without L1 messages.
    forge(&["leave L1 messages out"], |payload| {
        let blocks = payload.chunks.iter_mut().flat_map(|chunk| &mut chunk.blocks);
        blocks.for_each(|block| block.transactions -= block.l1_messages);
    });
}

/// Adds a transaction to the first block.
fn with_transaction(raw: Vec<u8>) -> impl FnOnce(&mut ChunksPayload) {
    move |payload| {
        let chunk = &mut payload.chunks[0];
        chunk.blocks[0].transactions += 1;
        chunk.transactions.insert(0, Bytes::from(raw));
    }
}

#[test]
fn transactions_that_do_not_belong_there() {
    let message = L1Message {
        queue_index: 0,
        gas_limit: 50_000,
        sender: Default::default(),
        to: Default::default(),
        value: Default::default(),
        data: Bytes::new(),
    };
    let raw = Transaction::L1Message(message).encoded_2718();
    forge(&["block 13", "an L1 message stands in the data"], with_transaction(raw));
    forge(&["block 13", "signed transaction 0"], with_transaction(vec![2, 0xc0]));

    // A valid transaction at a nonce that is used, and one behind which a byte follows.
    let mut mixer = support::txs::Mixer::default();
    let mut random = support::Random(1);
    let old = mixer.transaction(&mut random);
    forge(&["block 13", "nonce too low"], with_transaction(old.to_vec()));
    let longer = [&old[..], &[0]].concat();
    forge(&["block 13", "signed transaction 0"], with_transaction(longer));

    // The signature of a legacy transaction with s above half the order (EIP-2).
    let high = support::txs::with_high_s();
    forge(&["block 13", "v, r, s"], with_transaction(high.to_vec()));
    assert_ne!(keccak256(&high), keccak256(&old));
}

#[test]
fn a_chain_here_that_l1_contradicts() {
    let world = world(9);
    let other = self::world(10);
    // The other chain's blocks are here already; L1 has ours.
    let chain = derive_all(&other.l1).unwrap();
    let halt = Setting { on_difference: OnDifference::Halt, ..Setting::default() };
    let runtime = runtime();
    let error = runtime.block_on(async {
        let open = derivation(&world.l1, &chain, Records::in_memory(), halt);
        open.await.unwrap().advance().await.unwrap_err()
    });
    assert!(matches!(error, DeriveError::Disagreement { index: 1, block: 1, .. }), "{error}");
    // Without that policy L1 alone counts.
    runtime.block_on(async {
        let open = derivation(&world.l1, &chain, Records::in_memory(), Setting::default());
        open.await.unwrap().advance().await.unwrap();
    });
    world.assert_same(&chain);
}
