//! Measures what a transaction costs in data: bytes after compression, the throughput that L1's
//! blob targets then allow, and CPU time. The result is `docs/benchmarks/da.md`.
//!
//! ```text
//! cargo run --release -p jovay-da --example measure [TRANSACTIONS]
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address, keccak256};
use jovay_da::{
    BatchSealer, BatchVersion, BlockContext, BlockData, CloseReason, SealedBatch, SealingConfig,
    USABLE_BYTES_PER_BLOB, blob_sidecar, load_trusted_setup, verify_sidecar,
};
use rayon::prelude::*;
use secp256k1::{Message, SECP256K1, SecretKey};

const ACCOUNTS: u64 = 10_000;
const TRANSACTIONS_PER_BLOCK: usize = 200;
const SLOT_S: f64 = 12.0;
/// Name, blobs per slot that L1 aims at.
const TARGETS: [(&str, u32); 3] = [("Osaka 6/9", 6), ("BPO1 10/15", 10), ("BPO2 14/21", 14)];

/// splitmix64: the same loads in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// As people choose amounts: one to four digits, then zeros.
    fn amount(&mut self, unit: u64) -> U256 {
        let digits = self.pick(&[10, 100, 1_000, 10_000]);
        U256::from(1 + self.below(digits)) * U256::from(unit)
    }
}

/// CPU seconds of all threads, in hundredths.
fn process_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

struct Account {
    key: SecretKey,
    address: Address,
}

fn account(index: u64) -> Account {
    let key = SecretKey::from_slice(keccak256(index.to_be_bytes()).as_slice()).unwrap();
    let public = key.public_key(SECP256K1).serialize_uncompressed();
    Account { key, address: Address::from_slice(&keccak256(&public[1..])[12..]) }
}

#[derive(Clone, Copy)]
enum Load {
    Eth { fresh: bool },
    Erc20 { fresh: bool },
    Mixed,
}

fn action(load: Load, random: &mut Random, accounts: &[Account]) -> (Address, U256, Bytes, u64) {
    let receiver = |random: &mut Random, fresh| match fresh {
        true => Address::from_word(keccak256(random.next().to_be_bytes())),
        false => accounts[random.below(ACCOUNTS) as usize].address,
    };
    let word = |value: U256| value.to_be_bytes::<32>();
    match load {
        Load::Eth { fresh } => {
            (receiver(random, fresh), random.amount(1_000_000_000_000_000), Bytes::new(), 21_000)
        }
        Load::Erc20 { fresh } => {
            let token = keccak256([1, random.pick(&[0, 0, 0, 1, 1, 2, 3, 4])]);
            let to = receiver(random, fresh).into_word();
            let mut input = vec![0xa9, 0x05, 0x9c, 0xbb];
            input.extend_from_slice(to.as_slice());
            input.extend_from_slice(&word(random.amount(10_000)));
            let gas = random.pick(&[51_000, 52_137, 60_000, 65_000, 100_000]);
            (Address::from_word(token), U256::ZERO, input.into(), gas)
        }
        Load::Mixed => match random.below(100) {
            0..45 => action(Load::Eth { fresh: false }, random, accounts),
            45..85 => action(Load::Erc20 { fresh: false }, random, accounts),
            _ => swap(random, accounts),
        },
    }
}

/// Uniswap v2's swapExactTokensForTokens over a path of two tokens, to the sender.
fn swap(random: &mut Random, accounts: &[Account]) -> (Address, U256, Bytes, u64) {
    let router = address!("4752ba5DBc23f44D87826276BF6Fd6b1C372aD24");
    let amount = random.amount(10_000);
    let least = amount * U256::from(random.below(9_000) + 1_000) / U256::from(997);
    let to = accounts[random.below(ACCOUNTS) as usize].address;
    let deadline = U256::from(1_795_000_000 + random.below(3_600));
    let mut input = vec![0x38, 0xed, 0x17, 0x39];
    for value in [amount, least, U256::from(160), to.into_word().into(), deadline, U256::from(2)] {
        input.extend_from_slice(&value.to_be_bytes::<32>());
    }
    let first = random.below(4) as u8;
    for token in [first, first + 1] {
        let token = Address::from_word(keccak256([1, token])).into_word();
        input.extend_from_slice(token.as_slice());
    }
    (router, U256::ZERO, input.into(), random.pick(&[160_000, 185_311, 200_000, 250_000]))
}

fn sign(tx: TxEip1559, key: &SecretKey) -> Bytes {
    let message = Message::from_digest(tx.signature_hash().0);
    let signature = SECP256K1.sign_ecdsa_recoverable(&message, key);
    let (id, raw) = signature.serialize_compact();
    let signature = Signature::from_bytes_and_parity(&raw, i32::from(id) == 1);
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

fn transactions(load: Load, count: usize, accounts: &[Account]) -> Vec<Bytes> {
    let mut random = Random(42);
    let mut nonces: Vec<u64> = (0..ACCOUNTS).map(|_| random.below(300)).collect();
    let unsigned: Vec<(usize, TxEip1559)> = (0..count)
        .map(|_| {
            let sender = random.below(ACCOUNTS) as usize;
            let (to, value, input, gas_limit) = action(load, &mut random, accounts);
            nonces[sender] += 1;
            let tip = random.pick(&[0, 0, 1_000_000, 100_000_000]);
            let tx = TxEip1559 {
                chain_id: 5_734_951,
                nonce: nonces[sender],
                gas_limit,
                max_fee_per_gas: random.pick(&[2_000_000, 20_000_000, 1_000_000_000]) + tip,
                max_priority_fee_per_gas: tip,
                to: TxKind::Call(to),
                value,
                input,
                access_list: Default::default(),
            };
            (sender, tx)
        })
        .collect();
    unsigned.into_par_iter().map(|(sender, tx)| sign(tx, &accounts[sender].key)).collect()
}

fn blocks(transactions: &[Bytes]) -> Vec<BlockData> {
    let blocks = transactions.chunks(TRANSACTIONS_PER_BLOCK).enumerate();
    let block = |(number, transactions): (usize, &[Bytes])| BlockData {
        context: BlockContext {
            spec_version: 1,
            number: number as u64,
            // Five blocks a second.
            timestamp: 1_795_000_000 + number as u64 / 5,
            base_fee: 1_000_000,
            gas_limit: 1_000_000_000,
            transactions: transactions.len() as u16,
            l1_messages: 0,
        },
        gas_used: 21_000 * transactions.len() as u64,
        transactions: transactions.to_vec(),
    };
    blocks.map(block).collect()
}

/// The full batches of a load, and the CPU seconds that sealing took.
fn seal(blocks: &[BlockData], level: i32) -> (Vec<SealedBatch>, f64) {
    let config = SealingConfig { zstd_level: level, ..SealingConfig::default() };
    // The clock is coarse: the fast levels are measured over several rounds.
    let rounds = if level < 10 { 10 } else { 1 };
    let mut batches = Vec::new();
    let mut seconds = 0.0;
    for _ in 0..rounds {
        let mut sealer = BatchSealer::new(config, 0).unwrap();
        batches.clear();
        let blocks = blocks.to_vec();
        let start = process_cpu_s();
        for block in blocks {
            batches.extend(sealer.push(block, None).unwrap().batches);
        }
        seconds += process_cpu_s() - start;
    }
    assert!(batches.iter().all(|batch| batch.reason == CloseReason::Data), "full batches only");
    (batches, seconds / f64::from(rounds))
}

struct Figures {
    bytes: f64,
    one_shot_bytes: f64,
    seal_us: f64,
    fill: f64,
}

fn figures(batches: &[SealedBatch], seconds: f64, level: i32, all: usize) -> Figures {
    let count: u64 = batches.iter().map(|batch| batch.transactions).sum();
    let bytes: usize = batches.iter().map(|batch| batch.data.packed_len()).sum();
    let one_shot = |batch: &SealedBatch| {
        let payload = batch.data.payload().unwrap().encode(BatchVersion::V2).unwrap();
        4 + zstd::bulk::compress(&payload, level).unwrap().len()
    };
    let one_shot: usize = batches.iter().map(one_shot).sum();
    let limit = batches.len() * SealingConfig::default().batch.data_bytes;
    Figures {
        bytes: bytes as f64 / count as f64,
        one_shot_bytes: one_shot as f64 / count as f64,
        seal_us: seconds * 1e6 / all as f64,
        fill: bytes as f64 / limit as f64,
    }
}

fn main() {
    let count = std::env::args().nth(1).map_or(40_000, |count| count.parse().unwrap());
    let accounts: Vec<Account> = (0..ACCOUNTS).into_par_iter().map(account).collect();
    let loads = [
        ("ETH transfer", Load::Eth { fresh: false }),
        ("ETH transfer, new receivers", Load::Eth { fresh: true }),
        ("ERC-20 transfer", Load::Erc20 { fresh: false }),
        ("ERC-20 transfer, new receivers", Load::Erc20 { fresh: true }),
        ("mixed (45 % ETH, 40 % ERC-20, 15 % swap)", Load::Mixed),
    ];
    println!("{count} transactions a load, {TRANSACTIONS_PER_BLOCK} a block, batches of 6 blobs\n");
    println!(
        "| load | raw B/tx | level | B/tx | one-shot B/tx | blobs filled | seal µs/tx | tx/blob | {} |",
        TARGETS.map(|(name, _)| format!("TPS {name}")).join(" | ")
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut sample = None;
    for (name, load) in loads {
        let signed = transactions(load, count, &accounts);
        let raw: usize = signed.iter().map(|tx| tx.len()).sum();
        for level in [3, 9, 19] {
            let (batches, seconds) = seal(&blocks(&signed), level);
            let f = figures(&batches, seconds, level, count);
            let per_blob = USABLE_BYTES_PER_BLOB as f64 / f.bytes;
            let tps =
                TARGETS.map(|(_, target)| format!("{:.0}", f64::from(target) * per_blob / SLOT_S));
            println!(
                "| {name} | {:.1} | {level} | {:.1} | {:.1} | {:.1} % | {:.2} | {per_blob:.0} | {} |",
                raw as f64 / count as f64,
                f.bytes,
                f.one_shot_bytes,
                100.0 * f.fill,
                f.seal_us,
                tps.join(" | "),
            );
            sample = batches.into_iter().next().or(sample);
        }
    }
    kzg(&sample.unwrap());
}

fn kzg(batch: &SealedBatch) {
    let (start, cpu) = (Instant::now(), process_cpu_s());
    load_trusted_setup();
    let report = |what: &str, start: Instant, cpu: f64| {
        let (wall, cpu) = (start.elapsed().as_secs_f64() * 1e3, (process_cpu_s() - cpu) * 1e3);
        println!("- {what}: {cpu:.0} ms CPU, {wall:.0} ms wall");
        cpu
    };
    println!();
    report("trusted setup, once per process", start, cpu);
    let (start, cpu) = (Instant::now(), process_cpu_s());
    let blobs = batch.data.to_blobs();
    let count = blobs.len();
    report(&format!("packing {count} blobs"), start, cpu);
    let (start, cpu) = (Instant::now(), process_cpu_s());
    let sidecar = blob_sidecar(blobs).unwrap();
    let cpu = report(&format!("{count} commitments and {} cell proofs", count * 128), start, cpu);
    let per_transaction = cpu * 1e3 / batch.transactions as f64;
    println!(
        "- that is {per_transaction:.0} µs CPU for each of {} transactions",
        batch.transactions
    );
    let hashes: Vec<_> = sidecar.versioned_hashes().collect();
    let (start, cpu) = (Instant::now(), process_cpu_s());
    verify_sidecar(&sidecar, &hashes).unwrap();
    report("verification", start, cpu);
    let start = process_cpu_s();
    (0..99).for_each(|_| drop(batch.data.payload().unwrap()));
    let payload = batch.data.payload().unwrap();
    let seconds = (process_cpu_s() - start) / 100.0;
    let bytes = payload.encode(BatchVersion::V2).unwrap().len();
    let (speed, each) = (bytes as f64 / seconds / 1e6, seconds * 1e6 / batch.transactions as f64);
    println!("- decoding: {speed:.0} MB/s, {each:.2} µs CPU a transaction");
}
