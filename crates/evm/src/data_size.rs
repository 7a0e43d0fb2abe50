//! How many bytes a transaction adds to a compressed batch, estimated.
//!
//! The estimate is consensus: every node must get the same number, so it is a fixed function of
//! the bytes, without tables, allocation or floating point. It walks the input like an LZ77 compressor
//! with a small hash table and counts what literals and matches would cost; it writes no output.

/// Log2 of the entries in the match table: 2^12 positions of 2 bytes are 8 KiB, on the stack.
const TABLE_BITS: u32 = 12;
/// Shortest match worth a token.
const MATCH_MIN: usize = 4;
/// How far back a match may lie; what a 16-bit position can name.
const DISTANCE_MAX: usize = u16::MAX as usize;
/// Cost of a match in eighths of a byte: offset and length after entropy coding.
const MATCH_COST: u64 = 22;
/// Cost of a literal in eighths of a byte: hashes, addresses and signatures do not compress.
const LITERAL_COST: u64 = 8;
/// Fewest bytes that a transaction is charged for: the part of a batch's framing it causes.
pub const SIZE_MIN: u64 = 64;

/// The estimated number of bytes that `raw`, an EIP-2718 encoding, takes in a compressed batch;
/// at least [`SIZE_MIN`], at most a little over the length of `raw`.
pub fn estimated_size(raw: &[u8]) -> u64 {
    (cost(raw) / 8).max(SIZE_MIN)
}

fn cost(raw: &[u8]) -> u64 {
    let mut table = [0u16; 1 << TABLE_BITS];
    let mut cost = 0;
    let mut at = 0;
    // Positions are relative to a window base, so that they fit 16 bits in inputs of any length.
    let mut base = 0;
    while at + MATCH_MIN <= raw.len() {
        if at - base >= DISTANCE_MAX {
            base = at;
            table.fill(0);
        }
        let entry = &mut table[hash(&raw[at..])];
        // Zero means empty; positions are stored plus one.
        let candidate = usize::from(*entry);
        *entry = u16::try_from(at - base + 1).unwrap_or(0);
        let length = match candidate {
            0 => 0,
            position => match_length(raw, base + position - 1, at),
        };
        if length >= MATCH_MIN {
            cost += MATCH_COST;
            at += length;
        } else {
            cost += LITERAL_COST;
            at += 1;
        }
    }
    cost + (raw.len() - at) as u64 * LITERAL_COST
}

fn hash(bytes: &[u8]) -> usize {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize
}

fn match_length(raw: &[u8], from: usize, at: usize) -> usize {
    raw[at..].iter().zip(&raw[from..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloc::{vec, vec::Vec};
    use alloy_primitives::keccak256;
    use proptest::prelude::*;

    /// Bytes as random as hashes.
    fn random(seed: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for block in 0u64.. {
            let input = [seed.to_be_bytes(), block.to_be_bytes()].concat();
            out.extend_from_slice(keccak256(input).as_slice());
            if out.len() >= len {
                break;
            }
        }
        out.truncate(len);
        out
    }

    /// Something with the layout of a signed EIP-1559 transaction.
    fn transaction(seed: u64, calldata: &[u8]) -> Vec<u8> {
        let mut out = vec![0x02, 0xf8, 0xb0, 0x84, 0x01, 0x34, 0x30, 0xb6, (seed % 50) as u8];
        out.extend_from_slice(&[0x83, 0x0f, 0x42, 0x40, 0x84, 0x3b, 0x9a, 0xca, 0x00]);
        out.extend_from_slice(&[0x82, 0x52, 0x08, 0x94]);
        out.extend(random(seed, 20));
        out.extend_from_slice(calldata);
        out.extend_from_slice(&[0xc0, 0x01, 0xa0]);
        out.extend(random(seed + 1_000_000, 32));
        out.push(0xa0);
        out.extend(random(seed + 2_000_000, 32));
        out
    }

    fn erc20_call(seed: u64) -> Vec<u8> {
        let mut out = vec![0xa9, 0x05, 0x9c, 0xbb];
        out.extend([0; 12]);
        out.extend(random(seed + 3_000_000, 20));
        out.extend([0; 24]);
        out.extend(random(seed + 4_000_000, 8));
        out
    }

    /// A router call: selector, amounts, an offset, a path of two tokens that all share.
    fn swap_call(seed: u64) -> Vec<u8> {
        let mut out = vec![0x38, 0xed, 0x17, 0x39];
        for _ in 0..2 {
            out.extend([0; 24]);
            out.extend(random(seed + 5_000_000, 8));
        }
        out.extend([0; 31]);
        out.push(0xa0);
        out.extend([0; 12]);
        out.extend(random(seed, 20));
        for token in 0..3 {
            out.extend([0; 12]);
            out.extend(random(token, 20));
        }
        out
    }

    type Call = fn(u64) -> Vec<u8>;

    /// A batch shares what its transactions have in common, which the estimate of a single one
    /// cannot know: it never charges too little, and too much for calls that resemble each other.
    #[test]
    fn estimates_lie_in_a_band_around_zstd() {
        let kinds: [(&str, u64, Call); 3] =
            [("transfer", 150, |_| vec![]), ("erc20", 150, erc20_call), ("swap", 230, swap_call)];
        for (name, most, call) in kinds {
            let txs: Vec<_> = (0..500).map(|seed| transaction(seed, &call(seed))).collect();
            let estimated: u64 = txs.iter().map(|tx| estimated_size(tx)).sum();
            let compressed = zstd::bulk::compress(&txs.concat(), 9).unwrap().len() as u64;
            let percent = estimated * 100 / compressed;
            assert!((95..=most).contains(&percent), "{name}: {percent} % of zstd");
        }
    }

    #[test]
    fn repetition_is_cheap_and_randomness_is_not() {
        assert!(estimated_size(&[0; 100_000]) < 200);
        let random = random(1, 10_000);
        let size = estimated_size(&random);
        assert!((9_800..=10_000).contains(&size), "{size}");
        let twice = [random.clone(), random].concat();
        assert!(estimated_size(&twice) < size + 100);
        assert_eq!(estimated_size(&[]), SIZE_MIN);
    }

    #[test]
    fn the_estimate_never_changes() {
        let sizes = [
            estimated_size(&transaction(1, &[])),
            estimated_size(&transaction(1, &erc20_call(1))),
            estimated_size(&transaction(1, &swap_call(1))),
        ];
        assert_eq!(sizes, GOLDEN);
    }

    /// Consensus depends on these.
    const GOLDEN: [u64; 3] = [110, 151, 198];

    proptest! {
        #[test]
        fn bounded_by_the_length(raw in proptest::collection::vec(0u8..4, 0..3_000)) {
            prop_assert!(estimated_size(&raw) <= (raw.len() as u64).max(SIZE_MIN));
        }
    }
}
