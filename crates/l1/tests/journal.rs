//! The journal as a file: what a restart accepts, and what it refuses. No node is needed.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use jovay_l1::{Intent, IntentStatus, L1Client, Sender, SenderConfig, SenderError, Signer};
use support::{OTHER_KEY, payee, payment, signer};

fn config() -> SenderConfig {
    SenderConfig { chain_id: Some(1), ..SenderConfig::dev() }
}

async fn open_as(
    path: &Path,
    signer: Signer,
    config: SenderConfig,
) -> Result<Arc<Sender>, SenderError> {
    // Nothing listens there.
    let client = L1Client::new("http://127.0.0.1:9").unwrap();
    Sender::open(client, signer, Some(path.into()), config).await
}

async fn open(path: &Path) -> Result<Arc<Sender>, SenderError> {
    open_as(path, signer(), config()).await
}

#[tokio::test]
async fn a_crash_at_any_byte_loses_only_what_was_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let sender = open(&path).await.unwrap();
    let mut ends = vec![std::fs::metadata(&path).unwrap().len()];
    for number in 0..3 {
        sender.submit(payment(&number.to_string(), payee(number), number)).await.unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len());
    }
    sender.forget("1").await.unwrap();
    drop(sender);
    let whole = std::fs::read(&path).unwrap();
    // Around the ends of records, and here and there; every byte is the codec's own test.
    let is_near = |cut: &usize| ends.iter().any(|end| cut.abs_diff(*end as usize) < 3);
    let cuts = usize::try_from(ends[0]).unwrap()..=whole.len();
    for cut in cuts.filter(|cut| is_near(cut) || cut % 37 == 0) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let sender = open(&path).await.unwrap();
        let acknowledged = ends[1..].iter().filter(|end| **end <= cut as u64).count();
        let is_forgotten = cut == whole.len();
        assert_eq!(sender.open_keys().len(), acknowledged - usize::from(is_forgotten), "{cut}");
        assert_eq!(sender.status("1").is_none(), acknowledged < 2 || is_forgotten);
        // What comes next stands after whole records.
        sender.submit(payment("next", payee(9), 9)).await.unwrap();
        drop(sender);
        let sender = open(&path).await.unwrap();
        assert!(matches!(sender.status("next"), Some(IntentStatus::Waiting { .. })), "{cut}");
    }
}

#[tokio::test]
async fn damage_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let sender = open(&path).await.unwrap();
    for number in 0..3 {
        sender.submit(payment(&number.to_string(), payee(number), number)).await.unwrap();
    }
    drop(sender);
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 5, 20, whole.len() / 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&path, damaged).unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, SenderError::Damaged { .. }), "{at}: {error}");
        assert!(error.to_string().contains("restore it"), "{error}");
    }
    // The records in another order do not follow from each other.
    let size =
        |from: usize| 12 + u32::from_le_bytes(whole[from..from + 4].try_into().unwrap()) as usize;
    let twice = [&whole[..], &whole[size(0)..]].concat();
    std::fs::write(&path, twice).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[tokio::test]
async fn a_journal_belongs_to_one_key_one_chain_and_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let first = open(&path).await.unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, SenderError::Locked { .. }), "{error}");
    drop(first);
    let other = Signer::from_hex(OTHER_KEY, "test").unwrap();
    let error = open_as(&path, other, config()).await.unwrap_err();
    assert!(matches!(error, SenderError::WrongSigner { .. }), "{error}");
    let config = SenderConfig { chain_id: Some(2), ..config() };
    let error = open_as(&path, signer(), config).await.unwrap_err();
    assert!(matches!(error, SenderError::WrongChain { expected: 2, have: 1 }), "{error}");
    // Its own word is enough: the node need not be there.
    open_as(&path, signer(), SenderConfig::dev()).await.unwrap();
}

#[tokio::test]
async fn what_can_never_be_sent_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let config = SenderConfig { open_max: 2, ..config() };
    let sender = open_as(&folder.path().join("journal"), signer(), config).await.unwrap();
    let sidecar = Arc::new(jovay_da::blob_sidecar(vec![Blob::default()]).unwrap());
    let mut cut = (*sidecar).clone();
    cut.cell_proofs.pop();
    let pays = |key: &str| payment(key, payee(1), 1);
    let wrong = [
        pays(""),
        pays(&"k".repeat(257)),
        Intent { data: vec![0; (128 << 10) + 1].into(), ..pays("long") },
        Intent { to: None, sidecar: Some(sidecar.clone()), ..pays("creates with blobs") },
        Intent { sidecar: Some(Arc::new(cut)), ..pays("no proof") },
        Intent { sidecar: Some(Arc::default()), ..pays("no blob") },
    ];
    for intent in wrong {
        let key = intent.key.clone();
        assert!(sender.submit(intent).await.is_err(), "{key}");
    }
    assert!(sender.open_keys().is_empty());
    sender.submit(pays("a")).await.unwrap();
    sender.submit(Intent { sidecar: Some(sidecar), ..pays("b") }).await.unwrap();
    let error = sender.submit(pays("c")).await.unwrap_err();
    assert!(matches!(error, SenderError::Full { open: 2, limit: 2 }), "{error}");
    // Nothing was sent for it, so it can be taken back, and its blobs with it.
    assert!(sender.forget("b").await.unwrap());
    assert!(!sender.forget("b").await.unwrap());
    assert_eq!(std::fs::read_dir(folder.path().join("journal.sidecars")).unwrap().count(), 0);
    sender.submit(pays("c")).await.unwrap();
}

#[tokio::test]
async fn history_is_dropped_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let sender = open(&path).await.unwrap();
    sender.submit(payment("kept", payee(1), 1)).await.unwrap();
    let data = vec![7; 100_000];
    for number in 0..30 {
        let intent = Intent { data: data.clone().into(), ..payment("gone", payee(number), 1) };
        sender.submit(intent).await.unwrap();
        assert!(sender.forget("gone").await.unwrap());
    }
    // 30 times 200 kB were written.
    assert!(std::fs::metadata(&path).unwrap().len() < 3 << 20);
    drop(sender);
    assert_eq!(open(&path).await.unwrap().open_keys(), ["kept"]);
}
