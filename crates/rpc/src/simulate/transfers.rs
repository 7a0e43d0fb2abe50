//! Logs of a simulated call, with transfers of ether among them.

use alloy_primitives::{Address, B256, Log, LogData, U256, address, b256};
use revm::Inspector;
use revm::context_interface::ContextTr;
use revm::interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome};

/// The address that logs of ether transfers have (ERC-7528).
const ETHER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// keccak256 of `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Collects the logs of frames that succeed, in order; with `transfers`, each transfer of ether
/// as an ERC-20 style log of `0xeeee…`.
#[derive(Debug, Default)]
pub(super) struct TransferLogs {
    transfers: bool,
    /// Logs of each open frame.
    frames: Vec<Vec<IndexedLog>>,
    logs: Vec<IndexedLog>,
    /// Logs of the block so far. Those of failed frames count: their indices stay unused, as in
    /// geth.
    count: usize,
}

/// A log with its index in the block.
pub(super) type IndexedLog = (usize, Log);

impl TransferLogs {
    pub(super) fn new(transfers: bool) -> Self {
        Self { transfers, ..Self::default() }
    }

    /// The logs since the last time.
    pub(super) fn take(&mut self) -> Vec<IndexedLog> {
        self.frames.clear();
        core::mem::take(&mut self.logs)
    }

    fn push(&mut self, log: Log) {
        self.frames.last_mut().unwrap_or(&mut self.logs).push((self.count, log));
        self.count += 1;
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.transfers && !value.is_zero() {
            let topics = vec![TRANSFER, from.into_word(), to.into_word()];
            let data = B256::from(value).into();
            self.push(Log { address: ETHER, data: LogData::new_unchecked(topics, data) });
        }
    }

    fn close(&mut self, succeeded: bool) {
        let logs = self.frames.pop().unwrap_or_default();
        if succeeded {
            self.frames.last_mut().unwrap_or(&mut self.logs).extend(logs);
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for TransferLogs {
    fn log(&mut self, _: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(Vec::new());
        // DELEGATECALL and CALLCODE move nothing.
        if inputs.scheme == CallScheme::Call {
            let value = inputs.transfer_value().unwrap_or_default();
            self.transfer(inputs.transfer_from(), inputs.transfer_to(), value);
        }
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.close(outcome.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        use revm::context_interface::JournalTr;
        self.frames.push(Vec::new());
        // An unreadable account fails the creation itself right afterwards.
        let nonce = context.journal_mut().load_account(inputs.caller()).ok()?.data.info.nonce;
        self.transfer(inputs.caller(), inputs.created_address(nonce), inputs.value());
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.close(outcome.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
