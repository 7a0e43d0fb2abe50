//! State tests: one transaction on one state.

use alloy_primitives::{B256, Log, keccak256};
use alloy_rlp::Encodable;
use jovay_evm::{
    BlockEnv, BlockHashes, EvmDb, JovayEvm, TxOutcome, revm::context::result::ExecutionResult,
    tx_env,
};
use jovay_state::StateError;
use jovay_types::{RecoveredTx, Transaction};
use serde_json::{Value, json};

use crate::{
    Outcome,
    fixture::{Cases, EnvFixture, Post, StateCase, memory_state},
    network::chain_spec,
    root::trie_of,
};

pub(crate) fn run_file(text: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Outcome>, String> {
    let cases: Cases<StateCase> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    for (name, case) in cases.iter().filter(|(name, _)| wanted(name)) {
        for (fork, posts) in &case.post {
            for post in posts {
                outcomes.push(run_post(name, case, fork, post));
            }
        }
    }
    Ok(outcomes)
}

/// Roots and result as they came out, passed or not.
struct Ran {
    state_root: B256,
    logs_root: B256,
    result: Result<TxOutcome, String>,
}

fn run_post(name: &str, case: &StateCase, fork: &str, post: &Post) -> Outcome {
    let ran = execute(case, fork, post);
    let (error, details) = match ran {
        Ok(ran) => (judge(&ran, post).err(), details(&ran, post)),
        Err(error) => (Some(error), Value::Null),
    };
    Outcome { test: name.into(), fork: fork.into(), error, details }
}

fn judge(ran: &Ran, post: &Post) -> Result<(), String> {
    match (&ran.result, &post.expect_exception) {
        (Ok(_), Some(expected)) => return Err(format!("expected {expected}, but it succeeded")),
        (Err(error), None) => return Err(format!("refused: {error}")),
        _ => {}
    }
    if ran.state_root != post.hash {
        return Err(format!("state root {}, expected {}", ran.state_root, post.hash));
    }
    if ran.logs_root != post.logs {
        return Err(format!("logs hash {}, expected {}", ran.logs_root, post.logs));
    }
    Ok(())
}

fn execute(case: &StateCase, fork: &str, post: &Post) -> Result<Ran, String> {
    let spec = chain_spec(fork, &case.config)?;
    let state = memory_state(&case.pre);
    let mut trie = trie_of(&state).map_err(|error| error.to_string())?;
    let result = match decode(case, post) {
        Err(error) => Err(error),
        Ok(tx) => {
            let env = block_env(&case.env);
            let mut evm = JovayEvm::new(&spec, &env, EvmDb::new(&state, &NumberedHashes));
            match evm.transact(tx_env(&tx, false)) {
                Err(error) => Err(error.to_string()),
                Ok(outcome) => {
                    evm.commit(outcome.state.clone()).map_err(|error| error.to_string())?;
                    Ok((outcome, evm.db().diff()))
                }
            }
        }
    };
    let result = match result {
        Ok((outcome, diff)) => {
            trie.apply(&diff).map_err(|error| error.to_string())?;
            Ok(outcome)
        }
        Err(error) => Err(error),
    };
    Ok(ran(trie.root(), result))
}

fn ran(state_root: B256, result: Result<TxOutcome, String>) -> Ran {
    let logs: &[Log] = result.as_ref().map_or(&[], |outcome| outcome.result.logs());
    let mut encoded = Vec::new();
    logs.to_vec().encode(&mut encoded);
    Ran { state_root, logs_root: keccak256(encoded), result }
}

/// The transaction, through our own decoder and recovery. Frontier admitted signatures that
/// recovery refuses since Homestead (EIP-2); for those the fixture names the sender.
fn decode(case: &StateCase, post: &Post) -> Result<RecoveredTx, String> {
    let tx = Transaction::decode_2718_exact(&post.txbytes).map_err(|error| error.to_string())?;
    match (RecoveredTx::recover(tx.clone()), case.transaction.sender) {
        (Ok(recovered), Some(sender)) if recovered.sender() != sender => {
            Err(format!("recovered sender {}, expected {sender}", recovered.sender()))
        }
        (Ok(recovered), _) => Ok(recovered),
        (Err(_), Some(sender)) if post.expect_exception.is_none() => {
            Ok(RecoveredTx::with_sender(tx, sender))
        }
        (Err(error), _) => Err(error.to_string()),
    }
}

fn block_env(env: &EnvFixture) -> BlockEnv {
    BlockEnv {
        number: env.current_number.to(),
        timestamp: env.current_timestamp.to(),
        gas_limit: u64::try_from(env.current_gas_limit).unwrap_or(u64::MAX),
        base_fee: env.current_base_fee.map(|fee| fee.to()),
        beneficiary: env.current_coinbase,
        prev_randao: env.current_random.map(B256::from).unwrap_or_default(),
        difficulty: env.current_difficulty,
        excess_blob_gas: env.current_excess_blob_gas.map(|gas| gas.to()),
        ..BlockEnv::default()
    }
}

/// In state tests a block's hash is keccak256 of its number in decimal.
struct NumberedHashes;

impl BlockHashes for NumberedHashes {
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Ok(keccak256(number.to_string()))
    }
}

/// The fields that revme prints.
fn details(ran: &Ran, post: &Post) -> Value {
    let (output, gas_used, text) = match &ran.result {
        Ok(outcome) => {
            let result = &outcome.result;
            let text = match result {
                ExecutionResult::Success { reason, .. } => format!("Success: {reason:?}"),
                ExecutionResult::Revert { .. } => "Revert".into(),
                ExecutionResult::Halt { reason, .. } => format!("Halt: {reason:?}"),
            };
            (result.output().cloned().unwrap_or_default(), result.tx_gas_used(), text)
        }
        Err(error) => (Default::default(), 0, error.clone()),
    };
    json!({
        "stateRoot": ran.state_root,
        "logsRoot": ran.logs_root,
        "output": output,
        "gasUsed": gas_used,
        "evmResult": text,
        "postLogsHash": ran.logs_root,
        "d": post.indexes.data,
        "g": post.indexes.gas,
        "v": post.indexes.value,
    })
}
