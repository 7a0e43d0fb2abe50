//! What every method gets: the chain, the limits, and the block that a parameter names.

use std::sync::Arc;

use jovay_state::StateView;
use jovay_types::{SealedBlock, TxReceipt};

use crate::eth::FilterTable;
use crate::params::{BlockId, BlockNumber};
use crate::{ChainApi, RpcConfig, RpcError};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The chain.
    pub chain: Arc<dyn ChainApi>,
    /// Limits.
    pub config: Arc<RpcConfig>,
    /// Installed filters.
    pub(crate) filters: Arc<FilterTable>,
    /// Held while a nonce is chosen until the pool has the transaction.
    pub(crate) sending: Arc<tokio::sync::Mutex<()>>,
}

impl Context {
    /// A context without filters yet.
    pub fn new(chain: Arc<dyn ChainApi>, config: RpcConfig) -> Self {
        Self { chain, config: Arc::new(config), filters: Arc::default(), sending: Arc::default() }
    }

    /// The number behind `block`; `pending` counts as `latest`, because a block that is being
    /// built is not shown before it is durable.
    pub fn number(&self, block: BlockNumber) -> u64 {
        match block {
            BlockNumber::Number(number) => number,
            BlockNumber::Earliest => 0,
            BlockNumber::Latest | BlockNumber::Pending => self.chain.tags().latest,
            BlockNumber::Safe => self.chain.tags().safe,
            BlockNumber::Finalized => self.chain.tags().finalized,
        }
    }

    /// The number of a published block; `None` if there is no such block.
    ///
    /// # Errors
    /// The store failed.
    pub fn find_number(&self, block: BlockId) -> Result<Option<u64>, RpcError> {
        match block {
            BlockId::Hash { hash, .. } => Ok(self.chain.block_number(&hash)?),
            BlockId::Number(block) => {
                let number = self.number(block);
                Ok((number <= self.chain.tags().latest).then_some(number))
            }
        }
    }

    /// The number of a published block.
    ///
    /// # Errors
    /// "header not found" if there is none such, or the store failed.
    pub fn require_number(&self, block: BlockId) -> Result<u64, RpcError> {
        self.find_number(block)?.ok_or_else(RpcError::header_not_found)
    }

    /// A published block, if there is one such.
    ///
    /// # Errors
    /// The store failed.
    pub fn find_block(&self, block: BlockId) -> Result<Option<Arc<SealedBlock>>, RpcError> {
        match self.find_number(block)? {
            Some(number) => Ok(self.chain.block(number)?),
            None => Ok(None),
        }
    }

    /// A published block.
    ///
    /// # Errors
    /// "header not found" if there is none such, or the store failed.
    pub fn require_block(&self, block: BlockId) -> Result<Arc<SealedBlock>, RpcError> {
        self.find_block(block)?.ok_or_else(RpcError::header_not_found)
    }

    /// The state after a published block.
    ///
    /// # Errors
    /// "header not found", "missing trie node" if it is pruned, or the store failed.
    pub fn state(&self, block: BlockId) -> Result<Arc<dyn StateView>, RpcError> {
        Ok(self.chain.state_at(self.require_number(block)?)?)
    }

    /// The receipts of the published block `number`.
    ///
    /// # Errors
    /// The store failed: a published block has receipts.
    pub fn receipts(&self, number: u64) -> Result<Arc<Vec<TxReceipt>>, RpcError> {
        let receipts = self.chain.receipts(number)?;
        receipts.ok_or_else(|| RpcError::internal(format_args!("block {number} has no receipts")))
    }
}
