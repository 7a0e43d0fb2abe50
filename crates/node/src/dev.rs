//! The controls of a development chain.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use jovay_rpc::{ChainError, DevApi, MineOptions, ReorgOptions, SubmitError};
use jovay_sequencer::{MineRequest, ReorgRequest, Sequencer, SequencerError};
use jovay_types::{Account, RecoveredTx};
use parking_lot::RwLock;

use crate::DEV_ACCOUNTS;
use crate::finality::DepthTags;
use crate::front::refused;

/// Accounts that may be impersonated at the same time.
const IMPERSONATED_MAX: usize = 10_000;

/// Keys, impersonation and the sequencer's development controls.
pub(crate) struct DevChain {
    sequencer: Arc<Sequencer>,
    accounts: usize,
    /// Whether each transaction is sealed as it arrives, so that a sender can wait for its block.
    instant: bool,
    /// Where the tags follow the last block at a distance.
    finality: Option<Arc<DepthTags>>,
    impersonated: RwLock<HashSet<Address>>,
    everyone: AtomicBool,
}

impl DevChain {
    pub(crate) fn new(
        sequencer: Arc<Sequencer>,
        accounts: usize,
        instant: bool,
        finality: Option<Arc<DepthTags>>,
    ) -> Self {
        Self {
            sequencer,
            accounts,
            instant,
            finality,
            impersonated: RwLock::default(),
            everyone: AtomicBool::new(false),
        }
    }
}

fn failed(error: SequencerError) -> ChainError {
    ChainError::Backend(error.to_string())
}

impl DevApi for DevChain {
    fn accounts(&self) -> Vec<Address> {
        DEV_ACCOUNTS.iter().take(self.accounts).map(|(address, _)| *address).collect()
    }

    fn secret_key(&self, address: &Address) -> Option<B256> {
        let mut own = DEV_ACCOUNTS.iter().take(self.accounts);
        own.find(|(own, _)| own == address).map(|(_, key)| *key)
    }

    fn mine(&self, options: MineOptions) -> Result<(), ChainError> {
        let MineOptions { blocks, interval_s, timestamp } = options;
        self.sequencer.mine(MineRequest { blocks, interval_s, timestamp }).map_err(failed)
    }

    fn automine(&self) -> bool {
        self.instant && self.sequencer.automine().unwrap_or(false)
    }

    fn set_automine(&self, on: bool) -> Result<(), ChainError> {
        self.sequencer.set_automine(on).map_err(failed)
    }

    fn set_interval(&self, interval: Duration) -> Result<(), ChainError> {
        self.sequencer.set_interval(interval).map_err(failed)
    }

    fn reset(&self) -> Result<(), ChainError> {
        self.sequencer.reset().map_err(failed)?;
        self.impersonated.write().clear();
        self.auto_impersonate(false)
    }

    fn snapshot(&self) -> Result<u64, ChainError> {
        self.sequencer.snapshot().map_err(failed)
    }

    fn revert(&self, id: u64) -> Result<bool, ChainError> {
        self.sequencer.revert(id).map_err(failed)
    }

    fn increase_time(&self, seconds: u64) -> Result<i64, ChainError> {
        Ok(self.sequencer.increase_time(seconds))
    }

    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), ChainError> {
        self.sequencer.set_next_timestamp(timestamp).map_err(failed)
    }

    fn set_time(&self, timestamp: u64) -> Result<i64, ChainError> {
        Ok(self.sequencer.set_time(timestamp))
    }

    fn set_account(
        &self,
        address: Address,
        account: Account,
        code: Option<Bytes>,
    ) -> Result<(), ChainError> {
        self.sequencer.set_account(address, account, code).map_err(failed)
    }

    fn set_storage(&self, address: Address, slot: U256, value: U256) -> Result<(), ChainError> {
        self.sequencer.set_storage(address, slot, value).map_err(failed)
    }

    fn set_next_base_fee(&self, wei: u64) -> Result<(), ChainError> {
        self.sequencer.set_next_base_fee(wei).map_err(failed)
    }

    fn set_next_blob_base_fee(&self, wei: u64) -> Result<(), ChainError> {
        self.sequencer.set_next_blob_base_fee(wei).map_err(failed)
    }

    fn reorg(&self, options: ReorgOptions) -> Result<(), ChainError> {
        let ReorgOptions { depth, transactions, forget } = options;
        self.sequencer.reorg(ReorgRequest { depth, transactions, forget }).map_err(failed)
    }

    fn set_finality(&self, safe_depth: u64, finalized_depth: u64) -> Result<(), ChainError> {
        let none = || ChainError::Backend("the tags of this chain follow its L1".into());
        self.finality.as_ref().ok_or_else(none)?.set(safe_depth, finalized_depth);
        Ok(())
    }

    fn set_coinbase(&self, address: Address) -> Result<(), ChainError> {
        self.sequencer.set_coinbase(address).map_err(failed)
    }

    fn set_block_gas_limit(&self, gas: u64) -> Result<(), ChainError> {
        self.sequencer.set_block_gas_limit(gas).map_err(failed)
    }

    fn set_prev_randao(&self, value: B256) -> Result<(), ChainError> {
        self.sequencer.set_prev_randao(value).map_err(failed)
    }

    fn impersonate(&self, address: Address, on: bool) -> Result<(), ChainError> {
        let mut impersonated = self.impersonated.write();
        if !on {
            impersonated.remove(&address);
            return Ok(());
        }
        if impersonated.len() >= IMPERSONATED_MAX && !impersonated.contains(&address) {
            let message = format!("more than {IMPERSONATED_MAX} impersonated accounts");
            return Err(ChainError::Backend(message));
        }
        impersonated.insert(address);
        Ok(())
    }

    fn auto_impersonate(&self, on: bool) -> Result<(), ChainError> {
        // A lone flag: nothing else is published by it.
        self.everyone.store(on, Ordering::Relaxed);
        Ok(())
    }

    fn is_impersonated(&self, address: &Address) -> bool {
        self.everyone.load(Ordering::Relaxed) || self.impersonated.read().contains(address)
    }

    fn submit_impersonated(&self, tx: RecoveredTx) -> Result<B256, SubmitError> {
        self.sequencer.submit_impersonated(tx).map_err(refused)
    }

    fn drop_transaction(&self, hash: &B256) -> Result<bool, ChainError> {
        Ok(self.sequencer.pool().drop_transaction(hash))
    }

    fn drop_all_transactions(&self) -> Result<(), ChainError> {
        self.sequencer.pool().clear();
        Ok(())
    }
}
