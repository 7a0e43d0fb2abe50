//! Batches in the input of the transactions that commit them.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolCall;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jovay_da::{CalldataSource, LayerError};

use crate::L1Client;
use crate::bindings::Rollup;

/// Calldata from an execution node. The data of several batches in one transaction is told apart
/// by its hash: see [`Self::expecting`].
#[derive(Clone, Debug)]
pub struct L1CalldataSource {
    client: L1Client,
    rollup: Address,
    data_hash: Option<B256>,
}

impl L1CalldataSource {
    /// A source of the batches of `rollup`.
    pub fn new(client: L1Client, rollup: Address) -> Self {
        Self { client, rollup, data_hash: None }
    }

    /// The same, for the batch whose data has this keccak256. Needed where a transaction commits
    /// several batches.
    pub fn expecting(&self, data_hash: B256) -> Self {
        Self { data_hash: Some(data_hash), ..self.clone() }
    }
}

impl CalldataSource for L1CalldataSource {
    fn calldata(&self, transaction: B256) -> BoxFuture<'_, Result<Bytes, LayerError>> {
        async move {
            let found = self.client.transaction(transaction).await;
            let found = found.map_err(|error| LayerError::Source(error.to_string()))?;
            // The contract takes batches in calldata only from a direct call.
            let found = found.filter(|found| found.to == Some(self.rollup));
            let found = found.filter(|found| found.block_hash.is_some());
            let found = found.ok_or(LayerError::Missing(transaction))?;
            let call = Rollup::commitBatchesCall::abi_decode(&found.input)
                .map_err(|_| LayerError::Missing(transaction))?;
            let mut data = call.batches.into_iter().map(|batch| batch.data);
            match self.data_hash {
                Some(hash) => data.find(|data| keccak256(data) == hash),
                None => data.next(),
            }
            .ok_or(LayerError::Missing(transaction))
        }
        .boxed()
    }
}
