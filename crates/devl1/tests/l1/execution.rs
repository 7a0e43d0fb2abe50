//! Transactions and contracts.

use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256, hex, keccak256};
use jovay_l1::{BlockTag, LogFilter};
use serde_json::Value;

use crate::support::{GWEI, L1, Wallet, blob_tx, sidecar, transfer, with_sidecar};

const SINK: Address = Address::repeat_byte(0x51);

/// All five kinds are mined and say what they are.
pub(crate) async fn every_kind_of_transaction(l1: &L1) {
    let wallet = Wallet::dev(1);
    let first = l1.nonce(wallet.address).await;
    let legacy = TxLegacy {
        chain_id: Some(l1.chain_id),
        nonce: first,
        gas_price: 20 * GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(SINK),
        value: U256::ONE,
        ..TxLegacy::default()
    };
    let item = AccessListItem { address: SINK, storage_keys: vec![B256::ZERO] };
    let with_list = TxEip2930 {
        chain_id: l1.chain_id,
        nonce: first + 1,
        gas_price: 20 * GWEI,
        gas_limit: 30_000,
        to: TxKind::Call(SINK),
        access_list: AccessList(vec![item]),
        ..TxEip2930::default()
    };
    let (blobs, hashes) = sidecar(1, 1);
    // The authority is another account, which has sent nothing yet.
    let authority = Wallet::dev(9);
    let authorization = Authorization {
        chain_id: U256::from(l1.chain_id),
        address: SINK,
        nonce: l1.nonce(authority.address).await,
    };
    let signature = authority.sign_hash(authorization.signature_hash());
    let set_code = TxEip7702 {
        chain_id: l1.chain_id,
        nonce: first + 4,
        gas_limit: 100_000,
        max_fee_per_gas: 20 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: SINK,
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    };
    let raws = [
        wallet.sign(legacy),
        wallet.sign(with_list),
        wallet.sign(transfer(first + 2)),
        with_sidecar(&wallet, blob_tx(first + 3, hashes), &blobs),
        wallet.sign(set_code),
    ];
    for (kind, raw) in raws.iter().enumerate() {
        let receipt = l1.mined(raw).await;
        assert!(receipt.succeeded(), "type {kind}");
        let hash = receipt.transaction_hash;
        let shown = l1.call("eth_getTransactionByHash", serde_json::json!([hash])).await;
        assert_eq!(shown["type"], format!("{kind:#x}"));
        assert_eq!(receipt.blob_gas_used.unwrap_or(0) > 0, kind == 3);
    }
    let code = l1.client.code(authority.address, BlockTag::Latest).await.unwrap();
    assert_eq!(*code, [&hex!("ef0100")[..], SINK.as_slice()].concat());
}

/// The wrapped ether of our predeploys, on L1: deployed, paid into, its events found.
pub(crate) async fn contracts_and_logs(l1: &L1) {
    let wallet = Wallet::dev(2);
    let nonce = l1.nonce(wallet.address).await;
    let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts/WETH.json");
    let artifact: Value = serde_json::from_slice(&std::fs::read(artifact).unwrap()).unwrap();
    let code: Bytes = artifact["bytecode"].as_str().unwrap().parse().unwrap();
    let create = l1
        .mined(&wallet.sign(alloy_consensus::TxEip1559 {
            to: TxKind::Create,
            input: code,
            value: U256::ZERO,
            gas_limit: 3_000_000,
            ..transfer(nonce)
        }))
        .await;
    let contract = create.contract_address.unwrap();
    assert_eq!(contract, wallet.address.create(nonce));
    let call = |nonce, value: u64, input: &str| {
        let input = keccak256(input)[..4].to_vec().into();
        let value = U256::from(value);
        let to = TxKind::Call(contract);
        let tx = transfer(nonce);
        wallet.sign(alloy_consensus::TxEip1559 { to, value, input, gas_limit: 200_000, ..tx })
    };
    let first = l1.mined(&call(nonce + 1, 7, "deposit()")).await;
    l1.mine(2).await;
    let second = l1.mined(&call(nonce + 2, 8, "deposit()")).await;
    assert!(second.block_number >= first.block_number + 3);
    let mut filter = LogFilter {
        from_block: first.block_number,
        to_block: second.block_number,
        address: vec![contract],
        topics: vec![vec![keccak256("Deposit(address,uint256)")]],
    };
    let logs = l1.client.logs(&filter).await.unwrap();
    let found: Vec<_> = logs.iter().map(|log| (log.block_hash, log.transaction_hash)).collect();
    let deposits = [&first, &second].map(|r| (r.block_hash, r.transaction_hash));
    assert_eq!(found, deposits);
    assert_eq!(U256::from_be_slice(&logs[1].data), U256::from(8));
    filter.from_block += 1;
    assert_eq!(l1.client.logs(&filter).await.unwrap().len(), 1);
    filter.topics = vec![vec![B256::repeat_byte(1)]];
    assert!(l1.client.logs(&filter).await.unwrap().is_empty());
    // One that reverts is mined too, and says so.
    let failed = l1.mined(&call(nonce + 3, 0, "nothing()")).await;
    assert!(!failed.succeeded());
}

/// EIP-4844's example, the zero blob, and a signature of P-256 that others published.
pub(crate) async fn precompiles(l1: &L1) {
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    let versioned = b256!("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");
    let evaluate = |y: u64| {
        let (z, y) = (U256::from(5).to_be_bytes::<32>(), U256::from(y).to_be_bytes::<32>());
        [&versioned[..], &z, &y, &infinity, &infinity].concat()
    };
    let precompile = address!("000000000000000000000000000000000000000a");
    let output = l1.eth_call(precompile, evaluate(0)).await;
    let modulus = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    assert_eq!(*output, [&U256::from(4_096).to_be_bytes::<32>()[..], &modulus].concat());
    let wrong =
        serde_json::json!([{"to": precompile, "input": Bytes::from(evaluate(1))}, "latest"]);
    assert!(l1.client.request::<Bytes>("eth_call", wrong).await.is_err());

    // The example of RIP-7212, on which EIP-7951 builds.
    let good = hex!(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
        "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
        "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
        "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
        "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
    );
    let verify = address!("0000000000000000000000000000000000000100");
    assert_eq!(U256::from_be_slice(&l1.eth_call(verify, good.to_vec()).await), U256::ONE);
    let mut bad = good.to_vec();
    bad[3] ^= 1;
    assert!(l1.eth_call(verify, bad).await.is_empty());
}
