//! Snapshot files of arbitrary bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("snapshot");
    std::fs::write(&file, raw).expect("a file");
    let datadir = folder.path().join("data");
    assert!(jovay_storage::restore(&file, &datadir).is_err(), "no checksum fits by chance");
});
