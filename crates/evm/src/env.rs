//! From the chain's terms to revm's: configuration, block and transaction environments.

use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::U256;
use jovay_types::{L1_MESSAGE_TX_TYPE, L1Message, RecoveredTx, Transaction};
use revm::{
    context::{BlockEnv as RevmBlockEnv, CfgEnv, TxEnv, either::Either},
    context_interface::block::BlobExcessGasAndPrice,
};

use crate::{BlockEnv, ChainSpec, estimated_size};

impl From<&Header> for BlockEnv {
    /// The surroundings in which the block of `header` executed.
    fn from(header: &Header) -> Self {
        Self {
            number: header.number,
            timestamp: header.timestamp,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas,
            beneficiary: header.beneficiary,
            prev_randao: header.mix_hash,
            difficulty: header.difficulty,
            nonce: header.nonce,
            extra_data: header.extra_data.clone(),
            excess_blob_gas: header.excess_blob_gas,
            parent_beacon_block_root: header.parent_beacon_block_root,
        }
    }
}

/// revm's configuration and block environment for `env` under `spec`.
///
/// On the returned configuration a caller may switch checks off (`disable_balance_check`,
/// `disable_base_fee`, ...) for calls that are not transactions.
pub fn prepare_env(spec: &ChainSpec, env: &BlockEnv) -> (CfgEnv, RevmBlockEnv) {
    let fork = spec.fork_of(env);
    let mut cfg = CfgEnv::new_with_spec(fork.spec_id()).with_chain_id(spec.chain_id);
    cfg.limit_contract_code_size = spec.code_size_max;
    cfg.disable_eip3607 = spec.code_senders;
    let blobs = spec.blob_params(env.timestamp);
    if let Some(params) = &blobs {
        cfg.max_blobs_per_tx = Some(params.max_blobs_per_tx.min(params.max_blob_count));
        cfg.blob_base_fee_update_fraction =
            Some(u64::try_from(params.update_fraction).unwrap_or(u64::MAX));
    }
    let merged = fork >= crate::Fork::Paris;
    let block = RevmBlockEnv {
        number: U256::from(env.number),
        beneficiary: env.beneficiary,
        timestamp: U256::from(env.timestamp),
        gas_limit: env.gas_limit,
        basefee: env.base_fee.unwrap_or(0),
        difficulty: env.difficulty,
        prevrandao: merged.then_some(env.prev_randao),
        blob_excess_gas_and_price: blobs.map(|params| {
            let excess_blob_gas = env.excess_blob_gas.unwrap_or(0);
            let blob_gasprice = params.calc_blob_fee(excess_blob_gas);
            BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice }
        }),
        ..RevmBlockEnv::default()
    };
    (cfg, block)
}

/// A transaction as [`JovayEvm`](crate::JovayEvm) runs it: revm's environment and what the L2 adds.
///
/// Made from a [`TxEnv`] (`into()`) it costs no L1 data fee, which is right for calls.
#[derive(Clone, Debug, Default)]
pub struct TxInput {
    /// revm's environment.
    pub env: TxEnv,
    /// Estimated compressed size in bytes, for the L1 data fee; zero for none.
    pub data_size: u64,
    /// Whether it is an L1 message: value minted, no fees, no checks against the sender.
    pub is_l1_message: bool,
}

impl From<TxEnv> for TxInput {
    fn from(env: TxEnv) -> Self {
        Self { env, data_size: 0, is_l1_message: false }
    }
}

/// The input for a transaction of a block. With `charge_l1_data` the size estimate for the L1
/// data fee is made, which costs about a microsecond.
pub fn tx_env(tx: &RecoveredTx, charge_l1_data: bool) -> TxInput {
    match tx.tx() {
        Transaction::L1Message(message) => l1_message_env(message),
        Transaction::Ethereum(signed) => {
            let fees_by_priority = signed.max_priority_fee_per_gas();
            let env = TxEnv {
                tx_type: tx.tx_type(),
                caller: tx.sender(),
                gas_limit: signed.gas_limit(),
                gas_price: signed.max_fee_per_gas(),
                kind: signed.kind(),
                value: signed.value(),
                data: signed.input().clone(),
                nonce: signed.nonce(),
                chain_id: signed.chain_id(),
                access_list: signed.access_list().cloned().unwrap_or_default(),
                gas_priority_fee: fees_by_priority,
                blob_hashes: signed.blob_versioned_hashes().unwrap_or_default().to_vec(),
                max_fee_per_blob_gas: signed.max_fee_per_blob_gas().unwrap_or_default(),
                authorization_list: signed
                    .authorization_list()
                    .unwrap_or_default()
                    .iter()
                    .map(|authorization| Either::Left(authorization.clone()))
                    .collect(),
            };
            let data_size = if charge_l1_data { estimated_size(&tx.encoded_2718()) } else { 0 };
            TxInput { env, data_size, is_l1_message: false }
        }
    }
}

fn l1_message_env(message: &L1Message) -> TxInput {
    let env = TxEnv {
        tx_type: L1_MESSAGE_TX_TYPE,
        caller: message.sender,
        gas_limit: message.gas_limit,
        gas_price: 0,
        kind: alloy_primitives::TxKind::Call(message.to),
        value: message.value,
        data: message.data.clone(),
        nonce: 0,
        chain_id: None,
        access_list: Default::default(),
        gas_priority_fee: None,
        blob_hashes: Default::default(),
        max_fee_per_blob_gas: 0,
        authorization_list: Default::default(),
    };
    TxInput { env, data_size: 0, is_l1_message: true }
}
