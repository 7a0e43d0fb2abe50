//! Deposits of every kind as the command line makes them.
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, sol};
use jovay_l1::bindings::L1Bridge;
use jovay_l1::{BlockTag, L1Client, Signer};
use jovay_node::{Core, DEV_ACCOUNTS, Node, NodeConfig};
use jovay_rollup::bridge::{Asset, Bridge, BridgeAddresses, BridgeError, asset};
use serde_json::json;
use support::anvil::Anvil;
use support::{L1, balance, eventually, node_config};

sol!(BenchToken, "../../contracts/artifacts/BenchToken.json");
sol!(TwinERC721, "../../contracts/artifacts/TwinERC721.json");
sol!(TwinERC1155, "../../contracts/artifacts/TwinERC1155.json");

const ALICE: Address = Address::repeat_byte(0xa1);
/// Mints the two kinds of tokens that are made of L2's templates here.
const MINTER: Address = jovay_evm::predeploys::L2_BRIDGE;

fn bridge(l1: &L1) -> Bridge {
    Bridge {
        client: l1.anvil.client.clone(),
        addresses: BridgeAddresses::from(&l1.deployment),
        signer: Signer::from_bytes(&DEV_ACCOUNTS[0].1.0).unwrap(),
    }
}

async fn minted(anvil: &Anvil, code: &[u8], calls: Vec<Vec<u8>>) -> Address {
    let token = anvil.create(anvil.account(0).await, code.to_vec()).await;
    anvil.rpc("anvil_impersonateAccount", json!([MINTER])).await;
    anvil.rpc("anvil_setBalance", json!([MINTER, "0xde0b6b3a7640000"])).await;
    for call in calls {
        anvil.send(MINTER, Some(token), U256::ZERO, call.into()).await;
    }
    token
}

/// What a view function of L2 returns; `None` while there is no such contract.
async fn on_l2<C: SolCall>(l2: &L1Client, to: Address, call: &C) -> Option<C::Return> {
    l2.view(to, call, BlockTag::Latest).await.ok()
}

async fn twin(l1: &L1, kind: u8, token: Address) -> Address {
    let call = L1Bridge::twinOfCall { kind, token };
    l1.anvil.client.view(l1.deployment.bridge, &call, BlockTag::Latest).await.unwrap()
}

/// A deposit's messages, when all of them are executed with success.
async fn executed(core: &Core, bridge: &Bridge, asset: &Asset) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, _: B256| told.push(what.to_owned());
    let deposited = bridge.deposit(asset, ALICE, &mut tell).await.unwrap();
    for message in &deposited.messages {
        let place = || core.store().transaction_location(&message.hash).unwrap();
        eventually("the message", || place().is_some()).await;
        let (block, at) = place().unwrap();
        let receipts = core.store().receipts(block).unwrap().unwrap();
        assert!(receipts[at].receipt.status.coerce_status(), "{asset:?}");
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn ether_and_tokens_of_every_kind_arrive() {
    let Some(l1) = L1::start().await else { return };
    let config = NodeConfig { port: 0, ..node_config() };
    let core = l1.node(&config);
    let inbox = l1.inbox(&core, 0);
    let node =
        Node::serve(core, Node::listen(&config).await.unwrap(), axum::Router::new()).unwrap();
    let (core, bridge) = (node.core(), bridge(&l1));
    let l2 = L1Client::new(&format!("http://{}", node.address())).unwrap();
    let owner = bridge.signer.address();

    let ether = asset(&bridge.client, Some("0.000000000000000005"), None, None).await.unwrap();
    assert_eq!(executed(core, &bridge, &ether).await, ["deposit"]);
    assert_eq!(balance(core, ALICE), 5);

    let token = l1.anvil.create(l1.operator, BenchToken::BYTECODE.to_vec()).await;
    let mint = BenchToken::mintCall { to: owner, amount: U256::from(10).pow(U256::from(19)) };
    l1.anvil.call(l1.operator, token, U256::ZERO, mint).await;
    let coins = asset(&bridge.client, Some("1.5"), Some(token), None).await.unwrap();
    assert_eq!(executed(core, &bridge, &coins).await, ["approval", "deposit"]);
    // The twin is there now, and the allowance is used up.
    assert_eq!(executed(core, &bridge, &coins).await, ["approval", "deposit"]);
    let call = BenchToken::balanceOfCall { account: ALICE };
    let held = on_l2(&l2, twin(&l1, 0, token).await, &call).await.unwrap();
    assert_eq!(held, U256::from(3) * U256::from(10).pow(U256::from(18)));
    // An allowance that is too small goes by way of zero.
    let some = BenchToken::approveCall { spender: l1.deployment.bridge, value: U256::ONE };
    l1.anvil.call(owner, token, U256::ZERO, some).await;
    let told = executed(core, &bridge, &coins).await;
    assert_eq!(told, ["approval of nothing", "approval", "deposit"]);

    let (name, symbol) = ("Things".to_owned(), "THG".to_owned());
    let calls = vec![
        TwinERC721::initializeCall { name_: name.clone(), symbol_: symbol.clone() }.abi_encode(),
        TwinERC721::mintCall { to: owner, id: U256::from(7), uri: "ipfs://7".into() }.abi_encode(),
    ];
    let things = minted(&l1.anvil, &TwinERC721::BYTECODE, calls).await;
    let thing = asset(&bridge.client, None, Some(things), Some(U256::from(7))).await.unwrap();
    assert_eq!(thing, Asset::Erc721 { token: things, id: U256::from(7) });
    assert_eq!(executed(core, &bridge, &thing).await, ["approval", "deposit"]);
    let twin721 = twin(&l1, 1, things).await;
    let holder = on_l2(&l2, twin721, &TwinERC721::ownerOfCall { tokenId: U256::from(7) }).await;
    assert_eq!(holder, Some(ALICE));

    let (ids, amounts) = (vec![U256::from(3)], vec![U256::from(100)]);
    let calls = vec![
        TwinERC1155::initializeCall { name_: name, symbol_: symbol, uri_: "x".into() }.abi_encode(),
        TwinERC1155::mintCall { to: owner, ids, amounts }.abi_encode(),
    ];
    let parts = minted(&l1.anvil, &TwinERC1155::BYTECODE, calls).await;
    let part = asset(&bridge.client, Some("40"), Some(parts), Some(U256::from(3))).await.unwrap();
    assert_eq!(executed(core, &bridge, &part).await, ["approval", "deposit"]);
    assert_eq!(executed(core, &bridge, &part).await, ["deposit"]);
    let call = TwinERC1155::balanceOfCall { account: ALICE, id: U256::from(3) };
    assert_eq!(on_l2(&l2, twin(&l1, 2, parts).await, &call).await, Some(U256::from(80)));

    // What cannot be is refused before it costs anything, in one line.
    let refused = |error: BridgeError| {
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    let tell = &mut |_: &str, _: B256| {};
    let lot = Asset::Ether(U256::from(10).pow(U256::from(30)));
    let text = refused(bridge.deposit(&lot, ALICE, tell).await.unwrap_err());
    assert!(text.contains("are needed"), "{text}");
    let text = refused(bridge.deposit(&ether, Address::ZERO, tell).await.unwrap_err());
    assert!(text.contains("InvalidRecipient") || text.contains("ForbiddenTarget"), "{text}");
    let gone = Asset::Erc721 { token: things, id: U256::from(7) };
    assert!(matches!(bridge.deposit(&gone, ALICE, tell).await, Err(BridgeError::Reverted { .. })));
    let error = asset(&bridge.client, None, Some(token), Some(U256::ONE)).await.unwrap_err();
    assert!(matches!(error, BridgeError::UnknownToken(_)));
    let elsewhere = BridgeAddresses { l1_chain_id: 1, ..bridge.addresses };
    let elsewhere = Bridge { addresses: elsewhere, ..bridge };
    let error = elsewhere.deposit(&ether, ALICE, tell).await.unwrap_err();
    assert!(matches!(error, BridgeError::WrongChain { found: 31_337, expected: 1 }));
    inbox.stop().await;
    node.stop().await;
}
