//! Deposits under way while the node is killed: each is executed once.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy_primitives::Address;
use jovay_l1::{Deployment, L1Client};
use jovay_node::NodeConfig;
use jovay_rollup::Inbox;
use support::{L1, balance, eventually, inbox_config, messages, node_config, open};

const ALICE: Address = Address::repeat_byte(0xa1);
/// How often the node is killed.
const KILLS: u64 = 8;
/// Deposits in each of its lives.
const DEPOSITS: u64 = 4;
/// Where the killed process finds its chain and its L1.
const FOLDER: &str = "JOVAY_TEST_FOLDER";
const L1_URL: &str = "JOVAY_TEST_L1";

fn config(folder: &Path) -> NodeConfig {
    NodeConfig { datadir: folder.join("data").display().to_string(), ..node_config() }
}

/// Runs in a process of its own, until that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is the process that `a_killed_node_takes_each_deposit_once` starts"]
async fn the_node_that_is_killed() {
    let (Some(folder), Ok(url)) = (std::env::var_os(FOLDER), std::env::var(L1_URL)) else { return };
    let folder = Path::new(&folder);
    let deployment = Deployment::read(&folder.join("addresses.toml")).unwrap();
    let core = open(&config(folder), &deployment);
    let queue = core.l1_queue().clone();
    let inbox = Inbox::start(inbox_config(0), L1Client::new(&url).unwrap(), &deployment, queue);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((inbox.failure(), core.sequencer().failure()), (None, None));
    }
}

fn spawn(folder: &Path, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["the_node_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(L1_URL, url)
        .stdout(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_takes_each_deposit_once() {
    let Some(l1) = L1::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    l1.deployment.write(&folder.path().join("addresses.toml")).unwrap();
    let mut sum = 0;
    for life in 0..KILLS {
        let mut node = spawn(folder.path(), &l1.anvil.url);
        for deposit in 0..DEPOSITS {
            let wei = 1 + life * DEPOSITS + deposit;
            l1.deposit(ALICE, wei).await;
            sum += wei;
            // Killed while it starts, reads, executes or flushes: other moments in each life.
            tokio::time::sleep(Duration::from_millis(life * 17)).await;
        }
        assert!(node.try_wait().unwrap().is_none(), "the node ended by itself");
        node.kill().unwrap();
        node.wait().unwrap();
    }
    let core = open(&config(folder.path()), &l1.deployment);
    let survived = core.l1_queue().position().next;
    assert_eq!(messages(&core).len() as u64, survived, "the queue goes on behind the chain");
    let inbox = l1.inbox(&core, 0);
    eventually("the rest", || balance(&core, ALICE) == sum).await;
    let taken: Vec<u64> = messages(&core).iter().map(|(index, _)| *index).collect();
    assert_eq!(taken, (0..KILLS * DEPOSITS).collect::<Vec<_>>());
    assert_eq!(inbox.failure(), None);
    inbox.stop().await;
    core.store().verify().unwrap();
    core.close();
}
