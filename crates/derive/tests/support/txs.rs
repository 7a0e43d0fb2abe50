//! Random transactions of every kind, and random messages from L1.

use std::collections::HashMap;

use alloy_consensus::crypto::secp256k1::{recover_signer, sign_message};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, sol};
use jovay_types::{EthereumTx, L1Message, Transaction};

use super::{CHAIN_ID, Random};

/// Accounts with funds: keys 1 to this.
pub const ACCOUNTS: u64 = 12;
const GWEI: u128 = 1_000_000_000;

sol! {
    function transfer(address to, uint256 value);
    function mint(address to, uint256 amount);
}

/// Stores parent hash ^ prevRandao ^ timestamp ^ base fee ^ coinbase ^ gas limit under the block's
/// number: whatever differs in a block's surroundings differs in the state.
const RECORDER: &[u8] = &hex!("716001430340441842184818411845184355006000526012600ef3");
/// Always reverts.
const REVERTER: &[u8] = &hex!("6460006000fd6000526005601bf3");

fn secret(key: u64) -> B256 {
    keccak256(key.to_be_bytes())
}

pub fn account(key: u64) -> Address {
    let message = B256::repeat_byte(1);
    recover_signer(&sign_message(secret(key), message).unwrap(), message).unwrap()
}

/// Signs any transaction.
pub fn sign<T: SignableTransaction<alloy_primitives::Signature>>(key: u64, tx: T) -> Bytes
where
    EthereumTx: From<alloy_consensus::Signed<T>>,
{
    let signature = sign_message(secret(key), tx.signature_hash()).unwrap();
    Transaction::Ethereum(tx.into_signed(signature).into()).encoded_2718().into()
}

fn token_code() -> Bytes {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts/BenchToken.json");
    let artifact: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let code = &artifact["bytecode"];
    let code = code.as_str().or(code["object"].as_str()).unwrap();
    hex::decode(code).unwrap().into()
}

/// Makes transactions with the right nonces.
#[derive(Default)]
pub struct Mixer {
    nonces: HashMap<u64, u64>,
    contracts: Vec<Address>,
    kept: Option<(HashMap<u64, u64>, Vec<Address>)>,
}

impl Mixer {
    /// Remembers where the chain stands, for [`Self::forget`].
    pub fn remember(&mut self) {
        self.kept = Some((self.nonces.clone(), self.contracts.clone()));
    }

    pub fn forget(&mut self) {
        (self.nonces, self.contracts) = self.kept.clone().unwrap();
    }

    /// A signed transaction: the first three deploy contracts, later ones are anything.
    pub fn transaction(&mut self, random: &mut Random) -> Bytes {
        if self.contracts.len() < 3 {
            let nonce = self.nonces.entry(1).or_default();
            self.contracts.push(account(1).create(*nonce));
            let code = match self.contracts.len() {
                1 => Bytes::from_static(RECORDER),
                2 => Bytes::from_static(REVERTER),
                _ => token_code(),
            };
            *nonce += 1;
            return create(1, *nonce - 1, code);
        }
        let key = 1 + random.below(ACCOUNTS);
        let nonce = self.nonces.entry(key).or_default();
        let at = *nonce;
        *nonce += 1;
        let (to, value, input) = self.call(random);
        let gas_limit = 150_000 + random.below(50_000);
        let tip = u128::from(random.below(1_000_000_000));
        match random.below(8) {
            0 => sign(
                key,
                TxLegacy {
                    chain_id: Some(CHAIN_ID),
                    nonce: at,
                    gas_price: GWEI + tip,
                    gas_limit,
                    to,
                    value,
                    input,
                },
            ),
            1 => sign(
                key,
                TxEip2930 {
                    chain_id: CHAIN_ID,
                    nonce: at,
                    gas_price: GWEI + tip,
                    gas_limit,
                    to,
                    value,
                    access_list: Default::default(),
                    input,
                },
            ),
            2 => self.delegation(key, at, random),
            _ => sign(
                key,
                TxEip1559 {
                    chain_id: CHAIN_ID,
                    nonce: at,
                    gas_limit,
                    max_fee_per_gas: GWEI + tip,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list: Default::default(),
                    input,
                },
            ),
        }
    }

    fn call(&self, random: &mut Random) -> (TxKind, U256, Bytes) {
        let other = account(1 + random.below(2 * ACCOUNTS));
        let amount = U256::from(random.below(1_000_000));
        let (to, value, input) = match random.below(6) {
            0 => (self.contracts[0], U256::ZERO, vec![]),
            1 => (self.contracts[1], amount, vec![0xab; random.below(300) as usize]),
            2 => {
                let call = mintCall { to: other, amount };
                (self.contracts[2], U256::ZERO, call.abi_encode())
            }
            // Fails where the sender has none.
            3 => {
                let call = transferCall { to: other, value: amount };
                (self.contracts[2], U256::ZERO, call.abi_encode())
            }
            _ => (other, amount, vec![]),
        };
        (TxKind::Call(to), value, input.into())
    }

    /// A transaction in which an account without funds delegates to a contract.
    fn delegation(&mut self, key: u64, nonce: u64, random: &mut Random) -> Bytes {
        let authority = ACCOUNTS + 1 + random.below(5);
        let used = self.nonces.entry(authority).or_default();
        let authorization = Authorization {
            chain_id: U256::from(CHAIN_ID),
            address: self.contracts[random.below(2) as usize],
            nonce: *used,
        };
        *used += 1;
        let signature = sign_message(secret(authority), authorization.signature_hash()).unwrap();
        sign(
            key,
            TxEip7702 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: 200_000,
                max_fee_per_gas: 2 * GWEI,
                max_priority_fee_per_gas: 0,
                to: account(authority),
                value: U256::ZERO,
                access_list: Default::default(),
                authorization_list: vec![authorization.into_signed(signature)],
                input: Bytes::new(),
            },
        )
    }

    /// A message from L1: a deposit, or a call that works, or one that fails.
    pub fn message(&self, random: &mut Random, queue_index: u64) -> L1Message {
        let any = account(1 + random.below(3 * ACCOUNTS));
        let to = match random.below(3) {
            0 => any,
            _ => self.contracts.get(random.below(2) as usize).copied().unwrap_or(any),
        };
        L1Message {
            queue_index,
            gas_limit: 60_000 + random.below(100_000),
            sender: account(1 + random.below(3 * ACCOUNTS)),
            to,
            value: U256::from(random.below(3) * 1_000_000),
            data: vec![7; random.below(40) as usize].into(),
        }
    }
}

fn create(key: u64, nonce: u64, input: Bytes) -> Bytes {
    sign(
        key,
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 3_000_000,
            max_fee_per_gas: 2 * GWEI,
            max_priority_fee_per_gas: 0,
            to: TxKind::Create,
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        },
    )
}

/// A transfer whose signature has its `s` in the upper half of the group's order.
pub fn with_high_s() -> Bytes {
    let tx = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 0,
        gas_price: 2 * GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(account(1)),
        value: U256::ONE,
        input: Bytes::new(),
    };
    let signature = sign_message(secret(ACCOUNTS), tx.signature_hash()).unwrap();
    let order = U256::from_be_bytes(hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let (r, s) = (signature.r(), order - signature.s());
    let upper = alloy_primitives::Signature::new(r, s, !signature.v());
    Transaction::Ethereum(EthereumTx::from(tx.into_signed(upper))).encoded_2718().into()
}
