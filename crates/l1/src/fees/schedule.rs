//! How many blobs a block may have, by time.

use alloy_eips::eip7840::BlobParams;
use serde::Deserialize;

/// Most entries of a schedule that a node names or that is given.
const ENTRIES_MAX: usize = 64;

/// Ethereum's blob parameters by activation time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSchedule {
    /// Activation (Unix seconds) and parameters, rising.
    entries: Vec<(u64, BlobParams)>,
}

impl BlobSchedule {
    /// Parameters that never change: for development networks.
    pub fn constant(params: BlobParams) -> Self {
        Self { entries: vec![(0, params)] }
    }

    /// Osaka's parameters for ever: what to count with where nothing else is known.
    pub fn osaka() -> Self {
        Self::constant(BlobParams::osaka())
    }

    /// Parameters from their activation times (Unix seconds) on. `None` if there are none, too
    /// many, or parameters that no network can have: a target above the maximum, a zero.
    pub fn new(mut entries: Vec<(u64, BlobParams)>) -> Option<Self> {
        let sound = |params: &BlobParams| {
            params.max_blob_count > 0
                && params.max_blob_count <= 4_096
                && params.target_blob_count <= params.max_blob_count
                && params.update_fraction > 0
        };
        if entries.is_empty()
            || entries.len() > ENTRIES_MAX
            || !entries.iter().all(|(_, params)| sound(params))
        {
            return None;
        }
        entries.sort_by_key(|(from, _)| *from);
        Some(Self { entries })
    }

    /// The schedule of a public network by its chain id: mainnet, Sepolia, Holesky, Hoodi.
    /// Sources: EIP-7569, EIP-7600, EIP-7607 and the announcements of the Ethereum Foundation.
    pub fn of_chain(chain_id: u64) -> Option<Self> {
        // Activation times of Cancun, Prague, Osaka, BPO1, BPO2.
        let times = match chain_id {
            1 => [1_710_338_135, 1_746_612_311, 1_764_798_551, 1_765_290_071, 1_767_747_671],
            11_155_111 => {
                [1_706_655_072, 1_741_159_776, 1_760_427_360, 1_761_017_184, 1_761_607_008]
            }
            17_000 => [1_707_305_664, 1_740_434_112, 1_759_308_480, 1_759_800_000, 1_760_389_824],
            560_048 => [0, 1_742_999_832, 1_761_677_592, 1_762_365_720, 1_762_955_544],
            _ => return None,
        };
        let params = [
            BlobParams::cancun(),
            BlobParams::prague(),
            BlobParams::osaka(),
            BlobParams::bpo1(),
            BlobParams::bpo2(),
        ];
        Some(Self { entries: times.into_iter().zip(params).collect() })
    }

    /// The parameters of a block with this timestamp (Unix seconds); the first ones before.
    pub fn at(&self, timestamp: u64) -> BlobParams {
        let active = self.entries.iter().rev().find(|(from, _)| *from <= timestamp);
        active.or(self.entries.first()).map_or_else(BlobParams::bpo2, |(_, params)| *params)
    }
}

/// The part of `eth_config` (EIP-7910) that says what blobs are allowed.
#[derive(Clone, Debug, Deserialize)]
pub struct EthConfigBlobs {
    current: EthForkBlobs,
    next: Option<EthForkBlobs>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EthForkBlobs {
    activation_time: u64,
    blob_schedule: Option<BlobEntry>,
    #[serde(default)]
    precompiles: std::collections::BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlobEntry {
    base_fee_update_fraction: u64,
    max: u64,
    target: u64,
}

impl EthConfigBlobs {
    /// As a schedule. A fork with P-256 verification (EIP-7951) is Osaka or later: there the
    /// reserve price of EIP-7918 applies, and six blobs a transaction (EIP-7594).
    pub fn schedule(&self) -> Option<BlobSchedule> {
        let forks = [Some(&self.current), self.next.as_ref()];
        let entry = |fork: &EthForkBlobs| {
            let blobs = fork.blob_schedule?;
            let base = match fork.precompiles.keys().any(|name| name.contains("P256")) {
                true => BlobParams::osaka(),
                false => BlobParams::prague().with_max_blobs_per_tx(blobs.max),
            };
            let params = BlobParams {
                target_blob_count: blobs.target,
                max_blob_count: blobs.max,
                update_fraction: blobs.base_fee_update_fraction.into(),
                ..base
            };
            Some((fork.activation_time, params))
        };
        BlobSchedule::new(forks.into_iter().flatten().filter_map(entry).collect())
    }
}
