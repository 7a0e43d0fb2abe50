//! Microseconds a transaction of the serial executor takes, on a state in memory.
//!
//! `cargo run --release -p jovay-evm --features jovay-types/secp256k1 --example throughput`
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, hex, keccak256};
use jovay_evm::{
    BlockEnv, BlockExecutor, BlockHashes, BlockJob, ChainSpec, ExecuteMode, SerialExecutor,
    predeploys,
};
use jovay_state::{MemoryState, StateError};
use jovay_types::{RecoveredTx, Transaction};

const TRANSACTIONS: u64 = 5_000;
const ROUNDS: usize = 9;
const TOKEN: Address = Address::repeat_byte(0x70);

/// The core of an ERC-20 `transfer`: two balances in a mapping at slot 0 and the event.
const TOKEN_CODE: &[u8] = &hex!(
    "335f5260405f208054602435900390556004355f5260405f2080546024350190556024355f5260043533"
    "7fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef60205fa3"
    "60015f5260205ff3"
);

struct NoHashes;

impl BlockHashes for NoHashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Ok(keccak256(number.to_be_bytes()))
    }
}

fn account(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn balance_slot(owner: Address) -> U256 {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(owner.as_slice());
    keccak256(key).into()
}

fn state(oracle: bool) -> MemoryState {
    let mut state = MemoryState::new();
    for index in 0..2 * TRANSACTIONS {
        state.insert(account(index), 0, U256::from(1e18 as u64), Bytes::new(), []);
    }
    let slots =
        (0..2 * TRANSACTIONS).map(|index| (balance_slot(account(index)), U256::from(1_000)));
    state.insert(TOKEN, 1, U256::ZERO, Bytes::from_static(TOKEN_CODE), slots);
    if oracle {
        let slots = [(0, 20_000_000_000u64), (1, 1), (2, 1_000_000)];
        let slots = slots.map(|(slot, value)| (U256::from(slot), U256::from(value)));
        state.insert(predeploys::L1_GAS_ORACLE, 1, U256::ZERO, Bytes::from_static(&[0]), slots);
    }
    state
}

fn transactions(token: bool) -> Vec<Arc<RecoveredTx>> {
    let one = |index: u64| {
        let (from, to) = (account(2 * index), account(2 * index + 1));
        let mut tx = TxEip1559 {
            chain_id: 1,
            gas_limit: if token { 60_000 } else { 21_000 },
            max_fee_per_gas: 2_000_000,
            max_priority_fee_per_gas: 1,
            to: to.into(),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        if token {
            tx.to = TOKEN.into();
            tx.value = U256::ZERO;
            let mut input = hex!("a9059cbb").to_vec();
            input.extend_from_slice(to.into_word().as_slice());
            input.extend_from_slice(&U256::from(7).to_be_bytes::<32>());
            tx.input = input.into();
        }
        let signed = tx.into_signed(Signature::test_signature());
        Arc::new(RecoveredTx::with_sender(Transaction::Ethereum(signed.into()), from))
    };
    (0..TRANSACTIONS).map(one).collect()
}

/// Nanoseconds that this thread has run, as Linux counts them: other load does not show.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn main() {
    for (name, token, oracle) in [
        ("ETH transfer", false, false),
        ("ETH transfer with L1 data fee", false, true),
        ("ERC-20 transfer", true, false),
        ("ERC-20 transfer with L1 data fee", true, true),
    ] {
        let (state, txs) = (state(oracle), transactions(token));
        let mut executor = SerialExecutor::new(Arc::new(ChainSpec::l2(1)));
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = cpu_ns();
            let (block, rejected) = executor
                .execute(BlockJob {
                    env: BlockEnv {
                        number: 1,
                        gas_limit: u64::MAX,
                        base_fee: Some(1_000_000),
                        beneficiary: predeploys::FEE_VAULT,
                        ..BlockEnv::default()
                    },
                    transactions: &txs,
                    ommers: &[],
                    withdrawals: Some(&[]),
                    state: &state,
                    hashes: &NoHashes,
                    mode: ExecuteMode::Replay,
                    stop: &|| false,
                    roots: None,
                })
                .unwrap();
            times.push((cpu_ns() - start) / TRANSACTIONS);
            assert!(
                rejected.is_empty()
                    && block.receipts.iter().all(|r| r.receipt.status.coerce_status())
            );
        }
        times.sort_unstable();
        println!("{name}: best {} ns, median {} ns", times[0], times[ROUNDS / 2]);
    }
}
