//! Searches through the history: by address, by nonce, by creation.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use jovay_types::{Account, SealedBlock};
use revm::Inspector;
use revm::context_interface::ContextTr;
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome};
use serde_json::{Value, json};

use super::block::transaction;
use crate::call::guard::{Deadline, TIMED_OUT};
use crate::call::run::stopped;
use crate::debug::replay::Replay;
use crate::render::RpcReceipt;
use crate::{Context, RpcError};

/// Most transactions on a page; blocks are not cut, so there may be more.
pub(super) const PAGE_MAX: usize = 25;
/// Time for a search.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Blocks looked up together.
const BLOCKS_STEP: usize = 64;
/// Blocks whose changes are looked through between two looks at the clock.
const WINDOW: u64 = 10_000;
/// Most blocks executed again for a page. An address that changes in every block and takes part
/// in few transactions, such as the fee vault, would otherwise cost the whole history.
const BLOCKS_MAX: usize = 2048;

/// The transactions of a block that `address` took part in.
struct Found {
    block: Arc<SealedBlock>,
    indices: Vec<usize>,
}

/// Transactions of `address` before block `number` (0: the latest ones), the latest first.
///
/// # Errors
/// The store failed, history is gone, or the search takes too long. So in every function.
pub(super) fn before(
    context: &Context,
    address: &Address,
    number: u64,
    size: usize,
) -> Result<Value, RpcError> {
    let latest = context.chain.tags().latest;
    let to = if number == 0 { latest } else { latest.min(number - 1) };
    let (found, is_end) = search(context, address, 0, to, true, size)?;
    let is_first = number == 0 || number > latest;
    page(context, found.iter(), is_first, is_end)
}

/// Transactions of `address` after block `number` (0: the first ones), the latest first.
pub(super) fn after(
    context: &Context,
    address: &Address,
    number: u64,
    size: usize,
) -> Result<Value, RpcError> {
    let latest = context.chain.tags().latest;
    let from = if number == 0 { 0 } else { number.saturating_add(1) };
    let (found, is_end) = search(context, address, from, latest, false, size)?;
    page(context, found.iter().rev(), is_end, number == 0)
}

/// Blocks in `from..=to` with transactions of `address`, until they hold `size` transactions; and
/// whether there are no further ones. Blocks whose history is gone are passed over.
fn search(
    context: &Context,
    address: &Address,
    from: u64,
    to: u64,
    descending: bool,
    size: usize,
) -> Result<(Vec<Found>, bool), RpcError> {
    let deadline = Deadline::after(SEARCH_TIMEOUT);
    let (mut found, mut count, mut looked) = (Vec::new(), 0, 0);
    // To execute a block again takes the state before it.
    let (mut from, mut to) = (from.max(context.chain.oldest_state().saturating_add(1)), to);
    while from <= to {
        if deadline.has_passed() {
            return Err(stopped(TIMED_OUT));
        }
        let (low, high) = match descending {
            true => (from.max(to.saturating_sub(WINDOW - 1)), to),
            false => (from, to.min(from.saturating_add(WINDOW - 1))),
        };
        let chain = &context.chain;
        let blocks = chain.account_change_blocks(address, low, high, descending, BLOCKS_STEP)?;
        for number in &blocks {
            if count >= size {
                return Ok((found, false));
            }
            looked += 1;
            if looked > BLOCKS_MAX {
                return Err(RpcError::limit("too many blocks to search for this address"));
            }
            let (block, indices) = taking_part(context, address, *number, deadline)?;
            if !indices.is_empty() {
                count += indices.len();
                found.push(Found { block, indices });
            }
        }
        // Where this window is not exhausted, its rest comes next.
        let rest = blocks.last().filter(|_| blocks.len() >= BLOCKS_STEP);
        if descending {
            to = rest.map_or(low, |last| *last).saturating_sub(1);
        } else {
            from = rest.map_or(high, |last| *last).saturating_add(1);
        }
    }
    Ok((found, true))
}

/// The transactions of block `number` in which `address` calls, is called, creates or is created.
fn taking_part(
    context: &Context,
    address: &Address,
    number: u64,
    deadline: Deadline,
) -> Result<(Arc<SealedBlock>, Vec<usize>), RpcError> {
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let mut indices = Vec::new();
    if number > 0 && !block.transactions.is_empty() {
        let replay = Replay::new(context, block.clone(), deadline)?;
        let make = || TouchInspector { address: *address, touched: false };
        replay.all(make, |replayed| {
            if replayed.inspector.touched {
                indices.push(replayed.index);
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok((block, indices))
}

/// A page: the latest transaction first.
fn page<'a>(
    context: &Context,
    found: impl Iterator<Item = &'a Found>,
    first_page: bool,
    last_page: bool,
) -> Result<Value, RpcError> {
    let (mut txs, mut shown) = (Vec::new(), Vec::new());
    for Found { block, indices } in found {
        let receipts =
            context.chain.receipts(block.number())?.ok_or_else(RpcError::header_not_found)?;
        for index in indices.iter().rev() {
            txs.push(transaction(block, *index)?);
            let mut receipt =
                serde_json::to_value(RpcReceipt::new(context, block, &receipts, *index)?)
                    .map_err(RpcError::internal)?;
            receipt["timestamp"] = format!("{:#x}", block.header.timestamp).into();
            shown.push(receipt);
        }
    }
    Ok(json!({
        "txs": txs,
        "receipts": shown,
        "firstPage": first_page,
        "lastPage": last_page,
    }))
}

/// Looks for an address among the ends of calls.
struct TouchInspector {
    address: Address,
    touched: bool,
}

impl<CTX: ContextTr> Inspector<CTX> for TouchInspector {
    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let ends = [inputs.caller, inputs.target_address, inputs.bytecode_address];
        self.touched |= ends.contains(&self.address);
        None
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.touched |= inputs.caller() == self.address;
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.touched |= outcome.address == Some(self.address);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, _: alloy_primitives::U256) {
        self.touched |= contract == self.address || target == self.address;
    }
}

/// The first block after which `holds` of the account, if it does in the end; it must not stop
/// to hold once it does. `None` too if it held before all that is kept.
fn first_block(
    context: &Context,
    address: &Address,
    holds: impl Fn(&Account) -> bool,
) -> Result<Option<u64>, RpcError> {
    let deadline = Deadline::after(SEARCH_TIMEOUT);
    let at = |number: u64| -> Result<bool, RpcError> {
        if deadline.has_passed() {
            return Err(stopped(TIMED_OUT));
        }
        let account = context.chain.state_at(number)?.account(address)?;
        Ok(account.as_ref().is_some_and(&holds))
    };
    let (mut low, mut high) = (context.chain.oldest_state(), context.chain.tags().latest);
    if !at(high)? {
        return Ok(None);
    }
    if at(low)? {
        if low == 0 {
            return Ok(None);
        }
        return Err(RpcError::server(format!(
            "history before block {low} is not available: run the node with --archive"
        )));
    }
    // It does not hold after `low`, and it does after `high`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if at(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// The transaction with which `sender` used `nonce`.
pub(super) fn by_sender_and_nonce(
    context: &Context,
    sender: &Address,
    nonce: u64,
) -> Result<Option<B256>, RpcError> {
    let Some(number) = first_block(context, sender, |account| account.nonce > nonce)? else {
        return Ok(None);
    };
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let tx = block
        .transactions
        .iter()
        .find(|tx| tx.sender() == *sender && tx.nonce() == nonce && tx.as_l1_message().is_none());
    Ok(tx.map(|tx| tx.hash()))
}

/// Looks for the creation of a contract.
struct CreationInspector {
    address: Address,
    creator: Option<Address>,
}

impl<CTX: ContextTr> Inspector<CTX> for CreationInspector {
    fn create_end(&mut self, _: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if outcome.result.is_ok() && outcome.address == Some(self.address) {
            self.creator = Some(inputs.caller());
        }
    }
}

/// Who created the contract at `address`, and in which transaction; `None` if there is no
/// contract, or it has been there from genesis, or it is a delegated account (EIP-7702).
pub(super) fn contract_creator(
    context: &Context,
    address: &Address,
) -> Result<Option<Value>, RpcError> {
    let Some(number) = first_block(context, address, Account::has_code)? else {
        return Ok(None);
    };
    let block = context.chain.block(number)?.ok_or_else(RpcError::header_not_found)?;
    let replay = Replay::new(context, block, Deadline::after(SEARCH_TIMEOUT))?;
    let make = || CreationInspector { address: *address, creator: None };
    let mut found = None;
    replay.all(make, |replayed| {
        // A creation inside of a call that failed in the end created nothing.
        let stands = replayed
            .result
            .state
            .get(address)
            .is_some_and(|account| !account.info.is_empty_code_hash());
        if let Some(creator) = replayed.inspector.creator.filter(|_| stands) {
            found = Some(json!({ "hash": replayed.tx.hash(), "creator": creator }));
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
