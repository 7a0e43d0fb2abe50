//! Deposits as a user makes them: ether and tokens through `L1Bridge`.

mod amount;
mod error;
mod send;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::sol;
use jovay_l1::bindings::{L1Bridge, L1Mailbox};
use jovay_l1::{BlockTag, Deployment, L1Client, L1Error, L1Receipt, Signer};
use serde::Deserialize;
use serde_json::json;

use crate::inbox::{QueuedMessage, queued_in};

pub use amount::parse_amount;
pub use error::BridgeError;
use send::send;

sol! {
    function decimals() external view returns (uint8);
    function allowance(address owner, address spender) external view returns (uint256);
    function approve(address spender, uint256 amount) external;
    function getApproved(uint256 id) external view returns (address);
    function isApprovedForAll(address owner, address operator) external view returns (bool);
    function setApprovalForAll(address operator, bool approved) external;
    function supportsInterface(bytes4 id) external view returns (bool);
}

/// ERC-165's number of ERC-721.
const ERC721: [u8; 4] = [0x80, 0xac, 0x58, 0xcd];
/// ERC-165's number of ERC-1155.
const ERC1155: [u8; 4] = [0xd9, 0xb6, 0x7a, 0x26];
/// Gas beyond the least for whoever gets ether on L2: enough for a contract that takes note of it.
const RECIPIENT_GAS: u64 = 100_000;
/// Percent of the fee that is sent along: the price may rise meanwhile, and what is left comes back.
const FEE_PERCENT: u64 = 110;
/// `TokenKind` of the contracts.
const KIND_ERC20: u8 = 0;
const KIND_ERC721: u8 = 1;
const KIND_ERC1155: u8 = 2;

/// The contracts that a deposit goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BridgeAddresses {
    /// Chain id of L1.
    #[serde(with = "alloy_serde::quantity")]
    pub l1_chain_id: u64,
    /// `L1Mailbox`.
    pub l1_mailbox: Address,
    /// `L1Bridge`.
    pub l1_bridge: Address,
}

impl From<&Deployment> for BridgeAddresses {
    fn from(deployment: &Deployment) -> Self {
        Self {
            l1_chain_id: deployment.l1_chain_id,
            l1_mailbox: deployment.mailbox,
            l1_bridge: deployment.bridge,
        }
    }
}

/// What is deposited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asset {
    /// Ether, in wei.
    Ether(U256),
    /// An ERC-20 token.
    Erc20 {
        /// The contract.
        token: Address,
        /// How much, in its smallest unit.
        amount: U256,
    },
    /// One token of an ERC-721 contract.
    Erc721 {
        /// The contract.
        token: Address,
        /// Which.
        id: U256,
    },
    /// Tokens of an ERC-1155 contract.
    Erc1155 {
        /// The contract.
        token: Address,
        /// Which.
        id: U256,
        /// How many.
        amount: U256,
    },
}

/// A bridge, and who signs.
pub struct Bridge {
    /// L1.
    pub client: L1Client,
    /// The contracts.
    pub addresses: BridgeAddresses,
    /// Who deposits and pays.
    pub signer: Signer,
}

/// A deposit that is in an L1 block.
#[derive(Clone, Debug)]
pub struct Deposited {
    /// The receipt on L1.
    pub receipt: L1Receipt,
    /// Its messages to L2: the deposit last, before it the one that makes a token's twin.
    pub messages: Vec<QueuedMessage>,
}

/// The contracts as the L2 node behind `l2` knows them.
///
/// # Errors
/// It does not answer, or has no L1.
pub async fn addresses_of(l2: &L1Client) -> Result<BridgeAddresses, BridgeError> {
    Ok(l2.request("jovay_rollupInfo", json!([])).await?)
}

/// Finds out what is meant by an amount as people write it, a token and an id.
///
/// # Errors
/// The amount is malformed, or the contract is no such token.
pub async fn asset(
    client: &L1Client,
    amount: Option<&str>,
    token: Option<Address>,
    id: Option<U256>,
) -> Result<Asset, BridgeError> {
    let missing =
        || BridgeError::Amount { text: String::new(), message: "--amount is missing".into() };
    let Some(token) = token else {
        return Ok(Asset::Ether(parse_amount(amount.ok_or_else(missing)?, 18)?));
    };
    let Some(id) = id else {
        let decimals = client.view(token, &decimalsCall {}, BlockTag::Latest).await?;
        let amount = parse_amount(amount.ok_or_else(missing)?, decimals)?;
        return Ok(Asset::Erc20 { token, amount });
    };
    let supports = async |id: [u8; 4]| {
        let call = supportsInterfaceCall { id: id.into() };
        match client.view(token, &call, BlockTag::Latest).await {
            Ok(answer) => Ok(answer),
            Err(error @ L1Error::Transport { .. }) => Err(error),
            // No ERC-165.
            Err(_) => Ok(false),
        }
    };
    if supports(ERC721).await? {
        return Ok(Asset::Erc721 { token, id });
    }
    if supports(ERC1155).await? {
        return Ok(Asset::Erc1155 { token, id, amount: parse_amount(amount.unwrap_or("1"), 0)? });
    }
    Err(BridgeError::UnknownToken(token))
}

impl Bridge {
    /// Approves if need be, deposits `asset` for `to` on L2, and waits until that is in an L1 block.
    /// `tell` hears of every transaction.
    ///
    /// # Errors
    /// See [`BridgeError`].
    pub async fn deposit(
        &self,
        asset: &Asset,
        to: Address,
        tell: &mut dyn FnMut(&str, B256),
    ) -> Result<Deposited, BridgeError> {
        let found = self.client.chain_id().await?;
        if found != self.addresses.l1_chain_id {
            let expected = self.addresses.l1_chain_id;
            return Err(BridgeError::WrongChain { found, expected });
        }
        self.approve(asset, tell).await?;
        let receipt = self.send_deposit(asset, to).await?;
        tell("deposit", receipt.transaction_hash);
        let messages = queued_in(&receipt.logs, self.addresses.l1_mailbox);
        let messages = messages.ok().filter(|messages| !messages.is_empty());
        let nothing = BridgeError::NothingQueued(receipt.transaction_hash);
        Ok(Deposited { messages: messages.ok_or(nothing)?, receipt })
    }

    async fn send_deposit(&self, asset: &Asset, to: Address) -> Result<L1Receipt, BridgeError> {
        let BridgeAddresses { l1_bridge: bridge, .. } = self.addresses;
        let refund = self.signer.address();
        let fee = |gas, kind| self.fee(gas, kind);
        let (client, signer) = (&self.client, &self.signer);
        match *asset {
            Asset::Ether(amount) => {
                let gas = self.least_gas().await? + RECIPIENT_GAS;
                let value = amount.saturating_add(fee(gas, None).await?);
                let call = L1Bridge::depositETHCall { to, amount, gasLimit: gas, refundTo: refund };
                send(client, signer, "the deposit", bridge, value, &call).await
            }
            Asset::Erc20 { token, amount } => {
                let gas = self.view(bridge, &L1Bridge::ERC20_GASCall {}).await?;
                let value = fee(gas, Some((KIND_ERC20, token))).await?;
                let call = L1Bridge::depositERC20Call {
                    token,
                    to,
                    amount,
                    gasLimit: gas,
                    refundTo: refund,
                };
                send(client, signer, "the deposit", bridge, value, &call).await
            }
            Asset::Erc721 { token, id } => {
                let gas = self.view(bridge, &L1Bridge::ERC721_GASCall {}).await?;
                let value = fee(gas, Some((KIND_ERC721, token))).await?;
                let call =
                    L1Bridge::depositERC721Call { token, to, id, gasLimit: gas, refundTo: refund };
                send(client, signer, "the deposit", bridge, value, &call).await
            }
            Asset::Erc1155 { token, id, amount } => {
                // The first for the message, the second for the one id.
                let gas = 2 * self.view(bridge, &L1Bridge::ERC1155_GASCall {}).await?;
                let value = fee(gas, Some((KIND_ERC1155, token))).await?;
                let call = L1Bridge::depositERC1155Call {
                    token,
                    to,
                    ids: vec![id],
                    amounts: vec![amount],
                    gasLimit: gas,
                    refundTo: refund,
                };
                send(client, signer, "the deposit", bridge, value, &call).await
            }
        }
    }

    /// Lets the bridge take what is deposited.
    async fn approve(
        &self,
        asset: &Asset,
        tell: &mut dyn FnMut(&str, B256),
    ) -> Result<(), BridgeError> {
        let (owner, spender) = (self.signer.address(), self.addresses.l1_bridge);
        let (client, signer) = (&self.client, &self.signer);
        let what = "the approval";
        let receipt = match *asset {
            Asset::Ether(_) => return Ok(()),
            Asset::Erc20 { token, amount } => {
                let allowed = self.view(token, &allowanceCall { owner, spender }).await?;
                if allowed >= amount {
                    return Ok(());
                }
                if !allowed.is_zero() {
                    // Some tokens change an allowance only from or to zero.
                    let none = approveCall { spender, amount: U256::ZERO };
                    let receipt = send(client, signer, what, token, U256::ZERO, &none).await?;
                    tell("approval of nothing", receipt.transaction_hash);
                }
                send(client, signer, what, token, U256::ZERO, &approveCall { spender, amount })
                    .await?
            }
            Asset::Erc721 { token, id } => {
                let all = isApprovedForAllCall { owner, operator: spender };
                if self.view(token, &getApprovedCall { id }).await? == spender
                    || self.view(token, &all).await?
                {
                    return Ok(());
                }
                let call = approveCall { spender, amount: id };
                send(client, signer, what, token, U256::ZERO, &call).await?
            }
            Asset::Erc1155 { token, .. } => {
                if self.view(token, &isApprovedForAllCall { owner, operator: spender }).await? {
                    return Ok(());
                }
                let call = setApprovalForAllCall { operator: spender, approved: true };
                send(client, signer, what, token, U256::ZERO, &call).await?
            }
        };
        tell("approval", receipt.transaction_hash);
        Ok(())
    }

    /// What is sent for the fees, in wei.
    async fn fee(&self, gas: u64, token: Option<(u8, Address)>) -> Result<U256, BridgeError> {
        let BridgeAddresses { l1_mailbox, l1_bridge, .. } = self.addresses;
        let fee = match token {
            None => self.view(l1_mailbox, &L1Mailbox::feeOfCall { gasLimit: gas }).await?,
            Some((kind, token)) => {
                let call = L1Bridge::depositFeeCall { kind, token, gasLimit: gas };
                self.view(l1_bridge, &call).await?
            }
        };
        Ok(fee * U256::from(FEE_PERCENT) / U256::from(100))
    }

    async fn least_gas(&self) -> Result<u64, BridgeError> {
        let call = L1Mailbox::minMessageGasLimitCall { messageLength: U256::ZERO };
        self.view(self.addresses.l1_mailbox, &call).await
    }

    async fn view<C: alloy_sol_types::SolCall>(
        &self,
        to: Address,
        call: &C,
    ) -> Result<C::Return, BridgeError> {
        Ok(self.client.view(to, call, BlockTag::Latest).await?)
    }
}

/// The receipt of an L2 transaction as the node behind `l2` shows it; `None` while it waits.
///
/// # Errors
/// The node does not answer.
pub async fn l2_receipt(
    l2: &L1Client,
    hash: B256,
) -> Result<Option<serde_json::Value>, BridgeError> {
    Ok(l2.request("eth_getTransactionReceipt", json!([hash])).await?)
}

/// What the node behind `l2` says about the deposits of an L1 transaction.
///
/// # Errors
/// The node does not answer, or has no L1.
pub async fn deposit_status(
    l2: &L1Client,
    hash: B256,
) -> Result<Vec<serde_json::Value>, BridgeError> {
    Ok(l2.request("jovay_getDepositStatus", json!([hash])).await?)
}
