//! The header fields of the next block.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use jovay_evm::{BlockEnv, ChainSpec};
use jovay_types::Header;

use crate::{BlockConfig, Clock};

/// Settings of later blocks; development chains change them while running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderSettings {
    pub(crate) gas_limit: u64,
    pub(crate) beneficiary: Address,
    pub(crate) extra_data: Bytes,
    /// For the next block alone.
    pub(crate) next_base_fee: Option<u64>,
    /// For the next block alone.
    pub(crate) next_prev_randao: Option<B256>,
}

impl HeaderSettings {
    /// The settings that a chain starts with.
    pub(crate) fn new(config: &BlockConfig, spec: &ChainSpec) -> Self {
        let fee_vault = || spec.l2.map(|l2| l2.fee_vault);
        Self {
            gas_limit: config.gas_limit,
            beneficiary: config.beneficiary.or_else(fee_vault).unwrap_or_default(),
            extra_data: config.extra_data.clone(),
            next_base_fee: None,
            next_prev_randao: None,
        }
    }

    /// Base fee of the block after `parent`, in wei per gas; `None` before London.
    pub(crate) fn base_fee(&self, parent: &Header, spec: &ChainSpec) -> Option<u64> {
        self.next_base_fee.or_else(|| spec.next_base_fee(parent, parent.timestamp))
    }

    /// Header fields of the block after `parent`, if it were built now.
    pub(crate) fn env(
        &self,
        parent: &Header,
        spec: &ChainSpec,
        clock: &Clock,
        l1_rolling_hash: B256,
    ) -> BlockEnv {
        let number = parent.number + 1;
        let timestamp = clock.next_timestamp(parent.timestamp);
        let excess_blob_gas =
            if spec.is_l2() { Some(0) } else { spec.next_excess_blob_gas(parent, timestamp) };
        let randao = || prev_randao(parent.mix_hash, number, l1_rolling_hash);
        BlockEnv {
            number,
            timestamp,
            gas_limit: self.gas_limit,
            base_fee: self.base_fee(parent, spec),
            beneficiary: self.beneficiary,
            prev_randao: self.next_prev_randao.unwrap_or_else(randao),
            extra_data: self.extra_data.clone(),
            excess_blob_gas,
            parent_beacon_block_root: Some(B256::ZERO),
            ..BlockEnv::default()
        }
    }

    /// A block has been built: what was set for it alone is used up.
    pub(crate) fn used(&mut self) {
        (self.next_base_fee, self.next_prev_randao) = (None, None);
    }
}

/// `keccak256(parent's ‖ number as 8 bytes, big endian ‖ L1 rolling hash)`: known in advance, and
/// without the parent's hash, which may not be sealed yet.
fn prev_randao(parent: B256, number: u64, l1_rolling_hash: B256) -> B256 {
    let mut input = [0; 72];
    input[..32].copy_from_slice(parent.as_slice());
    input[32..40].copy_from_slice(&number.to_be_bytes());
    input[40..].copy_from_slice(l1_rolling_hash.as_slice());
    keccak256(input)
}
