//! From the data of a batch and the L1 queue to the blocks that it describes.

use std::sync::Arc;

use alloy_primitives::B256;
use jovay_da::{BatchData, BlockContext, CountRule};
use jovay_types::{RecoveredTx, Transaction};
use rayon::prelude::*;

use crate::messages::TakenMessages;
use crate::rules::signed_transaction;
use crate::{Committed, DeriveError};

/// A batch whose data is decoded and whose senders are recovered; L1 messages are not in it.
#[derive(Debug)]
pub(crate) struct DecodedBatch {
    pub(crate) committed: Committed,
    pub(crate) blocks: Vec<DecodedBlock>,
}

#[derive(Debug)]
pub(crate) struct DecodedBlock {
    context: BlockContext,
    signed: Vec<Arc<RecoveredTx>>,
}

/// A block with all its transactions, before it is executed.
#[derive(Clone, Debug)]
pub(crate) struct PlannedBlock {
    pub(crate) context: BlockContext,
    /// L1 messages first.
    pub(crate) transactions: Vec<Arc<RecoveredTx>>,
    /// The queue's rolling hash before its first message.
    pub(crate) l1_rolling_hash: B256,
}

impl DecodedBatch {
    /// Decodes `data`. Takes tens of microseconds a transaction, on all cores.
    ///
    /// # Errors
    /// The data gives no blocks, or a transaction is malformed.
    pub(crate) fn new(committed: Committed, data: &BatchData) -> Result<Self, DeriveError> {
        let refuse = |message: String| {
            let Committed { index, hash, .. } = committed;
            DeriveError::Batch { index, hash, message }
        };
        let version = data.batch_version() as u8;
        if version != committed.version {
            let told = committed.version;
            return Err(refuse(format!("its data has version {version}, L1 says {told}")));
        }
        let payload = data.payload().map_err(|error| refuse(error.to_string()))?;
        let mut blocks = Vec::new();
        for chunk in payload.chunks {
            let (rule, counts) = chunk.l2_counts().map_err(|error| refuse(error.to_string()))?;
            if rule != CountRule::WithL1Messages {
                let first = chunk.first_block();
                let message = "their counts leave L1 messages out";
                return Err(refuse(format!("chunk from block {first} on: {message}")));
            }
            let recovered = recover(&chunk.transactions);
            let mut recovered = recovered.into_iter();
            for (context, count) in chunk.blocks.iter().zip(counts) {
                let signed = recovered.by_ref().take(count).enumerate().map(|(at, tx)| {
                    tx.map_err(|message| DeriveError::Block {
                        index: committed.index,
                        block: context.number,
                        message: format!("signed transaction {at}: {message}"),
                    })
                });
                let signed = signed.collect::<Result<_, _>>()?;
                blocks.push(DecodedBlock { context: *context, signed });
            }
        }
        Ok(Self { committed, blocks })
    }

    /// L1 messages that its blocks take.
    pub(crate) fn l1_messages(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.context.l1_messages)).sum()
    }

    /// Gives the blocks their L1 messages. `messages` are those that the contract says were taken
    /// by this batch, `rolling_hash` is the queue's before them, `first_block` the block that has
    /// to come first.
    ///
    /// # Errors
    /// The batch does not go on where the one before ended, or takes other messages.
    pub(crate) fn plan(
        self,
        first_block: u64,
        mut rolling_hash: B256,
        messages: TakenMessages,
    ) -> Result<Vec<PlannedBlock>, DeriveError> {
        let Committed { index, hash, .. } = self.committed;
        let refuse = |message| DeriveError::Batch { index, hash, message };
        let first = self.blocks.first().map_or(0, |block| block.context.number);
        if first != first_block {
            return Err(refuse(format!(
                "it begins with block {first}, block {first_block} is next"
            )));
        }
        let (taken, given) = (self.l1_messages(), messages.len() as u64);
        if taken != given {
            let message = format!("its blocks take {taken} L1 messages, by L1 it takes {given}");
            return Err(refuse(message));
        }
        let last_hash = messages.last().map_or(rolling_hash, |(_, after)| *after);
        if last_hash != self.committed.l1_rolling_hash {
            let told = self.committed.l1_rolling_hash;
            let message = format!("its L1 rolling hash is {told}, the queue's is {last_hash}");
            return Err(refuse(message));
        }
        let mut messages = messages.into_iter();
        let planned = self.blocks.into_iter().map(|DecodedBlock { context, signed }| {
            let l1_rolling_hash = rolling_hash;
            let mut transactions = Vec::with_capacity(usize::from(context.transactions));
            for (message, after) in messages.by_ref().take(context.l1_messages.into()) {
                let sender = message.sender;
                let tx = RecoveredTx::with_sender(Transaction::L1Message(message), sender);
                transactions.push(Arc::new(tx));
                rolling_hash = after;
            }
            transactions.extend(signed);
            PlannedBlock { context, transactions, l1_rolling_hash }
        });
        Ok(planned.collect())
    }
}

fn recover(raws: &[alloy_primitives::Bytes]) -> Vec<Result<Arc<RecoveredTx>, String>> {
    raws.par_iter().map(|raw| signed_transaction(raw).map(Arc::new)).collect()
}
