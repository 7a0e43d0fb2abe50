//! The L1-message transaction, type `0x7f`: a call that was paid for and queued on L1.

use alloy_eips::eip2718::{Eip2718Error, Eip2718Result};
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_rlp::{BufMut, Decodable, Encodable, RlpDecodable, RlpEncodable};

/// EIP-2718 type byte of an L1-message transaction.
pub const L1_MESSAGE_TX_TYPE: u8 = 0x7f;

/// What is added to an L1 contract's address to form its sender on L2, so that it cannot
/// act for an L2 account that happens to have the same address.
pub const L1_ALIAS_OFFSET: Address = address!("1111000000000000000000000000000000001111");

/// The L2 sender of a message that the L1 contract `address` sent: `address + 0x1111…1111 mod 2^160`.
pub fn alias_l1_address(address: Address) -> Address {
    let sum = U256::from_be_slice(address.as_slice())
        .wrapping_add(U256::from_be_slice(L1_ALIAS_OFFSET.as_slice()));
    Address::from_slice(&sum.to_be_bytes::<32>()[12..])
}

/// A message from L1, executed on L2 without a signature: `0x7f ‖ rlp([queueIndex, gasLimit,
/// sender, to, value, data])`.
///
/// Its gas was paid on L1, so its gas price on L2 is zero. `value` (wei) is minted to `sender`
/// before execution; when execution fails, `sender` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, RlpEncodable, RlpDecodable)]
pub struct L1Message {
    /// Position in the L1 queue; consecutive from 0 over the life of the chain.
    pub queue_index: u64,
    /// Gas that the call may use.
    pub gas_limit: u64,
    /// The L1 caller, aliased when it is a contract (see [`alias_l1_address`]).
    pub sender: Address,
    /// The called account. L1 messages cannot create contracts.
    pub to: Address,
    /// Wei minted to `sender` and sent along with the call.
    pub value: U256,
    /// Call data.
    pub data: Bytes,
}

impl L1Message {
    /// Appends the EIP-2718 encoding to `out`.
    pub fn encode_2718(&self, out: &mut dyn BufMut) {
        out.put_u8(L1_MESSAGE_TX_TYPE);
        self.encode(out);
    }

    /// Length in bytes of the EIP-2718 encoding.
    pub fn encode_2718_len(&self) -> usize {
        1 + self.length()
    }

    /// Decodes the EIP-2718 encoding from the front of `buf`, type byte included.
    ///
    /// # Errors
    /// Another type byte, or RLP that is not canonical.
    pub fn decode_2718(buf: &mut &[u8]) -> Eip2718Result<Self> {
        match buf.split_first() {
            Some((&L1_MESSAGE_TX_TYPE, mut body)) => {
                let message = Self::decode(&mut body)?;
                *buf = body;
                Ok(message)
            }
            Some((&other, _)) => Err(Eip2718Error::UnexpectedType(other)),
            None => Err(alloy_rlp::Error::InputTooShort.into()),
        }
    }

    /// The transaction hash: keccak256 of the EIP-2718 encoding.
    pub fn hash(&self) -> B256 {
        let mut buf = alloc::vec::Vec::with_capacity(self.encode_2718_len());
        self.encode_2718(&mut buf);
        keccak256(buf)
    }
}

/// How far a chain has come with the L1 queue.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    alloy_rlp::RlpEncodable,
    alloy_rlp::RlpDecodable,
)]
pub struct L1Position {
    /// Queue index of the next message, which is the number of messages before it.
    pub next: u64,
    /// The queue's rolling hash after the messages before it; zero for none.
    pub rolling_hash: B256,
}

impl L1Position {
    /// The position after one more message with the transaction hash `message`: the rolling hash is
    /// `keccak256(rollingHash ‖ message)`, as in `L1Mailbox`.
    pub fn after(self, message: B256) -> Self {
        let rolling_hash = keccak256([self.rolling_hash.0, message.0].concat());
        Self { next: self.next.saturating_add(1), rolling_hash }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn alias_wraps_around() {
        assert_eq!(alias_l1_address(Address::ZERO), L1_ALIAS_OFFSET);
        let top = Address::repeat_byte(0xff);
        assert_eq!(alias_l1_address(top), address!("1111000000000000000000000000000000001110"));
    }

    proptest! {
        #[test]
        fn round_trip(queue_index: u64, gas_limit: u64, sender: [u8; 20], to: [u8; 20],
                      value: [u8; 32], data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let message = L1Message {
                queue_index, gas_limit, sender: sender.into(), to: to.into(),
                value: U256::from_be_bytes(value), data: data.into(),
            };
            let mut buf = alloc::vec::Vec::new();
            message.encode_2718(&mut buf);
            prop_assert_eq!(buf.len(), message.encode_2718_len());
            let mut rest = buf.as_slice();
            prop_assert_eq!(L1Message::decode_2718(&mut rest).unwrap(), message);
            prop_assert!(rest.is_empty());
            prop_assert!(L1Message::decode_2718(&mut &buf[..buf.len() - 1]).is_err());
        }
    }
}
