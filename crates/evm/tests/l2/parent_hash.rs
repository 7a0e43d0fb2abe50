//! The EIP-2935 write that waits for sealing shows no difference to a contract.

use alloy_primitives::U256;
use jovay_evm::predeploys::HISTORY_STORAGE;
use jovay_state::{MemoryState, StateView};
use jovay_types::{AccountChange, ExecutedBlock, SlotChange, StateDiff};

use crate::chain::{ALICE, CONTRACT, Chain, hash_of, send, transfer};

/// For i in 0..=calldata[0..32]: ask the history contract for the hash of block `NUMBER - 1 - i`
/// and store answer xor success at slot i. Written as a loop over single calls: each call asks one
/// block, given in calldata, and stores the answer under its number.
const ASK: &[u8] = &[
    0x5f, 0x35, 0x5f, 0x52, // mstore(0, calldataload(0))
    0x60, 0x20, 0x60, 0x20, 0x60, 0x20, 0x5f, // out length, out offset, in length, in offset
    0x73, 0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b, 0x17,
    0x53, 0x20, 0x00, 0x29, 0x35, // the contract
    0x5a, 0xfa, // gas, staticcall
    0x60, 0x20, 0x51, 0x18, // xor with mload(32)
    0x5f, 0x35, 0x55, // sstore(calldataload(0), ..)
];

fn seal(state: &mut MemoryState, block: &ExecutedBlock, parent: u64) {
    state.apply(&block.diff);
    if let Some((slot, before)) = block.parent_hash_slot {
        assert_eq!(state.storage(&HISTORY_STORAGE, &slot).unwrap(), before);
        let account = state.account(&HISTORY_STORAGE).unwrap();
        let after = U256::from_be_bytes(hash_of(parent).0);
        state.apply(&StateDiff {
            accounts: vec![AccountChange {
                address: HISTORY_STORAGE,
                before: account,
                after: account,
                slots: vec![SlotChange { slot, before, after }],
            }],
            codes: vec![],
        });
    }
}

fn asking_block(chain: &Chain, nonce: u64, lag: &[u64]) -> ExecutedBlock {
    let txs: Vec<_> = lag
        .iter()
        .enumerate()
        .map(|(at, back)| {
            let mut tx = transfer(ALICE, nonce + at as u64);
            tx.to = CONTRACT.into();
            tx.value = U256::ZERO;
            tx.gas_limit = 200_000;
            let asked = U256::from(chain.env.number).wrapping_sub(U256::from(*back));
            tx.input = asked.to_be_bytes_vec().into();
            send(ALICE, tx)
        })
        .collect();
    chain.run_all(&txs)
}

/// Runs the same blocks with the real system call, with the deferred write sealed at once, and
/// with the deferred write sealed `behind` blocks later.
#[test]
fn deferred_equals_immediate() {
    let behind = 5;
    let mut eager = Chain::new().with_code(ASK);
    eager.spec.l2.as_mut().unwrap().lazy_parent_hash = false;
    let mut lazy = Chain::new().with_code(ASK);
    let mut late = Chain::new().with_code(ASK);
    let mut unsealed: Vec<(u64, Option<(U256, U256)>)> = Vec::new();
    let mut nonce = 0;
    for number in 1..=300u64 {
        for chain in [&mut eager, &mut lazy, &mut late] {
            chain.env.number = number;
        }
        // Asks the future, the block itself, the parent, and further back.
        let lag: &[u64] = if !(4..=290).contains(&number) {
            &[0, 1, 2, 3, 6, 255, 256, 257, 258, 299, u64::MAX]
        } else {
            &[]
        };
        let by_call = asking_block(&eager, nonce, lag);
        let deferred = asking_block(&lazy, nonce, lag);
        let deferred_late = asking_block(&late, nonce, lag);
        nonce += lag.len() as u64;
        assert_eq!(by_call.receipts, deferred.receipts, "block {number}");
        assert_eq!(by_call.receipts, deferred_late.receipts, "block {number}");
        assert_eq!(by_call.parent_hash_slot, None);
        eager.state.apply(&by_call.diff);
        seal(&mut lazy.state, &deferred, number - 1);
        assert_eq!(eager.state, lazy.state, "block {number}");
        // Late: the diff is staged at once, the parent's hash a few blocks later.
        late.state.apply(&deferred_late.diff);
        unsealed.push((number - 1, deferred_late.parent_hash_slot));
        if unsealed.len() > behind {
            let (parent, slot) = unsealed.remove(0);
            let block =
                ExecutedBlock { parent_hash_slot: slot, diff: StateDiff::default(), ..by_call };
            seal(&mut late.state, &block, parent);
        }
    }
    let answer = |slot: u64| eager.state.storage(&CONTRACT, &U256::from(slot)).unwrap();
    assert_eq!(answer(299), U256::from_be_bytes(hash_of(299).0) ^ U256::from(1));
}

#[test]
fn without_the_contract_nothing_is_deferred() {
    let mut chain = Chain::new();
    chain.state = MemoryState::new();
    chain.state.insert(ALICE, 0, U256::MAX >> 1, Default::default(), []);
    assert_eq!(chain.run_all(&[]).parent_hash_slot, None);
    assert!(chain.run_all(&[]).diff.is_empty());
}
