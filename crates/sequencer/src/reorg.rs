//! Reorgs of a development chain: its last blocks give way to others.

use alloy_primitives::{B256, Bytes, keccak256};
use jovay_types::SealedBlock;

use crate::dev::refresh_fees;
use crate::pipeline::Builder;
use crate::pool::NewTx;
use crate::{PoolError, Sequencer, SequencerError};

/// Blocks that one reorg may take back.
const DEPTH_MAX: u64 = 1_024;

/// A reorg: which blocks go and what comes instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReorgRequest {
    /// How many blocks go; as many come.
    pub depth: u64,
    /// Signed transactions of the new blocks, each with the place of its block: 0 for the first.
    /// Blob transactions whose sidecar is known here need none.
    pub transactions: Vec<(Bytes, u64)>,
    /// Forget the transactions of the blocks that go, which otherwise return to the pool.
    pub forget: bool,
}

impl Sequencer {
    /// Takes back the last blocks and builds as many others in their place, with other hashes and
    /// the same timestamps. They hold the given transactions and nothing else; what else the old
    /// blocks held returns to the pool, and later blocks may take it. State that was changed
    /// outside of blocks since the first of them is lost, and so are later snapshots.
    ///
    /// # Errors
    /// The depth is zero, above the limit or reaches the first block; or a transaction is refused
    /// by its form, before anything has changed, or by its place, when the reorg is done without
    /// it. See also [`Sequencer::mine`].
    pub fn reorg(&self, request: ReorgRequest) -> Result<(), SequencerError> {
        let ReorgRequest { depth, transactions, forget } = request;
        let context = self.checker.context();
        let mut blocks = vec![Vec::new(); usize::try_from(depth.min(DEPTH_MAX)).unwrap_or(0)];
        for (raw, place) in transactions {
            let slot = usize::try_from(place).ok().and_then(|at| blocks.get_mut(at));
            let Some(slot) = slot else {
                return Err(SequencerError::ReorgPlace { place, depth });
            };
            let tx = self.checker.check_one(&raw, &context).map_err(refused)?;
            slot.push(tx);
        }
        let common = self.on_builder(move |builder| {
            builder.quiesce()?;
            let head = builder.parent.number;
            let common = head.checked_sub(depth).filter(|_| (1..=DEPTH_MAX).contains(&depth));
            let Some(common) = common else {
                let limit = DEPTH_MAX.min(head);
                return Err(SequencerError::ReorgDepth { depth, limit });
            };
            let result = reorg(builder, common, head, blocks, forget);
            result.map(|()| common)
        })?;
        self.snapshots.lock().forget_after(common);
        Ok(())
    }
}

fn refused(error: PoolError) -> SequencerError {
    SequencerError::ReorgTransaction(error.to_string())
}

fn reorg(
    builder: &mut Builder,
    common: u64,
    head: u64,
    blocks: Vec<Vec<NewTx>>,
    forget: bool,
) -> Result<(), SequencerError> {
    let old = (common + 1..=head).map(|number| block(builder, number));
    let old: Vec<SealedBlock> = old.collect::<Result<_, _>>()?;
    let waiting = builder.pool.waiting();
    builder.drop_patches()?;
    builder.pool.clear();
    builder.store.revert_to(common)?;
    builder.restart_from_head()?;
    let old_head = old.last().map_or(B256::ZERO, |block| block.hash);
    {
        let mut settings = builder.settings.write();
        settings.used();
        settings.branch = keccak256([settings.branch, old_head].concat());
    }
    refresh_fees(builder);
    let moved = builder.clock.moved();
    let mut first_refusal = None;
    for (txs, old) in blocks.into_iter().zip(&old) {
        let refusals = builder.pool.add(txs, true).into_iter().filter_map(Result::err);
        first_refusal = first_refusal.or(refusals.into_iter().next());
        builder.clock.set_next(old.header.timestamp.max(builder.parent.timestamp + 1));
        builder.build_now()?;
    }
    builder.clock.restore(moved);
    builder.quiesce()?;
    if !forget {
        for tx in old.iter().flat_map(|block| &block.transactions) {
            let sidecar = builder.pool.blobs().get(&tx.hash());
            // What is in a new block, or no longer fits, is refused.
            let _ = builder.pool.add(vec![NewTx { tx: tx.clone(), sidecar }], true);
        }
    }
    for (tx, journaled) in waiting {
        let _ = builder.pool.add(vec![tx], journaled);
    }
    builder.pool.rewrite_journal();
    first_refusal.map_or(Ok(()), |error| Err(refused(error)))
}

fn block(builder: &Builder, number: u64) -> Result<SealedBlock, SequencerError> {
    let block = builder.store.sealed_block(number)?;
    let missing = || jovay_state::StoreError::Backend(format!("block {number} is not there"));
    Ok((*block.ok_or_else(missing)?).clone())
}
