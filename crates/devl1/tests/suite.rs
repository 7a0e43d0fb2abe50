//! What the rollup needs of an L1, over HTTP alone: the same tests run against the development L1
//! and against anvil 1.7.1, which others wrote. Where the two differ, [`support::Ways`] says so.
#![allow(clippy::unwrap_used)]

mod l1;
mod support;

use support::L1;

/// Every test of the suite. They share a chain, so they run one after the other.
async fn run(l1: &L1) {
    l1::chain::identity(l1).await;
    l1::chain::system_contracts(l1).await;
    l1::chain::block_fields(l1).await;
    l1::chain::tags(l1).await;
    l1::execution::every_kind_of_transaction(l1).await;
    l1::execution::contracts_and_logs(l1).await;
    l1::execution::precompiles(l1).await;
    l1::blobs::readable_where_they_are(l1).await;
    l1::blobs::seen_by_contracts(l1).await;
    l1::blobs::priced(l1).await;
    l1::refusals::by_form(l1).await;
    l1::refusals::by_account(l1).await;
    l1::refusals::by_sidecar(l1).await;
    l1::controls::snapshot_and_revert(l1).await;
    l1::controls::reorg(l1).await;
    l1::controls::reorg_with_transactions(l1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn development_l1() {
    let (node, l1) = support::devl1().await;
    run(&l1).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anvil() {
    let Some((child, l1)) = support::anvil().await else { return };
    run(&l1).await;
    drop(child);
}
