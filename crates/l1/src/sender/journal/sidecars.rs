//! Blobs of open intents beside the journal, one file each: they are large and soon not needed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::B256;

use super::file_error;
use crate::sender::SenderError;

/// Most bytes of a file: a blob with its proofs has 137 kB, and no schedule is near 64 in one
/// transaction.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the blobs are.
#[derive(Debug)]
pub(super) enum Sidecars {
    Memory(HashMap<u64, Arc<BlobTransactionSidecarEip7594>>),
    Folder(PathBuf),
}

impl Sidecars {
    /// Opens the folder and removes what belongs to none of `open`.
    pub(super) fn folder(path: PathBuf, open: &HashSet<u64>) -> Result<Self, SenderError> {
        fs::create_dir_all(&path).map_err(|source| file_error(&path, source))?;
        let entries = fs::read_dir(&path).map_err(|source| file_error(&path, source))?;
        for entry in entries {
            let file = entry.map_err(|source| file_error(&path, source))?.path();
            let id = file.file_name().and_then(|name| name.to_str()?.parse().ok());
            if !id.is_some_and(|id: u64| open.contains(&id)) {
                fs::remove_file(&file).map_err(|source| file_error(&file, source))?;
            }
        }
        Ok(Self::Folder(path))
    }

    /// Keeps blobs. They survive a crash once this returns.
    pub(super) fn save(
        &mut self,
        id: u64,
        sidecar: &Arc<BlobTransactionSidecarEip7594>,
    ) -> Result<(), SenderError> {
        match self {
            Self::Memory(map) => {
                map.insert(id, Arc::clone(sidecar));
                Ok(())
            }
            Self::Folder(folder) => {
                let mut bytes = Vec::with_capacity(sidecar.rlp_encoded_length());
                sidecar.rlp_encode(&mut bytes);
                let path = folder.join(id.to_string());
                write_durably(folder, &path, &bytes).map_err(|source| file_error(&path, source))
            }
        }
    }

    /// The blobs of an intent. `None` if they are not there, or are not those that `hashes` name.
    pub(super) fn load(
        &self,
        id: u64,
        hashes: &[B256],
    ) -> Option<Arc<BlobTransactionSidecarEip7594>> {
        let sidecar = match self {
            Self::Memory(map) => map.get(&id).cloned(),
            Self::Folder(folder) => read(&folder.join(id.to_string())).map(Arc::new),
        }?;
        sidecar.versioned_hashes().eq(hashes.iter().copied()).then_some(sidecar)
    }

    /// Drops the blobs of an intent that needs them no more. One that cannot be removed is
    /// removed at the next start.
    pub(super) fn remove(&mut self, id: u64) {
        match self {
            Self::Memory(map) => {
                map.remove(&id);
            }
            Self::Folder(folder) => {
                let _ = fs::remove_file(folder.join(id.to_string()));
            }
        }
    }
}

fn read(path: &Path) -> Option<BlobTransactionSidecarEip7594> {
    if fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (check, body) = bytes.split_first_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*check) {
        return None;
    }
    let mut rest = body;
    let sidecar = BlobTransactionSidecarEip7594::rlp_decode(&mut rest).ok()?;
    rest.is_empty().then_some(sidecar)
}

fn write_durably(folder: &Path, path: &Path, body: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(&crc32fast::hash(body).to_le_bytes())?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}
