//! Follows what has been signed until it is final.

use std::time::{Duration, Instant};

use super::{ATTEMPTS_MAX, POOL_CHECK_ROUNDS, Worker, unix_now};
use crate::sender::book::{Inclusion, Open};
use crate::sender::journal::{Attempt, Content, Outcome, Record};
use crate::sender::node::{Head, Trouble};
use crate::sender::offer::{Offer, decide};
use crate::sender::report::Alarm;
use crate::{BlockTag, L1Receipt};

impl Worker {
    /// Looks at every intent that has a transaction, in the order of their nonces.
    pub(super) async fn follow(&mut self, head: &Head) -> Result<(), Trouble> {
        let mut signed: Vec<Open> = self
            .shared
            .read(|book| book.open().filter(|open| !open.attempts.is_empty()).cloned().collect());
        signed.sort_by_key(Open::nonce);
        for open in signed {
            self.follow_one(head, &open).await?;
        }
        Ok(())
    }

    async fn follow_one(&mut self, head: &Head, open: &Open) -> Result<(), Trouble> {
        // Blocks change nothing for what is in one while there is no new one.
        let Some(&last) = open.attempts.last().filter(|_| open.inclusion.is_none() || head.is_new)
        else {
            return Ok(());
        };
        let id = open.content.id;
        let may_be_included = head.nonce > last.nonce || open.inclusion.is_some();
        let receipt = match may_be_included {
            true => self.receipt(&open.attempts).await?,
            false => None,
        };
        if let Some(receipt) = receipt {
            return self.included(head, open, receipt).await;
        }
        if let Some(inclusion) = &open.inclusion {
            self.shared.report.reorged(&open.content.key, inclusion.receipt.block_number);
            self.shared.note(id, |open| open.inclusion = None);
            self.track(id).checked = None;
        }
        match head.nonce > last.nonce {
            true => self.nonce_lost(head, open, last).await,
            false => self.keep_alive(head, &open.content, open.attempts.len(), last).await,
        }
    }

    /// The receipt of whichever transaction is in a block; the newest is the likeliest.
    async fn receipt(&self, attempts: &[Attempt]) -> Result<Option<L1Receipt>, Trouble> {
        for attempt in attempts.iter().rev() {
            if let Some(receipt) = self.node.client().receipt(attempt.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn included(
        &mut self,
        head: &Head,
        open: &Open,
        receipt: L1Receipt,
    ) -> Result<(), Trouble> {
        let content = &open.content;
        let confirmations = head.confirmations(receipt.block_number).max(1);
        let is_final = head.is_final(receipt.block_number);
        let inclusion = Inclusion { receipt: receipt.clone(), confirmations };
        self.shared.note(content.id, |open| open.inclusion = Some(inclusion));
        if !is_final {
            return Ok(());
        }
        if receipt.succeeded() {
            return self.settle(content, Outcome::Final(receipt)).await;
        }
        let address = self.shared.signer.address();
        let revert = self.node.revert_data(address, content, receipt.block_number).await;
        let message = format!("reverted on L1 in {}", receipt.transaction_hash);
        self.fail(content, message, revert, Some(receipt)).await
    }

    /// The nonce is used, and not by us. Only when that is final can no reorg bring our own
    /// transaction back; before, another nonce could make it take effect twice.
    async fn nonce_lost(&mut self, head: &Head, open: &Open, last: Attempt) -> Result<(), Trouble> {
        let (id, key) = (open.content.id, &open.content.key);
        let address = self.shared.signer.address();
        let final_nonce = match head.final_block {
            Some(block) => self.node.client().nonce(address, BlockTag::Number(block)).await?,
            None => 0,
        };
        let is_final = final_nonce > last.nonce;
        // The node may have received the block between the two questions.
        if is_final && self.receipt(&open.attempts).await?.is_some() {
            return Ok(());
        }
        let is_known = std::mem::replace(&mut self.track(id).is_foreign_known, true);
        if !is_known || is_final {
            self.shared.report.foreign(key, last.nonce, is_final);
        }
        if !is_final {
            return Ok(());
        }
        self.tracks.remove(&id);
        let record = match open.content.filler {
            true => Record::Forgotten { id },
            false => Record::Voided { id },
        };
        self.write(vec![record]).await
    }

    /// Sees to it that a transaction is with the node, and offers enough.
    async fn keep_alive(
        &mut self,
        head: &Head,
        content: &Content,
        attempts: usize,
        last: Attempt,
    ) -> Result<(), Trouble> {
        let id = content.id;
        let first_in_line = last.nonce == head.nonce;
        let every = self.shared.config.poll_interval * POOL_CHECK_ROUNDS;
        let track = self.track(id);
        if track.hold_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        let is_due = |at: Instant| head.is_new || at.elapsed() >= every.max(Duration::from_secs(1));
        if track.checked.is_none_or(is_due) {
            track.checked = Some(Instant::now());
            let (base_fee, blob_fee) =
                (head.reading.next_base_fee, head.reading.next_blob_base_fee);
            // Nodes drop what offers too little; they would do so again.
            let is_welcome = !track.is_underpriced && last.offer.is_enough(base_fee, blob_fee);
            if is_welcome && self.node.client().transaction(last.hash).await?.is_none() {
                return self.resend(head, content, last).await;
            }
        }
        match self.why_replace(head, id, &last, first_in_line) {
            Some(why) if attempts < ATTEMPTS_MAX => self.replace(head, content, last, &why).await,
            _ => Ok(()),
        }
    }

    async fn resend(
        &mut self,
        head: &Head,
        content: &Content,
        last: Attempt,
    ) -> Result<(), Trouble> {
        let draft = self.sign(content, last.nonce, last.gas_limit, last.offer).await?;
        let Some(draft) = draft.filter(|draft| draft.attempt.hash == last.hash) else {
            let message = "its blobs are lost and it cannot be sent again: submit it once more";
            self.shared.report.raise(Alarm::Refused, &format!("{}: {message}", content.key));
            self.track(content.id).hold_until =
                Some(Instant::now() + self.shared.config.backoff_max);
            return Ok(());
        };
        self.shared.report.resent(&content.key, last.hash);
        self.hand(head, content, &draft).await
    }

    /// Why it should offer more, if so.
    fn why_replace(
        &mut self,
        head: &Head,
        id: u64,
        last: &Attempt,
        first_in_line: bool,
    ) -> Option<String> {
        let patience = self.shared.config.bump_after_blocks;
        let (base_fee, blob_fee) = (head.reading.next_base_fee, head.reading.next_blob_base_fee);
        let track = self.track(id);
        if track.is_underpriced {
            return Some("the node wants a higher offer".into());
        }
        if !last.offer.is_enough(base_fee, blob_fee) {
            track.eligible_since = None;
            return Some("the next block costs more than it offers".into());
        }
        if !first_in_line {
            track.eligible_since = None;
            return None;
        }
        let since = *track.eligible_since.get_or_insert(head.block.number);
        let passed = head.block.number.saturating_sub(since);
        (passed >= patience).then(|| format!("not included in {passed} blocks"))
    }

    /// Signs a transaction that offers more, under the same nonce.
    async fn replace(
        &mut self,
        head: &Head,
        content: &Content,
        last: Attempt,
        why: &str,
    ) -> Result<(), Trouble> {
        let wanted = match self.wanted(head, content) {
            Ok(wanted) => wanted,
            // Not at these prices: it stays as it is, in case they fall.
            Err(reason) => {
                self.track(content.id).is_underpriced = false;
                tracing::debug!(sender = self.shared.config.name, "{}: {reason}", content.key);
                return Ok(());
            }
        };
        let offer = match last.offer.replacement(&wanted, &self.shared.config) {
            Ok(offer) => offer,
            Err(reason) => {
                let message = format!("{}: {why}; {reason}", content.key);
                self.shared.report.raise(Alarm::Price, &message);
                let until = Instant::now() + self.shared.config.backoff_max;
                let track = self.track(content.id);
                (track.is_underpriced, track.hold_until) = (false, Some(until));
                return Ok(());
            }
        };
        let Some(draft) = self.sign(content, last.nonce, last.gas_limit, offer).await? else {
            return Ok(());
        };
        self.write(vec![Record::Signed { id: content.id, attempt: draft.attempt }]).await?;
        let track = self.track(content.id);
        (track.is_underpriced, track.eligible_since) = (false, None);
        self.shared.report.replaced(&content.key, &draft.attempt, why);
        self.hand(head, content, &draft).await
    }

    /// What a new transaction for `content` would offer now; in words, why there would be none.
    pub(super) fn wanted(&self, head: &Head, content: &Content) -> Result<Offer, String> {
        let config = &self.shared.config;
        let now = unix_now();
        let patience = config.patience.as_secs();
        let deadline = content.deadline.unwrap_or(content.submitted_at.saturating_add(patience));
        // A filler holds everything up.
        let deadline = if content.filler { 0 } else { deadline };
        let decision = decide(config, &head.market(), content.has_blobs(), deadline, now);
        match &decision {
            Err(reason) if deadline <= now => {
                self.shared.report.raise(Alarm::Price, &format!("{}: {reason}", content.key));
            }
            _ => self.shared.report.clear(Alarm::Price),
        }
        decision
    }
}
