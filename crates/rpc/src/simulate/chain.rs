//! The simulated chain: block after block on one state.

use std::sync::Arc;

use alloy_consensus::{constants::EMPTY_OMMER_ROOT_HASH, proofs};
use alloy_eips::eip4895::Withdrawal;
use alloy_eips::eip6110::DEPOSIT_REQUEST_TYPE;
use alloy_eips::eip7685::Requests;
use alloy_primitives::{B64, B256, Bloom, Bytes};
use jovay_evm::predeploys::HISTORY_STORAGE;
use jovay_evm::revm::context_interface::block::BlobExcessGasAndPrice;
use jovay_evm::{
    BlockEnv, BlockHashes, ChainSpec, EvmDb, ExecuteError, Fork, JovayEvm, Precompiles,
    before_transactions, deposits, pay_rewards, pay_withdrawals, requests,
};
use jovay_state::{StateError, ordered_root};
use jovay_types::{Header, SealedBlock, TxReceipt};

use super::answer::CallAnswer;
use super::calls::{Calls, Progress};
use super::payload::{PlacedBlock, SimulatedBlock};
use super::transfers::TransferLogs;
use crate::call::guard::{Deadline, Guard, TIMED_OUT};
use crate::call::overrides::apply_state;
use crate::call::run::stopped;
use crate::call::scratch::ScratchState;
use crate::params::Strict;
use crate::{Context, RpcError};

/// A simulation that has come as far as its last block.
pub(super) struct Simulator<'a> {
    pub(super) context: &'a Context,
    pub(super) spec: Arc<ChainSpec>,
    pub(super) base_number: u64,
    pub(super) state: ScratchState,
    hashes: SimulatedHashes,
    pub(super) options: Options,
    /// Gas that all further calls may use together.
    gas_left: u64,
    deadline: Deadline,
}

/// How to simulate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) trace_transfers: bool,
    pub(super) validation: bool,
}

/// A simulated block and what its calls came to.
pub(super) struct Simulated {
    pub(super) block: SealedBlock,
    pub(super) calls: Vec<CallAnswer>,
}

/// The real chain's hashes up to the base, simulated ones afterwards.
struct SimulatedHashes {
    below: Arc<dyn BlockHashes>,
    /// Of the block after the base and the following, in order.
    simulated: Vec<B256>,
    base: (u64, B256),
}

impl BlockHashes for SimulatedHashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let (base, hash) = self.base;
        match number.checked_sub(base) {
            None => self.below.block_hash(number),
            Some(0) => Ok(hash),
            Some(after) => usize::try_from(after - 1)
                .ok()
                .and_then(|at| self.simulated.get(at).copied())
                .ok_or_else(|| StateError::Missing { what: "block hash", key: number.to_string() }),
        }
    }
}

impl<'a> Simulator<'a> {
    /// Starts on the state after `base`.
    ///
    /// # Errors
    /// The state of `base` is not there.
    pub(super) fn new(
        context: &'a Context,
        base: &SealedBlock,
        options: Options,
    ) -> Result<Self, RpcError> {
        Ok(Self {
            context,
            spec: context.chain.spec().clone(),
            base_number: base.number(),
            state: ScratchState::new(context.chain.state_at(base.number())?),
            hashes: SimulatedHashes {
                below: context.chain.hashes(),
                simulated: Vec::new(),
                base: (base.number(), base.hash),
            },
            options,
            gas_left: context.config.call_gas_cap,
            deadline: Deadline::after(context.config.call_timeout),
        })
    }

    /// Simulates `placed` after `parent`, whose hash is `parent_hash`.
    ///
    /// # Errors
    /// A call is not valid where it stands, or a limit is exceeded.
    pub(super) fn block(
        &mut self,
        placed: PlacedBlock,
        parent: &Header,
        parent_hash: B256,
    ) -> Result<Simulated, RpcError> {
        if self.deadline.has_passed() {
            return Err(stopped(TIMED_OUT));
        }
        let env = self.env(&placed, parent)?;
        let fork = self.spec.fork_of(&env);
        let mut precompiles = Precompiles::new(fork.spec_id());
        apply_state(&placed.block.state_overrides, &mut self.state, &mut precompiles)?;

        let db = EvmDb::new(&self.state, &self.hashes);
        let inspector = TransferLogs::new(self.options.trace_transfers);
        let guard = Guard::new(inspector, self.deadline);
        let mut evm = JovayEvm::with_inspector(&self.spec, &env, db, guard);
        let deferred = before_transactions(&mut evm, &self.spec, &env).map_err(block_failure)?;
        *evm.precompiles_mut() = precompiles;
        override_blob_fee(&mut evm, &placed.block);

        let mut calls = Calls {
            simulator: self,
            env: &env,
            fork,
            evm,
            gas_left: self.gas_left,
            progress: Progress::default(),
        };
        for call in &placed.block.calls {
            calls.run(call)?;
        }
        let Calls { mut evm, progress, gas_left, .. } = calls;

        pay_rewards(evm.db_mut(), &env, fork, &[])?;
        let withdrawals = (fork >= Fork::Shanghai)
            .then(|| placed.block.block_overrides.withdrawals.clone().unwrap_or_default());
        if let Some(withdrawals) = &withdrawals {
            pay_withdrawals(evm.db_mut(), withdrawals)?;
        }
        let requests_hash = requests_hash(&self.spec, fork, &mut evm, &progress.receipts)?;
        let diff = evm.db().diff();
        drop(evm);
        self.gas_left = gas_left;
        self.state.apply(&diff);
        if let Some((slot, _)) = deferred {
            self.state.set_slot(HISTORY_STORAGE, slot, parent_hash.into());
        }

        let block = self.seal(env, fork, parent_hash, &progress, withdrawals, requests_hash)?;
        Ok(Simulated { block, calls: progress.calls })
    }

    /// Puts header and block together and remembers the hash.
    fn seal(
        &mut self,
        env: BlockEnv,
        fork: Fork,
        parent_hash: B256,
        progress: &Progress,
        withdrawals: Option<Vec<Withdrawal>>,
        requests_hash: Option<B256>,
    ) -> Result<SealedBlock, RpcError> {
        let Progress { receipts, transactions, .. } = progress;
        let raw: Vec<Vec<u8>> = transactions.iter().map(|tx| tx.encoded_2718()).collect();
        let blooms = receipts.iter().map(|receipt| receipt.receipt.bloom());
        let header = Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: env.beneficiary,
            state_root: self.root(fork)?,
            transactions_root: ordered_root(&raw),
            receipts_root: receipts_root(receipts),
            logs_bloom: blooms.fold(Bloom::ZERO, |all, bloom| all | bloom),
            difficulty: env.difficulty,
            number: env.number,
            gas_limit: env.gas_limit,
            gas_used: progress.gas_used,
            timestamp: env.timestamp,
            mix_hash: env.prev_randao,
            base_fee_per_gas: env.base_fee,
            withdrawals_root: withdrawals.as_deref().map(proofs::calculate_withdrawals_root),
            blob_gas_used: (fork >= Fork::Cancun).then_some(progress.blob_gas_used),
            excess_blob_gas: env.excess_blob_gas,
            parent_beacon_block_root: env.parent_beacon_block_root,
            requests_hash,
            ..Header::default()
        };
        let hash = header.hash_slow();
        self.hashes.simulated.push(hash);
        let (transactions, ommers) = (transactions.clone(), Vec::new());
        Ok(SealedBlock { hash, header, transactions, ommers, withdrawals })
    }

    /// The root of the state as it stands.
    fn root(&self, fork: Fork) -> Result<B256, RpcError> {
        let diff = self.state.diff(fork >= Fork::SpuriousDragon)?;
        Ok(self.context.chain.state_root_after(self.base_number, &diff)?)
    }

    /// The environment of a block: what is overridden, else what follows from the one before.
    fn env(&self, placed: &PlacedBlock, parent: &Header) -> Result<BlockEnv, RpcError> {
        let overrides = &placed.block.block_overrides;
        let mut env = BlockEnv {
            number: placed.number,
            timestamp: placed.timestamp,
            gas_limit: parent.gas_limit,
            base_fee: None,
            beneficiary: parent.beneficiary,
            prev_randao: B256::ZERO,
            difficulty: parent.difficulty,
            nonce: B64::ZERO,
            extra_data: Bytes::new(),
            excess_blob_gas: None,
            parent_beacon_block_root: None,
        };
        overrides.apply_fields(&mut env)?;
        let fork = self.spec.fork_of(&env);
        if fork >= Fork::London && env.base_fee.is_none() {
            // Without validation calls need not pay, so nothing is asked of them.
            env.base_fee = match self.options.validation {
                true => self.spec.next_base_fee(parent, placed.timestamp),
                false => Some(0),
            };
        }
        if fork >= Fork::Cancun {
            env.excess_blob_gas =
                Some(self.spec.next_excess_blob_gas(parent, placed.timestamp).unwrap_or(0));
            env.parent_beacon_block_root = Some(overrides.beacon_root.unwrap_or_default());
        }
        Ok(env)
    }
}

fn override_blob_fee<I>(evm: &mut JovayEvm<'_, I>, block: &SimulatedBlock) {
    let Some(Strict(fee)) = block.block_overrides.blob_base_fee else { return };
    if let Some(blob) = &mut evm.block_mut().blob_excess_gas_and_price {
        let excess_blob_gas = blob.excess_blob_gas;
        *blob = BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice: fee.saturating_to() };
    }
}

fn requests_hash(
    spec: &ChainSpec,
    fork: Fork,
    evm: &mut JovayEvm<'_, Guard<TransferLogs>>,
    receipts: &[TxReceipt],
) -> Result<Option<B256>, RpcError> {
    if fork < Fork::Prague {
        return Ok(None);
    }
    let mut all = Requests::default();
    if !spec.is_l2() {
        let deposits = deposits(receipts, spec.deposit_contract).map_err(block_failure)?;
        all.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
        for (kind, data) in requests(evm).map_err(block_failure)? {
            all.push_request_with_type(kind, data);
        }
    }
    Ok(Some(all.requests_hash()))
}

fn receipts_root(receipts: &[TxReceipt]) -> B256 {
    let raw: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| {
            let mut out = Vec::new();
            receipt.receipt.encode_2718(&receipt.receipt.bloom(), &mut out);
            out
        })
        .collect();
    ordered_root(&raw)
}

/// A block that breaks a rule outside of its calls: only overrides can do that.
fn block_failure(error: ExecuteError) -> RpcError {
    match error {
        ExecuteError::State(error) => error.into(),
        other => RpcError::server(other.to_string()),
    }
}
