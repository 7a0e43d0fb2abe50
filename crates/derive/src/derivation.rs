//! The whole of it: L1's events → batches → data → blocks → the chain.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use alloy_primitives::B256;
use futures_util::StreamExt;
use futures_util::stream;
use jovay_evm::ChainSpec;
use jovay_l1::{BlockTag, Deployment};
use jovay_state::{ChainStore, SealOutcome};
use jovay_storage::Chain;
use parking_lot::Mutex;

use crate::batches::Outcome;
use crate::build::{BlockBuilder, BuildError, Published};
use crate::check::compare;
use crate::messages::{MessageReader, QueuePlace};
use crate::plan::{DecodedBatch, PlannedBlock};
use crate::{
    BatchChain, BatchPlace, BatchSource, Committed, DeriveError, L1Ref, NodeComparison, Records,
    RollupEvent, RollupL1,
};

/// Batches whose data is fetched and decoded before their turn. Each may hold a payload of 128 MiB
/// at worst.
pub const AHEAD_BATCHES: usize = 3;
/// L1 blocks whose events are read at once.
const RANGE_BLOCKS: u64 = 2_000;
/// How often one look at L1 begins anew because L1 changes meanwhile.
const RESTARTS_MAX: usize = 8;

/// What to do when the chain has another block than L1 describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDifference {
    /// Take back the own blocks: L1 alone counts.
    GoBack,
    /// Stop with [`DeriveError::Disagreement`].
    Halt,
}

/// What to derive, and how.
#[derive(Clone, Debug)]
pub struct DerivationConfig {
    /// The contracts.
    pub deployment: Deployment,
    /// L1 is read up to the block at this tag.
    pub tag: BlockTag,
    /// The last block to build; `None` for all.
    pub until: Option<u64>,
    /// What to do when the chain has another block than L1 describes.
    pub on_difference: OnDifference,
}

/// What [`Derivation::advance`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// L1 was read up to this block.
    pub l1_block: u64,
    /// Batches that are done now and were not before.
    pub batches: u64,
    /// Their blocks, executed or compared.
    pub blocks: u64,
    /// Of these, blocks that the chain had already.
    pub compared: u64,
    /// Transactions of these blocks, L1 messages among them.
    pub transactions: u64,
    /// L1 messages.
    pub l1_messages: u64,
}

/// Rebuilds a chain from L1, and checks what of it is there already.
pub struct Derivation {
    config: DerivationConfig,
    l1: Arc<dyn RollupL1>,
    source: Arc<BatchSource>,
    chain: Arc<Chain>,
    spec: Arc<ChainSpec>,
    builder: Arc<Mutex<BlockBuilder>>,
    writing: Arc<Mutex<()>>,
    records: Records,
    comparison: Option<NodeComparison>,
    reading: Reading,
}

/// How far L1 has been read.
struct Reading {
    /// `None` until the first event is found.
    batches: Option<BatchChain>,
    /// The batch behind which events count, when reading goes on from a batch that is done.
    behind: Option<BatchPlace>,
    queue: MessageReader,
    /// L1 block to read events from.
    from: u64,
    /// The last L1 block that was read.
    scanned: Option<L1Ref>,
    /// Something failed in the middle: begin again from what is done.
    stale: bool,
}

impl Derivation {
    /// Prepares to rebuild `chain`, whose rules are `spec`, and checks that the contracts, the
    /// addresses file and the chain belong together.
    ///
    /// # Errors
    /// [`DeriveError::OtherChain`], or L1 does not answer.
    pub async fn open(
        config: DerivationConfig,
        l1: Arc<dyn RollupL1>,
        source: Arc<BatchSource>,
        chain: Arc<Chain>,
        spec: Arc<ChainSpec>,
        records: Records,
    ) -> Result<Self, DeriveError> {
        check_identity(&config.deployment, &*l1, &chain, &spec).await?;
        let builder = BlockBuilder::new(spec.clone(), chain.clone(), Arc::new(|_| {}));
        let place = QueuePlace { next: 0, rolling_hash: B256::ZERO, from: 0 };
        let reading = Reading {
            batches: None,
            behind: None,
            queue: MessageReader::new(place),
            from: 0,
            scanned: None,
            stale: true,
        };
        let builder = Arc::new(Mutex::new(builder));
        let (writing, comparison) = (Arc::default(), None);
        Ok(Self { config, l1, source, chain, spec, builder, writing, records, comparison, reading })
    }

    /// Compares every block with those of a node, batch by batch.
    pub fn compare_with(&mut self, node: NodeComparison) {
        self.comparison = Some(node);
    }

    /// Tells `told` of every block that is published from now on.
    pub fn on_block(&mut self, told: impl Fn(SealOutcome) + Send + Sync + 'static) {
        let told: Arc<Published> = Arc::new(told);
        let builder = BlockBuilder::new(self.spec.clone(), self.chain.clone(), told);
        *self.builder.lock() = builder;
    }

    /// Held while the chain is compared and extended: whoever else extends it holds it too.
    pub fn writing(&self) -> Arc<Mutex<()>> {
        self.writing.clone()
    }

    /// The last block of the batches that are done and that L1 cannot take back any more.
    ///
    /// # Errors
    /// L1 does not answer, or the records cannot be read.
    pub async fn final_block(&mut self) -> Result<u64, DeriveError> {
        let Some(final_l1) = self.l1.block(BlockTag::Finalized).await? else { return Ok(0) };
        // Batches were committed in order: the last one up to that L1 block.
        let (mut done, mut above) = (0, self.records.last_index() + 1);
        while above - done > 1 {
            let middle = done + (above - done) / 2;
            let place = self.records.get(middle)?;
            if place.is_some_and(|place| place.l1_block <= final_l1.number) {
                done = middle;
            } else {
                above = middle;
            }
        }
        Ok(self.records.get(done)?.map_or(0, |place| place.last_block))
    }

    /// The batches that are done.
    pub fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// The batches on L1 as of the last look; `None` before the first.
    pub fn batches(&self) -> Option<&BatchChain> {
        self.reading.batches.as_ref()
    }

    /// How many blocks were compared with a node.
    pub fn compared_with_node(&self) -> u64 {
        self.comparison.as_ref().map_or(0, NodeComparison::compared)
    }

    /// Looks at L1 once and does all that is new up to the tag. After an error the next call goes
    /// on behind the last batch that is done.
    ///
    /// # Errors
    /// See [`DeriveError`]: [`DeriveError::is_transient`] says whether to call again.
    pub async fn advance(&mut self) -> Result<Advance, DeriveError> {
        let was_stale = std::mem::replace(&mut self.reading.stale, true);
        if was_stale {
            self.restart().await?;
        }
        let head = self.look().await?;
        let advance = self.catch_up(head).await?;
        self.reading.stale = false;
        Ok(advance)
    }

    /// Reads L1's events up to the block at the tag.
    async fn look(&mut self) -> Result<L1Ref, DeriveError> {
        for _ in 0..RESTARTS_MAX {
            let tag = self.config.tag;
            let head = self.l1.block(tag).await?;
            let mut head = head.ok_or_else(|| DeriveError::NoBlock(tag.to_string()))?;
            if let Some(scanned) = self.reading.scanned {
                if !self.still_there(scanned).await? {
                    tracing::warn!(l1_block = scanned.number, "L1 was reorganized");
                    self.restart().await?;
                    continue;
                }
                // A node that lags behind the one that answered before has nothing new.
                if head.number < scanned.number {
                    head = scanned;
                }
            }
            if self.read_up_to(head).await? && self.still_there(head).await? {
                self.check_last_batch(head).await?;
                self.reading.scanned = Some(head);
                return Ok(head);
            }
            self.restart().await?;
        }
        let l1_block = self.reading.from;
        let message = "it changes faster than it can be read".into();
        Err(DeriveError::Reorg { l1_block, message })
    }

    /// Whether `block` is still on L1's chain.
    async fn still_there(&self, block: L1Ref) -> Result<bool, DeriveError> {
        Ok(self.l1.block(BlockTag::Number(block.number)).await? == Some(block))
    }

    /// Reads events up to `head`. False if what was read before does not hold any more.
    async fn read_up_to(&mut self, head: L1Ref) -> Result<bool, DeriveError> {
        while self.reading.from <= head.number {
            let (from, to) =
                (self.reading.from, self.reading.from.saturating_add(RANGE_BLOCKS - 1));
            let to = to.min(head.number);
            for event in self.l1.rollup_events(from, to).await? {
                if !self.take(&event)? {
                    return Ok(false);
                }
            }
            self.reading.from = to + 1;
        }
        Ok(true)
    }

    /// Takes an event in. False if it drops a batch that is done: then reading begins again
    /// behind an earlier one.
    fn take(&mut self, event: &RollupEvent) -> Result<bool, DeriveError> {
        let reading = &mut self.reading;
        if let Some(place) = reading.behind {
            if let RollupEvent::Committed(batch) = event
                && (batch.index, batch.hash) == (place.index, place.hash)
            {
                reading.behind = None;
                reading.batches = Some(BatchChain::resume(*batch));
            }
            return Ok(true);
        }
        match (&mut reading.batches, event) {
            (None, RollupEvent::Committed(batch)) => {
                reading.batches = Some(BatchChain::new(*batch)?);
            }
            (None, RollupEvent::Reverted { first: index, .. })
            | (None, RollupEvent::Finalized { first: index, .. }) => {
                let message = "it is not committed: is `first_block` right?".into();
                return Err(DeriveError::Events { index: *index, message });
            }
            (Some(batches), RollupEvent::Reverted { first, .. })
                if *first > 0 && *first <= batches.base().index =>
            {
                let (first, done) = (*first, batches.base().index);
                tracing::warn!(first, done, "batches that are done were dropped by the contract");
                self.records.truncate(first - 1)?;
                return Ok(false);
            }
            (Some(batches), event) => batches.apply(event)?,
        }
        Ok(true)
    }

    /// Compares what the events give with what the contract says.
    async fn check_last_batch(&self, head: L1Ref) -> Result<(), DeriveError> {
        if let Some(place) = self.reading.behind {
            let message = format!("L1 block {} does not commit it any more", place.l1_block);
            return Err(DeriveError::Events { index: place.index, message });
        }
        let Some(batches) = &self.reading.batches else {
            let message = format!("L1 has no event of it up to block {}", head.number);
            return Err(DeriveError::Events { index: 0, message });
        };
        let last = batches.last();
        let (index, hash) = self.l1.last_batch(head).await?;
        if (index, hash) != (last.index, last.hash) {
            let (own, own_hash) = (last.index, last.hash);
            let message = format!(
                "the contract has it as the last one with hash {hash}, the events end with batch \
                 {own} and hash {own_hash}"
            );
            return Err(DeriveError::Events { index, message });
        }
        Ok(())
    }

    /// Goes back to the last batch that is done, that the chain has, and that L1 still has.
    async fn restart(&mut self) -> Result<(), DeriveError> {
        let mut dropped = 0;
        let place = loop {
            let Some(place) = self.records.last()? else { break None };
            let l1_block = L1Ref { number: place.l1_block, hash: place.l1_block_hash };
            if self.chain.block_hash(place.last_block)? == Some(place.block_hash)
                && self.still_there(l1_block).await?
            {
                break Some(place);
            }
            self.records.truncate(place.index - 1)?;
            dropped += 1;
        };
        let done = place.map_or(0, |place| place.index);
        if dropped > 0 {
            tracing::warn!(dropped, done, "went back behind batches that are no longer there");
        }
        let first = self.config.deployment.first_block;
        let queue = match place {
            Some(place) => QueuePlace {
                next: place.l1_message_count,
                rolling_hash: place.l1_rolling_hash,
                from: place.messages_from,
            },
            None => QueuePlace { next: 0, rolling_hash: B256::ZERO, from: first },
        };
        self.reading = Reading {
            batches: None,
            behind: place,
            queue: MessageReader::new(queue),
            from: place.map_or(first, |place| place.l1_block),
            scanned: None,
            stale: true,
        };
        Ok(())
    }

    /// Does the batches that are committed and not done yet.
    async fn catch_up(&mut self, head: L1Ref) -> Result<Advance, DeriveError> {
        let mut advance = Advance { l1_block: head.number, ..Advance::default() };
        let done = self.records.last_index();
        let pending: Vec<Committed> =
            self.reading.batches.iter().flat_map(|batches| batches.after(done)).copied().collect();
        self.check_outcomes(done)?;
        let source = self.source.clone();
        let fetch = |batch| {
            let source = source.clone();
            Task(tokio::spawn(async move { source.decoded(batch).await }))
        };
        let mut decoded = stream::iter(pending).map(fetch).buffered(AHEAD_BATCHES);
        while !self.is_enough()
            && let Some(batch) = decoded.next().await
        {
            let stopped = |error: tokio::task::JoinError| DeriveError::Store(error.to_string());
            self.add(batch.map_err(stopped)??, &mut advance).await?;
        }
        Ok(advance)
    }

    /// Whether the chain has all the blocks that are asked for.
    fn is_enough(&self) -> bool {
        self.config.until.is_some_and(|until| self.chain.head().number() >= until)
    }

    /// Adds the blocks of the next batch to the chain.
    async fn add(&mut self, batch: DecodedBatch, advance: &mut Advance) -> Result<(), DeriveError> {
        let started = Instant::now();
        let committed = batch.committed;
        let before = self.place_before(committed.index)?;
        let mut queue = self.reading.queue.clone();
        let (messages, found) =
            queue.take(&*self.l1, committed.l1_message_count, committed.at.block).await?;
        let l1_messages = messages.len() as u64;
        let mut blocks = batch.plan(before.last_block + 1, before.l1_rolling_hash, messages)?;
        let whole = self.cut(&mut blocks);
        let last_block = before.last_block + blocks.len() as u64;
        let transactions = blocks.iter().map(|block| block.transactions.len() as u64).sum::<u64>();
        let compared = self.apply(committed.index, blocks).await?;
        if let Some(comparison) = &mut self.comparison {
            comparison.check(&self.chain, before.last_block + 1, last_block).await?;
        }
        advance.blocks += last_block - before.last_block;
        advance.compared += compared;
        advance.transactions += transactions;
        if !whole {
            return Ok(());
        }
        let place = BatchPlace {
            index: committed.index,
            hash: committed.hash,
            last_block,
            block_hash: self.hash_of(last_block)?,
            l1_message_count: committed.l1_message_count,
            l1_rolling_hash: committed.l1_rolling_hash,
            l1_block: committed.at.block,
            l1_block_hash: committed.at.block_hash,
            messages_from: found.unwrap_or(before.messages_from),
        };
        self.check_outcome_of(&place)?;
        self.records.push(place)?;
        self.reading.queue = queue;
        if let Some(batches) = &mut self.reading.batches {
            batches.forget_before(place.index);
        }
        advance.batches += 1;
        advance.l1_messages += l1_messages;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            batch = place.index,
            blocks = format!("{}-{last_block}", before.last_block + 1),
            txs = transactions,
            l1_messages,
            tx_per_s = (transactions as f64 / seconds.max(1e-6)) as u64,
            hash = %place.block_hash,
            "batch"
        );
        Ok(())
    }

    /// Leaves out the blocks that are not asked for; whether none was left out.
    fn cut(&self, blocks: &mut Vec<PlannedBlock>) -> bool {
        let planned = blocks.len();
        if let Some(until) = self.config.until {
            blocks.retain(|block| block.context.number <= until);
        }
        blocks.len() == planned
    }

    /// Where the batch before `index` ended.
    fn place_before(&mut self, index: u64) -> Result<BatchPlace, DeriveError> {
        if index == 1 {
            let messages_from = self.config.deployment.first_block;
            return Ok(BatchPlace { messages_from, ..BatchPlace::default() });
        }
        let gone = || DeriveError::Events { index, message: "the batch before is not done".into() };
        self.records.get(index - 1)?.ok_or_else(gone)
    }

    fn hash_of(&self, block: u64) -> Result<B256, DeriveError> {
        let missing = || DeriveError::Store(format!("block {block} is not there"));
        self.chain.block_hash(block)?.ok_or_else(missing)
    }

    /// Compares the blocks that the chain has and executes the others. How many it had.
    async fn apply(&self, index: u64, blocks: Vec<PlannedBlock>) -> Result<u64, DeriveError> {
        let builder = self.builder.clone();
        let (chain, spec, policy) =
            (self.chain.clone(), self.spec.clone(), self.config.on_difference);
        let writing = self.writing.clone();
        let work = move || {
            let _writing = writing.lock();
            let mut builder = builder.lock();
            let known = compare_known(&chain, &spec, index, &blocks, policy)?;
            builder.extend(&blocks[known..]).map_err(|error| match error {
                BuildError::Refused(block, message) => DeriveError::Block { index, block, message },
                BuildError::Store(message) => DeriveError::Store(message),
            })?;
            Ok(known as u64)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| DeriveError::Store(error.to_string()))?
    }

    /// Compares final batches that are done already with what L1 says they led to.
    fn check_outcomes(&mut self, done: u64) -> Result<(), DeriveError> {
        let Some(batches) = &mut self.reading.batches else { return Ok(()) };
        for (index, outcome) in batches.take_outcomes(done) {
            let block = match index {
                0 => 0,
                index => match self.records.get(index)? {
                    Some(place) => place.last_block,
                    None => continue,
                },
            };
            self.check_outcome(index, block, &outcome)?;
        }
        Ok(())
    }

    /// Compares a batch that has just been done with what L1 says it led to, if it is final.
    fn check_outcome_of(&mut self, place: &BatchPlace) -> Result<(), DeriveError> {
        let Some(batches) = &mut self.reading.batches else { return Ok(()) };
        for (index, outcome) in batches.take_outcomes(place.index) {
            if index == place.index {
                self.check_outcome(index, place.last_block, &outcome)?;
            }
        }
        Ok(())
    }

    fn check_outcome(&self, index: u64, block: u64, l1: &Outcome) -> Result<(), DeriveError> {
        let missing = || DeriveError::Store(format!("block {block} is not there"));
        let ours = self.chain.block(block)?.ok_or_else(missing)?;
        let pairs = [
            ("final state root", l1.state_root, ours.header.state_root),
            ("final block hash", l1.block_hash, ours.hash),
        ];
        match pairs.into_iter().find(|(_, l1, ours)| l1 != ours) {
            None => Ok(()),
            Some((what, l1, ours)) => Err(DeriveError::Disagreement {
                index,
                block,
                what,
                l1: l1.to_string(),
                ours: ours.to_string(),
            }),
        }
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(tokio::task::JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Compares what the chain has of `blocks`; how many it has afterwards.
fn compare_known(
    chain: &Chain,
    spec: &ChainSpec,
    index: u64,
    blocks: &[PlannedBlock],
    policy: OnDifference,
) -> Result<usize, DeriveError> {
    let head = chain.head().number();
    for (at, planned) in blocks.iter().enumerate() {
        let block = planned.context.number;
        if block > head {
            return Ok(at);
        }
        let missing = || DeriveError::Store(format!("block {block} is not there"));
        let parent = chain.block(block - 1)?.ok_or_else(missing)?;
        let ours = chain.block(block)?.ok_or_else(missing)?;
        let refused = |message| DeriveError::Block { index, block, message };
        let Some(differing) = compare(spec, &parent.header, &ours, planned).map_err(refused)?
        else {
            continue;
        };
        let (what, l1, ours) = (differing.what, differing.l1, differing.ours);
        match policy {
            OnDifference::Halt => {
                return Err(DeriveError::Disagreement { index, block, what, l1, ours });
            }
            OnDifference::GoBack => {
                tracing::warn!(block, batch = index, what, "L1 has another block: going back");
                chain.revert_to(block - 1)?;
                return Ok(at);
            }
        }
    }
    Ok(blocks.len())
}

/// Whether contracts, addresses file and chain belong together.
async fn check_identity(
    deployment: &Deployment,
    l1: &dyn RollupL1,
    chain: &Chain,
    spec: &ChainSpec,
) -> Result<(), DeriveError> {
    let facts = l1.facts().await?;
    let genesis = chain.block(0)?;
    let missing = || DeriveError::Store("the genesis block is not there".into());
    let genesis = genesis.ok_or_else(missing)?;
    let other_l1 = "is --l1-rpc the L1 that the addresses file is for?";
    let other_l2 = "is the addresses file this chain's?";
    let other_start = "the chain must start as it was deployed";
    let text = |value: &dyn std::fmt::Display| value.to_string();
    let pairs = [
        ("chain id of L1", text(&facts.l1_chain_id), text(&deployment.l1_chain_id), other_l1),
        ("chain id of L2", text(&facts.l2_chain_id), text(&deployment.l2_chain_id), other_l2),
        ("data layer", text(&facts.data_layer), text(&deployment.data_layer), other_l2),
        ("mailbox", text(&facts.mailbox), text(&deployment.mailbox), other_l2),
        ("chain id of L2", text(&deployment.l2_chain_id), text(&spec.chain_id), other_start),
        ("genesis block", text(&deployment.genesis_hash), text(&genesis.hash), other_start),
        (
            "genesis state root",
            text(&deployment.genesis_state_root),
            text(&genesis.header.state_root),
            other_start,
        ),
    ];
    match pairs.into_iter().find(|(_, got, expected, _)| got != expected) {
        None => Ok(()),
        Some((what, got, expected, hint)) => {
            Err(DeriveError::OtherChain { what, got, expected, hint })
        }
    }
}
