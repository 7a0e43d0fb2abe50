//! A batch for human eyes: `jovay batch decode`.

use alloy_consensus::transaction::RlpEcdsaDecodableTx;
use alloy_consensus::{Transaction as _, TxLegacy};
use alloy_primitives::{Bytes, hex, keccak256};
use alloy_rlp::Header;
use jovay_types::{RecoveryError, Transaction, recover_sender};
use serde_json::{Value, json};

use crate::{
    BLOB_BYTES, BatchData, BatchVersion, Blob, BlockContext, Chunk, CodecError, CountRule,
    DaVersion, KzgError, blob_commitment, blob_data_hash, versioned_hash,
};

/// Most blobs that are read as one batch: what fills the 24-bit length, and more than any L1
/// schedule allows in a transaction.
const BLOBS_MAX: usize = 133;

/// Why a file or its blobs are not a batch.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file is neither raw nor hexadecimal blobs.
    #[error("not a blob: {0}")]
    File(String),
    /// The blobs are not a batch.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The blobs have no commitment.
    #[error(transparent)]
    Kzg(#[from] KzgError),
}

/// Reads a file with one or more blobs: raw (131,072 bytes each), or hexadecimal with or without
/// `0x` and with space around it.
///
/// # Errors
/// A length that is not a multiple of a blob's, characters that are not hexadecimal, too many.
pub fn parse_blob_file(file: &[u8]) -> Result<Vec<Blob>, InspectError> {
    let raw = if !file.is_empty() && file.len().is_multiple_of(BLOB_BYTES) && !is_hex(file) {
        file.to_vec()
    } else {
        hex::decode(file.trim_ascii()).map_err(|_| {
            let len = file.len();
            InspectError::File(format!(
                "{len} bytes are neither raw blobs of {BLOB_BYTES} bytes nor hexadecimal"
            ))
        })?
    };
    if raw.is_empty() || !raw.len().is_multiple_of(BLOB_BYTES) {
        let len = raw.len();
        return Err(InspectError::File(format!("{len} bytes, a blob has {BLOB_BYTES}")));
    }
    if raw.len() / BLOB_BYTES > BLOBS_MAX {
        return Err(InspectError::File(format!("more than {BLOBS_MAX} blobs")));
    }
    Ok(raw.chunks_exact(BLOB_BYTES).map(Blob::from_slice).collect())
}

/// Whether a file is text: then the length of a blob is chance.
fn is_hex(file: &[u8]) -> bool {
    let text = file.trim_ascii();
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// Describes the batch in `blobs`: versions, sizes, hashes, chunks, blocks and transactions.
///
/// A transaction that Ethereum's rules do not accept is still shown, with its bytes and what is
/// wrong with it: the format carries transactions as they are.
///
/// # Errors
/// The blobs are not exactly one batch.
pub fn describe_batch(blobs: &[Blob]) -> Result<Value, InspectError> {
    if blobs.len() > BLOBS_MAX {
        return Err(InspectError::File(format!("more than {BLOBS_MAX} blobs")));
    }
    let data = BatchData::from_blobs(blobs)?;
    let payload_bytes = data.payload_bytes()?;
    let payload = data.payload()?;
    let commitments = blobs.iter().map(blob_commitment).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<_> = commitments.iter().map(versioned_hash).collect();
    let chunks: Vec<Value> = payload.chunks.iter().map(describe_chunk).collect::<Result<_, _>>()?;
    let count = |field: fn(&Chunk) -> usize| payload.chunks.iter().map(field).sum::<usize>();
    let l1_messages = |chunk: &Chunk| chunk.blocks.iter().map(|b| usize::from(b.l1_messages)).sum();
    Ok(json!({
        "daVersion": data.da_version() as u8,
        "batchVersion": data.batch_version() as u8,
        "compressed": data.da_version() == DaVersion::Da2,
        "bodyBytes": data.body().len(),
        "payloadBytes": payload_bytes.len(),
        "payloadHash": keccak256(&payload_bytes),
        "blobs": blobs.len(),
        "commitments": commitments,
        "versionedHashes": hashes,
        "dataHash": blob_data_hash(&hashes),
        "firstBlock": payload.first_block(),
        "lastBlock": payload.last_block(),
        "blockCount": count(|chunk| chunk.blocks.len()),
        "l2TransactionCount": count(|chunk| chunk.transactions.len()),
        "l1MessageCount": count(l1_messages),
        "chunkCount": chunks.len(),
        "chunks": chunks,
    }))
}

fn describe_chunk(chunk: &Chunk) -> Result<Value, CodecError> {
    let (rule, counts) = chunk.l2_counts()?;
    let mut transactions = chunk.transactions.iter();
    let blocks: Vec<Value> = chunk
        .blocks
        .iter()
        .zip(counts)
        .map(|(context, count)| {
            let own = transactions.by_ref().take(count).map(describe_transaction);
            describe_block(context, own.collect())
        })
        .collect();
    Ok(json!({
        "numBlocks": blocks.len(),
        "firstBlock": chunk.first_block(),
        "lastBlock": chunk.last_block(),
        "bytes": chunk.encoded_len(BatchVersion::V2),
        "countsIncludeL1Messages": rule == CountRule::WithL1Messages,
        "blocks": blocks,
    }))
}

fn describe_block(context: &BlockContext, transactions: Vec<Value>) -> Value {
    json!({
        "specVersion": context.spec_version,
        "blockNumber": context.number,
        "timestamp": context.timestamp,
        "baseFee": context.base_fee,
        "gasLimit": context.gas_limit,
        "numTransactions": context.transactions,
        "numL1Messages": context.l1_messages,
        "transactions": transactions,
    })
}

fn describe_transaction(raw: &Bytes) -> Value {
    let mut out = json!({ "hash": keccak256(raw), "bytes": raw.len(), "raw": raw });
    let mut set = |key: &str, value: Value| {
        if let Some(object) = out.as_object_mut() {
            object.insert(key.into(), value);
        }
    };
    match Transaction::decode_2718_exact(raw) {
        Ok(tx) => {
            fields(&tx, &mut set);
            match recover_sender(&tx) {
                Ok(sender) => set("sender", json!(sender)),
                Err(RecoveryError::InvalidSignature) => {
                    set("sender", Value::Null);
                    set("error", json!("the signature is invalid"));
                }
            }
        }
        Err(error) => match unsigned_legacy(raw) {
            Some(tx) => {
                set("type", json!("0x0"));
                common_fields(&tx, &mut set);
                set("gasPrice", quantity(tx.gas_price));
                set("sender", Value::Null);
                set("unsigned", json!(true));
            }
            None => {
                set("sender", Value::Null);
                set("error", json!(format!("not a transaction: {error}")));
            }
        },
    }
    out
}

/// Jovay's sequencer puts system transactions into blocks as legacy transactions with an empty
/// signature, which Ethereum's decoders refuse.
fn unsigned_legacy(raw: &[u8]) -> Option<TxLegacy> {
    const EMPTY_SIGNATURE: [u8; 3] = [0x80; 3];
    let mut rest = raw;
    let header = Header::decode(&mut rest).ok()?;
    if !header.list || header.payload_length != rest.len() {
        return None;
    }
    let tx = TxLegacy::rlp_decode_fields(&mut rest).ok()?;
    (rest == EMPTY_SIGNATURE).then_some(tx)
}

fn quantity(value: impl std::fmt::LowerHex) -> Value {
    json!(format!("{value:#x}"))
}

fn common_fields(tx: &impl alloy_consensus::Transaction, set: &mut impl FnMut(&str, Value)) {
    set("chainId", tx.chain_id().map_or(Value::Null, quantity));
    set("nonce", quantity(tx.nonce()));
    set("gas", quantity(tx.gas_limit()));
    set("to", json!(tx.kind().to()));
    set("value", quantity(tx.value()));
    set("input", json!(tx.input()));
}

fn fields(tx: &Transaction, set: &mut impl FnMut(&str, Value)) {
    set("type", quantity(tx.tx_type()));
    let Transaction::Ethereum(tx) = tx else {
        // The published format keeps L1 messages out; say so rather than hide it.
        set("error", json!("an L1 message does not belong into a batch"));
        return;
    };
    common_fields(tx, set);
    if let Some(price) = tx.gas_price() {
        set("gasPrice", quantity(price));
    } else {
        set("maxFeePerGas", quantity(tx.max_fee_per_gas()));
        set("maxPriorityFeePerGas", tx.max_priority_fee_per_gas().map_or(Value::Null, quantity));
    }
    if !tx.is_legacy() {
        set("accessList", json!(tx.access_list().map(describe_access_list)));
    }
    if let Some(list) = tx.authorization_list() {
        let list = list.iter().map(|signed| {
            json!({
                "chainId": quantity(signed.chain_id),
                "address": signed.address,
                "nonce": quantity(signed.nonce),
                "yParity": quantity(signed.y_parity()),
                "r": quantity(signed.r()),
                "s": quantity(signed.s()),
            })
        });
        set("authorizationList", Value::Array(list.collect()));
    }
    let signature = tx.signature();
    set("yParity", quantity(u8::from(signature.v())));
    set("r", quantity(signature.r()));
    set("s", quantity(signature.s()));
}

fn describe_access_list(list: &alloy_eips::eip2930::AccessList) -> Vec<Value> {
    let item = |item: &alloy_eips::eip2930::AccessListItem| json!({ "address": item.address, "storageKeys": item.storage_keys });
    list.iter().map(item).collect()
}
