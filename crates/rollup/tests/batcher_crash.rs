//! The batcher is killed at every step, and nothing is lost, and nothing is there twice.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jovay_da::{BatchData, DataLayer, DataLayerKind, DataReference, LayerError, Publication};
use jovay_l1::IntentStatus;
use jovay_state::ChainStore;
use serde_json::json;
use support::batching::{Rig, Running, transfers};
use support::eventually;

const PASS: u8 = 0;
/// The batch is sealed, and its data not published.
const BEFORE_PUBLISHING: u8 = 1;
/// Its data is published, and nothing about it kept.
const AFTER_PUBLISHING: u8 = 2;
/// Added by the layer when it has got there.
const REACHED: u8 = 0x10;

/// Blobs, with a place to stop at.
#[derive(Debug)]
struct Stops {
    inner: Arc<dyn DataLayer>,
    at: Arc<AtomicU8>,
}

impl Stops {
    async fn stop(&self, place: u8) {
        let reached = place | REACHED;
        if self.at.compare_exchange(place, reached, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            while self.at.load(Ordering::SeqCst) == reached {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

impl DataLayer for Stops {
    fn kind(&self) -> DataLayerKind {
        self.inner.kind()
    }

    fn data_bytes_max(&self) -> usize {
        self.inner.data_bytes_max()
    }

    fn publish<'a>(
        &'a self,
        data: &'a BatchData,
    ) -> BoxFuture<'a, Result<Publication, LayerError>> {
        async move {
            self.stop(BEFORE_PUBLISHING).await;
            let published = self.inner.publish(data).await;
            self.stop(AFTER_PUBLISHING).await;
            published
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a DataReference,
    ) -> BoxFuture<'a, Result<BatchData, LayerError>> {
        self.inner.fetch(reference)
    }
}

fn key(running: &Running, wanted: fn(&IntentStatus) -> bool) -> bool {
    let keys = running.sender.open_keys();
    keys.iter().any(|key| running.sender.status(key).is_some_and(|status| wanted(&status)))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_it_goes_on() {
    let Some(mut rig) = Rig::start().await else { return };
    let at = Arc::new(AtomicU8::new(PASS));
    {
        let at = at.clone();
        rig.wrap = Box::new(move |inner| Arc::new(Stops { inner, at: at.clone() }));
    }
    let core = rig.core();
    let mut nonce = 0;
    for round in 0..2 {
        for step in 0..8 {
            let mut running = rig.run(&core).await;
            let before = running.status.borrow().clone();
            let automine = step != 4 && step != 5;
            rig.l1.anvil.rpc("evm_setAutomine", json!([automine])).await;
            if step < 2 {
                at.store(BEFORE_PUBLISHING + step, Ordering::SeqCst);
            }
            transfers(&core, 3, nonce, 7, 50).await;
            nonce += 7;
            match step {
                // After sealing; after publishing.
                0 | 1 => {
                    let reached = (BEFORE_PUBLISHING + step) | REACHED;
                    eventually("the step", || at.load(Ordering::SeqCst) == reached).await;
                }
                // After the record is kept.
                2 => {
                    let store = running.store.clone();
                    let kept = || store.last_sealed().unwrap().index > before.sealed;
                    eventually("the record", kept).await;
                }
                // After the intent is journaled, at the latest when it is on its way.
                3 => eventually("the intent", || !running.sender.open_keys().is_empty()).await,
                // After it was broadcast: it is included while nobody looks, or dropped.
                4 | 5 => {
                    let in_flight =
                        |status: &IntentStatus| matches!(status, IntentStatus::InFlight { .. });
                    eventually("the broadcast", || key(&running, in_flight)).await;
                }
                // After it is in a block, before or while that is written down.
                6 => {
                    let was = before.committed;
                    while rig.last_committed().await <= was {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                _ => running.until("its commitment", |now| now.committed > before.committed).await,
            }
            let abort = running.abort();
            at.store(PASS, Ordering::SeqCst);
            running.finish(abort).await;
            match step {
                4 => rig.l1.anvil.mine(1).await,
                5 => {
                    rig.l1.anvil.rpc("anvil_dropAllTransactions", json!([])).await;
                }
                _ => {}
            }
        }
        println!("round {round}: {} batches on L1", rig.last_committed().await);
    }
    rig.l1.anvil.rpc("evm_setAutomine", json!([true])).await;
    let mut running = rig.run(&core).await;
    transfers(&core, 3, nonce, 7, 50).await;
    running.until_block(core.store().head().number()).await;
    let last = rig.check_whole(&core, &running.store).await;
    rig.check_commits(&running.store).await;
    // Genesis, and each batch once: nothing was dropped on the way.
    assert_eq!(rig.commit_events().await, last + 1);
    running.kill().await;
    core.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_it_goes_on() {
    let Some(rig) = Rig::start().await else { return };
    let mut core = rig.core();
    let mut nonce = 0;
    // A fixed sequence of delays between 0 and 700 ms (a linear congruence): as good as random,
    // and the same every time.
    let mut delay = 12_345_u64;
    for round in 0..12 {
        let running = rig.run(&core).await;
        transfers(&core, 3, nonce, 5, 2_000).await;
        nonce += 5;
        delay = (delay * 1_103_515_245 + 12_345) % (1 << 31);
        tokio::time::sleep(Duration::from_millis(delay % 700)).await;
        running.kill().await;
        if round % 4 == 3 {
            // The chain too.
            core.close();
            core = rig.core();
        }
    }
    let mut running = rig.run(&core).await;
    running.until_block(core.store().head().number()).await;
    let last = rig.check_whole(&core, &running.store).await;
    rig.check_commits(&running.store).await;
    assert_eq!(rig.commit_events().await, last + 1);
    running.kill().await;
    core.close();
}
