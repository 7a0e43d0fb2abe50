//! The check against L1, and what L1 has that the feed did not bring.

use std::sync::Arc;
use std::time::Duration;

use jovay_derive::Derivation;

use super::status::Status;

/// How often L1 is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Compares every batch on L1 with the chain here, for as long as the replica runs.
pub(super) struct L1Watch {
    pub(super) derivation: Derivation,
    pub(super) status: Arc<Status>,
}

impl L1Watch {
    pub(super) async fn run(mut self) {
        while self.status.failure().is_none() {
            match self.look().await {
                Ok(()) => {}
                Err(error) if error.is_disagreement() => {
                    self.status.halt(error.to_string());
                    return;
                }
                // L1 or a source of data is not there: what is here stays, and is not called safe.
                Err(error) => tracing::warn!(%error, "L1 cannot be checked against"),
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    async fn look(&mut self) -> Result<(), jovay_derive::DeriveError> {
        let advance = self.derivation.advance().await?;
        let safe = self.derivation.records().last()?.map_or(0, |place| place.last_block);
        let finalized = self.derivation.final_block().await?;
        self.status.checked(safe, finalized);
        if advance.batches > 0 {
            let batch = self.derivation.records().last_index();
            tracing::info!(batch, safe, finalized, "L1 agrees");
        }
        Ok(())
    }
}
