//! Layers over a state answer as the state with all of them applied.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;

use alloy_primitives::{Bytes, U256, keccak256};
use jovay_state::{MemoryState, Overlay, StateError, StateView};
use jovay_types::{Code, StateDiff};
use proptest::prelude::*;
use support::*;

fn assert_same(view: &dyn StateView, state: &MemoryState) {
    for n in 0..ADDRESSES {
        let address = address(n);
        assert_eq!(view.account(&address).unwrap(), state.account(&address).unwrap());
        assert_eq!(view.storage_of(&address).unwrap(), state.storage_of(&address).unwrap());
        for slot in (0..SLOTS).map(U256::from) {
            let expected = state.storage(&address, &slot).unwrap();
            assert_eq!(view.storage(&address, &slot).unwrap(), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn layers_equal_the_applied_state(blocks in history(90), rebase_at in 0usize..80, lag in 0u64..30) {
        let mut states = vec![MemoryState::new()];
        let mut view = Overlay::new(Arc::new(MemoryState::new()));
        let mut held = None;
        for (number, ops) in blocks.iter().enumerate() {
            let mut state = states[number].clone();
            let mut diff = diff(&state, ops);
            let bytes = Bytes::from(vec![number as u8 + 1]);
            diff.codes.push(Code { hash: keccak256(&bytes), bytes });
            state.apply(&diff);
            states.push(state);
            view = view.push(Arc::new(diff));
            if number == rebase_at {
                held = Some((view.clone(), number + 1));
                let unsaved = lag.min(number as u64 + 1);
                let base = states[number + 1 - unsaved as usize].clone();
                view = view.rebase(Arc::new(base), unsaved);
                assert_same(&view, &states[number + 1]);
            }
        }
        assert_same(&view, states.last().unwrap());
        for number in 0..blocks.len() {
            let code = Bytes::from(vec![number as u8 + 1]);
            prop_assert_eq!(view.code(&keccak256(&code)).unwrap(), code);
        }
        if let Some((view, number)) = held {
            assert_same(&view, &states[number]);
        }
    }
}

#[test]
fn unknown_code_is_missing() {
    let view = Overlay::with_layers(
        Arc::new(MemoryState::new()),
        [Arc::new(StateDiff::default()), Arc::new(StateDiff::default())],
    );
    let hash = keccak256([1]);
    assert!(matches!(view.code(&hash), Err(StateError::Missing { what: "code", .. })));
    assert_eq!(view.code(&jovay_types::EMPTY_CODE_HASH).unwrap(), Bytes::new());
}
