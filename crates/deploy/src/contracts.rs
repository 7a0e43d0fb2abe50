//! The contracts that are deployed: code from the artifacts, addresses by CREATE2.

use alloy_primitives::{Address, B256, Bytes, address, keccak256};
use alloy_sol_types::SolConstructor;
use jovay_da::DataLayerKind;
use jovay_l1::Deployment;
use jovay_l1::bindings::{ERC1967Proxy, L1Bridge, L1Mailbox, Rollup, TimelockController};

/// The deterministic CREATE2 factory, where every chain has it. Its input is a salt and init code;
/// it has no owner, so whoever uses it first with some code gets the same contract as anyone else.
pub const CREATE2_FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// One of the three contracts behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The chain of batches.
    Rollup,
    /// The queue of messages to L2.
    Mailbox,
    /// The door for tokens.
    Bridge,
}

impl Contract {
    /// All three, in the order in which they are deployed.
    pub const ALL: [Self; 3] = [Self::Mailbox, Self::Bridge, Self::Rollup];

    /// The name of the contract in Solidity.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollup => "Rollup",
            Self::Mailbox => "L1Mailbox",
            Self::Bridge => "L1Bridge",
        }
    }

    /// Its proxy.
    pub fn proxy(self, of: &Deployment) -> Address {
        match self {
            Self::Rollup => of.rollup,
            Self::Mailbox => of.mailbox,
            Self::Bridge => of.bridge,
        }
    }

    /// What its proxy runs, as the addresses file says.
    pub fn implementation(self, of: &Deployment) -> Address {
        match self {
            Self::Rollup => of.implementations.rollup,
            Self::Mailbox => of.implementations.mailbox,
            Self::Bridge => of.implementations.bridge,
        }
    }

    /// Says in the addresses file what its proxy runs.
    pub(crate) fn set_implementation(self, of: &mut Deployment, implementation: Address) {
        let place = match self {
            Self::Rollup => &mut of.implementations.rollup,
            Self::Mailbox => &mut of.implementations.mailbox,
            Self::Bridge => &mut of.implementations.bridge,
        };
        *place = implementation;
    }

    /// The implementation's creation code of this build, for a chain with these values.
    pub(crate) fn init_code(
        self,
        mailbox: Address,
        l2_chain_id: u64,
        data: DataLayerKind,
    ) -> Bytes {
        match self {
            Self::Rollup => {
                let layer = data as u8;
                let arguments =
                    Rollup::constructorCall { mailbox_: mailbox, chainId: l2_chain_id, layer };
                creation(&Rollup::BYTECODE, &arguments)
            }
            Self::Mailbox => L1Mailbox::BYTECODE.clone(),
            Self::Bridge => {
                creation(&L1Bridge::BYTECODE, &L1Bridge::constructorCall { mailbox_: mailbox })
            }
        }
    }
}

/// The creation code of a timelock.
pub(crate) fn timelock_init_code(
    delay_s: u64,
    proposers: Vec<Address>,
    executors: Vec<Address>,
) -> Bytes {
    let arguments = TimelockController::constructorCall {
        minDelay: alloy_primitives::U256::from(delay_s),
        proposers,
        executors,
        // Only the timelock governs itself.
        admin: Address::ZERO,
    };
    creation(&TimelockController::BYTECODE, &arguments)
}

/// The creation code of a proxy that calls `initialize` on its implementation in its constructor:
/// there is no moment in which anyone else could.
pub(crate) fn proxy_init_code(implementation: Address, initialize: Bytes) -> Bytes {
    let arguments = ERC1967Proxy::constructorCall { implementation, _data: initialize };
    creation(&ERC1967Proxy::BYTECODE, &arguments)
}

fn creation(code: &Bytes, arguments: &impl SolConstructor) -> Bytes {
    [code.as_ref(), &arguments.abi_encode()].concat().into()
}

/// Where the factory puts a contract.
pub(crate) fn create2_address(salt: B256, init_code: &[u8]) -> Address {
    CREATE2_FACTORY.create2(salt, keccak256(init_code))
}

/// What the factory is called with.
pub(crate) fn create2_call(salt: B256, init_code: &[u8]) -> Bytes {
    [salt.as_slice(), init_code].concat().into()
}
