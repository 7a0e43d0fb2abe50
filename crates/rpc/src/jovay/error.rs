//! What the `jovay` namespace refuses with, and the codes.

use serde_json::json;

use super::BatchStage;
use crate::RpcError;

/// The message is not final on L1 yet; `data` says how far it is.
pub const NOT_FINAL: i32 = -32010;
/// There is no such message.
pub const NO_MESSAGE: i32 = -32011;
/// L1 could not be asked.
pub const L1_UNAVAILABLE: i32 = -32012;
/// The node is not connected to L1.
pub const NO_L1: i32 = -32013;
/// The node follows a sequencer, which alone can answer this, and cannot ask it.
pub const SEQUENCER_UNAVAILABLE: i32 = -32014;

/// Why the rollup side could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollupError {
    /// The message's batch is not final.
    #[error("message {index} of block {block} is not final on L1: {}", how_far(*batch))]
    NotFinal {
        /// The message.
        index: u64,
        /// Its L2 block.
        block: u64,
        /// Its batch, if it has one yet, and how far that is.
        batch: Option<(u64, BatchStage)>,
    },
    /// There is no such message.
    #[error("no message {index}: {count} were sent")]
    NoMessage {
        /// The message asked for.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// L1 could not be asked.
    #[error("{0}")]
    L1(String),
    /// The node's own disk failed.
    #[error("{0}")]
    Backend(String),
}

fn how_far(batch: Option<(u64, BatchStage)>) -> String {
    match batch {
        None => "no batch has the block yet".into(),
        Some((index, BatchStage::Sealed)) => format!("batch {index} waits to be committed"),
        Some((index, BatchStage::Committed)) => {
            format!("batch {index} is committed and waits for its proof")
        }
        Some((index, _)) => format!("batch {index} is proven and waits for L1 to be final"),
    }
}

impl From<RollupError> for RpcError {
    fn from(error: RollupError) -> Self {
        let message = error.to_string();
        match error {
            RollupError::NotFinal { index, block, batch } => {
                let data = json!({
                    "index": format!("{index:#x}"),
                    "blockNumber": format!("{block:#x}"),
                    "batchIndex": batch.map(|(index, _)| format!("{index:#x}")),
                    "status": batch.map(|(_, stage)| stage),
                });
                Self::new(NOT_FINAL, message).with_data(data)
            }
            RollupError::NoMessage { .. } => Self::new(NO_MESSAGE, message),
            RollupError::L1(_) => Self::new(L1_UNAVAILABLE, message),
            RollupError::Backend(details) => Self::internal(details),
        }
    }
}
