//! The sender dies at every question that it asks the node, before and after the node has acted
//! on it. Between two questions it writes at most once, so that these are all the points at which
//! what it knows and what it has done can differ. Nothing is lost, and nothing happens twice.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::U256;
use support::proxy::{Cut, Proxy};
use support::{Anvil, Running, config, payee, payment, signer};

/// Intents of a run.
const INTENTS: u64 = 2;

/// Runs a sender with `journal` until it has been cut off at request `at`, then another until all
/// is final. Whether the cut came before the end.
async fn run(anvil: &Anvil, at: u64, cut: Cut, first_payee: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let submit = async |running: &Running| {
        for number in 0..INTENTS {
            let intent = payment(&format!("pay/{number}"), payee(first_payee + number), 7);
            running.sender.submit(intent).await.unwrap();
        }
    };
    let proxy = Proxy::start(&anvil.url, at, cut).await;
    let running = Running::start(
        &proxy.url,
        Some(&journal),
        jovay_l1::SenderConfig { chain_id: Some(31_337), ..config() },
    )
    .await;
    submit(&running).await;
    let finished = async {
        for number in 0..INTENTS {
            running.until_final(&format!("pay/{number}")).await;
        }
    };
    let is_cut = tokio::select! {
        () = proxy.broken.notified() => true,
        () = finished => false,
    };
    running.crash().await;
    let running = Running::start(&anvil.url, Some(&journal), config()).await;
    submit(&running).await;
    for number in 0..INTENTS {
        running.until_final(&format!("pay/{number}")).await;
        let paid = anvil.balance(payee(first_payee + number)).await;
        assert_eq!(paid, U256::from(7), "cut {cut:?} request {at}");
    }
    running.crash().await;
    is_cut
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dies_at_every_question() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let (mut runs, mut cuts) = (0, 0);
    for cut in [Cut::Before, Cut::After] {
        for at in 0.. {
            runs += 1;
            assert!(at < 200, "a run never ends before request {at}");
            if !run(&anvil, at, cut, 1_000 * runs).await {
                break;
            }
            cuts += 1;
        }
    }
    // Chain, head, account, fees, simulation, sending, receipt: twice each at the least.
    assert!(cuts > 30, "only {cuts} points");
    let sent = anvil.client.nonce(signer().address(), jovay_l1::BlockTag::Latest).await.unwrap();
    assert_eq!(sent, runs * INTENTS, "something was sent twice, or for nothing");
}

/// A generator of its own, so that a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Crashes, lost transactions and reorgs of two blocks, mixed, while intents come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_crashes_losses_and_reorgs_together() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let config = jovay_l1::SenderConfig {
        chain_id: Some(31_337),
        finality: jovay_l1::Finality::Confirmations(3),
        ..config()
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    // Something to reorg.
    for _ in 0..4 {
        anvil.mine().await;
    }
    let mut dice = Dice(0x5eed);
    let mut submitted = 0;
    let first = 500_000;
    let key = |number: u64| format!("pay/{number}");
    for _ in 0..25 {
        let proxy = Proxy::start(
            &anvil.url,
            dice.roll(60),
            [Cut::Before, Cut::After][dice.roll(2) as usize],
        )
        .await;
        let running = Running::start(&proxy.url, Some(&journal), config.clone()).await;
        for _ in 0..3 {
            match dice.roll(5) {
                0 | 1 => {
                    let intent = payment(&key(submitted), payee(first + submitted), 7);
                    running.sender.submit(intent).await.unwrap();
                    submitted += 1;
                }
                2 => anvil.mine().await,
                3 => drop(anvil.call("anvil_dropAllTransactions", serde_json::json!([])).await),
                _ => drop(anvil.call("anvil_reorg", serde_json::json!([2, []])).await),
            }
            tokio::time::sleep(std::time::Duration::from_millis(dice.roll(60))).await;
        }
        running.crash().await;
    }
    assert!(submitted > 20);
    let running = Running::start(&anvil.url, Some(&journal), config).await;
    support::until("all are final", || async {
        anvil.mine().await;
        running.sender.open_keys().is_empty().then_some(())
    })
    .await;
    for number in 0..submitted {
        running.until_final(&key(number)).await;
        assert_eq!(anvil.balance(payee(first + number)).await, U256::from(7), "{number}");
    }
}
