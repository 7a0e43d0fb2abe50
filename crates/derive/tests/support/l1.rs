//! An L1 in memory that records what the contracts would, and can be made to lie.

use std::collections::HashMap;

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jovay_da::{
    AnchoredLayer, BatchData, BatchHeader, BatchVersion, BlobSource, DataLayer, DataLayerKind,
    LayerError, SealedBatch, blob_commitment, blob_data_hash, flat_data_hash, open_object_store,
    versioned_hash,
};
use jovay_derive::{
    CarriedBlobs, Committed, EventPlace, L1Ref, QueuedMessage, RollupEvent, RollupFacts, RollupL1,
};
use jovay_l1::{BlobHint, BlockTag, L1Error};
use jovay_types::L1Message;
use parking_lot::Mutex;

/// The contracts appear in this block.
pub const FIRST_BLOCK: u64 = 5;
pub const MAILBOX: Address = Address::repeat_byte(2);

/// A block of L1.
#[derive(Clone, Debug)]
pub struct Block {
    pub hash: B256,
    pub events: Vec<RollupEvent>,
    pub messages: Vec<QueuedMessage>,
}

/// All of L1; tests change it as they like.
#[derive(Debug)]
pub struct State {
    /// From block 0 on.
    pub blocks: Vec<Block>,
    /// What the blob transactions carry.
    pub blob_hashes: HashMap<B256, Vec<B256>>,
    pub blobs: HashMap<B256, Blob>,
    pub inputs: HashMap<B256, Vec<Bytes>>,
    pub facts: RollupFacts,
    /// Makes the hashes of one branch differ from those of another.
    salt: u64,
    finalized_depth: u64,
}

#[derive(Debug)]
pub struct MemoryL1 {
    pub state: Mutex<State>,
    genesis: (B256, B256),
    anchored: Option<(AnchoredLayer, tempfile::TempDir)>,
}

impl State {
    fn position(&self) -> EventPlace {
        let block = self.blocks.len() as u64;
        let block_hash = keccak256([block.to_be_bytes(), self.salt.to_be_bytes()].concat());
        let transaction = keccak256(block_hash);
        EventPlace { block, block_hash, transaction }
    }

    fn push(&mut self, events: Vec<RollupEvent>, messages: Vec<QueuedMessage>) {
        let hash = self.position().block_hash;
        self.blocks.push(Block { hash, events, messages });
    }

    fn messages(&self) -> impl DoubleEndedIterator<Item = &QueuedMessage> {
        self.blocks.iter().flat_map(|block| &block.messages)
    }

    /// The batches committed up to block `number`.
    pub fn committed(&self, number: u64) -> Vec<Committed> {
        let mut batches = Vec::new();
        for event in self.blocks[..=number as usize].iter().flat_map(|block| &block.events) {
            match event {
                RollupEvent::Committed(batch) => batches.push(*batch),
                RollupEvent::Reverted { first, .. } => batches.truncate(*first as usize),
                RollupEvent::Finalized { .. } => {}
            }
        }
        batches
    }

    pub fn all(&self) -> Vec<Committed> {
        self.committed(self.blocks.len() as u64 - 1)
    }

    /// Every event of a batch index, to be changed.
    pub fn commits_mut(&mut self) -> impl Iterator<Item = &mut Committed> {
        self.blocks.iter_mut().flat_map(|block| &mut block.events).filter_map(|event| match event {
            RollupEvent::Committed(batch) => Some(batch),
            _ => None,
        })
    }

    /// Hashes every batch anew on top of the one before, as a contract that was told so would.
    pub fn rehash(&mut self) {
        let mut parent = B256::ZERO;
        for batch in self.commits_mut() {
            batch.hash = batch.hash_over(parent).unwrap();
            parent = batch.hash;
        }
    }
}

impl MemoryL1 {
    pub fn new(kind: DataLayerKind, genesis_hash: B256, genesis_root: B256) -> Self {
        let facts = RollupFacts {
            l1_chain_id: super::L1_CHAIN_ID,
            l2_chain_id: super::CHAIN_ID,
            mailbox: MAILBOX,
            data_layer: kind,
        };
        let anchored = (kind == DataLayerKind::Anchored).then(|| {
            let dir = tempfile::tempdir().unwrap();
            let (store, prefix) = open_object_store(dir.path().to_str().unwrap()).unwrap();
            (AnchoredLayer::new(store, prefix), dir)
        });
        let mut state = State {
            blocks: Vec::new(),
            blob_hashes: HashMap::new(),
            blobs: HashMap::new(),
            inputs: HashMap::new(),
            facts,
            salt: 0,
            finalized_depth: 0,
        };
        (0..FIRST_BLOCK).for_each(|_| state.push(vec![], vec![]));
        let header = BatchHeader {
            version: BatchVersion::V0,
            index: 0,
            l1_rolling_hash: B256::ZERO,
            data_hash: B256::ZERO,
            parent_hash: B256::ZERO,
        };
        let at = state.position();
        let committed = Committed {
            index: 0,
            hash: header.hash(),
            version: 0,
            l1_message_count: 0,
            l1_rolling_hash: B256::ZERO,
            data_hash: B256::ZERO,
            first_blob: 0,
            blob_count: 0,
            at,
        };
        let finalized = RollupEvent::Finalized {
            first: 0,
            last: 0,
            state_root: genesis_root,
            block_hash: genesis_hash,
            at,
        };
        state.push(vec![RollupEvent::Committed(committed), finalized], vec![]);
        let genesis = (genesis_hash, genesis_root);
        Self { state: Mutex::new(state), genesis, anchored }
    }

    pub fn genesis(&self) -> (B256, B256) {
        self.genesis
    }

    pub fn kind(&self) -> DataLayerKind {
        self.state.lock().facts.data_layer
    }

    pub fn anchored(&self) -> Option<AnchoredLayer> {
        self.anchored.as_ref().map(|(layer, _)| layer.clone())
    }

    pub fn message_count(&self) -> u64 {
        self.state.lock().messages().count() as u64
    }

    /// Queues a message in a block of its own; the rolling hash after it.
    pub fn queue_message(&self, message: L1Message) -> B256 {
        let mut state = self.state.lock();
        let before = state.messages().next_back().map_or(B256::ZERO, |last| last.rolling_hash);
        let hash = message.hash();
        let rolling_hash = keccak256([before, hash].concat());
        let block = state.blocks.len() as u64;
        state.push(vec![], vec![QueuedMessage { message, hash, rolling_hash, block }]);
        rolling_hash
    }

    /// Commits batches in one transaction.
    pub fn commit(&self, batches: Vec<SealedBatch>) {
        let datas = batches.into_iter().map(|batch| (batch.data, batch.l1_messages)).collect();
        self.commit_data(datas);
    }

    /// Commits data with the number of messages that each batch takes.
    pub fn commit_data(&self, batches: Vec<(BatchData, u64)>) {
        if batches.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let at = state.position();
        let (mut events, mut hashes, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut parent = *state.all().last().unwrap();
        for (data, l1_messages) in batches {
            let l1_message_count = parent.l1_message_count + l1_messages;
            let rolling = |count: u64| {
                let last = state.messages().nth(count.checked_sub(1)? as usize)?;
                Some(last.rolling_hash)
            };
            let l1_rolling_hash = rolling(l1_message_count).unwrap_or_default();
            let first_blob = hashes.len() as u64;
            let data_hash = match state.facts.data_layer {
                DataLayerKind::Blobs => {
                    for blob in data.to_blobs() {
                        let hash = versioned_hash(&blob_commitment(&blob).unwrap());
                        state.blobs.insert(hash, blob);
                        hashes.push(hash);
                    }
                    blob_data_hash(&hashes[first_blob as usize..])
                }
                DataLayerKind::Calldata => {
                    inputs.push(Bytes::from(data.encode()));
                    flat_data_hash(&data)
                }
                DataLayerKind::Anchored => {
                    let (layer, _) = self.anchored.as_ref().unwrap();
                    super::runtime().block_on(layer.publish(&data)).unwrap().data_hash
                }
            };
            let mut batch = Committed {
                index: parent.index + 1,
                hash: B256::ZERO,
                version: data.batch_version() as u8,
                l1_message_count,
                l1_rolling_hash,
                data_hash,
                first_blob,
                blob_count: hashes.len() as u64 - first_blob,
                at,
            };
            batch.hash = batch.hash_over(parent.hash).unwrap();
            events.push(RollupEvent::Committed(batch));
            parent = batch;
        }
        state.blob_hashes.insert(at.transaction, hashes);
        state.inputs.insert(at.transaction, inputs);
        state.push(events, vec![]);
    }

    /// Drops batches from `first` on.
    pub fn revert(&self, first: u64) {
        let mut state = self.state.lock();
        let last = state.all().last().unwrap().index;
        let at = state.position();
        state.push(vec![RollupEvent::Reverted { first, last, at }], vec![]);
    }

    /// Makes batches up to `last` final.
    pub fn finalize(&self, last: u64, state_root: B256, block_hash: B256) {
        let mut state = self.state.lock();
        let events = state.blocks.iter().flat_map(|block| &block.events);
        let before = events.filter_map(|event| match event {
            RollupEvent::Finalized { last, .. } => Some(*last),
            _ => None,
        });
        let first = before.max().unwrap() + 1;
        let at = state.position();
        let event = RollupEvent::Finalized { first, last, state_root, block_hash, at };
        state.push(vec![event], vec![]);
    }

    /// Replaces every block after `number` by others, without anything in them.
    pub fn reorg(&self, number: u64, blocks: u64) {
        let mut state = self.state.lock();
        state.blocks.truncate(number as usize + 1);
        state.salt += 1;
        (0..blocks).for_each(|_| state.push(vec![], vec![]));
    }

    pub fn head(&self) -> u64 {
        self.state.lock().blocks.len() as u64 - 1
    }

    /// How far behind the head blocks are final.
    pub fn set_finalized_depth(&self, depth: u64) {
        self.state.lock().finalized_depth = depth;
    }
}

fn answer<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, L1Error>> {
    ready(Ok(value)).boxed()
}

impl RollupL1 for MemoryL1 {
    fn facts(&self) -> BoxFuture<'_, Result<RollupFacts, L1Error>> {
        answer(self.state.lock().facts)
    }

    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L1Ref>, L1Error>> {
        let state = self.state.lock();
        let head = state.blocks.len() as u64 - 1;
        let number = match tag {
            BlockTag::Number(number) => number,
            BlockTag::Finalized | BlockTag::Safe => head.saturating_sub(state.finalized_depth),
            _ => head,
        };
        let block = state.blocks.get(number as usize);
        answer(block.map(|block| L1Ref { number, hash: block.hash }))
    }

    fn rollup_events(
        &self,
        from: u64,
        to: u64,
    ) -> BoxFuture<'_, Result<Vec<RollupEvent>, L1Error>> {
        let state = self.state.lock();
        let blocks = &state.blocks[from as usize..=to as usize];
        answer(blocks.iter().flat_map(|block| block.events.clone()).collect())
    }

    fn messages(&self, from: u64, to: u64) -> BoxFuture<'_, Result<Vec<QueuedMessage>, L1Error>> {
        let state = self.state.lock();
        let blocks = &state.blocks[from as usize..=to as usize];
        answer(blocks.iter().flat_map(|block| block.messages.clone()).collect())
    }

    fn last_batch(&self, at: L1Ref) -> BoxFuture<'_, Result<(u64, B256), L1Error>> {
        let last = *self.state.lock().committed(at.number).last().unwrap();
        answer((last.index, last.hash))
    }

    fn blobs(&self, at: EventPlace) -> BoxFuture<'_, Result<Option<CarriedBlobs>, L1Error>> {
        let hint =
            BlobHint { number: at.block, timestamp: 12 * at.block, parent_beacon_root: None };
        let hashes = self.state.lock().blob_hashes.get(&at.transaction).cloned();
        answer(hashes.map(|hashes| CarriedBlobs { hashes, hint }))
    }

    fn batch_inputs(
        &self,
        transaction: B256,
    ) -> BoxFuture<'_, Result<Option<Vec<Bytes>>, L1Error>> {
        answer(self.state.lock().inputs.get(&transaction).cloned())
    }
}

impl BlobSource for MemoryL1 {
    fn blobs<'a>(&'a self, hashes: &'a [B256]) -> BoxFuture<'a, Result<Vec<Blob>, LayerError>> {
        let state = self.state.lock();
        let found = hashes
            .iter()
            .map(|hash| state.blobs.get(hash).cloned().ok_or(LayerError::Missing(*hash)))
            .collect();
        ready(found).boxed()
    }
}
