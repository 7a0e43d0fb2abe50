//! Receipts: the part under the receipts root, and what the node keeps beside it.

use alloc::vec::Vec;

use alloy_consensus::Eip658Value;
use alloy_primitives::{Address, Bloom, Log, U256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header as RlpHeader, RlpDecodable, RlpEncodable};

/// The consensus part of a receipt (EIP-2718; status or, before Byzantium, a state root).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction's EIP-2718 type byte.
    pub tx_type: u8,
    /// Success, or the intermediate state root before Byzantium (EIP-658).
    pub status: Eip658Value,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// Logs in order of emission.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// The bloom filter over the logs' addresses and topics.
    pub fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }

    /// Appends the encoding whose trie root is the header's receipts root: the type byte
    /// unless legacy, then `rlp([status, cumulativeGasUsed, bloom, logs])`.
    pub fn encode_2718(&self, bloom: &Bloom, out: &mut dyn BufMut) {
        if self.tx_type != 0 {
            out.put_u8(self.tx_type);
        }
        let payload_length = self.status.length()
            + self.cumulative_gas_used.length()
            + bloom.length()
            + self.logs.length();
        RlpHeader { list: true, payload_length }.encode(out);
        self.status.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        self.logs.encode(out);
    }
}

/// A receipt with what the node reports beside the consensus part.
///
/// Its RLP form is the node's own storage format and carries no bloom, which follows from the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxReceipt {
    /// The consensus part.
    pub receipt: Receipt,
    /// Gas used by this transaction alone.
    pub gas_used: u64,
    /// The created contract, when the transaction was a creation and succeeded or failed.
    pub contract_address: Option<Address>,
    /// L1 data fee in wei, paid by the sender beside the gas.
    pub l1_fee: U256,
}

#[derive(RlpEncodable, RlpDecodable)]
struct StoredReceipt {
    tx_type: u8,
    status: Eip658Value,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
    gas_used: u64,
    contract_address: Vec<Address>,
    l1_fee: U256,
}

impl From<&TxReceipt> for StoredReceipt {
    fn from(r: &TxReceipt) -> Self {
        Self {
            tx_type: r.receipt.tx_type,
            status: r.receipt.status,
            cumulative_gas_used: r.receipt.cumulative_gas_used,
            logs: r.receipt.logs.clone(),
            gas_used: r.gas_used,
            contract_address: r.contract_address.into_iter().collect(),
            l1_fee: r.l1_fee,
        }
    }
}

impl Encodable for TxReceipt {
    fn encode(&self, out: &mut dyn BufMut) {
        StoredReceipt::from(self).encode(out);
    }

    fn length(&self) -> usize {
        StoredReceipt::from(self).length()
    }
}

impl Decodable for TxReceipt {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let stored = StoredReceipt::decode(buf)?;
        let contract_address = match stored.contract_address.as_slice() {
            [] => None,
            [address] => Some(*address),
            _ => return Err(alloy_rlp::Error::Custom("more than one contract address")),
        };
        Ok(Self {
            receipt: Receipt {
                tx_type: stored.tx_type,
                status: stored.status,
                cumulative_gas_used: stored.cumulative_gas_used,
                logs: stored.logs,
            },
            gas_used: stored.gas_used,
            contract_address,
            l1_fee: stored.l1_fee,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_consensus::{EthereumReceipt, TxReceipt as _, TxType};
    use alloy_eips::eip2718::Encodable2718;
    use proptest::prelude::*;

    fn receipt() -> impl Strategy<Value = TxReceipt> {
        let log = (
            any::<[u8; 20]>(),
            proptest::collection::vec(any::<[u8; 32]>(), 0..5),
            proptest::collection::vec(any::<u8>(), 0..80),
        )
            .prop_map(|(address, topics, data)| {
                let topics = topics.into_iter().map(Into::into).collect();
                Log::new_unchecked(address.into(), topics, data.into())
            });
        let status = prop_oneof![
            any::<bool>().prop_map(Eip658Value::Eip658),
            any::<[u8; 32]>().prop_map(|root| Eip658Value::PostState(root.into())),
        ];
        let logs = proptest::collection::vec(log, 0..4);
        let contract = proptest::option::of(any::<[u8; 20]>());
        (0u8..5, status, any::<u64>(), logs, any::<u64>(), contract, any::<u128>()).prop_map(
            |(tx_type, status, cumulative_gas_used, logs, gas_used, contract, l1_fee)| TxReceipt {
                receipt: Receipt { tx_type, status, cumulative_gas_used, logs },
                gas_used,
                contract_address: contract.map(Into::into),
                l1_fee: U256::from(l1_fee),
            },
        )
    }

    proptest! {
        #[test]
        fn stored_form_round_trips(receipt in receipt()) {
            let raw = alloy_rlp::encode(&receipt);
            prop_assert_eq!(raw.len(), receipt.length());
            let mut rest = raw.as_slice();
            prop_assert_eq!(TxReceipt::decode(&mut rest).unwrap(), receipt);
            prop_assert!(rest.is_empty());
        }

        /// The consensus encoding is the one of alloy, which we did not write.
        #[test]
        fn consensus_form_is_alloys(receipt in receipt()) {
            let receipt = receipt.receipt;
            prop_assume!(matches!(receipt.status, Eip658Value::Eip658(_)));
            let theirs = EthereumReceipt {
                tx_type: TxType::try_from(receipt.tx_type).unwrap(),
                success: receipt.status.coerce_status(),
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.clone(),
            };
            let mut ours = Vec::new();
            receipt.encode_2718(&receipt.bloom(), &mut ours);
            prop_assert_eq!(ours, theirs.into_with_bloom().encoded_2718());
        }
    }
}
