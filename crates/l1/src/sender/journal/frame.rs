//! Records in a file: `length (4) | CRC-32 of length (4) | payload | CRC-32 of payload (4)`,
//! integers little-endian.
//!
//! The length has its own checksum, so that a damaged one is never taken for a record that a
//! crash cut short.

/// Most bytes of a record: an intent with the longest data and key, twice for hexadecimal, or a
/// receipt with many logs.
pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes before the payload.
const HEAD: usize = 8;
/// Bytes after the payload.
const TAIL: usize = 4;

/// Appends a record.
pub(super) fn write(payload: &[u8], out: &mut Vec<u8>) {
    let length = (payload.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc32fast::hash(&length).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
}

/// Where a file is damaged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: usize,
    pub(super) message: &'static str,
}

/// The payloads, and how many bytes of `file` they take up. What follows was cut short by a crash
/// before it was acknowledged; it is to be overwritten.
pub(super) fn read(file: &[u8]) -> Result<(Vec<&[u8]>, usize), Damage> {
    let mut payloads = Vec::new();
    let mut offset = 0;
    loop {
        let rest = &file[offset..];
        let damage = |message| Err(Damage { offset, message });
        let (Some(length), Some(check)) = (word(rest, 0), word(rest, 4)) else {
            return Ok((payloads, offset));
        };
        if crc32fast::hash(&length.to_le_bytes()) != check {
            // File systems may leave zeros where data had not arrived yet.
            if rest[HEAD..].iter().all(|byte| *byte == 0) {
                return Ok((payloads, offset));
            }
            return damage("the checksum of a record's length does not match");
        }
        let end = length as usize + HEAD;
        if length as usize > RECORD_BYTES_MAX {
            return damage("a record is too long");
        }
        let Some(check) = word(rest, end) else {
            return Ok((payloads, offset));
        };
        let payload = &rest[HEAD..end];
        if crc32fast::hash(payload) != check {
            if rest[end + TAIL..].iter().all(|byte| *byte == 0) {
                return Ok((payloads, offset));
            }
            return damage("the checksum of a record does not match");
        }
        payloads.push(payload);
        offset += end + TAIL;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn file(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        payloads.iter().for_each(|payload| write(payload, &mut out));
        out
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..6)
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(payloads in payloads()) {
            let file = file(&payloads);
            let (read, length) = read(&file).unwrap();
            prop_assert_eq!(length, file.len());
            prop_assert_eq!(read, payloads.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }

        /// Cut anywhere, the whole records before the cut remain, and nothing else.
        #[test]
        fn a_cut_loses_only_the_record_that_it_cuts(payloads in payloads()) {
            let file = file(&payloads);
            let mut ends = vec![0];
            for payload in &payloads {
                ends.push(ends.last().unwrap() + payload.len() + HEAD + TAIL);
            }
            for cut in 0..=file.len() {
                let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
                let (kept, length) = read(&file[..cut]).unwrap();
                prop_assert_eq!(kept.len(), whole);
                prop_assert_eq!(length, ends[whole]);
                // Zeros in place of what is missing are a cut, too.
                let mut zeroed = file[..cut].to_vec();
                zeroed.resize(file.len(), 0);
                let (kept, length) = read(&zeroed).unwrap();
                prop_assert!(kept.len() >= whole && length >= ends[whole]);
                prop_assert!(kept.iter().zip(&payloads).all(|(kept, payload)| kept == payload));
            }
        }

        /// A flipped bit is never taken for data: the file is refused, or ends there if it is
        /// in the last record, which a crash may have left so.
        #[test]
        fn a_flipped_bit_is_noticed(payloads in payloads(), at in any::<prop::sample::Index>(),
                                    bit in 0..8_u8) {
            let mut file = file(&payloads);
            let last = file.len() - payloads.last().unwrap().len() - HEAD - TAIL;
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            match read(&file) {
                Err(damage) => prop_assert!(damage.offset <= at),
                Ok((kept, length)) => {
                    prop_assert!(at >= last);
                    prop_assert_eq!(kept.len(), payloads.len() - 1);
                    prop_assert_eq!(length, last);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
