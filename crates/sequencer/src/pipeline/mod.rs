//! The stages on their threads: build and execute → log → seal → publish.
//!
//! Channels between them are bounded, so a slow stage holds back those before it. A stage that
//! fails stops the pipeline for good: see [`Progress::fail`].

mod build;
mod env;
mod hashes;
mod progress;
mod receipts;
mod stages;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use jovay_state::{ChainStore, SealOutcome};
use jovay_types::ExecutedBlock;

pub(crate) use self::build::{Builder, BuilderParts, Task};
pub(crate) use self::env::HeaderSettings;
pub use self::env::beacon_block_root;
pub(crate) use self::hashes::SealedHashes;
pub(crate) use self::progress::{Passed, Progress};
pub use self::receipts::{IncludedTx, WaitError};
pub(crate) use self::receipts::{ReceiptWaiters, Ticket};
pub(crate) use self::stages::News;
use crate::SequencerError;

/// The way from the builder to the first stage after it.
pub(crate) type ToLog = Sender<Arc<ExecutedBlock>>;

/// Blocks between two stages after execution.
const BETWEEN_STAGES: usize = 16;

/// Runs a stage on a thread of its own; its failure or panic fails the pipeline.
pub(crate) fn spawn(
    name: &str,
    progress: Arc<Progress>,
    stage: impl FnOnce() -> Result<(), SequencerError> + Send + 'static,
) -> Result<JoinHandle<()>, SequencerError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let named = name.to_owned();
    // What a node logs from its threads belongs to the span that the node was opened in.
    let span = tracing::Span::current();
    let run = move || match catch_unwind(AssertUnwindSafe(|| span.in_scope(stage))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => progress.fail(&format_args!("{named}: {error}")),
        Err(_) => progress.fail(&format_args!("{named}: the thread panicked")),
    };
    thread.spawn(run).map_err(|error| SequencerError::Io {
        what: format!("start the thread {name}"),
        error: error.to_string(),
    })
}

/// Starts the stages after execution; they end when the returned channel closes.
pub(crate) fn start_stages(
    store: &Arc<dyn ChainStore>,
    progress: &Arc<Progress>,
    news: News,
) -> Result<(ToLog, Vec<JoinHandle<()>>), SequencerError> {
    let (executed, to_log) = bounded::<Arc<ExecutedBlock>>(BETWEEN_STAGES);
    let (logged, to_seal) = bounded::<u64>(BETWEEN_STAGES);
    let (sealed, to_publish) = bounded::<SealOutcome>(BETWEEN_STAGES);
    let own = || (store.clone(), progress.clone());
    let (log_store, log_progress) = own();
    let (seal_store, seal_progress) = own();
    let (publish_store, publish_progress) = own();
    let threads = vec![
        spawn("log", progress.clone(), move || {
            stages::log(&*log_store, &log_progress, &to_log, &logged)
        })?,
        spawn("seal", progress.clone(), move || {
            stages::seal(&*seal_store, &seal_progress, &to_seal, &sealed)
        })?,
        spawn("publish", progress.clone(), move || {
            let result = stages::publish(&*publish_store, &publish_progress, &to_publish, &news);
            news.waiters.close();
            result
        })?,
    ];
    Ok((executed, threads))
}
