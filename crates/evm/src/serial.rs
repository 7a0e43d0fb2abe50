//! Execution of a block, one transaction after the other.

use alloc::{format, sync::Arc, vec::Vec};

use alloy_consensus::{Eip658Value, Header, constants::EMPTY_OMMER_ROOT_HASH, proofs};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7685::Requests};
use alloy_primitives::{Address, B256, U256, map::AddressSet};
use jovay_types::{ExecutedBlock, Receipt, RecoveredTx, TxReceipt};

use crate::{
    BlockExecutor, BlockJob, ChainSpec, CodeCache, EvmDb, ExecuteError, ExecuteMode, Fork,
    JovayEvm, L1GasPrices, RejectedTx, TxError, TxInput, TxOutcome,
    deposits::deposits,
    evm::EvmError,
    rewards::{pay_rewards, pay_withdrawals},
    system_calls::{before_transactions, block_error, requests},
    tx_env,
};

/// Sender and receiver; where a transaction touches more, others touch the same.
const ACCOUNTS_PER_TX: usize = 2;

/// Executes blocks on the calling thread: the reference for every other executor.
pub struct SerialExecutor {
    spec: Arc<ChainSpec>,
    codes: Arc<CodeCache>,
}

impl SerialExecutor {
    /// An executor for the chain of `spec`, with a code cache of its own.
    pub fn new(spec: Arc<ChainSpec>) -> Self {
        Self::with_code_cache(spec, Arc::default())
    }

    /// An executor that shares analyzed code with others.
    pub fn with_code_cache(spec: Arc<ChainSpec>, codes: Arc<CodeCache>) -> Self {
        Self { spec, codes }
    }
}

impl BlockExecutor for SerialExecutor {
    fn execute(
        &mut self,
        job: BlockJob<'_>,
    ) -> Result<(ExecutedBlock, Vec<RejectedTx>), ExecuteError> {
        let db = EvmDb::new(job.state, job.hashes)
            .with_code_cache(self.codes.clone())
            .with_capacity(ACCOUNTS_PER_TX * job.transactions.len());
        let mut evm = JovayEvm::new(&self.spec, &job.env, db);
        let parent_hash_slot = before_transactions(&mut evm, &self.spec, &job.env)?;
        let mut run = BlockRun::new(&self.spec, &job, evm)?;
        run.transactions()?;
        run.finish(parent_hash_slot)
    }
}

/// A block in the middle of its execution.
struct BlockRun<'a, 'b> {
    spec: &'b ChainSpec,
    job: &'b BlockJob<'a>,
    fork: Fork,
    evm: JovayEvm<'a>,
    included: Vec<Arc<RecoveredTx>>,
    receipts: Vec<TxReceipt>,
    rejected: Vec<RejectedTx>,
    /// Senders of which a transaction did not fit: their later ones wait with it.
    waiting: AddressSet,
    gas_used: u64,
    blob_gas_used: u64,
    blob_gas_max: u64,
}

/// What became of a candidate.
enum Verdict {
    Included,
    /// It must not be in any block as things stand.
    Rejected(TxError),
    /// It may be in a later block.
    Waits,
}

impl<'a, 'b> BlockRun<'a, 'b> {
    fn new(
        spec: &'b ChainSpec,
        job: &'b BlockJob<'a>,
        evm: JovayEvm<'a>,
    ) -> Result<Self, ExecuteError> {
        let blobs = spec.blob_params(job.env.timestamp);
        Ok(Self {
            spec,
            job,
            fork: spec.fork_of(&job.env),
            evm,
            included: Vec::with_capacity(job.transactions.len()),
            receipts: Vec::with_capacity(job.transactions.len()),
            rejected: Vec::new(),
            waiting: AddressSet::default(),
            gas_used: 0,
            blob_gas_used: 0,
            blob_gas_max: blobs.map_or(0, |params| params.max_blob_gas_per_block()),
        })
    }

    fn transactions(&mut self) -> Result<(), ExecuteError> {
        let building = self.job.mode == ExecuteMode::Build;
        for (index, tx) in self.job.transactions.iter().enumerate() {
            if building && (self.job.stop)() {
                break;
            }
            let verdict = if building && self.is_waiting(tx) {
                Verdict::Waits
            } else {
                self.transaction(tx)?
            };
            match verdict {
                Verdict::Included => {}
                Verdict::Waits if building => self.wait(tx),
                Verdict::Rejected(error) if building => {
                    self.rejected.push(RejectedTx { hash: tx.hash(), error });
                }
                Verdict::Waits => return Err(self.invalid(index, tx, TxError::BlockGasExceeded)),
                Verdict::Rejected(error) => return Err(self.invalid(index, tx, error)),
            }
        }
        Ok(())
    }

    fn invalid(&self, index: usize, tx: &RecoveredTx, error: TxError) -> ExecuteError {
        ExecuteError::InvalidTx { index, hash: tx.hash(), error: error.into() }
    }

    /// L1 messages wait for each other, since they keep the order of their queue; they wait under
    /// the zero address, from which nothing else can be sent.
    fn queue_of(tx: &RecoveredTx) -> Address {
        if tx.as_l1_message().is_some() { Address::ZERO } else { tx.sender() }
    }

    fn is_waiting(&self, tx: &RecoveredTx) -> bool {
        !self.waiting.is_empty() && self.waiting.contains(&Self::queue_of(tx))
    }

    fn wait(&mut self, tx: &RecoveredTx) {
        self.waiting.insert(Self::queue_of(tx));
    }

    fn transaction(&mut self, tx: &Arc<RecoveredTx>) -> Result<Verdict, ExecuteError> {
        if let Some(verdict) = self.check_room(tx) {
            return Ok(verdict);
        }
        let input = self.input(tx)?;
        let outcome = match self.evm.transact(input) {
            Ok(outcome) => outcome,
            Err(EvmError::Transaction(error)) => {
                let env = tx_env(tx, false).env;
                let base_fee = self.job.env.base_fee.unwrap_or(0);
                return Ok(Verdict::Rejected(TxError::from_refusal(error, &env, base_fee)));
            }
            Err(other) => return Err(block_error(other)),
        };
        self.include(tx, outcome)?;
        Ok(Verdict::Included)
    }

    /// Whether the transaction's gas and blob gas still fit.
    fn check_room(&self, tx: &RecoveredTx) -> Option<Verdict> {
        if tx.as_l1_message().is_some() && !self.spec.is_l2() {
            let error = TxError::Invalid("transaction type not supported".into());
            return Some(Verdict::Rejected(error));
        }
        let gas_limit = self.job.env.gas_limit;
        if tx.gas_limit() > gas_limit {
            return Some(Verdict::Rejected(TxError::BlockGasExceeded));
        }
        let blob_gas = blob_gas(tx);
        if blob_gas > self.blob_gas_max && !self.spec.is_l2() && self.fork >= Fork::Cancun {
            let error = TxError::Invalid(format!(
                "blob gas limit exceeded: have {blob_gas}, max {}",
                self.blob_gas_max
            ));
            return Some(Verdict::Rejected(error));
        }
        let fits = tx.gas_limit() <= gas_limit - self.gas_used
            && (blob_gas == 0 || self.blob_gas_used.saturating_add(blob_gas) <= self.blob_gas_max);
        (!fits).then_some(Verdict::Waits)
    }

    fn input(&mut self, tx: &RecoveredTx) -> Result<TxInput, ExecuteError> {
        let charge = self.spec.is_l2() && !self.l1_prices()?.is_free();
        Ok(tx_env(tx, charge))
    }

    fn l1_prices(&mut self) -> Result<L1GasPrices, ExecuteError> {
        self.evm.l1_gas_prices().map_err(ExecuteError::State)
    }

    fn include(&mut self, tx: &Arc<RecoveredTx>, outcome: TxOutcome) -> Result<(), ExecuteError> {
        self.evm.commit(outcome.state)?;
        let gas_used = outcome.result.tx_gas_used();
        self.gas_used += gas_used;
        self.blob_gas_used += blob_gas(tx);
        let status = if self.fork >= Fork::Byzantium {
            Eip658Value::Eip658(outcome.result.is_success())
        } else {
            Eip658Value::PostState(self.intermediate_root()?)
        };
        let created = tx.to().is_none();
        self.receipts.push(TxReceipt {
            receipt: Receipt {
                tx_type: tx.tx_type(),
                status,
                cumulative_gas_used: self.gas_used,
                logs: outcome.result.into_logs(),
            },
            gas_used,
            contract_address: created.then(|| tx.sender().create(tx.nonce())),
            l1_fee: outcome.l1_fee,
        });
        self.included.push(tx.clone());
        Ok(())
    }

    fn intermediate_root(&self) -> Result<B256, ExecuteError> {
        let Some(roots) = self.job.roots else {
            let message = "a block before Byzantium needs state roots inside the block";
            return Err(ExecuteError::InvalidBlock(message.into()));
        };
        Ok(roots.root(&self.evm.db().diff())?)
    }

    fn finish(
        mut self,
        parent_hash_slot: Option<(U256, U256)>,
    ) -> Result<(ExecutedBlock, Vec<RejectedTx>), ExecuteError> {
        pay_rewards(self.evm.db_mut(), &self.job.env, self.fork, self.job.ommers)?;
        if let Some(withdrawals) = self.job.withdrawals {
            pay_withdrawals(self.evm.db_mut(), withdrawals)?;
        }
        let requests_hash = self.requests_hash()?;
        let header = self.header(requests_hash);
        let block = ExecutedBlock {
            header,
            transactions: self.included,
            ommers: self.job.ommers.to_vec(),
            withdrawals: self.job.withdrawals.map(<[_]>::to_vec),
            receipts: self.receipts,
            diff: self.evm.db().diff(),
            parent_hash_slot,
        };
        Ok((block, self.rejected))
    }

    /// The L2 has no consensus layer that could request anything.
    fn requests_hash(&mut self) -> Result<Option<B256>, ExecuteError> {
        if self.fork < Fork::Prague {
            return Ok(None);
        }
        let mut all = Requests::default();
        if !self.spec.is_l2() {
            let deposits = deposits(&self.receipts, self.spec.deposit_contract)?;
            all.push_request_with_type(alloy_eips::eip6110::DEPOSIT_REQUEST_TYPE, deposits);
            for (kind, data) in requests(&mut self.evm)? {
                all.push_request_with_type(kind, data);
            }
        }
        Ok(Some(all.requests_hash()))
    }

    fn header(&self, requests_hash: Option<B256>) -> Header {
        let env = &self.job.env;
        let cancun = self.fork >= Fork::Cancun;
        let ommers_hash = match self.job.ommers {
            [] => EMPTY_OMMER_ROOT_HASH,
            ommers => proofs::calculate_ommers_root(ommers),
        };
        Header {
            ommers_hash,
            beneficiary: env.beneficiary,
            state_root: B256::ZERO,
            transactions_root: B256::ZERO,
            receipts_root: B256::ZERO,
            difficulty: env.difficulty,
            number: env.number,
            gas_limit: env.gas_limit,
            gas_used: self.gas_used,
            timestamp: env.timestamp,
            extra_data: env.extra_data.clone(),
            mix_hash: env.prev_randao,
            nonce: env.nonce,
            base_fee_per_gas: env.base_fee,
            withdrawals_root: self.job.withdrawals.map(proofs::calculate_withdrawals_root),
            blob_gas_used: cancun.then_some(self.blob_gas_used),
            excess_blob_gas: cancun.then(|| env.excess_blob_gas.unwrap_or(0)),
            parent_beacon_block_root: cancun
                .then(|| env.parent_beacon_block_root.unwrap_or_default()),
            requests_hash,
            ..Header::default()
        }
    }
}

fn blob_gas(tx: &RecoveredTx) -> u64 {
    use alloy_consensus::Transaction as _;
    let blobs = tx.as_ethereum().and_then(|tx| tx.blob_versioned_hashes()).unwrap_or_default();
    (blobs.len() as u64).saturating_mul(DATA_GAS_PER_BLOB)
}
