//! Accounts and the changes a block makes to them.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader, RlpDecodable, RlpEncodable};

/// keccak256 of no code: the code hash of every account that is not a contract.
pub const EMPTY_CODE_HASH: B256 = KECCAK256_EMPTY;

/// An account without its storage root, which is the trie's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// keccak256 of the code; [`EMPTY_CODE_HASH`] without code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: EMPTY_CODE_HASH }
    }
}

impl Account {
    /// Whether it has code (EIP-7702 delegations are code).
    pub fn has_code(&self) -> bool {
        self.code_hash != EMPTY_CODE_HASH
    }

    /// Whether EIP-161 treats it as not existing.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && !self.has_code()
    }
}

/// One storage slot's value before and after a block. Zero means absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct SlotChange {
    /// The slot's key.
    pub slot: U256,
    /// Value before the block.
    pub before: U256,
    /// Value after the block.
    pub after: U256,
}

/// One account before and after a block. `None` means that it does not exist in the trie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The account's address.
    pub address: Address,
    /// The account before the block.
    pub before: Option<Account>,
    /// The account after the block.
    pub after: Option<Account>,
    /// Changed slots, by ascending key, `before != after` in each. An account that was destroyed
    /// lists every slot it had with `after` zero, so a change is complete by itself.
    pub slots: Vec<SlotChange>,
}

/// Everything a block changed, complete enough to apply and to undo.
///
/// Accounts are sorted by address, without duplicates; an entry differs from what was before in
/// the account or in at least one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct StateDiff {
    /// Changed accounts.
    pub accounts: Vec<AccountChange>,
    /// Code that the block introduced, by hash, sorted by hash.
    pub codes: Vec<Code>,
}

/// Contract code with its hash.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Code {
    /// keccak256 of `bytes`.
    pub hash: B256,
    /// The code.
    pub bytes: Bytes,
}

impl StateDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.codes.is_empty()
    }

    /// The change of `address`, if it changed.
    pub fn account(&self, address: &Address) -> Option<&AccountChange> {
        let at = self.accounts.binary_search_by(|change| change.address.cmp(address)).ok()?;
        Some(&self.accounts[at])
    }

    /// The number of changed accounts and slots.
    pub fn len(&self) -> usize {
        self.accounts.iter().map(|change| 1 + change.slots.len()).sum()
    }
}

impl AccountChange {
    /// The change of `slot`, if it changed.
    pub fn slot(&self, slot: &U256) -> Option<&SlotChange> {
        let at = self.slots.binary_search_by(|change| change.slot.cmp(slot)).ok()?;
        Some(&self.slots[at])
    }
}

/// An optional account is a list of none or one.
fn encode_option(account: &Option<Account>, out: &mut dyn alloy_rlp::BufMut) {
    match account {
        Some(account) => {
            RlpHeader { list: true, payload_length: account.length() }.encode(out);
            account.encode(out);
        }
        None => out.put_u8(alloy_rlp::EMPTY_LIST_CODE),
    }
}

fn option_length(account: &Option<Account>) -> usize {
    match account {
        Some(account) => account.length() + alloy_rlp::length_of_length(account.length()),
        None => 1,
    }
}

fn decode_option(buf: &mut &[u8]) -> alloy_rlp::Result<Option<Account>> {
    let mut list = RlpHeader::decode_bytes(buf, true)?;
    if list.is_empty() {
        return Ok(None);
    }
    let account = Account::decode(&mut list)?;
    if list.is_empty() { Ok(Some(account)) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

impl AccountChange {
    fn payload_length(&self) -> usize {
        self.address.length()
            + option_length(&self.before)
            + option_length(&self.after)
            + self.slots.length()
    }
}

impl Encodable for AccountChange {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        RlpHeader { list: true, payload_length: self.payload_length() }.encode(out);
        self.address.encode(out);
        encode_option(&self.before, out);
        encode_option(&self.after, out);
        self.slots.encode(out);
    }

    fn length(&self) -> usize {
        let payload = self.payload_length();
        payload + alloy_rlp::length_of_length(payload)
    }
}

impl Decodable for AccountChange {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut list = RlpHeader::decode_bytes(buf, true)?;
        let change = Self {
            address: Address::decode(&mut list)?,
            before: decode_option(&mut list)?,
            after: decode_option(&mut list)?,
            slots: Vec::decode(&mut list)?,
        };
        if list.is_empty() { Ok(change) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn account() -> impl Strategy<Value = Option<Account>> {
        proptest::option::of((any::<u64>(), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(
            |(nonce, balance, code_hash)| Account {
                nonce,
                balance: U256::from_be_bytes(balance),
                code_hash: code_hash.into(),
            },
        ))
    }

    fn diff() -> impl Strategy<Value = StateDiff> {
        let slot = (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(slot, before, after)| {
            SlotChange {
                slot: U256::from(slot),
                before: U256::from(before),
                after: U256::from(after),
            }
        });
        let slots = proptest::collection::vec(slot, 0..5);
        let change = (any::<[u8; 20]>(), account(), account(), slots).prop_map(
            |(address, before, after, slots)| AccountChange {
                address: address.into(),
                before,
                after,
                slots,
            },
        );
        let code = proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Code {
            hash: alloy_primitives::keccak256(&bytes),
            bytes: bytes.into(),
        });
        (proptest::collection::vec(change, 0..6), proptest::collection::vec(code, 0..3))
            .prop_map(|(accounts, codes)| StateDiff { accounts, codes })
    }

    proptest! {
        #[test]
        fn round_trip(diff in diff()) {
            let raw = alloy_rlp::encode(&diff);
            prop_assert_eq!(raw.len(), diff.length());
            let mut rest = raw.as_slice();
            prop_assert_eq!(StateDiff::decode(&mut rest).unwrap(), diff);
            prop_assert!(rest.is_empty());
            prop_assert!(StateDiff::decode(&mut &raw[..raw.len() - 1]).is_err());
        }

        #[test]
        fn random_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StateDiff::decode(&mut raw.as_slice());
        }
    }
}
