//! The pool's journal: accepted transactions in an append-only file.
//!
//! A record is `length u32 LE ‖ CRC-32 u32 LE ‖ EIP-2718 bytes`. Reading stops at the first record
//! that is cut off or does not match its checksum: a crash can only spoil the end.
//! Blob transactions are there without their sidecars, which [`crate::BlobStore`] keeps.
//! Records are not synced one by one; a crash of the machine may lose the last ones, and their
//! senders have no receipt for them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::Bytes;
use jovay_types::RecoveredTx;

/// Longest record that is believed: above any transaction that is accepted.
const RECORD_MAX: usize = 1 << 20;
/// A journal below this is never rewritten for being mostly dead.
const REWRITE_MIN: u64 = 1 << 20;
/// Rewritten when this many times the size it had after the last rewriting.
const GROWTH: u64 = 4;

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_rewritten: u64,
    bytes_max: u64,
}

impl Journal {
    /// Opens or creates the file and returns the transactions in it, at most `bytes_max`.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> io::Result<(Self, Vec<Bytes>)> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut content = Vec::new();
        let open = |path| OpenOptions::new().create(true).append(true).read(true).open(path);
        let file: File = open(path)?;
        (&file).take(bytes_max.saturating_mul(2)).read_to_end(&mut content)?;
        let (txs, valid) = decode(&content);
        if valid as u64 != file.metadata()?.len() {
            tracing::warn!(?path, valid, "the end of the pool's journal is damaged, cut off");
            file.set_len(valid as u64)?;
        }
        let bytes = valid as u64;
        let journal = Self { path: path.into(), file, bytes, bytes_rewritten: 0, bytes_max };
        Ok((journal, txs))
    }

    /// Appends accepted transactions in one write.
    pub(crate) fn append(&mut self, txs: &[Arc<RecoveredTx>]) -> io::Result<()> {
        let mut out = Vec::new();
        txs.iter().for_each(|tx| encode(tx, &mut out));
        self.file.write_all(&out)?;
        self.bytes += out.len() as u64;
        Ok(())
    }

    /// Whether it should be rewritten.
    pub(crate) fn is_due(&self) -> bool {
        let grown = self.bytes_rewritten.saturating_mul(GROWTH).max(REWRITE_MIN);
        self.bytes > grown.min(self.bytes_max)
    }

    /// Replaces the content in one step.
    pub(crate) fn rewrite(&mut self, txs: &[Arc<RecoveredTx>]) -> io::Result<()> {
        let mut out = Vec::new();
        txs.iter().for_each(|tx| encode(tx, &mut out));
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&out)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        (self.bytes, self.bytes_rewritten) = (out.len() as u64, out.len() as u64);
        Ok(())
    }
}

fn encode(tx: &RecoveredTx, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    tx.encode_2718(out);
    let body = &out[start + 8..];
    // A transaction is far below 4 GiB: ingest limits its size.
    let (length, crc) = (body.len() as u32, crc32fast::hash(body));
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The transactions and the length of the part that is whole.
fn decode(mut content: &[u8]) -> (Vec<Bytes>, usize) {
    let all = content.len();
    let mut txs = Vec::new();
    while let Some((body, rest)) = next_record(content) {
        txs.push(Bytes::copy_from_slice(body));
        content = rest;
    }
    (txs, all - content.len())
}

fn next_record(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = content.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > RECORD_MAX {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    (crc32fast::hash(body) == u32::from_le_bytes(*crc)).then_some((body, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::transfer;

    #[test]
    fn survives_and_cuts_off_a_damaged_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pool/journal");
        let (mut journal, txs) = Journal::open(&path, 1 << 20).unwrap();
        assert!(txs.is_empty());
        let sent: Vec<_> = (0..5).map(|nonce| transfer(1, nonce).recovered()).collect();
        journal.append(&sent[..2]).unwrap();
        journal.append(&sent[2..]).unwrap();
        drop(journal);
        let raw: Vec<Bytes> = sent.iter().map(|tx| tx.encoded_2718().into()).collect();
        assert_eq!(Journal::open(&path, 1 << 20).unwrap().1, raw);

        let whole = fs::read(&path).unwrap();
        for cut in [1, 9, 40] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(Journal::open(&path, 1 << 20).unwrap().1, raw[..4]);
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        fs::write(&path, &flipped).unwrap();
        let (mut journal, txs) = Journal::open(&path, 1 << 20).unwrap();
        assert_eq!(txs, raw[..4]);
        journal.append(&sent[4..]).unwrap();
        assert_eq!(Journal::open(&path, 1 << 20).unwrap().1, raw);
    }

    #[test]
    fn rewriting_bounds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path, 500).unwrap();
        let txs: Vec<_> = (0..10).map(|nonce| transfer(1, nonce).recovered()).collect();
        journal.append(&txs).unwrap();
        assert!(journal.is_due());
        journal.rewrite(&txs[9..]).unwrap();
        assert!(!journal.is_due());
        journal.append(&txs[..1]).unwrap();
        let read = Journal::open(&path, 500).unwrap().1;
        assert_eq!(read, [txs[9].encoded_2718(), txs[0].encoded_2718()].map(Bytes::from));
    }
}
