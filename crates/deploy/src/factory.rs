//! The CREATE2 factory, on an L1 that does not have it yet.

use alloy_primitives::{Address, Bytes, U256, address, hex};
use jovay_l1::{BlockTag, L1Error};

use crate::send::{Courier, Tell};
use crate::steps::{Done, Step};
use crate::{CREATE2_FACTORY, DeployError};

/// The one transaction that creates the factory, the same on every chain: its signature was chosen,
/// so nobody has the key. 100,000 gas at 100 gwei, without a chain id.
/// <https://github.com/Arachnid/deterministic-deployment-proxy>
const TRANSACTION: [u8; 167] = hex!(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b808252"
    "5050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a0222222"
    "2222222222222222222222222222222222222222222222222222222222"
);
/// Who pays for it.
const PAYER: Address = address!("3fab184622dc19b6109349b94811493bf2a45362");
/// What it costs at most, in wei.
const COST: u64 = 10_000_000_000_000_000;

/// Makes sure that there is a factory.
pub(crate) async fn require(courier: &Courier<'_>, tell: Tell<'_>) -> Result<(), DeployError> {
    let client = courier.client;
    if has_factory(courier).await? {
        return Ok(());
    }
    let balance = client.balance(PAYER, BlockTag::Latest).await?;
    let missing = U256::from(COST).saturating_sub(balance);
    if !missing.is_zero() {
        let step = Step {
            what: "pay for the CREATE2 factory".into(),
            to: PAYER,
            data: Bytes::new(),
            value: missing,
            done: Done::Funded { account: PAYER, balance: U256::from(COST) },
        };
        courier.run(&[step], tell).await?;
    }
    let no = |reason: String| DeployError::NoFactory { factory: CREATE2_FACTORY, reason };
    match client.send_raw(&TRANSACTION).await {
        Ok(_) => {}
        Err(L1Error::Rpc { message, .. }) if message.contains("already known") => {}
        Err(error) => return Err(no(error.to_string())),
    }
    for _ in 0..courier.pace.give_up_after.as_millis() / courier.pace.poll.as_millis().max(1) {
        if has_factory(courier).await? {
            return Ok(());
        }
        tokio::time::sleep(courier.pace.poll).await;
    }
    Err(no("it is in no block".into()))
}

async fn has_factory(courier: &Courier<'_>) -> Result<bool, DeployError> {
    Ok(!courier.client.code(CREATE2_FACTORY, BlockTag::Latest).await?.is_empty())
}
