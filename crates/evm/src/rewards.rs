//! What a block pays out beside fees: proof-of-work rewards and withdrawals.

use alloc::vec::Vec;

use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, U256};
use jovay_state::StateError;

use crate::{BlockEnv, EvmDb, Fork};

const ETHER: u64 = 1_000_000_000_000_000_000;

/// What a proof-of-work block pays in wei.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewards {
    /// To the beneficiary: the block's own reward and a part for each uncle.
    pub block: U256,
    /// To the beneficiary of each uncle, in order.
    pub ommers: Vec<(Address, U256)>,
}

impl Rewards {
    /// The rewards of block `number`; `None` from the merge on.
    pub fn of(number: u64, fork: Fork, ommers: &[Header]) -> Option<Self> {
        let reward = match fork {
            at if at >= Fork::Paris => return None,
            at if at >= Fork::Constantinople => 2 * ETHER,
            at if at >= Fork::Byzantium => 3 * ETHER,
            _ => 5 * ETHER,
        };
        let share = |ommer: &Header| {
            let age = number.saturating_sub(ommer.number).min(8);
            (ommer.beneficiary, U256::from(reward) * U256::from(8 - age) / U256::from(8))
        };
        let block = U256::from(reward) + U256::from(reward / 32) * U256::from(ommers.len());
        Some(Self { block, ommers: ommers.iter().map(share).collect() })
    }
}

/// Pays the beneficiary and the uncles' beneficiaries of a proof-of-work block.
///
/// # Errors
/// The state could not be read.
pub fn pay_rewards(
    db: &mut EvmDb<'_>,
    env: &BlockEnv,
    fork: Fork,
    ommers: &[Header],
) -> Result<(), StateError> {
    let Some(rewards) = Rewards::of(env.number, fork, ommers) else { return Ok(()) };
    for (beneficiary, share) in rewards.ommers {
        db.add_balance(beneficiary, share)?;
    }
    db.add_balance(env.beneficiary, rewards.block)
}

/// Pays withdrawals (EIP-4895), whose amounts are in gwei. An empty account vanishes when
/// touched even by nothing (EIP-161).
pub fn pay_withdrawals(db: &mut EvmDb<'_>, withdrawals: &[Withdrawal]) -> Result<(), StateError> {
    for withdrawal in withdrawals {
        let wei = U256::from(withdrawal.amount) * U256::from(1_000_000_000u64);
        db.add_balance(withdrawal.address, wei)?;
        if db.account(withdrawal.address)?.is_some_and(|account| account.is_empty()) {
            db.set_account(withdrawal.address, None)?;
        }
    }
    Ok(())
}
