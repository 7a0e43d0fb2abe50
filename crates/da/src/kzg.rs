//! KZG commitments of blobs and EIP-7594 cell proofs, by c-kzg.

use std::sync::Arc;

use alloy_eips::eip4844::{Blob, Bytes48, kzg_to_versioned_hash};
use alloy_eips::eip7594::BlobTransactionSidecarEip7594;
use alloy_primitives::B256;
use c_kzg::KzgSettings;
use rayon::prelude::*;

/// Bits of precomputation for cell proofs. 8 would take 96 MiB and a third more of the start for
/// a seventh less of every proof (`docs/benchmarks/da.md`); not worth it to most processes.
const PRECOMPUTE: u64 = 0;

/// Cell proofs of a blob (EIP-7594: `CELLS_PER_EXT_BLOB`).
const PROOFS_PER_BLOB: usize = 128;

/// Why blobs have no proofs, or proofs do not hold.
#[derive(Debug, thiserror::Error)]
pub enum KzgError {
    /// c-kzg refused: a field element above the modulus, a point not on the curve.
    #[error("KZG: {0}")]
    Kzg(String),
    /// Blobs, commitments, proofs and hashes are not as many as they have to be.
    #[error("{what}: {have} given, {need} needed")]
    Count {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        have: usize,
        /// How many there have to be.
        need: usize,
    },
    /// A blob is not the one that its versioned hash names.
    #[error("blob {index} does not match its versioned hash {expected}")]
    WrongBlob {
        /// Position of the blob.
        index: usize,
        /// The versioned hash it should have.
        expected: B256,
    },
    /// A commitment or a cell proof is false.
    #[error("the cell proofs do not hold")]
    InvalidProof,
}

impl From<c_kzg::Error> for KzgError {
    fn from(error: c_kzg::Error) -> Self {
        Self::Kzg(format!("{error:?}"))
    }
}

/// Loads Ethereum's trusted setup, once per process, however often it is called. It takes
/// tenths of a second, so a batcher calls it at its start; everything else here calls it too.
pub fn load_trusted_setup() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(PRECOMPUTE)
}

fn as_kzg(blob: &Blob) -> Result<c_kzg::Blob, KzgError> {
    Ok(c_kzg::Blob::from_bytes(blob.as_slice())?)
}

/// The KZG commitment of a blob.
///
/// # Errors
/// A field element is above the modulus.
pub fn blob_commitment(blob: &Blob) -> Result<Bytes48, KzgError> {
    let commitment = load_trusted_setup().blob_to_kzg_commitment(&as_kzg(blob)?)?;
    Ok(Bytes48::from(*commitment.to_bytes()))
}

/// The versioned hash of a commitment (EIP-4844).
pub fn versioned_hash(commitment: &Bytes48) -> B256 {
    kzg_to_versioned_hash(commitment.as_slice())
}

/// The sidecar of a blob transaction, with all cell proofs. Blobs are worked on in parallel, on
/// rayon's threads.
///
/// # Errors
/// A field element is above the modulus.
pub fn blob_sidecar(blobs: Vec<Blob>) -> Result<BlobTransactionSidecarEip7594, KzgError> {
    let proven: Vec<(Bytes48, Vec<Bytes48>)> =
        blobs.par_iter().map(prove).collect::<Result<_, _>>()?;
    let (commitments, proofs): (_, Vec<_>) = proven.into_iter().unzip();
    Ok(BlobTransactionSidecarEip7594 { blobs, commitments, cell_proofs: proofs.concat() })
}

fn prove(blob: &Blob) -> Result<(Bytes48, Vec<Bytes48>), KzgError> {
    let blob = as_kzg(blob)?;
    let settings = load_trusted_setup();
    let commitment = settings.blob_to_kzg_commitment(&blob)?;
    let (_, proofs) = settings.compute_cells_and_kzg_proofs(&blob)?;
    let proofs = proofs.iter().map(|proof| Bytes48::from(*proof.to_bytes())).collect();
    Ok((Bytes48::from(*commitment.to_bytes()), proofs))
}

/// Checks that `blob` is the one that `expected` names, by recomputing its commitment.
///
/// # Errors
/// [`KzgError::WrongBlob`], or a field element is above the modulus.
pub fn verify_blob(index: usize, blob: &Blob, expected: B256) -> Result<(), KzgError> {
    if versioned_hash(&blob_commitment(blob)?) == expected {
        Ok(())
    } else {
        Err(KzgError::WrongBlob { index, expected })
    }
}

/// Checks a sidecar as an L1 node does: counts, versioned hashes, commitments and cell proofs.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_sidecar(
    sidecar: &BlobTransactionSidecarEip7594,
    versioned_hashes: &[B256],
) -> Result<(), KzgError> {
    let need = sidecar.blobs.len();
    check_count("commitments", sidecar.commitments.len(), need)?;
    check_count("versioned hashes", versioned_hashes.len(), need)?;
    check_count("cell proofs", sidecar.cell_proofs.len(), need * PROOFS_PER_BLOB)?;
    for (index, (commitment, &expected)) in
        sidecar.commitments.iter().zip(versioned_hashes).enumerate()
    {
        if versioned_hash(commitment) != expected {
            return Err(KzgError::WrongBlob { index, expected });
        }
    }
    let proofs = sidecar.cell_proofs.chunks(PROOFS_PER_BLOB);
    let blobs = sidecar.blobs.iter().zip(&sidecar.commitments).zip(proofs);
    let blobs: Vec<_> =
        blobs.map(|((blob, commitment), proofs)| (blob, commitment, proofs)).collect();
    blobs.par_iter().try_for_each(|(blob, commitment, proofs)| verify(blob, commitment, proofs))
}

fn check_count(what: &'static str, have: usize, need: usize) -> Result<(), KzgError> {
    if have == need { Ok(()) } else { Err(KzgError::Count { what, have, need }) }
}

fn verify(blob: &Blob, commitment: &Bytes48, proofs: &[Bytes48]) -> Result<(), KzgError> {
    let settings = load_trusted_setup();
    let point = |bytes: &Bytes48| c_kzg::Bytes48::from_bytes(bytes.as_slice());
    let cells = settings.compute_cells(&as_kzg(blob)?)?;
    let commitments = vec![point(commitment)?; PROOFS_PER_BLOB];
    let indices: Vec<u64> = (0..PROOFS_PER_BLOB as u64).collect();
    let proofs = proofs.iter().map(point).collect::<Result<Vec<_>, _>>()?;
    match settings.verify_cell_kzg_proof_batch(&commitments, &indices, &cells[..], &proofs)? {
        true => Ok(()),
        false => Err(KzgError::InvalidProof),
    }
}

/// Shares a sidecar between a transaction and its resends.
pub(crate) type SharedSidecar = Arc<BlobTransactionSidecarEip7594>;
