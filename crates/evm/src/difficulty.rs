//! Proof-of-work difficulty, for chains imported from before the merge.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::U256;

use crate::Fork;

const DIFFICULTY_MIN: u64 = 131_072;
/// Blocks in which the bomb doubles.
const BOMB_PERIOD: u64 = 100_000;

/// The difficulty that a block of `fork` at `timestamp` after `parent` must have.
pub(crate) fn difficulty(fork: Fork, parent: &Header, timestamp: u64) -> U256 {
    let number = parent.number.saturating_add(1);
    let seconds = timestamp.saturating_sub(parent.timestamp);
    let step = parent.difficulty / U256::from(2048);
    let (ups, downs) = match fork {
        Fork::Frontier => (u64::from(seconds < 13), u64::from(seconds >= 13)),
        at if at < Fork::Byzantium => adjustment(1, seconds / 10),
        _ => {
            let has_ommers = parent.ommers_hash != EMPTY_OMMER_ROOT_HASH;
            adjustment(1 + u64::from(has_ommers), seconds / 9)
        }
    };
    let base = parent
        .difficulty
        .saturating_add(step.saturating_mul(U256::from(ups)))
        .saturating_sub(step.saturating_mul(U256::from(downs)))
        .max(U256::from(DIFFICULTY_MIN));
    base.saturating_add(bomb(number.saturating_sub(bomb_delay(fork))))
}

/// `max(up - down, -99)` as steps up and steps down.
fn adjustment(up: u64, down: u64) -> (u64, u64) {
    if up >= down { (up - down, 0) } else { (0, (down - up).min(99)) }
}

fn bomb_delay(fork: Fork) -> u64 {
    match fork {
        at if at >= Fork::GrayGlacier => 11_400_000,
        at if at >= Fork::ArrowGlacier => 10_700_000,
        at if at >= Fork::London => 9_700_000,
        at if at >= Fork::MuirGlacier => 9_000_000,
        at if at >= Fork::Constantinople => 5_000_000,
        at if at >= Fork::Byzantium => 3_000_000,
        _ => 0,
    }
}

fn bomb(number: u64) -> U256 {
    match (number / BOMB_PERIOD).checked_sub(2) {
        Some(exponent) if exponent < 256 => U256::ONE << exponent as usize,
        Some(_) => U256::MAX,
        None => U256::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(number: u64, difficulty: u64) -> Header {
        Header { number, difficulty: U256::from(difficulty), timestamp: 1_000, ..Header::default() }
    }

    #[test]
    fn known_mainnet_blocks() {
        // Block 1 after genesis (mainnet): 17_179_869_184 - 1/2048.
        let genesis = Header { timestamp: 0, ..parent(0, 17_179_869_184) };
        assert_eq!(
            difficulty(Fork::Frontier, &genesis, 1_438_269_988),
            U256::from(17_171_480_576u64)
        );
        // With an uncle in the parent a quick block goes up by two steps.
        let with_ommers = Header { ommers_hash: Default::default(), ..parent(10, 2_048_000) };
        assert_eq!(difficulty(Fork::Byzantium, &with_ommers, 1_001), U256::from(2_050_000));
        assert_eq!(difficulty(Fork::Homestead, &parent(10, 131_072), 9_999), U256::from(131_072));
        assert_eq!(
            difficulty(Fork::Homestead, &parent(299_999, 131_072_000), 1_010),
            U256::from(131_072_000 + 2)
        );
    }
}
