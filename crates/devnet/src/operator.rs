//! Who runs a development network.

use alloy_primitives::{Address, B256};
use jovay_l1::Signer;
use jovay_node::DEV_ACCOUNTS;

use crate::DevnetError;

/// The accounts that a development network works with: the last of the mnemonic's twenty, so that
/// whoever uses the first ones finds their nonces alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Deploys the contracts.
    Deployer,
    /// Reports L1's prices on L2.
    Feeder,
    /// Commits batches, and drops them.
    Batcher,
}

impl Operator {
    fn account(self) -> (Address, B256) {
        let from_end = match self {
            Self::Deployer => 3,
            Self::Feeder => 2,
            Self::Batcher => 1,
        };
        DEV_ACCOUNTS[DEV_ACCOUNTS.len() - from_end]
    }

    /// The account.
    pub fn address(self) -> Address {
        self.account().0
    }

    /// Its key, which is publicly known.
    pub(crate) fn signer(self) -> Result<Signer, DevnetError> {
        let (_, key) = self.account();
        Signer::from_bytes(&key.0).ok_or(DevnetError::NeedsNoL1("a development key is none"))
    }
}
