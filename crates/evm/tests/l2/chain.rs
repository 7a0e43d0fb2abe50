//! A small L2 to test with.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteError, ExecuteMode,
    L2_BASE_FEE_FLOOR, L2_GAS_LIMIT, RejectedTx, SerialExecutor, predeploys,
};
use jovay_state::{MemoryState, StateError};
use jovay_types::{ExecutedBlock, L1Message, RecoveredTx, Transaction};

pub(crate) const ALICE: Address = address!("a11ce00000000000000000000000000000000001");
pub(crate) const BOB: Address = address!("b0b0000000000000000000000000000000000002");
pub(crate) const CONTRACT: Address = address!("c0de000000000000000000000000000000000003");
pub(crate) const ETHER: u64 = 1_000_000_000_000_000_000;
pub(crate) const CHAIN_ID: u64 = 20_197_750;

/// The hash of block n is keccak256 of n.
pub(crate) struct Hashes;

pub(crate) fn hash_of(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

impl BlockHashes for Hashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Ok(hash_of(number))
    }
}

pub(crate) struct Chain {
    pub(crate) spec: ChainSpec,
    pub(crate) state: MemoryState,
    pub(crate) env: BlockEnv,
    pub(crate) mode: ExecuteMode,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let mut state = MemoryState::new();
        for account in [ALICE, BOB] {
            state.insert(account, 0, U256::from(ETHER), Bytes::new(), []);
        }
        let code = alloy_eips::eip2935::HISTORY_STORAGE_CODE.clone();
        state.insert(predeploys::HISTORY_STORAGE, 1, U256::ZERO, code, []);
        let env = BlockEnv {
            number: 7,
            timestamp: 1_700_000_000,
            gas_limit: L2_GAS_LIMIT,
            base_fee: Some(L2_BASE_FEE_FLOOR),
            beneficiary: predeploys::FEE_VAULT,
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..BlockEnv::default()
        };
        Self { spec: ChainSpec::l2(CHAIN_ID), state, env, mode: ExecuteMode::Build }
    }

    /// Deploys the oracle with these values.
    pub(crate) fn with_oracle(
        mut self,
        l1_base_fee: u64,
        blob_base_fee: u64,
        scalars: (u64, u64),
    ) -> Self {
        let packed = (U256::from(scalars.1) << 64) | U256::from(scalars.0);
        let slots = [
            (U256::from(0), U256::from(l1_base_fee)),
            (U256::from(1), U256::from(blob_base_fee)),
            (U256::from(2), packed),
        ];
        let code = Bytes::from_static(&[0x00]);
        self.state.insert(predeploys::L1_GAS_ORACLE, 1, U256::ZERO, code, slots);
        self
    }

    pub(crate) fn with_code(mut self, code: &[u8]) -> Self {
        self.state.insert(CONTRACT, 1, U256::ZERO, Bytes::copy_from_slice(code), []);
        self
    }

    pub(crate) fn run(
        &self,
        transactions: &[Arc<RecoveredTx>],
    ) -> Result<(ExecutedBlock, Vec<RejectedTx>), ExecuteError> {
        SerialExecutor::new(Arc::new(self.spec.clone())).execute(BlockJob {
            env: self.env.clone(),
            transactions,
            ommers: &[],
            withdrawals: Some(&[]),
            state: &self.state,
            hashes: &Hashes,
            mode: self.mode,
            stop: &|| false,
            roots: None,
        })
    }

    /// Runs what must all be included.
    pub(crate) fn run_all(&self, transactions: &[Arc<RecoveredTx>]) -> ExecutedBlock {
        let (block, rejected) = self.run(transactions).unwrap();
        assert_eq!(rejected, []);
        assert_eq!(block.transactions.len(), transactions.len());
        block
    }
}

pub(crate) fn transfer(from: Address, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 3,
        to: TxKind::Call(if from == ALICE { BOB } else { ALICE }),
        value: U256::from(5),
        ..TxEip1559::default()
    }
}

pub(crate) fn send(from: Address, tx: TxEip1559) -> Arc<RecoveredTx> {
    let signature = Signature::test_signature();
    let signed = tx.into_signed(signature).into();
    Arc::new(RecoveredTx::with_sender(Transaction::Ethereum(signed), from))
}

pub(crate) fn message(gas_limit: u64, to: Address, value: u64, data: &[u8]) -> Arc<RecoveredTx> {
    let message = L1Message {
        queue_index: 0,
        gas_limit,
        sender: ALICE,
        to,
        value: U256::from(value),
        data: Bytes::copy_from_slice(data),
    };
    Arc::new(RecoveredTx::with_sender(Transaction::L1Message(message), ALICE))
}

/// Balance after the block.
pub(crate) fn balance(chain: &Chain, block: &ExecutedBlock, address: Address) -> U256 {
    let mut state = chain.state.clone();
    state.apply(&block.diff);
    use jovay_state::StateView;
    state.account(&address).unwrap().map_or(U256::ZERO, |account| account.balance)
}

pub(crate) fn nonce(chain: &Chain, block: &ExecutedBlock, address: Address) -> u64 {
    let mut state = chain.state.clone();
    state.apply(&block.diff);
    use jovay_state::StateView;
    state.account(&address).unwrap().map_or(0, |account| account.nonce)
}
