#![allow(clippy::unwrap_used)]

use super::*;

type Seen = Vec<(u64, Vec<u8>)>;

fn open(dir: &Path, after: u64) -> Result<(Log, Seen), ChainError> {
    let mut seen = Vec::new();
    let log = Log::open(dir, 400, after, &mut |record| {
        seen.push((record.sequence, record.payload.to_vec()));
        Ok(())
    })?;
    Ok((log, seen))
}

fn payload(number: u8) -> Vec<u8> {
    vec![number; 20 + usize::from(number)]
}

fn group(numbers: std::ops::Range<u8>) -> Vec<(Kind, Vec<u8>)> {
    numbers.map(|number| (Kind::Block, payload(number))).collect()
}

fn last_file(dir: &Path) -> PathBuf {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn rotates_releases_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, seen) = open(dir.path(), 0).unwrap();
    assert!(seen.is_empty());
    for number in 0..30 {
        assert_eq!(log.append(&group(number..number + 1)).unwrap(), 1 + u64::from(number));
    }
    assert!(log.segments.len() > 3);
    log.release(10).unwrap();
    assert!(log.segments[0].first <= 11 && log.segments[1].first > 11);
    let bytes = log.bytes();
    drop(log);
    let (log, seen) = open(dir.path(), 10).unwrap();
    assert_eq!(log.bytes(), bytes);
    assert_eq!(log.next, 31);
    assert_eq!(seen, (10..30).map(|n| (1 + u64::from(n), payload(n))).collect::<Vec<_>>());
    assert!(open(dir.path(), 5).is_err(), "records 6.. are gone");
    assert!(open(dir.path(), 40).is_err(), "records up to 40 should be there");
}

#[test]
fn cut_anywhere_in_the_last_group() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path(), 0).unwrap();
    log.append(&group(0..2)).unwrap();
    let durable = log.length;
    log.append(&group(2..5)).unwrap();
    drop(log);
    let path = last_file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for length in durable as usize..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (mut log, seen) = open(dir.path(), 0).unwrap();
        assert!((2..=5).contains(&seen.len()));
        assert_eq!(seen.len() == 5, length == whole.len());
        assert_eq!(log.append(&group(9..10)).unwrap(), seen.len() as u64 + 1);
        drop(log);
        assert_eq!(open(dir.path(), 0).unwrap().1.last().unwrap().1, payload(9));
    }
}

#[test]
fn a_damaged_byte_is_an_error_unless_in_the_last_group() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path(), 0).unwrap();
    log.append(&group(0..2)).unwrap();
    let durable = log.length as usize;
    log.append(&group(2..4)).unwrap();
    drop(log);
    let path = last_file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        match open(dir.path(), 0) {
            Ok((_, seen)) => assert!(at >= durable && (2..4).contains(&seen.len()), "{at}"),
            Err(ChainError::Corrupt { place, .. }) => {
                assert!(at < durable && place.contains(".log"), "{at}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_file_without_a_whole_header_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path(), 0).unwrap();
    log.append(&group(0..20)).unwrap();
    let bytes = log.bytes();
    drop(log);
    std::fs::write(dir.path().join(format!("{:020}.log", 21)), b"JVL").unwrap();
    let (mut log, seen) = open(dir.path(), 0).unwrap();
    assert_eq!((seen.len(), log.bytes(), log.next), (20, bytes, 21));
    log.append(&group(0..1)).unwrap();
}

#[test]
fn damage_in_an_older_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path(), 0).unwrap();
    for number in 0..20 {
        log.append(&group(number..number + 1)).unwrap();
    }
    let first = log.segments[0].path.clone();
    drop(log);
    let bytes = std::fs::read(&first).unwrap();
    std::fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(open(dir.path(), 0), Err(ChainError::Corrupt { .. })));
    std::fs::remove_file(&first).unwrap();
    assert!(matches!(open(dir.path(), 0), Err(ChainError::Corrupt { .. })));
}
