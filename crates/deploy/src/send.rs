//! Sends the steps of a wave and waits for them.
//!
//! There is no journal: what is done is seen on L1. A step that is open is sent with the deployer's
//! next nonce, so whatever an earlier run has left waiting at that nonce is the same transaction
//! (the signature is deterministic) or is replaced.

use std::time::{Duration, Instant};

use alloy_consensus::TxEip1559;
use alloy_primitives::{B256, Bytes, U64, U256, hex};
use jovay_l1::{BlockTag, FeeState, L1Client, L1Error, L1Receipt, Signer, describe_revert};
use serde_json::json;

use crate::steps::Step;
use crate::{DeployError, Progress};

/// Gas limit over the estimate, in percent: state may change until the transaction is in a block.
const GAS_MARGIN: u64 = 125;
/// Most gas of a transaction (EIP-7825).
const GAS_MAX: u64 = 1 << 24;
/// A tip for nodes that suggest none, in wei.
const TIP_DEFAULT: u128 = 1_000_000_000;
/// How long to wait before asking an L1 that did not answer again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks for a receipt.
    pub poll: Duration,
    /// Without a receipt, until a transaction is sent again with a quarter more.
    pub raise_after: Duration,
    /// Without any progress, until the run ends with an error.
    pub give_up_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            raise_after: Duration::from_secs(60),
            give_up_after: Duration::from_secs(900),
        }
    }
}

/// Who hears what happens.
pub(crate) type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// The deployer at work.
pub(crate) struct Courier<'a> {
    pub(crate) client: &'a L1Client,
    pub(crate) signer: &'a Signer,
    pub(crate) l1_chain_id: u64,
    /// Most wei per gas.
    pub(crate) fee_max: u128,
    /// Where the deployment's logs begin.
    pub(crate) first_block: u64,
    pub(crate) pace: Pace,
}

/// A transaction that waits for a block.
struct Flight<'a> {
    step: &'a Step,
    hash: B256,
    nonce: u64,
}

/// How a round went.
enum Round {
    /// Something got into a block, or was found there.
    Progress,
    /// The node has something at the nonce already that pays as much.
    Underpriced,
    /// Nothing got into a block in time.
    Nothing,
}

impl Courier<'_> {
    /// Takes those of `steps` that are not taken yet, and returns when all are in blocks.
    pub(crate) async fn run(&self, steps: &[Step], tell: Tell<'_>) -> Result<(), DeployError> {
        let mut open: Vec<&Step> = steps.iter().collect();
        // What is done on the first look was done by an earlier run.
        let mut fresh = true;
        let (mut raises, mut last) = (0, Instant::now());
        loop {
            let round = self.round(&mut open, &mut fresh, raises, tell).await;
            if open.is_empty() && round.is_ok() {
                return Ok(());
            }
            match round {
                Ok(Round::Progress) => (raises, last) = (0, Instant::now()),
                Ok(Round::Underpriced | Round::Nothing) => raises += 1,
                Err(DeployError::L1(error))
                    if error.is_transient() && last.elapsed() < self.pace.give_up_after =>
                {
                    tracing::warn!(%error, "L1 does not answer; asking again");
                    tokio::time::sleep(RETRY_DELAY.min(self.pace.give_up_after)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            if last.elapsed() >= self.pace.give_up_after {
                let what = open.first().map_or_else(String::new, |step| step.what.clone());
                return Err(DeployError::Stuck { what, seconds: last.elapsed().as_secs() });
            }
        }
    }

    async fn round(
        &self,
        open: &mut Vec<&Step>,
        fresh: &mut bool,
        raises: u32,
        tell: Tell<'_>,
    ) -> Result<Round, DeployError> {
        // Before the look at what is done: what an earlier run sent may land in between, and then
        // this nonce is refused. The other way round it would be sent twice.
        let nonce = self.client.nonce(self.signer.address(), BlockTag::Latest).await?;
        let mut left = Vec::new();
        for step in open.iter() {
            if !self.is_done(step).await? {
                left.push(*step);
            } else if *fresh {
                tell(Progress::Done { what: step.what.clone() });
            }
        }
        *fresh = false;
        *open = left;
        if open.is_empty() {
            return Ok(Round::Progress);
        }
        let (mut flights, underpriced) = self.send(open, nonce, raises, tell).await?;
        if underpriced {
            tokio::time::sleep(self.pace.poll).await;
            return Ok(Round::Underpriced);
        }
        self.wait(&mut flights, tell).await
    }

    /// Whether a step was taken, or is not the deployer's to take any more.
    async fn is_done(&self, step: &Step) -> Result<bool, DeployError> {
        if step.done.holds(self.client, self.first_block).await? {
            return Ok(true);
        }
        let Some(contract) = step.done.admin_of() else { return Ok(false) };
        let (admin, deployer) = (crate::roles::ADMIN, self.signer.address());
        Ok(!crate::steps::has_role(self.client, contract, admin, deployer).await?)
    }

    /// Sends the steps with consecutive nonces. Stops where the node refuses for now.
    async fn send<'s>(
        &self,
        open: &[&'s Step],
        next: u64,
        raises: u32,
        tell: Tell<'_>,
    ) -> Result<(Vec<Flight<'s>>, bool), DeployError> {
        let (max_fee, tip) = self.fees(raises).await?;
        let mut flights = Vec::with_capacity(open.len());
        for step in open {
            let Some(gas_limit) = self.gas(step).await? else { continue };
            let nonce = next + flights.len() as u64;
            let (hash, raw) = self.signer.sign(TxEip1559 {
                chain_id: self.l1_chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to: step.to.into(),
                value: step.value,
                access_list: Default::default(),
                input: step.data.clone(),
            });
            match self.client.send_raw(&raw).await {
                Ok(_) => {}
                Err(L1Error::Rpc { message, .. }) if says(&message, ALREADY_KNOWN) => {}
                Err(L1Error::Rpc { message, .. }) if says(&message, NONCE_USED) => break,
                Err(L1Error::Rpc { message, .. }) if says(&message, UNDERPRICED) => {
                    return Ok((flights, true));
                }
                Err(L1Error::Rpc { message, .. }) if says(&message, FUNDS) => {
                    return Err(self.unfunded(U256::from(gas_limit) * U256::from(max_fee)).await?);
                }
                Err(error) => return Err(error.into()),
            }
            tell(Progress::Sent { what: step.what.clone(), transaction: hash });
            flights.push(Flight { step, hash, nonce });
        }
        Ok((flights, false))
    }

    /// Waits until all are in blocks, or their nonces are used by others, or time is up.
    async fn wait(
        &self,
        flights: &mut Vec<Flight<'_>>,
        tell: Tell<'_>,
    ) -> Result<Round, DeployError> {
        let begun = Instant::now();
        let mut round = Round::Nothing;
        loop {
            let mut left = Vec::new();
            for flight in flights.drain(..) {
                match self.client.receipt(flight.hash).await? {
                    Some(receipt) => {
                        self.landed(&flight, &receipt, tell).await?;
                        round = Round::Progress;
                    }
                    None => left.push(flight),
                }
            }
            *flights = left;
            let Some(last) = flights.last() else { return Ok(Round::Progress) };
            let used = self.client.nonce(self.signer.address(), BlockTag::Latest).await?;
            if used > last.nonce && begun.elapsed() > 4 * self.pace.poll {
                return Ok(Round::Progress);
            }
            if begun.elapsed() >= self.pace.raise_after {
                return Ok(round);
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }

    async fn landed(
        &self,
        flight: &Flight<'_>,
        receipt: &L1Receipt,
        tell: Tell<'_>,
    ) -> Result<(), DeployError> {
        let what = flight.step.what.clone();
        if !receipt.succeeded() && !self.is_done(flight.step).await? {
            let reason = match self.gas(flight.step).await {
                Err(DeployError::Reverted { reason, .. }) => reason,
                _ => format!("transaction {} in block {}", flight.hash, receipt.block_number),
            };
            return Err(DeployError::Reverted { what, reason });
        }
        tell(Progress::Included {
            what,
            transaction: flight.hash,
            block: receipt.block_number,
            gas_used: receipt.gas_used,
        });
        Ok(())
    }

    /// The gas limit of a step; `None` if it turns out to be taken.
    async fn gas(&self, step: &Step) -> Result<Option<u64>, DeployError> {
        let from = self.signer.address();
        let request =
            json!({ "from": from, "to": step.to, "data": step.data, "value": step.value });
        match self.client.estimate_gas(&request).await {
            Ok(gas) => Ok(Some((gas.saturating_mul(GAS_MARGIN) / 100).min(GAS_MAX))),
            Err(error @ L1Error::Rpc { .. }) => {
                // What an earlier run had sent may have landed just now.
                if self.is_done(step).await? {
                    return Ok(None);
                }
                let reason = reverted(&error).unwrap_or_else(|| error.to_string());
                Err(DeployError::Reverted { what: step.what.clone(), reason })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The most per gas and the tip, in wei, a quarter more for each of `raises`.
    async fn fees(&self, raises: u32) -> Result<(u128, u128), DeployError> {
        let (base_fee, tip) = prices(self.client).await?;
        if u128::from(base_fee) > self.fee_max {
            return Err(DeployError::TooDear { base_fee, max: self.fee_max });
        }
        // Twice the base fee: enough for the six full blocks that double it.
        let (mut fee, mut tip) = (2 * u128::from(base_fee) + tip, tip);
        for _ in 0..raises {
            (fee, tip) = (raised(fee), raised(tip));
            if fee >= self.fee_max {
                break;
            }
        }
        let fee = fee.min(self.fee_max);
        Ok((fee, tip.min(fee)))
    }

    /// Refuses if the signer cannot pay for `gas` at present prices.
    pub(crate) async fn check_funds(&self, gas: u64) -> Result<(), DeployError> {
        let (base_fee, tip) = prices(self.client).await?;
        let needed = U256::from(gas) * U256::from(u128::from(base_fee) + tip);
        let balance = self.client.balance(self.signer.address(), BlockTag::Latest).await?;
        if balance < needed { Err(self.unfunded(needed).await?) } else { Ok(()) }
    }

    async fn unfunded(&self, needed: U256) -> Result<DeployError, DeployError> {
        let account = self.signer.address();
        let balance = self.client.balance(account, BlockTag::Latest).await?;
        Ok(DeployError::Unfunded { account, balance, needed })
    }
}

/// L1's next base fee and a usual tip, in wei.
async fn prices(client: &L1Client) -> Result<(u64, u128), DeployError> {
    let malformed = |message: &str| L1Error::Malformed {
        method: "eth_getBlockByNumber".into(),
        message: message.into(),
    };
    let head = client.block(BlockTag::Latest).await?;
    let head = head.ok_or_else(|| malformed("there is no latest block"))?;
    let state = FeeState::of(&head).ok_or_else(|| malformed("its fees are no network's"))?;
    let tip = client.request::<U64>("eth_maxPriorityFeePerGas", json!([])).await;
    let tip = match tip {
        Ok(tip) => tip.to::<u64>().into(),
        Err(L1Error::Rpc { .. }) => TIP_DEFAULT,
        Err(error) => return Err(error.into()),
    };
    Ok((state.next_base_fee().max(head.base_fee_per_gas), tip))
}

/// A quarter more: nodes want a tenth for a replacement.
fn raised(fee: u128) -> u128 {
    fee.saturating_add(fee.div_ceil(4))
}

/// The decoded reason if a call reverted.
pub(crate) fn reverted(error: &L1Error) -> Option<String> {
    let L1Error::Rpc { data: Some(data), .. } = error else { return None };
    let data: Bytes = hex::decode(data.trim_matches('"')).ok()?.into();
    Some(describe_revert(&data))
}

/// Nodes' words for a transaction that is in their pool.
const ALREADY_KNOWN: &[&str] = &["already known", "already imported", "known transaction"];
/// For a nonce that a block has used.
const NONCE_USED: &[&str] = &["nonce too low", "nonce is too low"];
/// For a fee that another transaction at the nonce pays too, or that the next block outgrew.
const UNDERPRICED: &[&str] =
    &["underpriced", "gas price too low to replace", "fee too low", "less than block base fee"];
/// For a sender that cannot pay.
const FUNDS: &[&str] = &["insufficient funds"];

fn says(message: &str, words: &[&str]) -> bool {
    let message = message.to_lowercase();
    words.iter().any(|word| message.contains(word))
}
