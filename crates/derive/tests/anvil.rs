//! Derivation from the real contracts on anvil, over HTTP, with real blobs.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Bytes, U256};
use jovay_da::{BlobArchive, DataLayerKind, SealedBatch, SealingConfig, open_object_store};
use jovay_derive::{
    Advance, BatchSource, DataAddresses, Derivation, DerivationConfig, DeriveError, OnDifference,
    Records, RollupL1, RpcL1,
};
use jovay_l1::bindings::{L1Mailbox, Rollup};
use jovay_l1::{BlockTag, L1Client};
use jovay_storage::Chain;

use support::anvil::Anvil;
use support::txs::account;
use support::{Random, World, chain_in, small_batches, spec};

/// A chain whose messages come from the mailbox on anvil and whose batches go there.
struct OnAnvil {
    world: World,
    anvil: Anvil,
    l1: Arc<RpcL1>,
    archive: BlobArchive,
    folder: tempfile::TempDir,
    /// L1 block behind the last message that was handed on.
    read: u64,
}

impl OnAnvil {
    async fn start(seed: u64, kind: DataLayerKind) -> Option<Self> {
        let mut random = Random(seed + 1);
        let sealing = small_batches(&mut random);
        Self::sealing(random, kind, sealing).await
    }

    async fn sealing(random: Random, kind: DataLayerKind, sealing: SealingConfig) -> Option<Self> {
        let world = move || World::with(random, kind, sealing);
        let world = tokio::task::spawn_blocking(world).await.unwrap();
        let anvil = Anvil::start(kind, |_| world.l1.genesis()).await?;
        let l1 = Arc::new(RpcL1::new(anvil.client.clone(), &anvil.deployment));
        let folder = tempfile::tempdir().unwrap();
        let (store, prefix) = open_object_store(folder.path().to_str().unwrap()).unwrap();
        let archive = BlobArchive::new(store, prefix);
        Some(Self { world, anvil, l1, archive, folder, read: 0 })
    }

    /// Queues a transaction on L1 and hands it to the sequencer, as the inbox does.
    async fn message(&mut self, to: u64, wei: u64) {
        let call = L1Mailbox::sendTransactionCall {
            to: account(to),
            value: U256::from(wei),
            data: Bytes::from(vec![9; wei as usize % 50]),
            gasLimit: 100_000,
            refundTo: self.anvil.operator,
        };
        let value = U256::from(10).pow(U256::from(15)) + U256::from(wei);
        let mailbox = self.anvil.deployment.mailbox;
        let block = self.anvil.call(mailbox, value, call).await.block_number;
        let queued = self.l1.messages(self.read, block).await.unwrap();
        self.read = block + 1;
        for queued in queued {
            // The L1 in memory hashes by our own code; the contract must agree with it.
            let world = &mut self.world;
            let rolling_hash = tokio::task::block_in_place(|| {
                world.message(queued.message);
                let state = world.l1.state.lock();
                state.blocks.last().unwrap().messages[0].rolling_hash
            });
            assert_eq!(rolling_hash, queued.rolling_hash);
        }
    }

    /// Blocks with messages now and then, committed as they fill batches.
    async fn grow(&mut self, blocks: u64) {
        let mut waiting: Vec<SealedBatch> = Vec::new();
        for at in 0..blocks {
            if at % 4 == 1 {
                self.message(1 + at % 7, at * 1_000).await;
            }
            let world = &mut self.world;
            waiting.extend(tokio::task::block_in_place(|| world.plain_block(6)));
            if waiting.len() > 1 {
                self.commit(std::mem::take(&mut waiting)).await;
            }
        }
        waiting.extend(self.world.close());
        self.commit(waiting).await;
    }

    async fn commit(&self, batches: Vec<SealedBatch>) {
        let datas: Vec<_> =
            batches.into_iter().map(|batch| (batch.data, batch.l1_messages)).collect();
        if datas.is_empty() {
            return;
        }
        if let Some(sidecar) = self.anvil.commit(&datas).await {
            for (hash, blob) in sidecar.versioned_hashes().zip(&sidecar.blobs) {
                self.archive.keep(hash, blob).await.unwrap();
            }
        }
        let l1 = self.world.l1.clone();
        tokio::task::spawn_blocking(move || l1.commit_data(datas)).await.unwrap();
        // Both L1s have the same chain of batches.
        let head = self.l1.block(BlockTag::Latest).await.unwrap().unwrap();
        let last = *self.world.l1.state.lock().all().last().unwrap();
        assert_eq!(self.l1.last_batch(head).await.unwrap(), (last.index, last.hash));
    }

    async fn derivation(
        &self,
        chain: &Arc<Chain>,
        tag: BlockTag,
    ) -> Result<Derivation, DeriveError> {
        let deployment = self.anvil.deployment.clone();
        let addresses = DataAddresses {
            beacon: None,
            blob_archive: Some(self.folder.path().to_str().unwrap().to_owned()),
            data_store: None,
            patience: Duration::ZERO,
        };
        let source = BatchSource::open(self.l1.clone(), deployment.data_layer, &addresses)?;
        let on_difference = OnDifference::GoBack;
        let config = DerivationConfig { deployment, tag, until: None, on_difference };
        let (source, records) = (Arc::new(source), Records::in_memory());
        Derivation::open(config, self.l1.clone(), source, chain.clone(), spec(), records).await
    }

    async fn derive(&self) -> Result<(Arc<Chain>, Advance), DeriveError> {
        let chain = chain_in(None);
        let advance = self.derivation(&chain, BlockTag::Latest).await?.advance().await?;
        Ok((chain, advance))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_blobs_and_the_real_contracts() {
    let Some(mut chain) = OnAnvil::start(31, DataLayerKind::Blobs).await else { return };
    chain.grow(24).await;
    let (derived, advance) = chain.derive().await.unwrap();
    chain.world.assert_same(&derived);
    assert_eq!((advance.blocks, advance.l1_messages), (24, 6));

    // A byte of a blob.
    let batch = chain.world.l1.state.lock().all()[2];
    let hash =
        chain.world.l1.state.lock().blob_hashes[&batch.at.transaction][batch.first_blob as usize];
    let file = chain.folder.path().join("blobs").join(hash.to_string());
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    std::fs::write(&file, bad).unwrap();
    let error = chain.derive().await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("batch 2 ") && error.contains(&hash.to_string()), "{error}");
    assert!(error.contains("blob 0 of 1") && error.contains("does not match"), "{error}");
    std::fs::write(&file, good).unwrap();

    // A deployment of which the file says something else.
    let mut other = chain.anvil.deployment.clone();
    std::mem::swap(&mut other.rollup, &mut chain.anvil.deployment.rollup);
    chain.anvil.deployment.genesis_state_root[0] ^= 1;
    let error = chain.derive().await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("genesis state root"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_calldata_and_the_real_contracts() {
    let Some(mut chain) = OnAnvil::start(32, DataLayerKind::Calldata).await else { return };
    chain.grow(14).await;
    let (derived, _) = chain.derive().await.unwrap();
    chain.world.assert_same(&derived);
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_reverts_and_reorgs_of_the_real_contracts() {
    let Some(mut chain) = OnAnvil::start(33, DataLayerKind::Blobs).await else { return };
    chain.grow(10).await;
    let copy = chain_in(None);
    let mut follower = chain.derivation(&copy, BlockTag::Latest).await.unwrap();
    follower.advance().await.unwrap();
    chain.world.assert_same(&copy);
    let kept = follower.records().last_index();

    // What the contract drops and takes again in the same form costs nothing.
    let batches: Vec<SealedBatch> =
        (0..6).flat_map(|_| tokio::task::block_in_place(|| chain.world.plain_block(4))).collect();
    let rest = chain.world.close();
    let again: Vec<_> = batches.iter().chain(&rest).cloned().collect();
    chain.commit(again.clone()).await;
    let before = chain.anvil.head().await;
    follower.advance().await.unwrap();
    let rollup = chain.anvil.deployment.rollup;
    chain.anvil.call(rollup, U256::ZERO, Rollup::revertBatchesCall { newLastBatch: kept }).await;
    follower.advance().await.unwrap();
    assert_eq!(follower.records().last_index(), kept);
    let datas: Vec<_> = again.into_iter().map(|batch| (batch.data, batch.l1_messages)).collect();
    chain.anvil.commit(&datas).await;
    let advance = follower.advance().await.unwrap();
    assert_eq!((advance.blocks, advance.compared), (6, 6));

    // L1 takes it all back: the batches are as if they had never been committed.
    let depth = chain.anvil.head().await - before + 1;
    chain.anvil.reorg(depth, 2).await;
    follower.advance().await.unwrap();
    assert_eq!(follower.records().last_index(), kept);
    chain.anvil.commit(&datas).await;
    let advance = follower.advance().await.unwrap();
    assert_eq!((advance.blocks, advance.compared), (6, 6));
    chain.world.assert_same(&copy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_deployment_is_refused() {
    let Some(chain) = OnAnvil::start(34, DataLayerKind::Blobs).await else { return };
    let Some(other) = OnAnvil::start(35, DataLayerKind::Calldata).await else { return };
    let client = L1Client::new(&other.anvil.url).unwrap();
    let l1: Arc<dyn RollupL1> = Arc::new(RpcL1::new(client, &chain.anvil.deployment));
    let facts = l1.facts().await.unwrap();
    assert_eq!(facts.data_layer, DataLayerKind::Calldata);
    let copy = chain_in(None);
    let deployment = chain.anvil.deployment.clone();
    let config = DerivationConfig {
        deployment,
        tag: BlockTag::Latest,
        until: None,
        on_difference: OnDifference::Halt,
    };
    let none = DataAddresses {
        beacon: None,
        blob_archive: None,
        data_store: None,
        patience: Duration::ZERO,
    };
    let missing = BatchSource::open(l1.clone(), DataLayerKind::Blobs, &none).unwrap_err();
    assert!(missing.to_string().contains("--l1-beacon"), "{missing}");
    let source = BatchSource::open(l1.clone(), DataLayerKind::Calldata, &none).unwrap();
    let records = Records::in_memory();
    let opened = Derivation::open(config, l1, Arc::new(source), copy, spec(), records).await;
    let error = opened.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("data layer"), "{error}");
}

/// The long run, by `scripts/test-derive`: as many blocks and signed transactions as
/// `JOVAY_DERIVE_BLOCKS` and `JOVAY_DERIVE_TXS` say, ten thousand and a hundred thousand by default:
/// transfers of ether and of an ERC-20, contract calls, delegations, and transactions queued on
/// L1. Afterwards a byte of a blob is changed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn ten_thousand_blocks() {
    let setting = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    };
    let blocks = setting("JOVAY_DERIVE_BLOCKS", 10_000);
    let transactions = setting("JOVAY_DERIVE_TXS", 100_000);
    let sealing = SealingConfig::default();
    let started = OnAnvil::sealing(Random(77), DataLayerKind::Blobs, sealing).await;
    let Some(mut chain) = started else { return };
    let begun = Instant::now();
    let mut waiting: Vec<SealedBatch> = Vec::new();
    for at in 0..blocks {
        if at % 20 == 3 {
            chain.message(1 + at % 30, at).await;
        }
        // So that the counts come out, whatever does not divide evenly.
        let count = (at + 1) * transactions / blocks - at * transactions / blocks;
        let world = &mut chain.world;
        waiting.extend(tokio::task::block_in_place(|| world.block_of(count)));
        chain.commit(std::mem::take(&mut waiting)).await;
    }
    let rest = chain.world.close();
    chain.commit(rest).await;
    let batches = chain.world.l1.state.lock().all();
    let built = begun.elapsed().as_secs_f64();
    println!("built {blocks} blocks, committed {} batches in {built:.1} s", batches.len() - 1);

    let folder = tempfile::tempdir().unwrap();
    let copy = chain_in(Some(folder.path()));
    let begun = Instant::now();
    let mut derivation = chain.derivation(&copy, BlockTag::Latest).await.unwrap();
    let advance = derivation.advance().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    chain.world.assert_same(&copy);
    assert_eq!(advance.blocks, blocks);
    assert_eq!(advance.transactions, transactions + advance.l1_messages);
    let rate = advance.transactions as f64 / seconds;
    println!(
        "derived {} batches, {blocks} blocks, {} transactions ({} from L1) in {seconds:.1} s: \
         {rate:.0} tx/s; every hash and receipt equal",
        advance.batches, advance.transactions, advance.l1_messages
    );

    let batch = batches[batches.len() / 2];
    let hashes = chain.world.l1.state.lock().blob_hashes[&batch.at.transaction].clone();
    let hash = hashes[batch.first_blob as usize].to_string();
    let file = chain.folder.path().join("blobs").join(&hash);
    let mut blob = std::fs::read(&file).unwrap();
    blob[5_000] ^= 1;
    std::fs::write(&file, blob).unwrap();
    let error = chain.derive().await.map(|_| ()).unwrap_err().to_string();
    println!("with one byte of one blob changed: {error}");
    assert!(error.contains(&format!("batch {} ", batch.index)) && error.contains(&hash), "{error}");
}
