//! One look at L1: where its chain stands, whether it still has what we took, what is new.

use std::collections::VecDeque;
use std::sync::Arc;

use alloy_primitives::B256;
use alloy_sol_types::SolEvent;
use jovay_l1::bindings::L1Mailbox;
use jovay_l1::{BlockTag, Deployment, L1Block, L1Client, L1Error, L1Log};
use jovay_sequencer::{L1Queue, L1QueueError};
use jovay_types::L1Position;

use super::InboxConfig;
use super::message::QueuedMessage;
use super::status::{InboxAlarm, Shared};
use crate::l1_blocks;
use crate::ranges::LogRanges;

/// Read L1 blocks whose hashes are remembered: where reading goes on after a reorganization. An
/// older one is found by the time of the next message.
const WINDOW_MAX: usize = 512;

/// Why a look at L1 came to nothing. The next one may do better.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    L1(#[from] L1Error),
    #[error("L1 node: no {0} block")]
    NoBlock(BlockTag),
    #[error("L1 node: its logs up to block {block} lack message {queue_index}")]
    LogsIncomplete { block: u64, queue_index: u64 },
    #[error("L1 node: its chain changed while it was read")]
    Changed,
    /// An alarm was raised.
    #[error("stopped")]
    Alarm,
}

/// The rolling hash after some messages and when the next was sent, or how many there are if fewer.
type UpTo = Result<(B256, u64), u64>;

pub(super) struct Reader {
    config: InboxConfig,
    client: L1Client,
    mailbox: alloy_primitives::Address,
    l1_chain_id: u64,
    first_block: u64,
    queue: Arc<L1Queue>,
    shared: Arc<Shared>,
    ranges: LogRanges,
    chain_checked: bool,
    /// Blocks up to which all messages are read, ascending; the last is where reading goes on.
    window: VecDeque<(u64, B256)>,
    /// Messages that are read and checked, and did not fit into the queue.
    pending: VecDeque<QueuedMessage>,
    /// Where the queue stood when this reader last touched it.
    pushed: Option<L1Position>,
    /// The position after `pending`.
    read: L1Position,
}

impl Reader {
    pub(super) fn new(
        config: InboxConfig,
        client: L1Client,
        deployment: &Deployment,
        queue: Arc<L1Queue>,
        shared: Arc<Shared>,
    ) -> Self {
        let events = vec![L1Mailbox::TransactionQueued::SIGNATURE_HASH];
        Self {
            config,
            client,
            mailbox: deployment.mailbox,
            l1_chain_id: deployment.l1_chain_id,
            first_block: deployment.first_block,
            queue,
            shared,
            ranges: LogRanges::new(deployment.mailbox, events, config.range_max),
            chain_checked: false,
            window: VecDeque::new(),
            pending: VecDeque::new(),
            pushed: None,
            read: L1Position::default(),
        }
    }

    /// Reads what there is to read.
    pub(super) async fn step(&mut self) -> Result<(), StepError> {
        let result = match self.look().await {
            Err(StepError::Alarm) => Ok(()),
            result => result,
        };
        let mut status = self.shared.status.write();
        status.error = result.as_ref().err().map(ToString::to_string);
        status.next = self.read.next;
        status.read_to = self.window.back().copied();
        let alarm = status.alarm.is_some();
        metrics::gauge!("jovay_inbox_alarm").set(f64::from(u8::from(alarm)));
        metrics::gauge!("jovay_inbox_next_message").set(self.read.next as f64);
        metrics::gauge!("jovay_inbox_waiting").set(self.queue.len() as f64);
        if let Some((number, _)) = status.read_to {
            metrics::gauge!("jovay_inbox_l1_block").set(number as f64);
        }
        result
    }

    async fn look(&mut self) -> Result<(), StepError> {
        if self.shared.status.read().alarm.as_ref().is_some_and(InboxAlarm::is_permanent)
            || !self.is_right_chain().await?
        {
            return Ok(());
        }
        self.follow_queue();
        let latest = self.block(BlockTag::Latest).await?;
        self.shared.status.write().latest = Some(latest.clone());
        let Some(target) = self.target(&latest).await? else { return Ok(()) };
        self.drop_reorganized(&latest).await?;
        if self.window.back().is_some_and(|(number, _)| *number > target.number) {
            // A node behind the one that answered before, or a reorganization to a shorter chain:
            // what L1 has is known when it gets there again.
            return Ok(());
        }
        let Some(next_sent_at) = self.check_prefix(&latest).await? else { return Ok(()) };
        if !self.push_pending() {
            return Ok(());
        }
        if next_sent_at == 0 || next_sent_at > target.timestamp {
            self.remember(target.number, target.hash);
            return Ok(());
        }
        self.read_messages(next_sent_at, &latest, &target).await
    }

    /// Whether the node follows the chain that the contracts are on.
    async fn is_right_chain(&mut self) -> Result<bool, StepError> {
        if !self.chain_checked {
            let found = self.client.chain_id().await?;
            if found != self.l1_chain_id {
                let expected = self.l1_chain_id;
                self.raise(InboxAlarm::WrongChain { found, expected });
                return Ok(false);
            }
            self.chain_checked = true;
        }
        Ok(true)
    }

    /// Begins anew where the queue stands if somebody else moved it: at the start, and after a
    /// development chain went back.
    fn follow_queue(&mut self) {
        let position = self.queue.position();
        if self.pushed != Some(position) {
            self.restart_at(position);
        }
    }

    fn restart_at(&mut self, position: L1Position) {
        self.shared.forget_from(position.next);
        self.pushed = Some(position);
        self.read = position;
        self.pending.clear();
        self.window.clear();
    }

    async fn block(&self, tag: BlockTag) -> Result<L1Block, StepError> {
        self.client.block(tag).await?.ok_or(StepError::NoBlock(tag))
    }

    /// The block up to which messages are taken; `None` while the chain is too short.
    async fn target(&self, latest: &L1Block) -> Result<Option<L1Block>, StepError> {
        let tagged = match self.config.tag {
            BlockTag::Latest => latest.clone(),
            tag => self.block(tag).await?,
        };
        match tagged.number.checked_sub(self.config.confirmations) {
            Some(number) if number == tagged.number => Ok(Some(tagged)),
            Some(number) => Ok(Some(self.block(BlockTag::Number(number)).await?)),
            None => Ok(None),
        }
    }

    /// Forgets read blocks that are not on L1's chain any more; a node that is behind has lost none.
    async fn drop_reorganized(&mut self, latest: &L1Block) -> Result<(), StepError> {
        let (mut good, mut bad) = (0, self.window.len());
        // The newest first: it decides in almost every case.
        let mut at = bad.saturating_sub(1);
        while good < bad {
            let (number, hash) = self.window[at];
            let gone = number <= latest.number
                && self
                    .client
                    .block(BlockTag::Number(number))
                    .await?
                    .is_some_and(|b| b.hash != hash);
            if gone {
                bad = at
            } else {
                good = at + 1
            }
            at = good + (bad - good) / 2;
        }
        if good < self.window.len() {
            let from = self.window[good].0;
            self.window.truncate(good);
            self.pending.clear();
            self.read = self.queue.position();
            self.shared.status.write().reorgs += 1;
            metrics::counter!("jovay_inbox_reorgs_total").increment(1);
            tracing::info!(from, latest = latest.number, "L1 was reorganized, reading again");
        }
        Ok(())
    }

    /// Checks that L1 has the messages that were pushed, and says when the next one was sent (Unix
    /// seconds; zero if there is none). `None`, with an alarm, if those in blocks are not there.
    ///
    /// Looked up in the latest state: what it has up to our count, its ancestors have too, and no
    /// node throws it away.
    async fn check_prefix(&mut self, latest: &L1Block) -> Result<Option<u64>, StepError> {
        loop {
            let position = self.queue.position();
            let theirs = match self.up_to(position.next, latest).await? {
                Ok((hash, sent_at)) if hash == position.rolling_hash => {
                    self.clear_alarm();
                    if self.pending.is_empty() {
                        return Ok(Some(sent_at));
                    }
                    return Ok(Some(self.up_to(self.read.next, latest).await?.map_or(0, |r| r.1)));
                }
                Ok((hash, _)) => hash.to_string(),
                Err(count) => format!("{count} messages only"),
            };
            let kept = self.queue.withdraw();
            self.restart_at(kept);
            if kept.next == position.next {
                self.raise(InboxAlarm::DeepReorg {
                    l1_block: latest.number,
                    taken: position.next,
                    ours: position.rolling_hash,
                    theirs,
                });
                return Ok(None);
            }
            let withdrawn = position.next - kept.next;
            tracing::info!(withdrawn, "took messages back that L1 reorganized");
        }
    }

    /// The rolling hash after `count` messages and when the next was sent; the number of messages
    /// if there are fewer.
    async fn up_to(&self, count: u64, at: &L1Block) -> Result<UpTo, StepError> {
        let tag = BlockTag::Hash(at.hash);
        let call = L1Mailbox::messagesUpToCall { count };
        match self.client.view(self.mailbox, &call, tag).await {
            Ok(answer) => Ok(Ok((answer.rollingHash, answer.nextSentAt))),
            Err(error @ L1Error::Rpc { .. }) => {
                // Nodes report a revert in different ways; the count does not.
                let call = L1Mailbox::messageCountCall {};
                let total = self.client.view(self.mailbox, &call, tag).await?;
                if total < count { Ok(Err(total)) } else { Err(error.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the messages up to `target`, the first of which was sent at `sent_at`, as long as the
    /// queue has room.
    async fn read_messages(
        &mut self,
        sent_at: u64,
        latest: &L1Block,
        target: &L1Block,
    ) -> Result<(), StepError> {
        let read = self.read_ranges(sent_at, latest, target).await;
        if read.is_err() {
            // What is in no checked range is read again.
            self.pending.clear();
            self.read = self.queue.position();
        }
        read
    }

    async fn read_ranges(
        &mut self,
        sent_at: u64,
        latest: &L1Block,
        target: &L1Block,
    ) -> Result<(), StepError> {
        let mut from = match self.window.back() {
            Some((number, _)) => number + 1,
            None => {
                let first = self.first_block.min(target.number);
                l1_blocks::first_since(&self.client, sent_at, first, target.number).await?
            }
        };
        while from <= target.number {
            let (logs, to) = self.ranges.read(&self.client, from, target.number).await?;
            let end = self.block(BlockTag::Number(to)).await?;
            for log in &logs {
                self.accept(log).await?;
            }
            if !logs.is_empty() {
                self.check_read(latest).await?;
            }
            let room = self.push_pending();
            self.remember(end.number, end.hash);
            if !room {
                return Ok(());
            }
            from = to + 1;
        }
        // All messages sent before `target` must have been in the logs. Two blocks of a
        // development L1 may have the same time.
        let sent_at = self.check_read(latest).await?;
        if sent_at != 0 && sent_at < target.timestamp {
            self.window.clear();
            let (block, queue_index) = (target.number, self.read.next);
            return Err(StepError::LogsIncomplete { block, queue_index });
        }
        Ok(())
    }

    /// Checks that `L1Mailbox` has the messages that were read, all on one chain; says when the next
    /// one was sent.
    async fn check_read(&self, latest: &L1Block) -> Result<u64, StepError> {
        match self.up_to(self.read.next, latest).await? {
            Ok((hash, sent_at)) if hash == self.read.rolling_hash => Ok(sent_at),
            _ => Err(StepError::Changed),
        }
    }

    /// Checks a log and takes its message.
    async fn accept(&mut self, log: &L1Log) -> Result<(), StepError> {
        let decoded = QueuedMessage::decode(log);
        let queue_index = decoded.as_ref().map_or(self.read.next, |m| m.message.queue_index);
        if queue_index < self.read.next {
            return Ok(());
        }
        let checked = decoded.and_then(|message| {
            let after = message.follow(self.read)?;
            Ok((message, after))
        });
        match checked {
            Ok((message, after)) if queue_index == self.read.next => {
                self.read = after;
                self.pending.push_back(message);
                Ok(())
            }
            _ if queue_index > self.read.next => {
                let (block, queue_index) = (log.block_number, self.read.next);
                self.window.clear();
                Err(StepError::LogsIncomplete { block, queue_index })
            }
            Ok(_) => Ok(()),
            Err(error) => {
                // Of a block that is gone meanwhile it means nothing.
                let now = self.block(BlockTag::Number(log.block_number)).await?;
                if now.hash != log.block_hash {
                    return Err(StepError::Changed);
                }
                let l1_block = log.block_number;
                self.raise(InboxAlarm::Mismatch { queue_index, l1_block, error });
                Err(StepError::Alarm)
            }
        }
    }

    /// Hands on what waits; false if the queue is full.
    fn push_pending(&mut self) -> bool {
        while let Some(message) = self.pending.front() {
            match self.queue.push(message.message.clone(), message.rolling_hash) {
                Ok(()) => {
                    let QueuedMessage { message, hash, l1_block, .. } = message;
                    let queue_index = message.queue_index;
                    tracing::info!(queue_index, l1_block, %hash, "message from L1 queued");
                    metrics::counter!("jovay_inbox_messages_total").increment(1);
                    self.pushed = Some(self.queue.position());
                    if let Some(message) = self.pending.pop_front() {
                        self.shared.remember(message);
                    }
                }
                Err(L1QueueError::Full) => return false,
                // The queue was moved meanwhile: the next step begins where it stands.
                Err(L1QueueError::OutOfOrder { .. }) => {
                    self.pushed = None;
                    return false;
                }
            }
        }
        true
    }

    /// All messages up to this block are read.
    fn remember(&mut self, number: u64, hash: B256) {
        if self.window.back() == Some(&(number, hash)) {
            return;
        }
        self.window.push_back((number, hash));
        if self.window.len() > WINDOW_MAX {
            self.window.pop_front();
        }
    }

    fn raise(&self, alarm: InboxAlarm) {
        let mut status = self.shared.status.write();
        if status.alarm.is_none() {
            tracing::error!(%alarm, "no more deposits are taken; the sequencer keeps serving");
        }
        status.alarm = Some(alarm);
    }

    fn clear_alarm(&self) {
        let mut status = self.shared.status.write();
        if let Some(alarm) = status.alarm.take() {
            tracing::info!(%alarm, "L1 has what the chain has taken again; deposits go on");
        }
    }
}
