//! Nonces that nobody uses: what comes after them would wait for ever.

use super::{Worker, unix_now};
use crate::sender::journal::{Content, Record};
use crate::sender::node::{Head, Trouble};

/// Gas of a transfer to oneself.
const FILLER_GAS: u64 = 21_000;
/// For so many rounds a nonce must be missing before it is filled: nodes forget and remember.
const ROUNDS: u32 = 3;

impl Worker {
    /// Fills the first nonce that neither we nor the node's pool have, if later ones are ours.
    ///
    /// It comes about when somebody else's transaction with this key was in the pool, ours were
    /// queued behind it, and it vanished.
    pub(super) async fn close_gap(&mut self, head: &Head) -> Result<(), Trouble> {
        let nonces: Vec<u64> = self.shared.read(|book| {
            let in_flight = book.open().filter(|open| open.is_in_flight());
            in_flight.filter_map(|open| open.nonce()).filter(|nonce| *nonce >= head.nonce).collect()
        });
        let missing = (head.nonce..).find(|nonce| !nonces.contains(nonce));
        let Some(nonce) = missing.filter(|missing| {
            head.pending_nonce == *missing && nonces.iter().any(|nonce| nonce > missing)
        }) else {
            self.gap = None;
            return Ok(());
        };
        let rounds = match self.gap {
            Some((known, rounds)) if known == nonce => rounds + 1,
            _ => 1,
        };
        self.gap = Some((nonce, rounds));
        if rounds < ROUNDS {
            return Ok(());
        }
        self.gap = None;
        self.fill(head, nonce).await
    }

    async fn fill(&mut self, head: &Head, nonce: u64) -> Result<(), Trouble> {
        let id = self.shared.read(|book| book.next_id());
        let content = Content {
            id,
            key: format!("filler/{nonce}/{id}"),
            to: Some(self.shared.signer.address()),
            value: Default::default(),
            data: Default::default(),
            versioned_hashes: Vec::new(),
            deadline: None,
            submitted_at: unix_now(),
            filler: true,
        };
        let Ok(offer) = self.wanted(head, &content) else { return Ok(()) };
        let Some(draft) = self.sign(&content, nonce, FILLER_GAS, offer).await? else {
            return Ok(());
        };
        let attempt = draft.attempt;
        let submitted = Record::Submitted(content.clone());
        let shared = std::sync::Arc::clone(&self.shared);
        let is_written = self
            .blocking(move || {
                shared.write(|book| {
                    // A submission may have taken the id in the meantime: then in the next round.
                    let is_free = book.next_id() == id;
                    let records = match is_free {
                        true => vec![submitted, Record::Signed { id, attempt }],
                        false => Vec::new(),
                    };
                    Ok((records, is_free))
                })
            })
            .await??;
        if !is_written {
            return Ok(());
        }
        self.shared.report.filled(nonce);
        self.hand(head, &content, &draft).await
    }
}
