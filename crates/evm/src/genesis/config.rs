//! The settings of the predeploys, and the storage that holds them.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{L1_BRIDGE_SLOT, L1_MAILBOX_SLOT};

/// Who controls the predeploys at genesis and what they start with.
///
/// The default prices are those of a quiet L1; nobody controls anything until roles are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L2GenesisConfig {
    /// Owner of `L1GasOracle` and `L2CoinBase`.
    pub owner: Address,
    /// Who reports L1 prices to `L1GasOracle`.
    pub feeder: Address,
    /// Where withdrawn fees go; zero: nowhere until the owner sets it.
    pub fee_recipient: Address,
    /// Who may withdraw fees to `fee_recipient`.
    pub fee_withdrawers: Vec<Address>,
    /// The smallest withdrawal of fees, in wei.
    pub fee_withdrawal_min: U256,
    /// The mailbox on L1; `None` if it is not deployed yet.
    pub l1_mailbox: Option<Address>,
    /// The bridge on L1; `None` if it is not deployed yet.
    pub l1_bridge: Option<Address>,
    /// L1's base fee, in wei per gas.
    pub l1_base_fee: u64,
    /// L1's blob base fee, in wei per blob gas.
    pub l1_blob_base_fee: u64,
    /// L1 execution gas charged per compressed byte, in millionths.
    pub exec_scalar: u64,
    /// L1 blob gas charged per compressed byte, in millionths.
    pub blob_scalar: u64,
}

impl Default for L2GenesisConfig {
    fn default() -> Self {
        Self {
            owner: Address::ZERO,
            feeder: Address::ZERO,
            fee_recipient: Address::ZERO,
            fee_withdrawers: vec![],
            fee_withdrawal_min: U256::ZERO,
            l1_mailbox: None,
            l1_bridge: None,
            l1_base_fee: 1_000_000_000,
            // EIP-7918 keeps blobs from costing less than 1/16 of the base fee.
            l1_blob_base_fee: 62_500_000,
            // About 200,000 gas to commit and finalize a batch of six blobs, 761,856 bytes.
            exec_scalar: 262_500,
            // 131,072 blob gas for a blob's 126,976 usable bytes.
            blob_scalar: 1_032_258,
        }
    }
}

impl L2GenesisConfig {
    /// Storage of `L1GasOracle`; see `contracts/storage/L1GasOracle.json`.
    pub(super) fn oracle_slots(&self) -> Vec<(U256, U256)> {
        vec![
            (slot(0), U256::from(self.l1_base_fee)),
            (slot(1), U256::from(self.l1_blob_base_fee)),
            (slot(2), U256::from_limbs([self.exec_scalar, self.blob_scalar, 0, 0])),
            (slot(3), word(self.feeder)),
            (slot(4), word(self.owner)),
        ]
    }

    /// Storage of `L2CoinBase`; see `contracts/storage/L2CoinBase.json`.
    pub(super) fn coin_base_slots(&self) -> Vec<(U256, U256)> {
        let mut slots = vec![
            (slot(0), word(self.owner)),
            (slot(2), word(self.fee_recipient)),
            (slot(3), self.fee_withdrawal_min),
        ];
        let allowed = |account: &Address| (mapping_slot(account.into_word(), slot(5)), slot(1));
        slots.extend(self.fee_withdrawers.iter().map(allowed));
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Storage of `L2Mailbox`; see `contracts/storage/L2Mailbox.json`.
    pub(super) fn mailbox_slots(&self) -> Vec<(U256, U256)> {
        self.l1_mailbox.map(|mailbox| (L1_MAILBOX_SLOT, word(mailbox))).into_iter().collect()
    }

    /// Storage of `L2Bridge`; see `contracts/storage/L2Bridge.json`.
    pub(super) fn bridge_slots(&self) -> Vec<(U256, U256)> {
        self.l1_bridge.map(|bridge| (L1_BRIDGE_SLOT, word(bridge))).into_iter().collect()
    }
}

fn slot(number: u64) -> U256 {
    U256::from(number)
}

fn word(address: Address) -> U256 {
    address.into_word().into()
}

/// Where Solidity keeps the value of `key` in the mapping at `base`.
fn mapping_slot(key: B256, base: U256) -> U256 {
    let mut preimage = [0; 64];
    preimage[..32].copy_from_slice(key.as_slice());
    preimage[32..].copy_from_slice(&base.to_be_bytes::<32>());
    keccak256(preimage).into()
}
