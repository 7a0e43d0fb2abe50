//! Sends the transactions of one account so that each takes effect once, whatever happens to the
//! process, the node and the chain.
//!
//! An [`Intent`] is written to the journal when it is taken, and each transaction for it before
//! it is handed to the node. All transactions for an intent have one nonce, so that at most one is
//! ever included; it gets another only when that nonce is used by a stranger's transaction for
//! good. So nothing is lost and nothing happens twice, with the journal alone: what the node
//! remembers is a convenience.

mod book;
mod config;
mod draft;
mod error;
mod exchange;
mod intent;
mod journal;
mod node;
mod offer;
mod report;
mod shared;
mod work;

pub use config::{Finality, PriceZones, SenderConfig};
pub use error::SenderError;
pub use intent::{Failure, Intent, IntentStatus, KEY_BYTES_MAX};

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alloy_primitives::{Address, U256};
use tokio::sync::broadcast;

use crate::{FeeReading, L1Client, Signer};
use book::Book;
use journal::{Journal, Record};
use shared::Shared;
use work::{Worker, unix_now};

/// Sends the transactions of one account. See the module's page for what it guarantees.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    client: L1Client,
    is_running: AtomicBool,
}

impl Sender {
    /// Opens the journal (`None`: memory, which forgets at the end of the process). Nothing is
    /// sent before [`Self::run`]. The node is asked only for its chain id, and only if neither
    /// configuration nor journal knows it.
    ///
    /// # Errors
    /// The configuration contradicts itself; the journal is damaged, in use, or of another key or
    /// chain; the node does not answer.
    pub async fn open(
        client: L1Client,
        signer: Signer,
        journal: Option<PathBuf>,
        config: SenderConfig,
    ) -> Result<Arc<Self>, SenderError> {
        config.check()?;
        let (mut journal, replayed) = match journal {
            Some(path) => Journal::open(path, config.chain_id, signer.address())?,
            None => (Journal::memory(), None),
        };
        let (chain_id, book) = match replayed {
            Some(replayed) => replayed,
            None => {
                let chain_id = match config.chain_id {
                    Some(chain_id) => chain_id,
                    None => client.chain_id().await?,
                };
                journal.append(&[Shared::header(chain_id, &signer)])?;
                (chain_id, Book::default())
            }
        };
        let shared = Arc::new(Shared::new(signer, chain_id, config, journal, book));
        Ok(Arc::new(Self { shared, client, is_running: AtomicBool::new(false) }))
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.shared.signer.address()
    }

    /// Takes an intent: when it returns, the intent survives a crash and will be sent after those
    /// taken before. The same key with the same content again changes nothing (but brings back
    /// blobs that were lost).
    ///
    /// # Errors
    /// The key is taken by other content, the intent can never be sent, too many are open, or the
    /// journal cannot be written.
    pub async fn submit(&self, intent: Intent) -> Result<(), SenderError> {
        intent.check()?;
        let shared = Arc::clone(&self.shared);
        blocking(move || submit(&shared, &intent)).await?;
        self.shared.wake.notify_one();
        Ok(())
    }

    /// How far an intent is; `None` if the key is unknown.
    pub fn status(&self, key: &str) -> Option<IntentStatus> {
        self.shared.read(|book| book.by_key(key).map(|(_, entry)| entry.status()))
    }

    /// Forgets an intent that is final, failed, or of which nothing was ever sent, so that its
    /// key is free. Whether there was one.
    ///
    /// # Errors
    /// [`SenderError::InFlight`], or the journal cannot be written.
    pub async fn forget(&self, key: &str) -> Result<bool, SenderError> {
        let (shared, key) = (Arc::clone(&self.shared), key.to_owned());
        let forget = move || {
            shared.write(|book| match book.by_key(&key) {
                None => Ok((Vec::new(), false)),
                Some((_, entry)) if entry.open().is_some_and(|open| !open.attempts.is_empty()) => {
                    Err(SenderError::InFlight(key.clone()))
                }
                Some((id, _)) => Ok((vec![Record::Forgotten { id }], true)),
            })
        };
        blocking(forget).await
    }

    /// Every change of a status from now on. A receiver that lags loses the oldest; ask
    /// [`Self::status`] then.
    pub fn subscribe(&self) -> broadcast::Receiver<(String, IntentStatus)> {
        self.shared.events.subscribe()
    }

    /// Keys of all intents that are neither final nor failed, in order of submission.
    pub fn open_keys(&self) -> Vec<String> {
        self.shared.read(|book| book.open().map(|open| open.content.key.clone()).collect())
    }

    /// L1's prices at the last block seen; `None` before the first.
    pub fn prices(&self) -> Option<FeeReading> {
        self.shared.reading().map(|(reading, _)| reading)
    }

    /// The account's balance in wei at the last block seen.
    pub fn balance(&self) -> Option<U256> {
        self.shared.reading().map(|(_, balance)| balance)
    }

    /// What an operator should act on at present, such as a lack of funds: a line each.
    pub fn alarms(&self) -> Vec<String> {
        self.shared.report.alarms()
    }

    /// Works until `shutdown` resolves. What is in flight is taken up again at the next start.
    ///
    /// # Errors
    /// [`SenderError::WrongChain`] if the node turns out to be another chain's. A node that does
    /// not answer, a lack of funds, a full disk are no errors: it waits, and raises alarms.
    pub async fn run(
        self: Arc<Self>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), SenderError> {
        if self.is_running.swap(true, Ordering::AcqRel) {
            return Err(SenderError::Config("the sender is running already".into()));
        }
        let worker = Worker::new(Arc::clone(&self.shared), self.client.clone());
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            error = worker.run() => Err(error),
        };
        self.is_running.store(false, Ordering::Release);
        ended
    }
}

fn submit(shared: &Shared, intent: &Intent) -> Result<(), SenderError> {
    let digest = intent.digest();
    let limit = shared.config.open_max;
    let decide = |book: &Book| {
        let key = intent.key.clone();
        if let Some((id, entry)) = book.by_key(&key) {
            if entry.digest != digest {
                let message = "taken by an intent with other content".into();
                return Err(SenderError::Key { key, message });
            }
            return Ok((Vec::new(), entry.open().map(|_| id)));
        }
        let open = book.open_ids().count();
        if open >= limit {
            return Err(SenderError::Full { open, limit });
        }
        let content = book::content(intent, book.next_id(), unix_now());
        let id = content.id;
        Ok((vec![Record::Submitted(content)], Some(id)))
    };
    let save = |journal: &mut Journal, id: &Option<u64>| match (id, &intent.sidecar) {
        (Some(id), Some(sidecar)) => journal.save_sidecar(*id, sidecar),
        _ => Ok(()),
    };
    shared.write_after(decide, save).map(|_| ())
}

/// Runs something that takes the disk's time.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SenderError> + Send + 'static,
) -> Result<T, SenderError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| {
        Err(SenderError::Config(format!("a thread of the sender ended: {error}")))
    })
}
