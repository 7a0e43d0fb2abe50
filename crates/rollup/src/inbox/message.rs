//! A queued message as L1 reports it, checked against our own hashing.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use jovay_l1::L1Log;
use jovay_l1::bindings::L1Mailbox::TransactionQueued;
use jovay_types::{L1Message, L1Position};

/// A message of the queue and where L1 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// What L2 executes.
    pub message: L1Message,
    /// Its transaction hash on L2.
    pub hash: B256,
    /// The queue's rolling hash after it.
    pub rolling_hash: B256,
    /// The L1 transaction that queued it.
    pub l1_transaction: B256,
    /// The L1 block with that transaction.
    pub l1_block: u64,
    /// Its hash.
    pub l1_block_hash: B256,
}

/// Why an event of `L1Mailbox` cannot be what the contract emitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not a `TransactionQueued` event.
    #[error("not a TransactionQueued event: {0}")]
    Malformed(String),
    /// The fields do not hash to the transaction hash in the event.
    #[error("its fields have the transaction hash {computed}, the event says {reported}")]
    TransactionHash {
        /// From the fields.
        computed: B256,
        /// From the event.
        reported: B256,
    },
    /// The rolling hash is not that of our messages before it and this one.
    #[error("the rolling hash after it is {computed}, the event says {reported}")]
    RollingHash {
        /// From our messages.
        computed: B256,
        /// From the event.
        reported: B256,
    },
}

impl QueuedMessage {
    /// Decodes a log; the rolling hash is not checked.
    ///
    /// # Errors
    /// [`MessageError::Malformed`], [`MessageError::TransactionHash`].
    pub fn decode(log: &L1Log) -> Result<Self, MessageError> {
        let topics = log.topics.iter().copied();
        let event = TransactionQueued::decode_raw_log_validate(topics, &log.data)
            .map_err(|error| MessageError::Malformed(error.to_string()))?;
        let message = L1Message {
            queue_index: event.queueIndex,
            gas_limit: event.gasLimit,
            sender: event.sender,
            to: event.to,
            value: event.value,
            data: event.data,
        };
        let hash = message.hash();
        if hash != event.transactionHash {
            let (computed, reported) = (hash, event.transactionHash);
            return Err(MessageError::TransactionHash { computed, reported });
        }
        Ok(Self {
            message,
            hash,
            rolling_hash: event.rollingHash,
            l1_transaction: log.transaction_hash,
            l1_block: log.block_number,
            l1_block_hash: log.block_hash,
        })
    }

    /// The position after this message, which must be the next one after `before`.
    ///
    /// # Errors
    /// [`MessageError::RollingHash`].
    pub fn follow(&self, before: L1Position) -> Result<L1Position, MessageError> {
        let after = before.after(self.hash);
        if after.rolling_hash != self.rolling_hash {
            let (computed, reported) = (after.rolling_hash, self.rolling_hash);
            return Err(MessageError::RollingHash { computed, reported });
        }
        Ok(after)
    }
}

/// The messages that a transaction with these logs queued at `mailbox`.
///
/// # Errors
/// An event of the mailbox is malformed.
pub fn queued_in(logs: &[L1Log], mailbox: Address) -> Result<Vec<QueuedMessage>, MessageError> {
    let of_mailbox = logs.iter().filter(|log| {
        log.address == mailbox && log.topics.first() == Some(&TransactionQueued::SIGNATURE_HASH)
    });
    of_mailbox.map(QueuedMessage::decode).collect()
}
