//! What a batch takes from a block.

use alloy_primitives::Bytes;
use jovay_types::SealedBlock;

use super::SealError;
use crate::{BLOCK_CONTEXT_BYTES, BlockContext};

/// A block on its way into a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockData {
    /// What the batch says about it.
    pub context: BlockContext,
    /// Gas that it used; limits chunks and is not encoded.
    pub gas_used: u64,
    /// Its L2 transactions (EIP-2718), in order, without L1 messages.
    pub transactions: Vec<Bytes>,
}

impl BlockData {
    /// Takes what a batch needs from a sealed block under the rules `spec_version`.
    ///
    /// # Errors
    /// [`SealError::Unencodable`]: no base fee, more than 65,535 transactions, a timestamp above
    /// `i64::MAX`, or an L1 message behind another transaction, where derivation would not put it.
    pub fn new(block: &SealedBlock, spec_version: u32) -> Result<Self, SealError> {
        let number = block.header.number;
        let no = |what| SealError::Unencodable { number, what };
        let l1_messages =
            block.transactions.iter().take_while(|tx| tx.as_l1_message().is_some()).count();
        let l2 = &block.transactions[l1_messages..];
        if l2.iter().any(|tx| tx.as_l1_message().is_some()) {
            return Err(no("order of L1 messages"));
        }
        let timestamp = block.header.timestamp;
        if i64::try_from(timestamp).is_err() {
            return Err(no("timestamp"));
        }
        let count = u16::try_from(block.transactions.len());
        Ok(Self {
            context: BlockContext {
                spec_version,
                number,
                timestamp,
                base_fee: block.header.base_fee_per_gas.ok_or(no("base fee"))?,
                gas_limit: block.header.gas_limit,
                transactions: count.map_err(|_| no("number of transactions"))?,
                l1_messages: l1_messages as u16,
            },
            gas_used: block.header.gas_used,
            transactions: l2.iter().map(|tx| tx.encoded_2718().into()).collect(),
        })
    }

    /// Bytes that it adds to a chunk.
    pub fn encoded_len(&self) -> usize {
        BLOCK_CONTEXT_BYTES + self.transactions.iter().map(|tx| 4 + tx.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use alloy_primitives::{Address, U256, hex};
    use jovay_types::{Header, L1Message, RecoveredTx, Transaction};

    use super::*;

    fn l1_message() -> Arc<RecoveredTx> {
        let message = L1Message {
            queue_index: 0,
            gas_limit: 1,
            sender: Address::ZERO,
            to: Address::ZERO,
            value: U256::ZERO,
            data: Bytes::new(),
        };
        Arc::new(RecoveredTx::recover(Transaction::L1Message(message)).unwrap())
    }

    /// The example transaction of EIP-155.
    const RAW: [u8; 110] = hex!(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080
         25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276
         a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );

    fn block(transactions: Vec<Arc<RecoveredTx>>) -> SealedBlock {
        let header = Header {
            number: 9,
            timestamp: 1_000,
            base_fee_per_gas: Some(7),
            gas_limit: 30_000_000,
            gas_used: 42_000,
            ..Default::default()
        };
        let hash = header.hash_slow();
        SealedBlock { hash, header, transactions, ommers: vec![], withdrawals: Some(vec![]) }
    }

    #[test]
    fn l1_messages_are_counted_and_left_out() {
        let tx = Transaction::decode_2718_exact(&RAW).unwrap();
        let tx = Arc::new(RecoveredTx::recover(tx).unwrap());
        let data = BlockData::new(&block(vec![l1_message(), tx.clone()]), 3).unwrap();
        let context = BlockContext {
            spec_version: 3,
            number: 9,
            timestamp: 1_000,
            base_fee: 7,
            gas_limit: 30_000_000,
            transactions: 2,
            l1_messages: 1,
        };
        assert_eq!(data.context, context);
        assert_eq!((data.gas_used, &data.transactions[..]), (42_000, &[RAW.into()][..]));
        assert_eq!(data.encoded_len(), 40 + 4 + RAW.len());
        // Behind another transaction derivation would not put an L1 message.
        assert!(BlockData::new(&block(vec![tx, l1_message()]), 3).is_err());
        let mut old = block(vec![]);
        old.header.base_fee_per_gas = None;
        assert!(BlockData::new(&old, 3).is_err());
        let many = block(vec![l1_message(); 65_536]);
        assert!(BlockData::new(&many, 3).is_err());
    }
}
