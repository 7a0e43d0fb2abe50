//! Headers: what must hold of them before and after execution.

use alloc::{format, string::String, vec::Vec};

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_genesis::Genesis;
use alloy_primitives::{B64, B256, Bloom};
use jovay_types::ExecutedBlock;

use crate::{ChainSpec, Fork, difficulty::difficulty};

/// Most bytes of extra data in a header.
pub const EXTRA_DATA_MAX: usize = 32;
/// Lowest gas limit of an Ethereum block.
pub const GAS_LIMIT_MIN: u64 = 5_000;
/// Highest gas limit of an Ethereum block: 2^63 - 1.
pub const GAS_LIMIT_MAX: u64 = i64::MAX as u64;
/// Longest RLP of an Ethereum block from Osaka on (EIP-7934).
pub const BLOCK_RLP_MAX: usize = 8 * 1024 * 1024;

/// Why a header or a block does not follow the chain's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidBlock(pub String);

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), InvalidBlock> {
    if holds { Ok(()) } else { Err(InvalidBlock(otherwise())) }
}

impl ChainSpec {
    /// The header of the genesis block, whose state has the root `state_root`.
    pub fn genesis_header(&self, genesis: &Genesis, state_root: B256) -> Header {
        let number = genesis.number.unwrap_or(0);
        let fork = self.forks.fork(number, genesis.timestamp, false);
        let at = |first: Fork| fork >= first;
        let base_fee = genesis.base_fee_per_gas.and_then(|fee| u64::try_from(fee).ok());
        Header {
            parent_hash: genesis.parent_hash.unwrap_or_default(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: genesis.coinbase,
            state_root,
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            difficulty: genesis.difficulty,
            number,
            gas_limit: genesis.gas_limit,
            timestamp: genesis.timestamp,
            extra_data: genesis.extra_data.clone(),
            mix_hash: genesis.mix_hash,
            nonce: B64::from(genesis.nonce),
            base_fee_per_gas: at(Fork::London)
                .then(|| base_fee.unwrap_or(self.initial_base_fee).max(self.base_fee.floor)),
            withdrawals_root: at(Fork::Shanghai).then_some(EMPTY_ROOT_HASH),
            parent_beacon_block_root: at(Fork::Cancun).then_some(B256::ZERO),
            blob_gas_used: at(Fork::Cancun).then(|| genesis.blob_gas_used.unwrap_or(0)),
            excess_blob_gas: at(Fork::Cancun).then(|| genesis.excess_blob_gas.unwrap_or(0)),
            requests_hash: at(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }

    /// Checks all of `header` that follows from its parent. Hashes, seals and what execution
    /// finds out are not looked at; that it names `parent` by hash is the caller's to check.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate_header(&self, parent: &Header, header: &Header) -> Result<(), InvalidBlock> {
        let fork = self.fork_of_header(header);
        check(Some(header.number) == parent.number.checked_add(1), || {
            format!("invalid number: have {}, parent {}", header.number, parent.number)
        })?;
        // Blocks of the L2 come several in a second.
        let later = header.timestamp > parent.timestamp
            || (self.is_l2() && header.timestamp == parent.timestamp);
        check(later, || format!("timestamp {} is not after the parent's", header.timestamp))?;
        check(header.extra_data.len() <= EXTRA_DATA_MAX, || {
            format!("extra-data too long: {} > {EXTRA_DATA_MAX}", header.extra_data.len())
        })?;
        check(header.gas_used <= header.gas_limit, || {
            format!("invalid gasUsed: have {}, gasLimit {}", header.gas_used, header.gas_limit)
        })?;
        self.check_gas_limit(fork, parent, header)?;
        self.check_difficulty(fork, parent, header)?;
        self.check_fees(fork, parent, header)?;
        check_fork_fields(fork, header)
    }

    fn check_gas_limit(
        &self,
        fork: Fork,
        parent: &Header,
        header: &Header,
    ) -> Result<(), InvalidBlock> {
        if self.is_l2() {
            return Ok(());
        }
        let first_london = fork >= Fork::London && parent.base_fee_per_gas.is_none();
        let factor = if first_london { self.base_fee.elasticity } else { 1 };
        let from = parent.gas_limit.saturating_mul(factor);
        let limit = header.gas_limit;
        check(limit.abs_diff(from) < (from / 1024).max(1), || {
            format!("invalid gas limit: have {limit}, want {from} +-= {}", from / 1024)
        })?;
        check((GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&limit), || {
            format!("invalid gas limit {limit}")
        })
    }

    fn check_difficulty(
        &self,
        fork: Fork,
        parent: &Header,
        header: &Header,
    ) -> Result<(), InvalidBlock> {
        if fork < Fork::Paris {
            let want = difficulty(fork, parent, header.timestamp);
            return check(header.difficulty == want, || {
                format!("invalid difficulty: have {}, want {want}", header.difficulty)
            });
        }
        check(header.difficulty.is_zero(), || "invalid difficulty: have non-zero".into())?;
        check(header.nonce == B64::ZERO, || "invalid nonce".into())?;
        check(header.ommers_hash == EMPTY_OMMER_ROOT_HASH, || "uncles not allowed".into())
    }

    fn check_fees(&self, fork: Fork, parent: &Header, header: &Header) -> Result<(), InvalidBlock> {
        let want =
            if fork >= Fork::London { self.next_base_fee(parent, header.timestamp) } else { None };
        check(header.base_fee_per_gas == want, || {
            format!("invalid baseFee: have {:?}, want {want:?}", header.base_fee_per_gas)
        })?;
        let want = self.next_excess_blob_gas(parent, header.timestamp);
        check(header.excess_blob_gas == want, || {
            format!("invalid excessBlobGas: have {:?}, want {want:?}", header.excess_blob_gas)
        })?;
        let most = self.blob_params(header.timestamp).map(|params| params.max_blob_gas_per_block());
        check(header.blob_gas_used.unwrap_or(0) <= most.unwrap_or(0), || {
            format!("blob gas used {:?} exceeds maximum allowance {most:?}", header.blob_gas_used)
        })
    }

    /// Checks a proof-of-work block's uncles: at most two, different, not older than six
    /// generations, each a valid child of an ancestor, which `header_of` finds by hash. That they
    /// were not included before, and are no ancestors themselves, is not checked.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate_ommers(
        &self,
        header: &Header,
        ommers: &[Header],
        header_of: &dyn Fn(&B256) -> Option<Header>,
    ) -> Result<(), InvalidBlock> {
        let most = if self.fork_of_header(header) >= Fork::Paris { 0 } else { 2 };
        check(ommers.len() <= most, || "too many uncles".into())?;
        if let [first, second] = ommers {
            check(first != second, || "duplicate uncle".into())?;
        }
        for ommer in ommers {
            let age = header.number.saturating_sub(ommer.number);
            check((1..=6).contains(&age), || format!("uncle at wrong height {}", ommer.number))?;
            let parent = header_of(&ommer.parent_hash)
                .ok_or_else(|| InvalidBlock("uncle's parent is not ancestor".into()))?;
            self.validate_header(&parent, ommer)?;
        }
        Ok(())
    }
}

/// A field is there exactly from its fork on.
fn check_fork_fields(fork: Fork, header: &Header) -> Result<(), InvalidBlock> {
    let fields = [
        ("withdrawalsRoot", header.withdrawals_root.is_some(), Fork::Shanghai),
        ("blobGasUsed", header.blob_gas_used.is_some(), Fork::Cancun),
        ("parentBeaconRoot", header.parent_beacon_block_root.is_some(), Fork::Cancun),
        ("requestsHash", header.requests_hash.is_some(), Fork::Prague),
    ];
    for (name, present, since) in fields {
        check(present == (fork >= since), || {
            format!(
                "{name} {} {}",
                if present { "present before" } else { "missing since" },
                since.name()
            )
        })?;
    }
    let unknown = header.block_access_list_hash.is_some() || header.slot_number.is_some();
    check(!unknown, || "header has fields of an unknown fork".into())
}

/// Checks that `header` says what the execution of its block found: everything except hashes of
/// the parent and the state root, which the caller computes.
///
/// # Errors
/// The first difference.
pub fn check_outcome(header: &Header, block: &ExecutedBlock) -> Result<(), InvalidBlock> {
    let found = &block.header;
    check(header.gas_used == found.gas_used, || {
        format!("invalid gas used (remote: {} local: {})", header.gas_used, found.gas_used)
    })?;
    check(header.blob_gas_used == found.blob_gas_used, || {
        format!("invalid blob gas used: {:?}, {:?}", header.blob_gas_used, found.blob_gas_used)
    })?;
    check(header.ommers_hash == found.ommers_hash, || "uncle root hash mismatch".into())?;
    check(header.withdrawals_root == found.withdrawals_root, || {
        "withdrawals root hash mismatch".into()
    })?;
    check(header.requests_hash == found.requests_hash, || {
        format!("invalid requests hash {:?}, {:?}", header.requests_hash, found.requests_hash)
    })?;
    let roots = BlockRoots::of(block);
    check(header.transactions_root == roots.transactions, || {
        format!("transaction root hash mismatch: have {}", roots.transactions)
    })?;
    check(header.logs_bloom == roots.bloom, || "invalid bloom".into())?;
    check(header.receipts_root == roots.receipts, || {
        format!("invalid receipt root hash (local: {})", roots.receipts)
    })
}

/// The roots and the bloom that sealing puts into a header, beside the state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRoots {
    /// Root of the trie of transactions.
    pub transactions: B256,
    /// Root of the trie of receipts.
    pub receipts: B256,
    /// Bloom filter over all logs.
    pub bloom: Bloom,
}

impl BlockRoots {
    /// Those of an executed block.
    pub fn of(block: &ExecutedBlock) -> Self {
        let blooms: Vec<Bloom> =
            block.receipts.iter().map(|receipt| receipt.receipt.bloom()).collect();
        let receipts: Vec<_> = block.receipts.iter().zip(&blooms).collect();
        Self {
            transactions: alloy_trie::root::ordered_trie_root_with_encoder(
                &block.transactions,
                |tx, out| tx.tx().encode_2718(out),
            ),
            receipts: alloy_trie::root::ordered_trie_root_with_encoder(
                &receipts,
                |(receipt, bloom), out| receipt.receipt.encode_2718(bloom, out),
            ),
            bloom: blooms.iter().fold(Bloom::ZERO, |all, bloom| all | *bloom),
        }
    }
}
