//! Copies blobs to where they outlive Ethereum's nodes.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jovay_da::{BlobArchive, DataLayerKind};

use super::{Backoff, BatcherError, Shared};
use crate::store::BatchRecord;

/// Archives every batch, in order, from where the last run stopped. A store that fails does not
/// hold up anything but the pruning of data that it has yet to get.
pub(super) async fn run(shared: Arc<Shared>) -> BatcherError {
    match follow(&shared).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn follow(shared: &Shared) -> Result<Infallible, BatcherError> {
    let archive = shared.archive.as_ref().filter(|_| shared.layer.kind() == DataLayerKind::Blobs);
    let Some(archive) = archive else { return Ok(std::future::pending().await) };
    let mut status = shared.status.subscribe();
    let config = &shared.config;
    let mut backoff = Backoff::new(config.poll_interval, config.backoff_max);
    loop {
        let sealed = status.borrow_and_update().sealed;
        let next = shared.archived.load(Ordering::Relaxed) + 1;
        metrics::gauge!("jovay_batches_unarchived").set((sealed + 1).saturating_sub(next) as f64);
        if next > sealed {
            // The sender lives as long as `shared`.
            let _ = status.changed().await;
            continue;
        }
        let Some(record) = shared.store.get(next)? else { continue };
        match keep(shared, archive, &record).await? {
            Ok(()) => {
                shared.store.set_archived(next)?;
                shared.archived.store(next, Ordering::Relaxed);
                backoff.reset();
            }
            Err(why) => {
                tracing::error!(batch = next, why, "its blobs are not archived; trying again");
                metrics::counter!("jovay_batch_archive_failures_total").increment(1);
                tokio::time::sleep(backoff.pause()).await;
            }
        }
    }
}

async fn keep(
    shared: &Shared,
    archive: &BlobArchive,
    record: &BatchRecord,
) -> Result<Result<(), String>, BatcherError> {
    let data = match shared.data(record).await? {
        Ok(data) => data,
        Err(why) => return Ok(Err(why)),
    };
    let blobs = data.to_blobs();
    if blobs.len() != record.versioned_hashes.len() {
        return Ok(Err("its data is not what its hash promises".into()));
    }
    for (blob, hash) in blobs.iter().zip(&record.versioned_hashes) {
        if let Err(error) = archive.keep(*hash, blob).await {
            return Ok(Err(error.to_string()));
        }
    }
    tracing::debug!(batch = record.index, blobs = blobs.len(), "archived");
    Ok(Ok(()))
}
