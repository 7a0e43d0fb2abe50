//! Execution of planned blocks into the chain: execute → log → seal → publish, the steps after
//! execution on a thread of their own.

use std::sync::Arc;

use alloy_primitives::B256;
use crossbeam_channel::{Receiver, bounded};
use jovay_evm::{BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, SerialExecutor};
use jovay_state::{ChainStore, SealOutcome, StateError, StoreError};
use jovay_storage::Chain;
use jovay_types::{ExecutedBlock, Header};
use parking_lot::{Condvar, Mutex};

use crate::plan::PlannedBlock;
use crate::rules::block_env;

/// Blocks that may be executed and not yet sealed.
const UNSEALED_MAX: usize = 16;

/// Why a block was not added.
#[derive(Debug)]
pub(crate) enum BuildError {
    /// The block breaks a rule: number and reason.
    Refused(u64, String),
    /// The chain on disk failed.
    Store(String),
}

impl From<StoreError> for BuildError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Hears of every block that is published.
pub(crate) type Published = dyn Fn(SealOutcome) + Send + Sync;

/// Extends a chain by blocks that L1 describes.
pub(crate) struct BlockBuilder {
    spec: Arc<ChainSpec>,
    chain: Arc<Chain>,
    executor: SerialExecutor,
    told: Arc<Published>,
}

impl BlockBuilder {
    pub(crate) fn new(spec: Arc<ChainSpec>, chain: Arc<Chain>, told: Arc<Published>) -> Self {
        Self { executor: SerialExecutor::new(spec.clone()), spec, chain, told }
    }

    /// Adds `blocks` behind the chain's head. When it returns they are on disk and published; if
    /// one is refused, those before it.
    pub(crate) fn extend(&mut self, blocks: &[PlannedBlock]) -> Result<(), BuildError> {
        let (executed, to_seal) = bounded(UNSEALED_MAX);
        let sealed = Sealed::default();
        let (chain, told) = (self.chain.clone(), self.told.clone());
        let (built, stored) = std::thread::scope(|scope| {
            let sealer = scope.spawn(|| {
                // Whoever waits for a hash must not wait for a sealer that is gone, for whatever
                // reason.
                let _end = EndOnDrop(&sealed);
                seal_all(&chain, to_seal, &sealed, &*told)
            });
            let mut parent = self.chain.head().header.clone();
            let built = blocks.iter().try_for_each(|block| {
                let done = self.execute(&parent, block, &sealed)?;
                self.chain.stage(done.clone())?;
                parent = done.header.clone();
                let stopped = |_| BuildError::Store("sealing stopped".into());
                executed.send(done).map_err(stopped)
            });
            drop(executed);
            let panicked = |_| Err(BuildError::Store("sealing panicked".into()));
            (built, sealer.join().unwrap_or_else(panicked))
        });
        // What the sealer says is the cause of what the builder may say.
        stored.and(built)
    }

    fn execute(
        &mut self,
        parent: &Header,
        block: &PlannedBlock,
        sealed: &Sealed,
    ) -> Result<Arc<ExecutedBlock>, BuildError> {
        let number = block.context.number;
        let refused = |message| BuildError::Refused(number, message);
        let env = block_env(&self.spec, parent, &block.context, block.l1_rolling_hash)
            .map_err(refused)?;
        let state = self.chain.staged_state();
        let job = BlockJob {
            env,
            transactions: &block.transactions,
            ommers: &[],
            withdrawals: Some(&[]),
            state: &*state,
            hashes: &WaitingHashes { chain: &self.chain, sealed },
            mode: ExecuteMode::Replay,
            stop: &|| false,
            roots: None,
        };
        let executed = self.executor.execute(job);
        let (executed, _) = executed.map_err(|error| refused(error.to_string()))?;
        Ok(Arc::new(executed))
    }
}

/// Logs what waits with one fsync, seals and publishes it, until the channel closes.
fn seal_all(
    chain: &Chain,
    executed: Receiver<Arc<ExecutedBlock>>,
    sealed: &Sealed,
    told: &Published,
) -> Result<(), BuildError> {
    while let Ok(first) = executed.recv() {
        let mut group = vec![first];
        group.extend(executed.try_iter());
        chain.log(&group)?;
        for _ in group {
            let outcome = chain.seal()?;
            sealed.one_more();
            chain.publish(&outcome)?;
            told(outcome);
        }
    }
    Ok(())
}

/// Tells an executing block that waits for the hash of an earlier one when more is sealed.
#[derive(Default)]
struct Sealed {
    /// How many blocks, and whether no more will come.
    state: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Sealed {
    fn one_more(&self) {
        self.state.lock().0 += 1;
        self.changed.notify_all();
    }

    fn end(&self) {
        self.state.lock().1 = true;
        self.changed.notify_all();
    }
}

struct EndOnDrop<'a>(&'a Sealed);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Hashes of earlier blocks; waits for those that are being sealed.
struct WaitingHashes<'a> {
    chain: &'a Chain,
    sealed: &'a Sealed,
}

impl BlockHashes for WaitingHashes<'_> {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let mut state = self.sealed.state.lock();
        loop {
            let hash = self.chain.sealed_hash(number);
            if let Some(hash) = hash.map_err(|error| StateError::Backend(error.to_string()))? {
                return Ok(hash);
            }
            if state.1 {
                return Err(StateError::Missing { what: "block hash", key: number.to_string() });
            }
            self.sealed.changed.wait(&mut state);
        }
    }
}
