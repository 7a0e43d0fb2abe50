//! The contracts on anvil, and a node that reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub, missing_docs)]

pub mod anvil;
pub mod batching;
pub mod proxy;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use anvil::Anvil;
use jovay_da::DataLayerKind;
use jovay_l1::bindings::{ERC1967Proxy, L1Bridge, L1Mailbox, Rollup};
use jovay_l1::{BlockTag, Deployment, L1Addresses, L1Receipt};
use jovay_node::{ChainStart, Core, NodeConfig, development_genesis, genesis_commitment};
use jovay_rollup::inbox::{Inbox, InboxConfig};
use jovay_state::ChainStore;

/// Gas of a deposit's message.
pub const MESSAGE_GAS: u64 = 300_000;
/// What a deposit sends beside its amount; the mailbox pays the rest back.
pub const FEE: u128 = 1_000_000_000_000_000;

/// An L1 with the contracts.
pub struct L1 {
    pub anvil: Anvil,
    pub deployment: Deployment,
    pub operator: Address,
}

async fn proxy(anvil: &Anvil, from: Address, code: Vec<u8>, init: impl SolCall) -> Address {
    let implementation = anvil.create(from, code).await;
    let data = init.abi_encode().into();
    let arguments = ERC1967Proxy::constructorCall { implementation, _data: data }.abi_encode();
    anvil.create(from, [&ERC1967Proxy::BYTECODE[..], &arguments].concat()).await
}

/// The settings of the L2 in every test.
pub fn node_config() -> NodeConfig {
    NodeConfig { block_time: 0.02, heartbeat: 0.0, ..NodeConfig::development() }
}

impl L1 {
    /// Deploys a rollup with its data in blobs; the operator may do everything.
    pub async fn start() -> Option<Self> {
        Self::start_with(DataLayerKind::Blobs).await
    }

    /// The same with the data elsewhere.
    pub async fn start_with(data_layer: DataLayerKind) -> Option<Self> {
        let anvil = Anvil::start()?;
        let operator = anvil.account(0).await;
        let first_block = anvil.client.block(BlockTag::Latest).await.unwrap().unwrap().number;
        let init = L1Mailbox::initializeCall {
            admin: operator,
            guardian: operator,
            feeRecipient_: operator,
            gasPrice_: 1_000_000,
            maxGasLimit_: 20_000_000,
        };
        let mailbox = proxy(&anvil, operator, L1Mailbox::BYTECODE.to_vec(), init).await;
        let arguments = L1Bridge::constructorCall { mailbox_: mailbox }.abi_encode();
        let code = [&L1Bridge::BYTECODE[..], &arguments].concat();
        let init = L1Bridge::initializeCall { admin: operator, guardian: operator };
        let bridge = proxy(&anvil, operator, code, init).await;
        let config = node_config();
        let genesis = development_genesis(&config);
        let addresses = L1Addresses { mailbox, bridge };
        let commitment = genesis_commitment(config.chain_id, &genesis, addresses).unwrap();
        let (chain_id, layer) = (config.chain_id, data_layer as u8);
        let arguments =
            Rollup::constructorCall { mailbox_: mailbox, chainId: chain_id, layer }.abi_encode();
        let code = [&Rollup::BYTECODE[..], &arguments].concat();
        let init = Rollup::initializeCall {
            admin: operator,
            guardian: operator,
            genesisStateRoot: commitment.state_root,
            genesisBlockHash: commitment.hash,
            deadline: 86_400,
        };
        let rollup = proxy(&anvil, operator, code, init).await;
        let set = L1Mailbox::setRollupCall { newRollup: rollup };
        anvil.call(operator, mailbox, U256::ZERO, set).await;
        for role in ["BATCHER_ROLE", "REVERTER_ROLE"] {
            let role = keccak256(role);
            let grant = Rollup::grantRoleCall { role, account: operator };
            anvil.call(operator, rollup, U256::ZERO, grant).await;
        }
        let deployment = Deployment {
            l1_chain_id: anvil.client.chain_id().await.unwrap(),
            l2_chain_id: config.chain_id,
            first_block,
            rollup,
            mailbox,
            bridge,
            genesis_hash: commitment.hash,
            genesis_state_root: commitment.state_root,
            data_layer,
            genesis,
            ..Deployment::default()
        };
        Some(Self { anvil, deployment, operator })
    }

    /// Deposits ether for `to`.
    pub async fn deposit(&self, to: Address, wei: u64) -> L1Receipt {
        let call = L1Bridge::depositETHCall {
            to,
            amount: U256::from(wei),
            gasLimit: MESSAGE_GAS,
            refundTo: self.operator,
        };
        let value = U256::from(wei) + U256::from(FEE);
        self.anvil.call(self.operator, self.deployment.bridge, value, call).await
    }

    /// Queues a transaction of the operator itself.
    pub async fn force(&self, to: Address, wei: u64, data: Bytes) -> L1Receipt {
        let call = L1Mailbox::sendTransactionCall {
            to,
            value: U256::from(wei),
            data,
            gasLimit: MESSAGE_GAS,
            refundTo: self.operator,
        };
        let value = U256::from(wei) + U256::from(FEE);
        self.anvil.call(self.operator, self.deployment.mailbox, value, call).await
    }

    /// A node of this deployment's chain, without an inbox.
    pub fn node(&self, config: &NodeConfig) -> Core {
        open(config, &self.deployment)
    }

    /// An inbox that takes blocks `confirmations` behind the latest.
    pub fn inbox(&self, core: &Core, confirmations: u64) -> Inbox {
        let client = self.anvil.client.clone();
        Inbox::start(inbox_config(confirmations), client, &self.deployment, core.l1_queue().clone())
    }
}

pub fn open(config: &NodeConfig, deployment: &Deployment) -> Core {
    Core::open(config, ChainStart::deployed(config, deployment).unwrap()).unwrap()
}

pub fn inbox_config(confirmations: u64) -> InboxConfig {
    let poll = Duration::from_millis(20);
    InboxConfig { tag: BlockTag::Latest, confirmations, poll, ..InboxConfig::default() }
}

/// An account's balance on L2 in wei.
pub fn balance(core: &Core, address: Address) -> u64 {
    let state = core.store().state_at(core.store().head().number()).unwrap();
    state.account(&address).unwrap().map_or(0, |account| account.balance.to())
}

/// The L1 messages in the chain, in order: queue index and transaction hash.
pub fn messages(core: &Core) -> Vec<(u64, B256)> {
    let blocks =
        (0..=core.store().head().number()).map(|n| core.store().block(n).unwrap().unwrap());
    let of_block = |block: Arc<jovay_types::SealedBlock>| {
        let messages = block
            .transactions
            .iter()
            .filter_map(|tx| Some((tx.as_l1_message()?.queue_index, tx.hash())));
        messages.collect::<Vec<_>>()
    };
    blocks.flat_map(of_block).collect()
}

/// Waits up to a minute for something that others do.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("timed out: {what}");
}
