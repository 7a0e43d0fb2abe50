//! Which of Ethereum's forks hold at which block.

use alloc::vec::Vec;

use alloy_eips::eip7840::BlobParams;
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;
use revm::primitives::hardfork::SpecId;

/// Ethereum's forks in order of activation, as far as they change what this crate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Fork {
    Frontier,
    Homestead,
    TangerineWhistle,
    SpuriousDragon,
    Byzantium,
    Constantinople,
    Petersburg,
    Istanbul,
    MuirGlacier,
    Berlin,
    London,
    ArrowGlacier,
    GrayGlacier,
    Paris,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
}

impl Fork {
    /// The EVM rules of this fork. Constantinople, which never ran without Petersburg on a public
    /// chain, is taken for Petersburg: it differs in the gas of `SSTORE` (EIP-1283) only.
    pub const fn spec_id(self) -> SpecId {
        match self {
            Self::Frontier => SpecId::FRONTIER,
            Self::Homestead => SpecId::HOMESTEAD,
            Self::TangerineWhistle => SpecId::TANGERINE,
            Self::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
            Self::Byzantium => SpecId::BYZANTIUM,
            Self::Constantinople | Self::Petersburg => SpecId::PETERSBURG,
            Self::Istanbul | Self::MuirGlacier => SpecId::ISTANBUL,
            Self::Berlin => SpecId::BERLIN,
            Self::London | Self::ArrowGlacier | Self::GrayGlacier => SpecId::LONDON,
            Self::Paris => SpecId::MERGE,
            Self::Shanghai => SpecId::SHANGHAI,
            Self::Cancun => SpecId::CANCUN,
            Self::Prague => SpecId::PRAGUE,
            Self::Osaka => SpecId::OSAKA,
        }
    }

    /// The name used in `blobSchedule` and by `eth_config`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frontier => "frontier",
            Self::Homestead => "homestead",
            Self::TangerineWhistle => "tangerineWhistle",
            Self::SpuriousDragon => "spuriousDragon",
            Self::Byzantium => "byzantium",
            Self::Constantinople => "constantinople",
            Self::Petersburg => "petersburg",
            Self::Istanbul => "istanbul",
            Self::MuirGlacier => "muirGlacier",
            Self::Berlin => "berlin",
            Self::London => "london",
            Self::ArrowGlacier => "arrowGlacier",
            Self::GrayGlacier => "grayGlacier",
            Self::Paris => "paris",
            Self::Shanghai => "shanghai",
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
        }
    }
}

/// When each fork begins: by block up to Gray Glacier, at the merge, by timestamp afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkSchedule {
    /// Forks by their first block, ascending.
    by_block: Vec<(Fork, u64)>,
    /// First block after the merge; `None` when it is only known from the difficulty.
    merge_block: Option<u64>,
    /// Terminal total difficulty, when the chain merges at all.
    terminal_total_difficulty: Option<U256>,
    /// Forks by the first timestamp in seconds, ascending.
    by_time: Vec<(Fork, u64)>,
    /// Blob parameters by the first timestamp, ascending: forks and BPO forks (EIP-7892).
    blobs: Vec<(u64, BlobParams)>,
}

impl ForkSchedule {
    /// All forks up to and including `fork` from the genesis block on.
    pub fn all_at_genesis(fork: Fork) -> Self {
        let merged = fork >= Fork::Paris;
        let times = [
            (Fork::Shanghai, None),
            (Fork::Cancun, Some(BlobParams::cancun())),
            (Fork::Prague, Some(BlobParams::prague())),
            (Fork::Osaka, Some(BlobParams::osaka())),
        ];
        let active = times.iter().filter(|(at, _)| *at <= fork);
        Self {
            by_block: BLOCK_FORKS.iter().filter(|at| **at <= fork).map(|at| (*at, 0)).collect(),
            merge_block: merged.then_some(0),
            terminal_total_difficulty: merged.then_some(U256::ZERO),
            by_time: active.clone().map(|(at, _)| (*at, 0)).collect(),
            blobs: active.filter_map(|(_, blobs)| blobs.map(|blobs| (0, blobs))).collect(),
        }
    }

    /// The schedule of a genesis file in geth's format.
    pub fn from_config(config: &ChainConfig) -> Self {
        let blocks = [
            (Fork::Homestead, config.homestead_block),
            (Fork::TangerineWhistle, config.eip150_block),
            (Fork::SpuriousDragon, config.eip158_block.max(config.eip155_block)),
            (Fork::Byzantium, config.byzantium_block),
            (Fork::Constantinople, config.constantinople_block),
            (Fork::Petersburg, config.petersburg_block),
            (Fork::Istanbul, config.istanbul_block),
            (Fork::MuirGlacier, config.muir_glacier_block),
            (Fork::Berlin, config.berlin_block),
            (Fork::London, config.london_block),
            (Fork::ArrowGlacier, config.arrow_glacier_block),
            (Fork::GrayGlacier, config.gray_glacier_block),
        ];
        let times = [
            (Fork::Shanghai, config.shanghai_time),
            (Fork::Cancun, config.cancun_time),
            (Fork::Prague, config.prague_time),
            (Fork::Osaka, config.osaka_time),
        ];
        let by_time: Vec<_> =
            times.iter().filter_map(|(fork, at)| at.map(|at| (*fork, at))).collect();
        let merge_block = config.merge_netsplit_block.or_else(|| {
            let from_start = config.terminal_total_difficulty_passed
                || config.terminal_total_difficulty == Some(U256::ZERO);
            from_start.then_some(0)
        });
        Self {
            by_block: blocks.iter().filter_map(|(fork, at)| at.map(|at| (*fork, at))).collect(),
            merge_block,
            terminal_total_difficulty: config.terminal_total_difficulty,
            blobs: blob_schedule(config, &by_time),
            by_time,
        }
    }

    /// The fork at `number` and `timestamp` (seconds).
    ///
    /// `merged` tells that the block comes after the merge by its zero difficulty; it is needed
    /// only for chains that name a terminal total difficulty and no merge block.
    pub fn fork(&self, number: u64, timestamp: u64, merged: bool) -> Fork {
        if let Some((fork, _)) = self.by_time.iter().rev().find(|(_, at)| timestamp >= *at) {
            return *fork;
        }
        let merged = match self.merge_block {
            Some(block) => number >= block,
            None => merged && self.terminal_total_difficulty.is_some(),
        };
        if merged {
            return Fork::Paris;
        }
        let started = self.by_block.iter().rev().find(|(_, at)| number >= *at);
        started.map_or(Fork::Frontier, |(fork, _)| *fork)
    }

    /// The blob parameters at `timestamp`; `None` before Cancun.
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        let started = self.blobs.iter().rev().find(|(at, _)| timestamp >= *at);
        started.map(|(_, params)| *params)
    }

    /// First block of `fork`, for forks that begin at a block.
    pub fn block_of(&self, fork: Fork) -> Option<u64> {
        if fork == Fork::Paris {
            return self.merge_block;
        }
        self.by_block.iter().find(|(at, _)| *at == fork).map(|(_, block)| *block)
    }

    /// First timestamp of `fork`, for forks that begin at a time.
    pub fn time_of(&self, fork: Fork) -> Option<u64> {
        self.by_time.iter().find(|(at, _)| *at == fork).map(|(_, time)| *time)
    }

    /// Timestamps at which anything changes, blob parameters included, ascending: the fork list
    /// of `eth_config` (EIP-7910) and of EIP-6122.
    pub fn change_times(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.by_time.iter().map(|(_, at)| *at).collect();
        times.extend(self.blobs.iter().map(|(at, _)| *at));
        times.sort_unstable();
        times.dedup();
        times
    }
}

const BLOCK_FORKS: [Fork; 12] = [
    Fork::Homestead,
    Fork::TangerineWhistle,
    Fork::SpuriousDragon,
    Fork::Byzantium,
    Fork::Constantinople,
    Fork::Petersburg,
    Fork::Istanbul,
    Fork::MuirGlacier,
    Fork::Berlin,
    Fork::London,
    Fork::ArrowGlacier,
    Fork::GrayGlacier,
];

/// The configured `blobSchedule`; where it is silent, a fork has Ethereum's own parameters.
fn blob_schedule(config: &ChainConfig, by_time: &[(Fork, u64)]) -> Vec<(u64, BlobParams)> {
    let schedule = config.blob_schedule_blob_params();
    let mut blobs: Vec<(u64, BlobParams)> = Vec::new();
    for (fork, at) in by_time {
        match fork {
            Fork::Cancun => blobs.push((*at, schedule.cancun)),
            Fork::Prague => blobs.push((*at, schedule.prague)),
            Fork::Osaka => blobs.push((*at, schedule.osaka)),
            _ => {}
        }
    }
    blobs.extend(schedule.scheduled.iter().copied());
    // A stable sort: at one timestamp the later fork wins.
    blobs.sort_by_key(|(at, _)| *at);
    blobs
}
