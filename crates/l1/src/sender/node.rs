//! Where chain and account stand, as the L1 node says.

use alloy_primitives::U256;
use serde::Deserialize;
use serde_json::json;

use super::SenderError;
use super::config::Finality;
use super::offer::Market;
use super::shared::Shared;
use crate::fees::{BlobSchedule, EthConfigBlobs, FeeReading, FeeState};
use crate::{BlockTag, L1Block, L1Client, L1Error};

/// After so many blocks the node is asked again what blobs are allowed: forks get scheduled.
const SCHEDULE_BLOCKS: u64 = 300;
/// Blocks of which the tips are looked at if the node suggests none.
const TIP_BLOCKS: u64 = 10;

/// Why a round of work ended early.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The node does not answer, or makes no sense. Asking again may help.
    Node(L1Error),
    /// The journal, or another chain.
    Sender(SenderError),
}

impl From<L1Error> for Trouble {
    fn from(error: L1Error) -> Self {
        Self::Node(error)
    }
}

impl From<SenderError> for Trouble {
    fn from(error: SenderError) -> Self {
        Self::Sender(error)
    }
}

/// The chain and the account at one moment.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) block: L1Block,
    pub(super) fees: FeeState,
    pub(super) schedule: BlobSchedule,
    pub(super) reading: FeeReading,
    /// The account's next nonce by the blocks.
    pub(super) nonce: u64,
    /// The account's next nonce by the node's pool.
    pub(super) pending_nonce: u64,
    pub(super) balance: U256,
    /// The last block that is taken for final.
    pub(super) final_block: Option<u64>,
    /// It is not the one of the round before.
    pub(super) is_new: bool,
}

impl Head {
    pub(super) fn market(&self) -> Market<'_> {
        Market { fees: &self.fees, schedule: &self.schedule, tip: self.reading.tip }
    }

    /// How many blocks there are from `block` on.
    pub(super) fn confirmations(&self, block: u64) -> u64 {
        (self.block.number + 1).saturating_sub(block)
    }

    pub(super) fn is_final(&self, block: u64) -> bool {
        self.final_block.is_some_and(|last| block <= last)
    }
}

#[derive(Debug)]
pub(super) struct Node {
    client: L1Client,
    /// Cleared when the node did not answer: another may stand there when it comes back.
    is_checked: bool,
    schedule: Option<(u64, BlobSchedule)>,
    last: Option<Head>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    #[serde(default)]
    reward: Vec<Vec<U256>>,
}

impl Node {
    pub(super) fn new(client: L1Client) -> Self {
        Self { client, is_checked: false, schedule: None, last: None }
    }

    pub(super) fn client(&self) -> &L1Client {
        &self.client
    }

    /// Asks everything again next time.
    pub(super) fn forget(&mut self) {
        self.is_checked = false;
        self.last = None;
    }

    /// Reads where chain and account stand. `quick`: only whether there is a new block.
    pub(super) async fn head(&mut self, shared: &Shared, quick: bool) -> Result<Head, Trouble> {
        self.check_chain(shared).await?;
        let block = self.latest().await?;
        let last = self.last.take().filter(|last| last.block.hash == block.hash);
        let mut head = match last {
            Some(last) => Head { is_new: false, ..last },
            None => self.new_head(shared, block).await?,
        };
        if head.is_new || !quick {
            let address = shared.signer.address();
            head.nonce = self.client.nonce(address, BlockTag::Latest).await?;
            head.pending_nonce = self.client.nonce(address, BlockTag::Pending).await?;
            head.balance = self.client.balance(address, BlockTag::Latest).await?;
        }
        self.last = Some(head.clone());
        Ok(head)
    }

    async fn latest(&self) -> Result<L1Block, L1Error> {
        let block = self.client.block(BlockTag::Latest).await?;
        block.ok_or_else(|| L1Error::malformed("eth_getBlockByNumber", "there is no latest block"))
    }

    async fn check_chain(&mut self, shared: &Shared) -> Result<(), Trouble> {
        if !self.is_checked {
            let (have, expected) = (self.client.chain_id().await?, shared.chain_id);
            if have != expected {
                return Err(SenderError::WrongChain { expected, have }.into());
            }
            self.is_checked = true;
        }
        Ok(())
    }

    async fn new_head(&mut self, shared: &Shared, block: L1Block) -> Result<Head, Trouble> {
        let fees = FeeState::of(&block).ok_or_else(|| {
            L1Error::malformed("eth_getBlockByNumber", "gas or fees are beyond all reason")
        })?;
        let schedule = self.schedule(shared, block.number).await?;
        let tip = self.tip().await?.unwrap_or(shared.config.tip_min);
        let tip = tip.clamp(shared.config.tip_min, shared.config.tip_max);
        let final_block = match shared.config.finality {
            Finality::Confirmations(count) => (block.number + 1).checked_sub(count),
            Finality::Finalized => self.finalized().await?,
        };
        let reading = FeeReading::new(&fees, &schedule, tip);
        let (nonce, pending_nonce, balance) = (0, 0, U256::ZERO);
        let is_new = true;
        Ok(Head {
            block,
            fees,
            schedule,
            reading,
            nonce,
            pending_nonce,
            balance,
            final_block,
            is_new,
        })
    }

    /// The node's `finalized`. There may be none yet, which nodes say in different ways.
    async fn finalized(&self) -> Result<Option<u64>, L1Error> {
        match self.client.block(BlockTag::Finalized).await {
            Ok(block) => Ok(block.map(|block| block.number)),
            Err(L1Error::Rpc { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn schedule(&mut self, shared: &Shared, block: u64) -> Result<BlobSchedule, L1Error> {
        if let Some(schedule) = &shared.config.blob_schedule {
            return Ok(schedule.clone());
        }
        if let Some((asked, schedule)) = &self.schedule
            && block.abs_diff(*asked) < SCHEDULE_BLOCKS
        {
            return Ok(schedule.clone());
        }
        let said = match self.client.request::<EthConfigBlobs>("eth_config", json!([])).await {
            Ok(config) => config.schedule(),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => None,
        };
        let schedule = said
            .or_else(|| BlobSchedule::of_chain(shared.chain_id))
            .unwrap_or_else(BlobSchedule::osaka);
        self.schedule = Some((block, schedule.clone()));
        Ok(schedule)
    }

    /// The tip that the node suggests, or the median of recent blocks.
    async fn tip(&self) -> Result<Option<u128>, L1Error> {
        match self.client.request::<U256>("eth_maxPriorityFeePerGas", json!([])).await {
            Ok(tip) => return Ok(Some(tip.saturating_to())),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => {}
        }
        let params = json!([format!("{TIP_BLOCKS:#x}"), "latest", [50]]);
        match self.client.request::<FeeHistory>("eth_feeHistory", params).await {
            Ok(history) => {
                let mut tips: Vec<U256> = history.reward.into_iter().flatten().collect();
                tips.sort_unstable();
                Ok(tips.get(tips.len() / 2).map(|tip| tip.saturating_to()))
            }
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(None),
        }
    }
}
