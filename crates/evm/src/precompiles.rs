//! Precompiled contracts, which a call may move to other addresses.

use alloc::string::String;

use alloy_primitives::{
    Address,
    map::{AddressMap, AddressSet},
};
use revm::{
    context_interface::{Cfg, ContextTr},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, InterpreterResult},
    primitives::hardfork::SpecId,
};

/// Ethereum's precompiles of a fork, some of them possibly moved (`movePrecompileToAddress` of
/// `eth_call` and `eth_simulateV1`).
#[derive(Clone, Debug)]
pub struct Precompiles {
    ethereum: EthPrecompiles,
    /// New address to old.
    moved: AddressMap<Address>,
    /// Whether any was moved or taken away.
    changed: bool,
    /// Where calls find a precompile now.
    present: AddressSet,
}

impl Precompiles {
    /// Those of `spec`, where they belong.
    pub fn new(spec: SpecId) -> Self {
        let ethereum = EthPrecompiles::new(spec);
        let present = ethereum.warm_addresses().clone();
        Self { ethereum, moved: AddressMap::default(), changed: false, present }
    }

    /// Whether there is a precompile at `address`.
    pub fn is_precompile(&self, address: &Address) -> bool {
        self.present.contains(address)
    }

    /// Where precompiles are, moved ones where they were moved to.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.present.iter()
    }

    /// Takes the precompile at `address` away, if there is one: an ordinary account, which may
    /// have code, is left.
    pub fn remove(&mut self, address: &Address) {
        if self.present.remove(address) {
            self.changed = true;
            self.moved.remove(address);
        }
    }

    /// Moves the precompile at `from` to `to`, leaving an ordinary account behind; false if
    /// there is none at `from`.
    pub fn move_to(&mut self, from: Address, to: Address) -> bool {
        if !self.ethereum.contains(&from) || !self.present.remove(&from) {
            return false;
        }
        self.changed = true;
        self.present.insert(to);
        self.moved.insert(to, from);
        true
    }
}

impl<CTX: ContextTr> PrecompileProvider<CTX> for Precompiles
where
    EthPrecompiles: PrecompileProvider<CTX, Output = InterpreterResult>,
{
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <CTX::Cfg as Cfg>::Spec) -> bool {
        let spec = spec.into();
        if spec == self.ethereum.spec {
            return false;
        }
        *self = Self::new(spec);
        true
    }

    fn run(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let address = &inputs.bytecode_address;
        if !self.changed {
            return self.ethereum.run(context, inputs);
        }
        if !self.present.contains(address) {
            return Ok(None);
        }
        match self.moved.get(address) {
            None => self.ethereum.run(context, inputs),
            Some(home) => {
                let inputs = CallInputs { bytecode_address: *home, ..inputs.clone() };
                self.ethereum.run(context, &inputs)
            }
        }
    }

    /// The fork's own addresses: a move changes what answers, not what EIP-2929 calls warm.
    fn warm_addresses(&self) -> &AddressSet {
        self.ethereum.warm_addresses()
    }

    fn contains(&self, address: &Address) -> bool {
        self.is_precompile(address)
    }
}
