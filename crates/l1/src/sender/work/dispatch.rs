//! Sends what is next.

use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::{Bytes, U256};

use super::Worker;
use crate::BlockTag;
use crate::sender::book::{Book, Open};
use crate::sender::draft::Draft;
use crate::sender::exchange::{Simulation, funds};
use crate::sender::journal::{Content, Record};
use crate::sender::node::{Head, Trouble};
use crate::sender::report::Alarm;

/// What is in flight, as far as the next transaction depends on it.
struct Flight {
    count: usize,
    has_blobs: bool,
    nonce_max: Option<u64>,
    /// Most wei that all of it may cost.
    cost: U256,
}

impl Flight {
    fn of(book: &Book) -> Self {
        let mut flight = Self { count: 0, has_blobs: false, nonce_max: None, cost: U256::ZERO };
        for open in book.open() {
            let Some(last) = open.attempts.last() else { continue };
            // Also of what is in a block: a reorg may be under way.
            flight.nonce_max = flight.nonce_max.max(Some(last.nonce));
            if !open.is_in_flight() {
                continue;
            }
            let (value, blobs) = (open.content.value, open.content.versioned_hashes.len());
            let cost = last.offer.cost_max(value, last.gas_limit, blobs);
            flight.count += 1;
            flight.has_blobs |= open.content.has_blobs();
            flight.cost = flight.cost.saturating_add(cost);
        }
        flight
    }
}

impl Worker {
    /// Sends intents in the order of their submission until one has to wait.
    pub(super) async fn dispatch(&mut self, head: &Head) -> Result<(), Trouble> {
        // Every pass sends one, ends one, or is the last.
        for _ in 0..self.shared.config.open_max {
            let next = self.shared.read(|book| {
                let mut waiting = book.open().filter(|open| open.attempts.is_empty());
                waiting.next().map(|open: &Open| (open.content.clone(), Flight::of(book)))
            });
            let Some((content, flight)) = next else { return Ok(()) };
            let hold = self.track(content.id).hold_until;
            if !head.is_new && hold.is_some_and(|until| Instant::now() < until) {
                return Ok(());
            }
            if let Err(reason) = self.dispatch_one(head, &content, &flight).await? {
                self.shared.report.waits(&content.key, &reason);
                self.shared.note(content.id, |open| open.note = reason);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends or ends one intent; the inner error says what it waits for.
    async fn dispatch_one(
        &mut self,
        head: &Head,
        content: &Content,
        flight: &Flight,
    ) -> Result<Result<(), String>, Trouble> {
        let limit = self.shared.config.in_flight_max;
        if flight.count >= limit {
            return Ok(Err(format!("waits for one of {limit} transactions in flight")));
        }
        if flight.count > 0 && flight.has_blobs != content.has_blobs() {
            // geth keeps an account's transactions in one of its two pools.
            let other = if flight.has_blobs { "with blobs" } else { "without blobs" };
            return Ok(Err(format!("waits until the transactions {other} are in a block")));
        }
        let offer = match self.wanted(head, content) {
            Ok(offer) => offer,
            Err(reason) => return Ok(Err(reason)),
        };
        let gas_limit = match self.gas_limit(head, content, flight).await? {
            Gas::Limit(limit) => limit,
            Gas::Wait(reason) => {
                self.hold(content.id);
                return Ok(Err(reason));
            }
            Gas::Never { message, revert } => {
                self.fail(content, message, revert, None).await?;
                return Ok(Ok(()));
            }
        };
        let blobs = content.versioned_hashes.len();
        let needed = flight.cost + offer.cost_max(content.value, gas_limit, blobs);
        if head.balance < needed {
            let reason = funds(head.balance, needed);
            self.shared.report.raise(Alarm::Funds, &format!("{}: {reason}", content.key));
            return Ok(Err(reason));
        }
        self.shared.report.clear(Alarm::Funds);
        let nonce = flight.nonce_max.map_or(0, |nonce| nonce + 1);
        let nonce = nonce.max(head.nonce).max(head.pending_nonce);
        let Some(draft) = self.sign(content, nonce, gas_limit, offer).await? else {
            return Ok(Err("its blobs are lost: submit it once more".into()));
        };
        if self.write_down(content.id, &draft).await? {
            self.track(content.id).was_never_out = true;
            self.shared.report.sent(&content.key, &draft.attempt);
            self.hand(head, content, &draft).await?;
        }
        Ok(Ok(()))
    }

    /// Writes a transaction down before it is sent. Not if the intent was withdrawn meanwhile.
    async fn write_down(&self, id: u64, draft: &Draft) -> Result<bool, Trouble> {
        let (shared, attempt) = (Arc::clone(&self.shared), draft.attempt);
        let write = move || {
            shared.write(|book| {
                let open = book.get(id).and_then(|entry| entry.open());
                let is_there = open.is_some_and(|open| open.attempts.is_empty());
                let record = Record::Signed { id, attempt };
                Ok((if is_there { vec![record] } else { Vec::new() }, is_there))
            })
        };
        Ok(self.blocking(write).await??)
    }

    fn hold(&mut self, id: u64) {
        let refusals = self.track(id).refusals.saturating_add(1);
        self.track(id).refusals = refusals;
        self.track(id).hold_until = Some(Instant::now() + self.backoff(id));
    }

    /// Executes the intent on top of what is in flight, and says how much gas to allow.
    async fn gas_limit(
        &mut self,
        head: &Head,
        content: &Content,
        flight: &Flight,
    ) -> Result<Gas, Trouble> {
        let address = self.shared.signer.address();
        let config = &self.shared.config;
        // The pool may have what an earlier journal, now lost, had sent.
        let is_alone = flight.count == 0 && head.pending_nonce <= head.nonce;
        // By its hash: behind a load balancer another node may be a block behind.
        let on = match is_alone {
            true => BlockTag::Hash(head.block.hash),
            false => BlockTag::Pending,
        };
        let gas = match self.node.simulate(address, content, on).await? {
            Simulation::Works(gas) => gas,
            Simulation::Reverts(data) if is_alone => {
                let message = "it would revert; nothing was sent".into();
                return Ok(Gas::Never { message, revert: Some(data) });
            }
            Simulation::Reverts(_) => {
                let reason = "does not work on top of what is in flight; waits for that";
                return Ok(Gas::Wait(reason.into()));
            }
            Simulation::Unclear(message) => {
                if head.balance < content.value {
                    let reason = funds(head.balance, content.value);
                    self.shared.report.raise(Alarm::Funds, &format!("{}: {reason}", content.key));
                    return Ok(Gas::Wait(reason));
                }
                self.shared.report.raise(Alarm::Refused, &format!("{}: {message}", content.key));
                return Ok(Gas::Wait(message));
            }
        };
        let cap = config.gas_limit_max;
        if gas > cap {
            let message = format!("it needs {gas} gas, a transaction may have {cap} (EIP-7825)");
            return Ok(Gas::Never { message, revert: None });
        }
        let margin = gas.saturating_mul(config.gas_margin_percent) / 100;
        Ok(Gas::Limit(gas.saturating_add(margin).min(cap)))
    }
}

enum Gas {
    Limit(u64),
    Wait(String),
    Never { message: String, revert: Option<Bytes> },
}
