//! The limits of an execution for which nobody pays: time, and memory of what is recorded.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, Log, U256};
use revm::Inspector;
use revm::bytecode::opcode;
use revm::context_interface::{ContextError, ContextTr};
use revm::handler::FrameResult;
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, Interpreter,
    interpreter_types::{InputsTr, Jumps, LoopControl},
};

/// Steps between two looks at the clock, which costs more than a step.
const CLOCK_STEPS: u32 = 1024;

/// What the recording of one step costs beside its stack, in bytes.
const STEP_BYTES: usize = 256;
/// What one slot costs in a snapshot of a contract's storage, in bytes.
const SLOT_BYTES: usize = 96;

/// Message of an execution that ran out of time; geth's words without the duration.
pub(crate) const TIMED_OUT: &str = "execution aborted (timeout)";
/// Message of a trace that grew too large.
pub(crate) const TOO_LARGE: &str = "trace too large: limit the steps or choose another tracer";

/// Until when an execution may run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
}

impl Deadline {
    /// From now on for `time`.
    pub(crate) fn after(time: Duration) -> Self {
        Self { at: Instant::now() + time }
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

/// What an inspector that records steps keeps, and how much of it may be kept.
#[derive(Clone, Debug)]
pub(crate) struct StepMemory {
    /// Bytes that further steps may take.
    bytes_left: usize,
    /// Steps that are still recorded.
    steps_left: u64,
    stack: bool,
    /// Slots seen of each contract, if each access records them all.
    storage: Option<HashMap<Address, HashSet<U256>>>,
}

impl StepMemory {
    /// Room for `bytes`; `steps` are recorded (0 for all), with stack and storage or without.
    pub(crate) fn new(bytes: usize, steps: u64, stack: bool, storage: bool) -> Self {
        Self {
            bytes_left: bytes,
            steps_left: if steps == 0 { u64::MAX } else { steps },
            stack,
            storage: storage.then(HashMap::new),
        }
    }

    /// Accounts for the step that comes; false if there is no room for it.
    fn record(&mut self, interp: &Interpreter) -> bool {
        let Some(left) = self.steps_left.checked_sub(1) else { return true };
        self.steps_left = left;
        let mut bytes = STEP_BYTES;
        if self.stack {
            bytes += 32 * interp.stack.len();
        }
        let op = interp.bytecode.opcode();
        if let Some(storage) = &mut self.storage
            && matches!(op, opcode::SLOAD | opcode::SSTORE)
            && let Ok(slot) = interp.stack.peek(0)
        {
            let slots = storage.entry(interp.input.target_address()).or_default();
            slots.insert(slot);
            bytes += SLOT_BYTES * slots.len();
        }
        match self.bytes_left.checked_sub(bytes) {
            Some(rest) => {
                self.bytes_left = rest;
                true
            }
            None => false,
        }
    }
}

/// An inspector with a deadline and, if it records steps, a bound on their memory.
#[derive(Debug)]
pub(crate) struct Guard<I> {
    /// The inspector proper.
    pub(crate) inner: I,
    deadline: Deadline,
    steps: u32,
    memory: Option<StepMemory>,
    stopped: Option<&'static str>,
}

impl<I> Guard<I> {
    /// Stops `inner`'s execution at `deadline`.
    pub(crate) fn new(inner: I, deadline: Deadline) -> Self {
        Self { inner, deadline, steps: 0, memory: None, stopped: None }
    }

    /// Stops it too when recorded steps take too much memory.
    pub(crate) fn with_step_memory(mut self, memory: Option<StepMemory>) -> Self {
        self.memory = memory;
        self
    }

    /// As [`Self::with_step_memory`].
    pub(crate) fn set_step_memory(&mut self, memory: Option<StepMemory>) {
        self.memory = memory;
    }

    /// Why it was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<&'static str> {
        self.stopped
    }

    fn check(&mut self, interp: &Interpreter) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(CLOCK_STEPS) && self.deadline.has_passed() {
            self.stopped = Some(TIMED_OUT);
        }
        if self.memory.as_mut().is_some_and(|memory| !memory.record(interp)) {
            self.stopped = Some(TOO_LARGE);
        }
    }
}

impl<CTX: ContextTr, I: Inspector<CTX>> Inspector<CTX> for Guard<I> {
    fn initialize_interp(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        self.inner.initialize_interp(interp, context);
    }

    fn step(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        self.check(interp);
        if let Some(why) = self.stopped {
            if context.error().is_ok() {
                *context.error() = Err(ContextError::Custom(why.into()));
            }
            interp.bytecode.action().take();
            interp.bytecode.reset_action();
            interp.halt_fatal();
            return;
        }
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        self.inner.step_end(interp, context);
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interp: &mut Interpreter, context: &mut CTX, log: Log) {
        self.inner.log_full(interp, context, log);
    }

    fn frame_start(
        &mut self,
        context: &mut CTX,
        frame_input: &mut FrameInput,
    ) -> Option<FrameResult> {
        self.inner.frame_start(context, frame_input)
    }

    fn frame_end(
        &mut self,
        context: &mut CTX,
        frame_input: &FrameInput,
        frame_result: &mut FrameResult,
    ) {
        self.inner.frame_end(context, frame_input, frame_result);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }
}
