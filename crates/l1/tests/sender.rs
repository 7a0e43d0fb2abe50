//! The sender against anvil: what it does when all goes well, and when the chain does not.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use alloy_primitives::{Address, Bytes, U256, hex};
use jovay_l1::{BlockTag, Finality, Intent, IntentStatus, PriceZones, SenderConfig};
use serde_json::json;
use support::{Anvil, GWEI, Running, config, payee, payment, signer, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_in_order_and_remembers() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let running = Running::start(&anvil.url, Some(&journal), config()).await;
    let mut events = running.sender.subscribe();
    for number in 0..12 {
        let intent = payment(&format!("pay/{number}"), payee(number), 100 + number);
        running.sender.submit(intent).await.unwrap();
    }
    for number in 0..12 {
        let receipt = running.until_final(&format!("pay/{number}")).await;
        assert!(receipt.succeeded());
        assert_eq!(anvil.balance(payee(number)).await, U256::from(100 + number));
    }
    let included = anvil.included(signer().address()).await;
    let nonces: Vec<u64> = included.iter().map(|(_, nonce)| *nonce).collect();
    assert_eq!(nonces, (0..12).collect::<Vec<_>>());
    // The same again changes nothing; other content under the key is refused.
    running.sender.submit(payment("pay/3", payee(3), 103)).await.unwrap();
    let error = running.sender.submit(payment("pay/3", payee(3), 104)).await.unwrap_err();
    assert!(error.to_string().contains("other content"), "{error}");
    assert!(running.sender.prices().unwrap().next_base_fee > 0);
    // Each went through flight and block to its end.
    let mut of_first = Vec::new();
    while let Ok((key, status)) = events.try_recv() {
        if key == "pay/0" {
            of_first.push(match status {
                IntentStatus::Waiting { .. } => 'w',
                IntentStatus::InFlight { .. } => 'f',
                IntentStatus::Included { .. } => 'i',
                IntentStatus::Final { .. } => 'F',
                IntentStatus::Failed { .. } => 'x',
            });
        }
    }
    assert_eq!(of_first, ['w', 'f', 'i', 'F']);
    // After a restart all that is known, and keys are not used twice.
    running.crash().await;
    let running = Running::start(&anvil.url, Some(&journal), config()).await;
    for number in 0..12 {
        let key = format!("pay/{number}");
        running.sender.submit(payment(&key, payee(number), 100 + number)).await.unwrap();
        assert!(matches!(running.sender.status(&key), Some(IntentStatus::Final { .. })));
    }
    assert!(running.sender.forget("pay/0").await.unwrap());
    running.sender.submit(payment("pay/0", payee(0), 100)).await.unwrap();
    running.until_final("pay/0").await;
    assert_eq!(anvil.balance(payee(0)).await, U256::from(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_revert_is_not_sent() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let running = Running::start(&anvil.url, None, config()).await;
    // Init code that reverts with Error("no"), and some that uses 30,000,000 gas in a loop.
    let mut error = hex!("08c379a0").to_vec();
    error.extend_from_slice(&U256::from(32).to_be_bytes::<32>());
    error.extend_from_slice(&U256::from(2).to_be_bytes::<32>());
    error.extend_from_slice(b"no");
    error.resize(100, 0);
    let code = [&hex!("6064600c60003960646000fd")[..], &error].concat();
    let create = |key: &str, code: Vec<u8>| Intent {
        to: None,
        data: Bytes::from(code),
        ..payment(key, Address::ZERO, 0)
    };
    running.sender.submit(create("reverts", code)).await.unwrap();
    running.sender.submit(payment("after", payee(1), 1)).await.unwrap();
    let failed =
        running.until("reverts", |status| matches!(status, IntentStatus::Failed { .. })).await;
    let IntentStatus::Failed { reason } = failed else { unreachable!() };
    assert_eq!(reason.revert, Some(Bytes::from(error)));
    assert!(reason.receipt.is_none());
    assert!(reason.to_string().contains("no"), "{reason}");
    running.until_final("after").await;
    assert_eq!(anvil.included(signer().address()).await.len(), 1);
    // A transaction that can be sent and then reverts in its block is Failed with its receipt:
    // it works unless the block's number is the one after.
    let height = anvil.height().await;
    anvil.call("evm_setAutomine", json!([false])).await;
    let later = u8::try_from(height + 2).unwrap();
    let code = vec![0x43, 0x60, later, 0x14, 0x60, 0x08, 0x57, 0x00, 0x5b, 0x5f, 0x5f, 0xfd];
    running.sender.submit(create("reverts later", code)).await.unwrap();
    running.until_in_flight("reverts later").await;
    // An empty block first, then the one that it must not be in.
    let hash = running.until_in_flight("reverts later").await.0;
    anvil.call("anvil_dropTransaction", json!([hash])).await;
    anvil.mine().await;
    until("resent", || async {
        anvil.client.transaction(hash).await.unwrap().filter(|found| found.block_hash.is_none())
    })
    .await;
    anvil.mine().await;
    let failed = running
        .until("reverts later", |status| matches!(status, IntentStatus::Failed { .. }))
        .await;
    let IntentStatus::Failed { reason } = failed else { unreachable!() };
    assert!(!reason.receipt.unwrap().succeeded());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_and_reorged_transactions_come_back() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let finality = Finality::Confirmations(4);
    let running = Running::start(&anvil.url, None, SenderConfig { finality, ..config() }).await;
    running.sender.submit(payment("a", payee(1), 1)).await.unwrap();
    running.sender.submit(payment("b", payee(2), 2)).await.unwrap();
    let (first, _) = running.until_in_flight("a").await;
    running.until_in_flight("b").await;
    anvil.call("anvil_dropTransaction", json!([first])).await;
    until("resent", || async { anvil.client.transaction(first).await.unwrap() }).await;
    // anvil drops what follows along with it.
    let both_wait = || async {
        let next = anvil.client.nonce(signer().address(), BlockTag::Pending).await.unwrap();
        (next == 2).then_some(())
    };
    until("both", both_wait).await;
    anvil.mine().await;
    let included = |status: &IntentStatus| matches!(status, IntentStatus::Included { .. });
    running.until("a", included).await;
    running.until("b", included).await;
    assert_eq!(anvil.balance(payee(2)).await, U256::from(2));
    // The block is replaced by two empty ones.
    anvil.mine().await;
    anvil.call("anvil_reorg", json!([2, []])).await;
    assert_eq!(anvil.balance(payee(2)).await, U256::ZERO);
    running.until_in_flight("a").await;
    until("in the pool again", || async { anvil.client.transaction(first).await.unwrap() }).await;
    until("both", both_wait).await;
    for _ in 0..5 {
        anvil.mine().await;
    }
    running.until_final("a").await;
    running.until_final("b").await;
    assert_eq!(anvil.balance(payee(1)).await, U256::from(1));
    assert_eq!(anvil.balance(payee(2)).await, U256::from(2));
    assert_eq!(anvil.included(signer().address()).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fees_raised_a_hundredfold_are_waited_out_or_met() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let zones = |green, hard| PriceZones {
        green_max: u128::from(green * GWEI),
        yellow_max: u128::from(green * GWEI),
        hard_max: u128::from(hard * GWEI),
    };
    let config = SenderConfig { base_fee: zones(10, 200), ..config() };
    let running = Running::start(&anvil.url, None, config).await;
    let pays = |key: &str, number| payment(key, payee(number), 1);
    let set_fee = async |gwei: u64| {
        anvil.call("anvil_setNextBlockBaseFeePerGas", json!([format!("{:#x}", gwei * GWEI)])).await;
        anvil.mine().await;
    };
    // In flight at 1 gwei when the price goes to 100: it stays, unless its deadline has passed.
    running.sender.submit(pays("patient", 1)).await.unwrap();
    let (patient, _) = running.until_in_flight("patient").await;
    set_fee(100).await;
    running.sender.submit(pays("next", 2)).await.unwrap();
    running.until_waits("next", "red zone").await;
    assert_eq!(running.until_in_flight("patient").await.0, patient);
    assert_eq!(anvil.included(signer().address()).await.len(), 0);
    // The price falls: both go through as they are.
    set_fee(1).await;
    until("both", || async {
        anvil.mine().await;
        let end = running.sender.status("next");
        matches!(end, Some(IntentStatus::Final { .. })).then_some(())
    })
    .await;
    assert!(anvil.client.receipt(patient).await.unwrap().is_some());
    // With a deadline that has passed it is replaced, and pays what is asked.
    let urgent = Intent { deadline: Some(1), ..pays("urgent", 3) };
    running.sender.submit(urgent).await.unwrap();
    let (cheap, _) = running.until_in_flight("urgent").await;
    set_fee(100).await;
    running
        .until("urgent", |status| {
            matches!(status, IntentStatus::InFlight { transaction, .. } if *transaction != cheap)
        })
        .await;
    until("urgent", || async {
        set_fee(100).await;
        let end = running.sender.status("urgent");
        matches!(end, Some(IntentStatus::Final { .. })).then_some(())
    })
    .await;
    let receipt = running.until_final("urgent").await;
    assert!(receipt.effective_gas_price >= u128::from(100 * GWEI));
    // Above the hard maximum nothing is sent, whatever the deadline.
    set_fee(300).await;
    let never = Intent { deadline: Some(1), ..pays("never", 4) };
    running.sender.submit(never).await.unwrap();
    running.until_waits("never", "hard maximum").await;
    set_fee(1).await;
    running.until_in_flight("never").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starved_of_funds_it_waits_and_recovers() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let running = Running::start(&anvil.url, None, config()).await;
    let set_balance = async |wei: u128| {
        let params = json!([signer().address(), format!("{wei:#x}")]);
        anvil.call("anvil_setBalance", params).await;
    };
    set_balance(1_000).await;
    running.sender.submit(payment("a", payee(1), 1)).await.unwrap();
    running.sender.submit(payment("b", payee(2), 5_000)).await.unwrap();
    running.until_waits("a", "insufficient funds").await;
    assert_eq!(anvil.included(signer().address()).await.len(), 0);
    set_balance(u128::from(GWEI) * 1_000_000_000).await;
    running.until_final("a").await;
    running.until_final("b").await;
    assert_eq!(anvil.balance(payee(2)).await, U256::from(5_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_the_same_key_is_noticed() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let finality = Finality::Confirmations(3);
    let config = SenderConfig { finality, ..config() };
    let running = Running::start(&anvil.url, Some(&journal), config.clone()).await;
    running.sender.submit(payment("ours", payee(1), 1)).await.unwrap();
    let (ours, nonce) = running.until_in_flight("ours").await;
    assert_eq!(nonce, 0);
    until("ours", || async { anvil.client.transaction(ours).await.unwrap() }).await;
    // While we are away, a stranger's transaction takes our nonce.
    running.crash().await;
    anvil.call("anvil_dropTransaction", json!([ours])).await;
    let stranger = Running::start(&anvil.url, None, config.clone()).await;
    stranger.sender.submit(payment("theirs", payee(2), 2)).await.unwrap();
    let (theirs, nonce) = stranger.until_in_flight("theirs").await;
    assert_eq!(nonce, 0);
    until("theirs", || async { anvil.client.transaction(theirs).await.unwrap() }).await;
    stranger.crash().await;
    anvil.mine().await;
    let running = Running::start(&anvil.url, Some(&journal), config).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Not before the stranger's is final does ours get another nonce.
    assert_eq!(running.until_in_flight("ours").await.1, 0);
    anvil.mine().await;
    anvil.mine().await;
    running.until("ours", |status| matches!(status, IntentStatus::InFlight { nonce: 1, .. })).await;
    for _ in 0..4 {
        anvil.mine().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.until_final("ours").await;
    assert_eq!(anvil.balance(payee(1)).await, U256::from(1));
    assert_eq!(anvil.balance(payee(2)).await, U256::from(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_between_nonces_is_filled() {
    let Some(anvil) = Anvil::start(&["--no-mining"]).await else { return };
    let stranger = Running::start(&anvil.url, None, config()).await;
    stranger.sender.submit(payment("theirs", payee(1), 1)).await.unwrap();
    let (theirs, _) = stranger.until_in_flight("theirs").await;
    until("theirs", || async { anvil.client.transaction(theirs).await.unwrap() }).await;
    stranger.crash().await;
    let running = Running::start(&anvil.url, None, config()).await;
    running.sender.submit(payment("ours", payee(2), 2)).await.unwrap();
    assert_eq!(running.until_in_flight("ours").await.1, 1);
    anvil.call("anvil_dropTransaction", json!([theirs])).await;
    let next = || async {
        let next = anvil.client.nonce(signer().address(), BlockTag::Pending).await.unwrap();
        (next == 2).then_some(())
    };
    until("filled", next).await;
    anvil.mine().await;
    running.until_final("ours").await;
    assert_eq!(anvil.balance(payee(1)).await, U256::ZERO);
    assert_eq!(anvil.balance(payee(2)).await, U256::from(2));
    until("forgotten", || async { running.sender.open_keys().is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let arguments = ["--state", state.to_str().unwrap()];
    let Some(mut anvil) = Anvil::start(&arguments).await else { return };
    let running = Running::start(&anvil.url, None, config()).await;
    running.sender.submit(payment("before", payee(1), 1)).await.unwrap();
    running.until_final("before").await;
    anvil.stop().await;
    running.sender.submit(payment("during", payee(2), 2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(running.sender.status("during"), Some(IntentStatus::Waiting { .. })));
    anvil.start_again(&arguments).await;
    running.until_final("during").await;
    assert_eq!(anvil.balance(payee(1)).await, U256::from(1));
    assert_eq!(anvil.balance(payee(2)).await, U256::from(2));
}
