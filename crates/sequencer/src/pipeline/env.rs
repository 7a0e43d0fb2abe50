//! The header fields of the next block.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use jovay_evm::{BlockEnv, ChainSpec};
use jovay_types::Header;

use crate::pool::Fees;
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
    /// For the next block alone; later ones follow from it.
    pub(crate) next_excess_blob_gas: Option<u64>,
    /// Goes into `prevRandao` of an Ethereum chain: another one after each reorg, so that no block
    /// of the new branch equals one of the old.
    pub(crate) branch: B256,
    /// Whether headers name beacon blocks.
    pub(crate) beacon_roots: bool,
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
            next_excess_blob_gas: None,
            branch: B256::ZERO,
            beacon_roots: config.beacon_roots,
        }
    }

    /// Base fee of the block after `parent`, in wei per gas; `None` before London.
    pub(crate) fn base_fee(&self, parent: &Header, spec: &ChainSpec) -> Option<u64> {
        self.next_base_fee.or_else(|| spec.next_base_fee(parent, parent.timestamp))
    }

    /// What the block after `parent` asks for gas and blob gas.
    pub(crate) fn fees(&self, parent: &Header, spec: &ChainSpec) -> Fees {
        let excess = self.excess_blob_gas(parent, spec, parent.timestamp);
        let blob = excess.and_then(|excess| spec.blob_base_fee(excess, parent.timestamp));
        Fees { base: self.base_fee(parent, spec).unwrap_or(0), blob: blob.unwrap_or(0) }
    }

    fn excess_blob_gas(&self, parent: &Header, spec: &ChainSpec, timestamp: u64) -> Option<u64> {
        if spec.is_l2() {
            return Some(0);
        }
        let next = spec.next_excess_blob_gas(parent, timestamp)?;
        Some(self.next_excess_blob_gas.unwrap_or(next))
    }

    /// Header fields of the block after `parent`, if it were built now. `parent_hash` counts only
    /// where headers name beacon blocks; `l1_rolling_hash` only on the L2.
    pub(crate) fn env(
        &self,
        parent: &Header,
        parent_hash: B256,
        spec: &ChainSpec,
        clock: &Clock,
        l1_rolling_hash: B256,
    ) -> BlockEnv {
        // Timestamps of Ethereum rise, those of the L2 do not fall.
        let least = if spec.is_l2() { parent.timestamp } else { parent.timestamp + 1 };
        let timestamp = clock.next_timestamp(least);
        let salt = if spec.is_l2() { l1_rolling_hash } else { self.branch };
        let ruled = spec.next_block(parent, timestamp, self.gas_limit, salt);
        let beacon_root = self.beacon_roots.then(|| beacon_block_root(parent_hash));
        BlockEnv {
            base_fee: self.base_fee(parent, spec),
            beneficiary: self.beneficiary,
            prev_randao: self.next_prev_randao.unwrap_or(ruled.prev_randao),
            extra_data: self.extra_data.clone(),
            excess_blob_gas: self.excess_blob_gas(parent, spec, timestamp),
            parent_beacon_block_root: Some(beacon_root.unwrap_or_default()),
            ..ruled
        }
    }

    /// A block has been built: what was set for it alone is used up.
    pub(crate) fn used(&mut self) {
        (self.next_base_fee, self.next_prev_randao) = (None, None);
        self.next_excess_blob_gas = None;
    }
}

/// The root of the beacon block around the execution block with this hash, on a development chain,
/// which has no beacon chain: the keccak256 of a name and the hash. It differs wherever the blocks
/// differ, and needs nothing that an execution block does not say.
pub fn beacon_block_root(execution_hash: B256) -> B256 {
    let mut input = BEACON_BLOCK.to_vec();
    input.extend_from_slice(execution_hash.as_slice());
    keccak256(input)
}

/// In the preimage of [`beacon_block_root`].
const BEACON_BLOCK: &[u8] = b"development beacon block";
