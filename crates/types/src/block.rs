//! Blocks: executed, and sealed under a hash.

use alloc::{sync::Arc, vec::Vec};

use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};

use crate::{RecoveredTx, RecoveryError, StateDiff, Transaction, TxReceipt};

/// A block as Ethereum nodes exchange it: `rlp([header, transactions, ommers, withdrawals?])`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The complete header.
    pub header: Header,
    /// Transactions in order.
    pub transactions: Vec<Transaction>,
    /// Proof-of-work uncles.
    pub ommers: Vec<Header>,
    /// Withdrawals; `None` before Shanghai.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

impl Block {
    /// Decodes one block, which must be all of `raw`.
    ///
    /// # Errors
    /// Malformed or non-canonical RLP, an unknown transaction type, or bytes left over.
    pub fn decode_exact(mut raw: &[u8]) -> alloy_rlp::Result<Self> {
        let block = Self::decode(&mut raw)?;
        if raw.is_empty() { Ok(block) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }

    /// Recovers every sender and takes the block under its hash.
    ///
    /// # Errors
    /// A signature is invalid.
    pub fn recover(self) -> Result<SealedBlock, RecoveryError> {
        let transactions = self.transactions.into_iter();
        Ok(SealedBlock {
            hash: self.header.hash_slow(),
            header: self.header,
            transactions: transactions
                .map(|tx| RecoveredTx::recover(tx).map(Arc::new))
                .collect::<Result<_, _>>()?,
            ommers: self.ommers,
            withdrawals: self.withdrawals,
        })
    }
}

impl Decodable for Block {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut body = RlpHeader::decode_bytes(buf, true)?;
        let block = Self {
            header: Header::decode(&mut body)?,
            transactions: Vec::decode(&mut body)?,
            ommers: Vec::decode(&mut body)?,
            withdrawals: if body.is_empty() { None } else { Some(Vec::decode(&mut body)?) },
        };
        if body.is_empty() { Ok(block) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

/// A block that has been executed and not yet sealed.
///
/// `header` holds what execution knows. Parent hash, state root, transactions root, receipts
/// root and logs bloom are zero in it and are filled in when the block is sealed, off the
/// execution thread. Sealing is a function of this record and the parent, so a log of these
/// records rebuilds the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// The header without parent hash, roots and bloom.
    pub header: Header,
    /// Transactions in order.
    pub transactions: Vec<Arc<RecoveredTx>>,
    /// Proof-of-work uncles; only in imported Ethereum chains.
    pub ommers: Vec<Header>,
    /// Withdrawals; `None` before Shanghai, empty on the L2.
    pub withdrawals: Option<Vec<Withdrawal>>,
    /// One receipt for each transaction.
    pub receipts: Vec<TxReceipt>,
    /// State changes. Where `parent_hash_slot` is set, they lack the EIP-2935 write, which
    /// needs the parent's hash.
    pub diff: StateDiff,
    /// The EIP-2935 slot that sealing has to set to the parent's hash, as (slot, value before).
    pub parent_hash_slot: Option<(alloy_primitives::U256, alloy_primitives::U256)>,
}

/// A block with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// keccak256 of the RLP of `header`.
    pub hash: B256,
    /// The complete header.
    pub header: Header,
    /// Transactions in order.
    pub transactions: Vec<Arc<RecoveredTx>>,
    /// Proof-of-work uncles; only in imported Ethereum chains.
    pub ommers: Vec<Header>,
    /// Withdrawals; `None` before Shanghai, empty on the L2.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

impl SealedBlock {
    /// The block's number.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The RLP of the block as Ethereum nodes exchange it.
    pub fn encoded(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.header.encode(&mut body);
        let payload_length = self.transactions.iter().map(|tx| tx.tx().length()).sum();
        RlpHeader { list: true, payload_length }.encode(&mut body);
        for tx in &self.transactions {
            tx.tx().encode(&mut body);
        }
        self.ommers.encode(&mut body);
        if let Some(withdrawals) = &self.withdrawals {
            withdrawals.encode(&mut body);
        }
        let mut out = Vec::with_capacity(body.len() + 4);
        RlpHeader { list: true, payload_length: body.len() }.encode(&mut out);
        out.extend_from_slice(&body);
        out
    }

    /// Length in bytes of [`Self::encoded`].
    pub fn encoded_len(&self) -> usize {
        let transactions: usize = self.transactions.iter().map(|tx| tx.tx().length()).sum();
        let payload = self.header.length()
            + transactions
            + alloy_rlp::length_of_length(transactions)
            + self.ommers.length()
            + self.withdrawals.as_ref().map_or(0, |withdrawals| withdrawals.length());
        payload + alloy_rlp::length_of_length(payload)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::L1Message;

    fn sealed() -> SealedBlock {
        let message = L1Message {
            queue_index: 7,
            gas_limit: 100_000,
            sender: [1; 20].into(),
            to: [2; 20].into(),
            value: alloy_primitives::U256::from(9),
            data: [3; 70].into(),
        };
        let tx = RecoveredTx::with_sender(Transaction::L1Message(message), [1; 20].into());
        let header = Header { number: 5, base_fee_per_gas: Some(1), ..Default::default() };
        SealedBlock {
            hash: header.hash_slow(),
            header,
            transactions: alloc::vec![Arc::new(tx)],
            ommers: Vec::new(),
            withdrawals: Some(Vec::new()),
        }
    }

    #[test]
    fn block_round_trip() {
        let block = sealed();
        let raw = block.encoded();
        assert_eq!(raw.len(), block.encoded_len());
        assert_eq!(Block::decode_exact(&raw).unwrap().recover().unwrap(), block);
    }

    #[test]
    fn every_cut_and_every_surplus_byte_is_refused() {
        let mut raw = sealed().encoded();
        for end in 0..raw.len() {
            assert!(Block::decode_exact(&raw[..end]).is_err(), "cut at {end}");
        }
        raw.push(0);
        assert!(Block::decode_exact(&raw).is_err());
    }
}
