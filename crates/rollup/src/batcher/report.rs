//! What operators read: log lines, metrics, the batcher's state.

use alloy_primitives::U256;

use crate::store::{BatchRecord, CommitRecord};

/// How far the batcher is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatcherStatus {
    /// The last sealed batch.
    pub sealed: u64,
    /// The last batch that L1 has.
    pub committed: u64,
    /// The last batch whose L1 block is final.
    pub committed_final: u64,
    /// Why nothing is committed at present, in words.
    pub blocked: Option<String>,
}

/// `1,204`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `84 kB`, `512 B`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..10_000 => format!("{:.1} kB", count as f64 / 1e3),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// Wei as `0.00031 ETH`: three significant digits.
pub(super) fn ether(wei: U256) -> String {
    let wei: f64 = wei.to_string().parse().unwrap_or(f64::INFINITY);
    let ether = wei / 1e18;
    if ether == 0.0 {
        return "0 ETH".into();
    }
    let places = (2 - ether.abs().log10().floor() as i32).clamp(0, 18) as usize;
    let text = format!("{ether:.places$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} ETH")
}

/// `s` unless there is one.
fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn place(record: &BatchRecord) -> String {
    match record.versioned_hashes.len() as u64 {
        0 => String::new(),
        blobs => format!(" in {blobs} blob{}", plural(blobs)),
    }
}

/// `batch 7: blocks 31-58, 1,204 transactions, 84 kB in 1 blob`.
pub(super) fn describe(record: &BatchRecord) -> String {
    let BatchRecord { index, first_block, last_block, transactions, data_bytes, .. } = record;
    let blocks = match first_block == last_block {
        true => format!("block {first_block}"),
        false => format!("blocks {first_block}-{last_block}"),
    };
    format!(
        "batch {index}: {blocks}, {} transaction{}, {}{}",
        grouped(*transactions),
        plural(*transactions),
        bytes(*data_bytes),
        place(record)
    )
}

/// The same with what became of it on L1.
pub(super) fn describe_commit(record: &BatchRecord, commit: &CommitRecord) -> String {
    let shared = match commit.batches {
        0 | 1 => String::new(),
        count => format!(" (with {} more in its transaction)", count - 1),
    };
    format!(
        "{}, committed in L1 block {} ({}), cost {}{shared}",
        describe(record),
        commit.l1_block,
        commit.transaction,
        ether(commit.cost)
    )
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_204), "1,204");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(84_321), "84 kB");
        assert_eq!(ether(U256::ZERO), "0 ETH");
        assert_eq!(ether(U256::from(312_345_678_901_234u64)), "0.000312 ETH");
        assert_eq!(ether(U256::from(2_000_000_000_000_000_000u64)), "2 ETH");
        assert_eq!(ether(U256::from(1_234u64) * U256::from(10).pow(U256::from(18))), "1234 ETH");
    }

    #[test]
    fn a_commitment_reads_as_a_sentence() {
        let commit = CommitRecord {
            transaction: B256::ZERO,
            l1_block: 112,
            l1_block_hash: B256::ZERO,
            l1_timestamp: 0,
            gas_used: 0,
            cost: U256::from(300_000_000_000_000u64),
            batches: 1,
        };
        let record = BatchRecord {
            index: 7,
            first_block: 31,
            last_block: 58,
            transactions: 1_204,
            data_bytes: 84_000,
            versioned_hashes: vec![B256::ZERO],
            ..BatchRecord::genesis()
        };
        let line = describe_commit(&record, &commit);
        let expected = format!(
            "batch 7: blocks 31-58, 1,204 transactions, 84 kB in 1 blob, committed in L1 block 112 \
             ({}), cost 0.0003 ETH",
            B256::ZERO
        );
        assert_eq!(line, expected);
    }
}
