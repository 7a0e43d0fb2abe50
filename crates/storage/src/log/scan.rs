//! Reading the log back.

use std::fs::OpenOptions;
use std::path::Path;

use super::{FILE_HEADER, FILE_MAGIC, Kind, RECORD_HEADER, RECORD_MAGIC, Record, Segment};
use crate::ChainError;
use crate::codec::ENCODED_BYTES_MAX;

/// The most log files that are looked at.
const SEGMENTS_MAX: usize = 100_000;

/// What the log's directory holds.
pub(super) struct Found {
    pub(super) segments: Vec<Segment>,
    pub(super) length_last: u64,
    pub(super) length_closed: u64,
    pub(super) next: u64,
}

struct Parsed<'a> {
    record: Record<'a>,
    group: u64,
    length: usize,
}

/// The record at the start of `bytes`, if there is a whole and undamaged one.
fn parse(bytes: &[u8]) -> Option<Parsed<'_>> {
    let header = bytes.get(..RECORD_HEADER)?;
    let word = |at: usize| header[at..at + 4].try_into().map(u32::from_be_bytes).ok();
    let long = |at: usize| header[at..at + 8].try_into().map(u64::from_be_bytes).ok();
    let payload_length = word(8)? as usize;
    if header[..4] != RECORD_MAGIC || payload_length > ENCODED_BYTES_MAX {
        return None;
    }
    let length = RECORD_HEADER + payload_length;
    let whole = bytes.get(..length)?;
    if crc32fast::hash(&whole[8..]) != word(4)? {
        return None;
    }
    let kind = match header[28] {
        1 => Kind::Block,
        2 => Kind::Revert,
        _ => return None,
    };
    let record = Record { sequence: long(12)?, kind, payload: &whole[RECORD_HEADER..] };
    Some(Parsed { record, group: long(20)?, length })
}

/// Whether `bytes`, which begin with a damaged record that should have number `expected`, hold a
/// later group: then the damaged record had been durable.
fn later_group_follows(bytes: &[u8], expected: u64) -> bool {
    let mut at = 1;
    while let Some(found) = find(&bytes[at.min(bytes.len())..], &RECORD_MAGIC) {
        at += found;
        if parse(&bytes[at..]).is_some_and(|parsed| parsed.group > expected) {
            return true;
        }
        at += 1;
    }
    false
}

fn find(bytes: &[u8], pattern: &[u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| window == pattern)
}

/// Log files in order.
fn list(dir: &Path) -> Result<Vec<Segment>, ChainError> {
    let failed = |error| ChainError::io(dir, &error);
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(first) = name.strip_suffix(".log").and_then(|first| first.parse().ok()) else {
            return Err(ChainError::corrupt(path.display().to_string(), "not a log file"));
        };
        segments.push(Segment { first, path });
        if segments.len() > SEGMENTS_MAX {
            return Err(ChainError::corrupt(dir.display().to_string(), "too many log files"));
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Reads every record after `after`, and cuts an unfinished group off the last file.
pub(super) fn scan(
    dir: &Path,
    after: u64,
    replay: &mut dyn FnMut(Record<'_>) -> Result<(), ChainError>,
) -> Result<Found, ChainError> {
    let mut segments = list(dir)?;
    let mut next = None;
    let (mut length_last, mut length_closed) = (0, 0);
    for at in 0..segments.len() {
        let segment = &segments[at];
        let last = at + 1 == segments.len();
        if next.unwrap_or(segment.first.min(after + 1)) != segment.first {
            let place = segment.path.display().to_string();
            return Err(ChainError::corrupt(place, "the records before this log file are missing"));
        }
        let bytes =
            std::fs::read(&segment.path).map_err(|error| ChainError::io(&segment.path, &error))?;
        let unused = bytes.len() <= FILE_HEADER && check_header(segment, &bytes).is_err();
        if last && unused {
            // The machine stopped while the file was made: nothing had been written to it.
            let segment = segments.remove(at);
            std::fs::remove_file(&segment.path)
                .map_err(|error| ChainError::io(&segment.path, &error))?;
            super::sync_dir(dir)?;
            let reopened = scan_end(&segments, &mut length_closed)?;
            length_last = reopened;
            break;
        }
        check_header(segment, &bytes)?;
        let (end, number) = scan_segment(segment, &bytes, last, after, replay)?;
        next = Some(number);
        if last {
            length_last = end as u64;
        } else {
            length_closed += end as u64;
        }
    }
    let next = next.unwrap_or(after + 1);
    if next <= after {
        // The tables are ahead of the log, so its tail was lost after it had been durable.
        let what = format!("the log ends at record {}, the tables at {after}", next - 1);
        return Err(ChainError::corrupt(dir.display().to_string(), what));
    }
    Ok(Found { segments, length_last, length_closed, next })
}

/// After the last file was removed: the one before it is the last now.
fn scan_end(segments: &[Segment], length_closed: &mut u64) -> Result<u64, ChainError> {
    let Some(segment) = segments.last() else { return Ok(0) };
    let metadata =
        std::fs::metadata(&segment.path).map_err(|error| ChainError::io(&segment.path, &error))?;
    *length_closed -= metadata.len();
    Ok(metadata.len())
}

fn check_header(segment: &Segment, bytes: &[u8]) -> Result<(), ChainError> {
    let place = || segment.path.display().to_string();
    let Some(header) = bytes.get(..FILE_HEADER) else {
        return Err(ChainError::corrupt(place(), "the log file is shorter than its header"));
    };
    if header[..8] != FILE_MAGIC {
        return Err(ChainError::corrupt(place(), "not a log file of this version"));
    }
    let first = segment.first.to_be_bytes();
    if header[8..16] != first || header[16..] != crc32fast::hash(&header[..16]).to_be_bytes() {
        return Err(ChainError::corrupt(place(), "damaged log file header"));
    }
    Ok(())
}

/// Replays one file; where its good records end, and the number of the next record.
fn scan_segment(
    segment: &Segment,
    bytes: &[u8],
    last: bool,
    after: u64,
    replay: &mut dyn FnMut(Record<'_>) -> Result<(), ChainError>,
) -> Result<(usize, u64), ChainError> {
    let (mut at, mut expected) = (FILE_HEADER, segment.first);
    while at < bytes.len() {
        let place = || format!("{} at byte {at}", segment.path.display());
        let Some(parsed) = parse(&bytes[at..]) else {
            if !last || later_group_follows(&bytes[at..], expected) {
                return Err(ChainError::corrupt(place(), "damaged log record"));
            }
            cut(segment, at as u64)?;
            break;
        };
        if parsed.record.sequence != expected {
            let what = format!("log record {} where {expected} should be", parsed.record.sequence);
            return Err(ChainError::corrupt(place(), what));
        }
        if expected > after {
            replay(parsed.record)?;
        }
        at += parsed.length;
        expected += 1;
    }
    Ok((at, expected))
}

/// Shortens the file to `length`.
fn cut(segment: &Segment, length: u64) -> Result<(), ChainError> {
    tracing::info!(path = %segment.path.display(), length, "cut an unfinished group off the log");
    let failed = |error| ChainError::io(&segment.path, &error);
    let file = OpenOptions::new().write(true).open(&segment.path).map_err(failed)?;
    file.set_len(length).map_err(failed)?;
    file.sync_all().map_err(failed)
}
