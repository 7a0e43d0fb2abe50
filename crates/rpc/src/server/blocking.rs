//! Blocking work, bounded in how much runs and how much waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::error::LIMIT_EXCEEDED;
use crate::{RpcConfig, RpcError};

/// Runs closures on blocking threads.
#[derive(Clone)]
pub(crate) struct BlockingPool {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_limit: usize,
}

impl BlockingPool {
    pub(crate) fn new(config: &RpcConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.blocking_limit)),
            waiting: Arc::default(),
            waiting_limit: config.blocking_queue_limit,
        }
    }

    /// Runs `work` when there is a place for it.
    ///
    /// # Errors
    /// Too much waits already, or `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let _waiting = Waiting::enter(&self.waiting, self.waiting_limit)?;
                self.places.clone().acquire_owned().await.map_err(RpcError::internal)?
            }
        };
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        task.await.map_err(RpcError::internal)
    }
}

/// One who waits; leaves when dropped, so also when its client hangs up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, limit: usize) -> Result<Self, RpcError> {
        // Relaxed: a counter that guards nothing but itself.
        let entered = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= limit {
            return Err(RpcError::new(LIMIT_EXCEEDED, "server busy: too many requests wait"));
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
