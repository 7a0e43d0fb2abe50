//! The header fields of the next block, as far as the rules fix them.
//!
//! The sequencer builds with these, and whoever rebuilds the chain from L1 meets the same hashes
//! because it takes them from here too.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};

use crate::{BlockEnv, ChainSpec};

/// Extra data of the L2's blocks.
pub const L2_EXTRA_DATA: &[u8] = b"jovay";

/// Version of the L2's rules in the block contexts of batches. Whoever reads another number does
/// not know the rules that the block was built by.
pub const L2_SPEC_VERSION: u32 = 1;

impl ChainSpec {
    /// The header fields of the block after `parent`, which the sequencer gives a `timestamp` in
    /// seconds and a gas limit. `l1_rolling_hash` is the L1 queue's after the last message that
    /// blocks up to `parent` have taken; it goes into `prevRandao`.
    ///
    /// Of an Ethereum chain it leaves open what its validators choose.
    pub fn next_block(
        &self,
        parent: &Header,
        timestamp: u64,
        gas_limit: u64,
        l1_rolling_hash: B256,
    ) -> BlockEnv {
        let number = parent.number + 1;
        let extra_data = if self.is_l2() { L2_EXTRA_DATA } else { &[] };
        BlockEnv {
            number,
            timestamp,
            gas_limit,
            base_fee: self.next_base_fee(parent, timestamp),
            beneficiary: self.l2.map(|l2| l2.fee_vault).unwrap_or_default(),
            prev_randao: prev_randao(parent.mix_hash, number, l1_rolling_hash),
            extra_data: Bytes::from_static(extra_data),
            excess_blob_gas: self.next_excess_blob_gas(parent, timestamp),
            parent_beacon_block_root: Some(B256::ZERO),
            ..BlockEnv::default()
        }
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
