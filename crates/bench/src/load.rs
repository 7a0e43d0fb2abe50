//! The loads: what is prepared on the chain, and what each transaction does.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use clap::ValueEnum;
use serde::Serialize;

use crate::BenchError;
use crate::wallet::Action;

/// Compiled `contracts/src/bench/BenchToken.sol`: OpenZeppelin's ERC-20 with an open `mint`.
const TOKEN_ARTIFACT: &str = include_str!("../../../contracts/artifacts/BenchToken.json");

/// Selector of `mint(address,uint256)`.
const MINT: [u8; 4] = [0x40, 0xc1, 0x0f, 0x19];
/// Selector of `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// Gas limit of a plain transfer.
const GAS_TRANSFER: u64 = 21_000;
/// Gas limit of a token call; both `mint` and `transfer` stay below it.
const GAS_TOKEN: u64 = 100_000;
/// Gas limit of the token's creation.
const GAS_DEPLOY: u64 = 3_000_000;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// Transfers of ether between distinct accounts.
    Eth,
    /// Transfers of an OpenZeppelin ERC-20 token between distinct accounts.
    Erc20,
}

impl Load {
    /// The creation of the contract that this load calls, if it calls one.
    pub(crate) fn deployment(self) -> Result<Option<Action>, BenchError> {
        if self == Self::Eth {
            return Ok(None);
        }
        let broken = || BenchError::Node {
            method: "BenchToken.json".into(),
            message: "the committed artifact has no bytecode".into(),
        };
        let artifact: serde_json::Value =
            serde_json::from_str(TOKEN_ARTIFACT).map_err(|_| broken())?;
        let input: Bytes =
            artifact["bytecode"].as_str().and_then(|code| code.parse().ok()).ok_or_else(broken)?;
        let (to, value) = (TxKind::Create, U256::ZERO);
        Ok(Some(Action { to, value, input, gas_limit: GAS_DEPLOY }))
    }

    /// What gives `wallet` something to transfer besides ether.
    pub(crate) fn endowment(self, contract: Option<Address>, wallet: Address) -> Option<Action> {
        let token = contract?;
        Some(token_call(token, MINT, wallet, U256::from(10).pow(U256::from(24))))
    }

    /// One transaction of the load, to `to`.
    pub(crate) fn transaction(self, contract: Option<Address>, to: Address) -> Action {
        match contract {
            None => Action {
                to: TxKind::Call(to),
                value: U256::from(1),
                input: Bytes::new(),
                gas_limit: GAS_TRANSFER,
            },
            Some(token) => token_call(token, TRANSFER, to, U256::from(1)),
        }
    }
}

/// A call of a token function that takes (address, uint256).
fn token_call(token: Address, selector: [u8; 4], address: Address, amount: U256) -> Action {
    let mut input = Vec::with_capacity(68);
    input.extend_from_slice(&selector);
    input.extend_from_slice(address.into_word().as_slice());
    input.extend_from_slice(&amount.to_be_bytes::<32>());
    Action { to: TxKind::Call(token), value: U256::ZERO, input: input.into(), gas_limit: GAS_TOKEN }
}
