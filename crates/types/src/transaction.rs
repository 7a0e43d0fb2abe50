//! The transaction of a Jovay block: Ethereum's own kinds and the L1 message.

use alloc::vec::Vec;

use alloy_consensus::{EthereumTxEnvelope, Transaction as _, TxEip4844};
use alloy_eips::eip2718::{Decodable2718, Eip2718Error, Eip2718Result, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header as RlpHeader};

use crate::{L1_MESSAGE_TX_TYPE, L1Message, RecoveryError, recover_sender};

/// A signed Ethereum transaction. Blob transactions (type 3, without sidecar) occur on the
/// development L1 and in Ethereum's test chains only; the L2 refuses them.
pub type EthereumTx = EthereumTxEnvelope<TxEip4844>;

/// A transaction as it stands in a block.
// Nearly every transaction is the large variant, and each lives behind an `Arc`.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// A signed Ethereum transaction: legacy, EIP-2930, EIP-1559, EIP-4844 or EIP-7702.
    Ethereum(EthereumTx),
    /// A message from L1, type `0x7f`.
    L1Message(L1Message),
}

impl Transaction {
    /// The EIP-2718 type byte; 0 for legacy.
    pub fn tx_type(&self) -> u8 {
        match self {
            Self::Ethereum(tx) => tx.tx_type() as u8,
            Self::L1Message(_) => L1_MESSAGE_TX_TYPE,
        }
    }

    /// The transaction hash.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Ethereum(tx) => *tx.hash(),
            Self::L1Message(message) => message.hash(),
        }
    }

    /// The signed Ethereum transaction, if it is one.
    pub fn as_ethereum(&self) -> Option<&EthereumTx> {
        match self {
            Self::Ethereum(tx) => Some(tx),
            Self::L1Message(_) => None,
        }
    }

    /// The L1 message, if it is one.
    pub fn as_l1_message(&self) -> Option<&L1Message> {
        match self {
            Self::Ethereum(_) => None,
            Self::L1Message(message) => Some(message),
        }
    }

    /// The sender's nonce; 0 for an L1 message, which has none.
    pub fn nonce(&self) -> u64 {
        self.as_ethereum().map_or(0, |tx| tx.nonce())
    }

    /// The most gas it may use.
    pub fn gas_limit(&self) -> u64 {
        match self {
            Self::Ethereum(tx) => tx.gas_limit(),
            Self::L1Message(message) => message.gas_limit,
        }
    }

    /// Wei sent along.
    pub fn value(&self) -> U256 {
        match self {
            Self::Ethereum(tx) => tx.value(),
            Self::L1Message(message) => message.value,
        }
    }

    /// Call data or init code.
    pub fn input(&self) -> &Bytes {
        match self {
            Self::Ethereum(tx) => tx.input(),
            Self::L1Message(message) => &message.data,
        }
    }

    /// The called account, or creation.
    pub fn kind(&self) -> TxKind {
        match self {
            Self::Ethereum(tx) => tx.kind(),
            Self::L1Message(message) => TxKind::Call(message.to),
        }
    }

    /// The called account; `None` for a creation.
    pub fn to(&self) -> Option<Address> {
        self.kind().to().copied()
    }

    /// Wei per gas that it may cost at most; 0 for an L1 message.
    pub fn max_fee_per_gas(&self) -> u128 {
        self.as_ethereum().map_or(0, |tx| tx.max_fee_per_gas())
    }

    /// Wei per gas that it pays at `base_fee`; 0 for an L1 message.
    pub fn effective_gas_price(&self, base_fee: Option<u64>) -> u128 {
        self.as_ethereum().map_or(0, |tx| tx.effective_gas_price(base_fee))
    }

    /// The EIP-2718 encoding (for legacy, its RLP list).
    pub fn encoded_2718(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encode_2718_len());
        self.encode_2718(&mut out);
        out
    }

    /// Length in bytes of the EIP-2718 encoding.
    pub fn encode_2718_len(&self) -> usize {
        match self {
            Self::Ethereum(tx) => tx.encode_2718_len(),
            Self::L1Message(message) => message.encode_2718_len(),
        }
    }

    /// Appends the EIP-2718 encoding to `out`.
    pub fn encode_2718(&self, out: &mut dyn BufMut) {
        match self {
            Self::Ethereum(tx) => tx.encode_2718(out),
            Self::L1Message(message) => message.encode_2718(out),
        }
    }

    /// Decodes the EIP-2718 encoding from the front of `buf`.
    ///
    /// # Errors
    /// An unknown type or a malformed body.
    pub fn decode_2718(buf: &mut &[u8]) -> Eip2718Result<Self> {
        if buf.first() == Some(&L1_MESSAGE_TX_TYPE) {
            L1Message::decode_2718(buf).map(Self::L1Message)
        } else {
            EthereumTx::decode_2718(buf).map(Self::Ethereum)
        }
    }

    /// Decodes the EIP-2718 encoding, which must be all of `raw`.
    ///
    /// # Errors
    /// An unknown type, a malformed body, or bytes left over.
    pub fn decode_2718_exact(mut raw: &[u8]) -> Eip2718Result<Self> {
        let tx = Self::decode_2718(&mut raw)?;
        if raw.is_empty() { Ok(tx) } else { Err(alloy_rlp::Error::UnexpectedLength.into()) }
    }
}

/// In a block body a typed transaction is an RLP string around its EIP-2718 encoding.
impl Encodable for Transaction {
    fn encode(&self, out: &mut dyn BufMut) {
        match self {
            Self::Ethereum(tx) => tx.network_encode(out),
            Self::L1Message(message) => {
                RlpHeader { list: false, payload_length: message.encode_2718_len() }.encode(out);
                message.encode_2718(out);
            }
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Ethereum(tx) => tx.network_len(),
            Self::L1Message(message) => {
                let len = message.encode_2718_len();
                len + alloy_rlp::length_of_length(len)
            }
        }
    }
}

impl Decodable for Transaction {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut peek = *buf;
        let header = RlpHeader::decode(&mut peek)?;
        if !header.list && peek.first() == Some(&L1_MESSAGE_TX_TYPE) {
            if peek.len() < header.payload_length {
                return Err(alloy_rlp::Error::InputTooShort);
            }
            let (mut body, rest) = peek.split_at(header.payload_length);
            let message = L1Message::decode_2718(&mut body).map_err(into_rlp_error)?;
            if !body.is_empty() {
                return Err(alloy_rlp::Error::UnexpectedLength);
            }
            *buf = rest;
            return Ok(Self::L1Message(message));
        }
        EthereumTx::network_decode(buf).map(Self::Ethereum).map_err(into_rlp_error)
    }
}

fn into_rlp_error(error: Eip2718Error) -> alloy_rlp::Error {
    match error {
        Eip2718Error::RlpError(error) => error,
        _ => alloy_rlp::Error::Custom("unexpected transaction type"),
    }
}

/// A transaction with its hash and sender, computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredTx {
    tx: Transaction,
    hash: B256,
    sender: Address,
}

impl RecoveredTx {
    /// Recovers the sender of `tx` from its signature (an L1 message carries it in clear).
    ///
    /// # Errors
    /// The signature is invalid, or its `s` is in the upper half (EIP-2).
    pub fn recover(tx: Transaction) -> Result<Self, RecoveryError> {
        let sender = recover_sender(&tx)?;
        Ok(Self { hash: tx.hash(), sender, tx })
    }

    /// Pairs `tx` with a `sender` that is already known: read back from our own storage,
    /// or impersonated on a development chain.
    pub fn with_sender(tx: Transaction, sender: Address) -> Self {
        Self { hash: tx.hash(), sender, tx }
    }

    /// The transaction.
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Its sender.
    pub fn sender(&self) -> Address {
        self.sender
    }
}

impl core::ops::Deref for RecoveredTx {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.tx
    }
}
