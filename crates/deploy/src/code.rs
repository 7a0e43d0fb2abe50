//! What code a contract must have: the constructor is run here, not believed from L1.

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_evm::{BlockEnv, BlockHashes, ChainSpec, EvmDb, Fork, JovayEvm};
use jovay_state::{MemoryState, StateError};

use crate::DeployError;

/// No block came before.
struct NoBlocks;

impl BlockHashes for NoBlocks {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Err(StateError::Missing { what: "hash of block", key: number.to_string() })
    }
}

/// The deployed code of `contract` at `address`, with the values of its immutables: what its
/// creation code returns when it runs there. The creation code is put at the address itself, so
/// `address(this)` is what it will be, however the contract was created.
pub(crate) fn deployed_code(
    contract: &'static str,
    init_code: &Bytes,
    address: Address,
    l1_chain_id: u64,
) -> Result<Bytes, DeployError> {
    let fails = |reason: String| DeployError::Constructor { contract, reason };
    let mut state = MemoryState::new();
    state.insert(address, 1, U256::ZERO, init_code.clone(), None);
    let spec = ChainSpec::ethereum(l1_chain_id, Fork::Osaka);
    let env = BlockEnv { number: 1, timestamp: 1, gas_limit: 60_000_000, ..BlockEnv::default() };
    let mut evm = JovayEvm::new(&spec, &env, EvmDb::new(&state, &NoBlocks));
    let outcome = evm.system_call(address, Bytes::new()).map_err(|e| fails(e.to_string()))?;
    if !outcome.result.is_success() {
        return Err(fails(format!("{:?}", outcome.result)));
    }
    outcome.result.into_output().ok_or_else(|| fails("it returns nothing".into()))
}
