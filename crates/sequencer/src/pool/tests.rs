#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use alloy_primitives::U256;
use jovay_types::{Account, AccountChange, Header};
use proptest::prelude::*;

use super::*;
use crate::testing::{FUNDS, GWEI, account, pool, transfer};

const MWEI: u128 = 1_000_000;

fn add(pool: &Pool, tx: Arc<RecoveredTx>) -> Result<B256, String> {
    pool.add(vec![tx], false).pop().unwrap().map_err(|error| error.to_string())
}

fn refusal(pool: &Pool, tx: Arc<RecoveredTx>) -> String {
    add(pool, tx).unwrap_err()
}

fn room(txs: usize) -> Room {
    Room { txs, bytes: usize::MAX, gas: u64::MAX }
}

/// A block with `txs` after which their senders' nonces are one higher.
fn block_of(txs: &[Arc<RecoveredTx>]) -> ExecutedBlock {
    let mut after = BTreeMap::new();
    for tx in txs {
        let nonce = tx.nonce() + 1;
        after.insert(
            tx.sender(),
            Account { nonce, balance: U256::from(FUNDS), ..Account::default() },
        );
    }
    let change = |(address, after)| AccountChange {
        address,
        before: None,
        after: Some(after),
        slots: Vec::new(),
    };
    ExecutedBlock {
        header: Header::default(),
        transactions: txs.to_vec(),
        ommers: Vec::new(),
        withdrawals: Some(Vec::new()),
        receipts: Vec::new(),
        diff: StateDiff { accounts: after.into_iter().map(change).collect(), codes: Vec::new() },
        parent_hash_slot: None,
    }
}

fn status(pool: &Pool) -> (usize, usize) {
    let PoolStatus { pending, queued } = pool.status();
    (pending, queued)
}

#[test]
fn gaps_wait_until_they_are_filled() {
    let (pool, _) = pool(PoolConfig::default());
    add(&pool, transfer(1, 1).recovered()).unwrap();
    add(&pool, transfer(1, 3).recovered()).unwrap();
    assert_eq!(status(&pool), (0, 2));
    assert_eq!(pool.next_nonce(&account(1)), None);
    add(&pool, transfer(1, 0).recovered()).unwrap();
    assert_eq!(status(&pool), (2, 1));
    assert_eq!(pool.next_nonce(&account(1)), Some(2));
    let content = pool.content(Some(&account(1)));
    assert_eq!(content.pending[&account(1)].keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(content.queued[&account(1)].keys().copied().collect::<Vec<_>>(), [3]);
    assert_eq!(pool.content(Some(&account(2))), PoolContent::default());
}

#[test]
fn replacement_needs_ten_percent_on_both_fees() {
    let (pool, _) = pool(PoolConfig::default());
    let first = transfer(1, 0).fees(100 * MWEI, 10 * MWEI).recovered();
    add(&pool, first.clone()).unwrap();
    assert_eq!(refusal(&pool, first.clone()), "already known");
    for (cap, tip) in [(110, 10), (109, 11), (100, 11), (99, 20)] {
        let tx = transfer(1, 0).fees(cap * MWEI, tip * MWEI).recovered();
        assert_eq!(refusal(&pool, tx), "replacement transaction underpriced");
    }
    let second = transfer(1, 0).fees(110 * MWEI, 11 * MWEI).recovered();
    add(&pool, second.clone()).unwrap();
    assert_eq!(status(&pool), (1, 0));
    assert!(pool.get(&first.hash()).is_none());
    assert_eq!(pool.best(room(9)), [second]);
}

#[test]
fn state_errors_in_geths_words() {
    let (pool, _) = pool(PoolConfig::default());
    let sent = transfer(1, 0).recovered();
    add(&pool, sent.clone()).unwrap();
    pool.executed(&block_of(std::slice::from_ref(&sent)), 1_000_000);
    assert_eq!(refusal(&pool, sent.clone()), "already known");
    pool.published(&[sent]);
    // A later transaction keeps the account known to the pool, whose store has no such block.
    add(&pool, transfer(2, 1).recovered()).unwrap();
    pool.executed(&block_of(&[transfer(2, 0).value(7).recovered()]), 1_000_000);
    let expected = "nonce too low: next nonce 1, tx nonce 0";
    assert_eq!(refusal(&pool, transfer(2, 0).recovered()), expected);

    let gas = 21_000 * GWEI;
    let expected = format!(
        "insufficient funds for gas * price + value: balance {FUNDS}, tx cost {}, overshot {gas}",
        FUNDS + gas
    );
    assert_eq!(refusal(&pool, transfer(3, 0).value(FUNDS).recovered()), expected);

    let most = FUNDS - gas;
    add(&pool, transfer(4, 0).value(most).recovered()).unwrap();
    let expected = format!(
        "insufficient funds for gas * price + value: balance {FUNDS}, queued cost {FUNDS}, \
         tx cost {}, overshot {}",
        gas + 1,
        gas + 1
    );
    assert_eq!(refusal(&pool, transfer(4, 1).recovered()), expected);
    let expected = format!(
        "insufficient funds for gas * price + value: balance {FUNDS}, queued cost {FUNDS}, \
         tx bumped {gas}, overshot {gas}"
    );
    add(&pool, transfer(5, 0).value(0).recovered()).unwrap();
    add(&pool, transfer(5, 1).value(FUNDS - 2 * gas).recovered()).unwrap();
    let bumped = transfer(5, 0).value(0).fees(2 * GWEI, GWEI).recovered();
    assert_eq!(refusal(&pool, bumped), expected);
}

#[test]
fn minimum_fees() {
    let (pool, _) = pool(PoolConfig { tip_min: 5, ..PoolConfig::default() });
    let expected = "transaction underpriced: gas tip cap 4, minimum needed 5";
    assert_eq!(refusal(&pool, transfer(1, 0).fees(GWEI, 4).recovered()), expected);
    let expected = "transaction underpriced: gas fee cap 999999, minimum needed 1000000";
    assert_eq!(refusal(&pool, transfer(1, 0).fees(MWEI - 1, 5).recovered()), expected);
}

#[test]
fn account_limits() {
    let (pool, store) = pool(PoolConfig { account_txs_max: 3, ..PoolConfig::default() });
    for nonce in 0..3 {
        add(&pool, transfer(1, nonce).recovered()).unwrap();
    }
    let expected = "account limit exceeded: pooled 3 txs";
    assert_eq!(refusal(&pool, transfer(1, 3).recovered()), expected);
    // A replacement takes no further place.
    add(&pool, transfer(1, 2).fees(2 * GWEI, GWEI).recovered()).unwrap();

    let before = store.staged_state().account(&account(2)).unwrap();
    let after = before.map(|account| Account { code_hash: B256::repeat_byte(7), ..account });
    let change = AccountChange { address: account(2), before, after, slots: Vec::new() };
    store.patch(StateDiff { accounts: vec![change], codes: Vec::new() }).unwrap();
    let expected = "gapped-nonce tx from delegated accounts";
    assert_eq!(refusal(&pool, transfer(2, 1).recovered()), expected);
    let (pool, _) = {
        let config = PoolConfig { delegated_txs_max: 1, ..PoolConfig::default() };
        let blobs = Arc::new(BlobStore::open(config.blobs.clone(), 0).unwrap());
        (Pool::new(config, crate::testing::spec(), store, blobs, 1_000_000), ())
    };
    add(&pool, transfer(2, 0).recovered()).unwrap();
    let expected = "in-flight transaction limit reached for delegated accounts";
    assert_eq!(refusal(&pool, transfer(2, 1).recovered()), expected);
}

#[test]
fn a_full_pool_keeps_the_dearest() {
    let (pool, _) = pool(PoolConfig { txs_max: 3, ..PoolConfig::default() });
    let cheap = transfer(1, 1).fees(2 * MWEI, 1).recovered();
    add(&pool, transfer(1, 0).fees(3 * MWEI, 1).recovered()).unwrap();
    add(&pool, cheap.clone()).unwrap();
    add(&pool, transfer(2, 0).fees(4 * MWEI, 1).recovered()).unwrap();
    assert_eq!(
        refusal(&pool, transfer(3, 0).fees(2 * MWEI, 1).recovered()),
        "transaction underpriced"
    );
    let future = transfer(3, 5).recovered();
    assert_eq!(refusal(&pool, future), "future transaction tries to replace pending");
    assert_eq!(refusal(&pool, transfer(1, 2).recovered()), "txpool is full");
    add(&pool, transfer(3, 0).fees(5 * MWEI, 1).recovered()).unwrap();
    assert!(pool.get(&cheap.hash()).is_none());
    assert_eq!(status(&pool), (3, 0));

    // What only waits goes first, however dear.
    let (pool, _) = crate::testing::pool(PoolConfig { txs_max: 1, ..PoolConfig::default() });
    add(&pool, transfer(1, 5).recovered()).unwrap();
    add(&pool, transfer(2, 0).fees(2 * MWEI, 1).recovered()).unwrap();
    assert_eq!(status(&pool), (1, 0));

    let size = transfer(1, 0).recovered().encode_2718_len();
    let (pool, _) =
        crate::testing::pool(PoolConfig { bytes_max: size + 10, ..PoolConfig::default() });
    add(&pool, transfer(1, 0).recovered()).unwrap();
    add(&pool, transfer(2, 0).fees(2 * GWEI, 1).recovered()).unwrap();
    assert_eq!(status(&pool), (1, 0));
}

#[test]
fn base_fee_decides_what_is_ready() {
    let (pool, _) = pool(PoolConfig::default());
    add(&pool, transfer(1, 0).fees(5 * MWEI, 1).recovered()).unwrap();
    add(&pool, transfer(1, 1).fees(2 * MWEI, 1).recovered()).unwrap();
    add(&pool, transfer(1, 2).fees(5 * MWEI, 1).recovered()).unwrap();
    assert_eq!(status(&pool), (3, 0));
    pool.set_fees(3_000_000);
    assert_eq!(status(&pool), (1, 2));
    // Wallets go on counting from what is there.
    assert_eq!(pool.next_nonce(&account(1)), Some(3));
    pool.set_fees(6_000_000);
    assert_eq!(status(&pool), (0, 3));
    assert!(pool.best(room(9)).is_empty());
    pool.set_fees(2_000_000);
    assert_eq!(status(&pool), (3, 0));
}

#[test]
fn best_is_by_tip_then_by_arrival_and_in_nonce_order() {
    let (pool, _) = pool(PoolConfig::default());
    let txs = [
        transfer(1, 0).fees(GWEI, 5).recovered(),
        transfer(1, 1).fees(GWEI, 9).recovered(),
        transfer(2, 0).fees(GWEI, 7).recovered(),
        transfer(3, 0).fees(GWEI, 5).recovered(),
        // The fee cap leaves a tip of 6 only.
        transfer(4, 0).fees(MWEI + 6, 100).recovered(),
    ];
    for tx in &txs {
        add(&pool, tx.clone()).unwrap();
    }
    let order = [2, 4, 0, 1, 3].map(|at: usize| txs[at].clone());
    assert_eq!(pool.best(room(9)), order);
    assert_eq!(pool.best(room(2)), order[..2]);
    let bytes = txs[2].encode_2718_len() + crate::pool::TX_OVERHEAD_BYTES;
    assert_eq!(pool.best(Room { bytes, ..room(9) }), order[..1]);
    assert!(pool.best(Room { gas: 20_999, ..room(9) }).is_empty());
}

#[test]
fn blocks_move_accounts_on() {
    let (pool, _) = pool(PoolConfig::default());
    let sent: Vec<_> = (0..3).map(|nonce| transfer(1, nonce).recovered()).collect();
    for tx in &sent {
        add(&pool, tx.clone()).unwrap();
    }
    pool.executed(&block_of(&sent[..2]), 1_000_000);
    // In flight: still visible, never offered again.
    assert_eq!(status(&pool), (3, 0));
    assert_eq!(pool.best(room(9)), sent[2..]);
    assert_eq!(pool.get(&sent[0].hash()), Some(sent[0].clone()));
    assert_eq!(pool.next_nonce(&account(1)), Some(3));
    pool.published(&sent[..2]);
    assert_eq!(status(&pool), (1, 0));
    assert!(pool.get(&sent[0].hash()).is_none());
    pool.executed(&block_of(&sent[2..]), 1_000_000);
    assert_eq!(pool.next_nonce(&account(1)), Some(3));
    pool.published(&sent[2..]);
    assert_eq!(pool.next_nonce(&account(1)), None);

    // Someone else has emptied the account: what it cannot pay goes.
    let poor = transfer(2, 0).recovered();
    add(&pool, poor.clone()).unwrap();
    let mut block = block_of(&[]);
    let after = Some(Account { balance: U256::from(1), ..Account::default() });
    let change = AccountChange { address: account(2), before: None, after, slots: Vec::new() };
    block.diff.accounts.push(change);
    pool.executed(&block, 1_000_000);
    assert!(pool.get(&poor.hash()).is_none());
}

#[test]
fn refused_by_the_executor() {
    let (pool, _) = pool(PoolConfig::default());
    let tx = transfer(1, 0).recovered();
    add(&pool, tx.clone()).unwrap();
    let reject = |error| RejectedTx { hash: tx.hash(), error };
    assert_eq!(pool.rejected(&[reject(TxError::BlockGasExceeded)]), 0);
    assert_eq!(pool.rejected(&[reject(TxError::Invalid("never".into()))]), 1);
    assert_eq!(status(&pool), (0, 0));
}

#[test]
fn waiting_expires_and_ready_does_not() {
    let (pool, _) = pool(PoolConfig::default());
    add(&pool, transfer(1, 0).recovered()).unwrap();
    add(&pool, transfer(1, 2).recovered()).unwrap();
    let later = Instant::now() + Duration::from_secs(10);
    let mut inner = pool.inner.lock();
    assert_eq!(inner.core.expire(later, Duration::from_secs(20)), 0);
    assert_eq!(inner.core.expire(later, Duration::from_secs(5)), 1);
    drop(inner);
    assert_eq!(status(&pool), (1, 0));
}

#[test]
fn subscribers_hear_of_new_transactions() {
    let (pool, _) = pool(PoolConfig::default());
    let mut news = pool.subscribe();
    let tx = transfer(1, 0).recovered();
    add(&pool, tx.clone()).unwrap();
    assert_eq!(news.try_recv().unwrap(), tx);
    assert!(pool.arrived().try_recv().is_ok());
    assert!(pool.drop_transaction(&tx.hash()));
    assert!(!pool.drop_transaction(&tx.hash()));
}

/// What may happen to a pool.
#[derive(Clone, Debug)]
enum Event {
    Add { sender: u64, nonce: u64, cap: u128, tip: u128 },
    Block { txs: usize, base_fee: u64 },
    Balance { sender: u64, wei: u64 },
    Drop { nth: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..5u64, 0..8u64, 2..20u128, 0..20u128).prop_map(|(sender, nonce, cap, tip)| {
            Event::Add { sender, nonce, cap: cap * MWEI, tip: tip.min(cap) * MWEI }
        }),
        2 => (0..4usize, 1..15u64)
            .prop_map(|(txs, fee)| Event::Block { txs, base_fee: fee * 1_000_000 }),
        1 => (0..5u64, 0..2_000_000u64)
            .prop_map(|(sender, gas)| Event::Balance { sender, wei: gas * 1_000_000 }),
        1 => any::<usize>().prop_map(|nth| Event::Drop { nth }),
    ]
}

/// The pool done the slow way: plain maps, everything counted anew each time.
#[derive(Default)]
struct Model {
    accounts: BTreeMap<Address, (u64, u128)>,
    txs: BTreeMap<(Address, u64), Arc<RecoveredTx>>,
    base_fee: u64,
}

fn cost(tx: &RecoveredTx) -> u128 {
    tx.max_fee_per_gas() * u128::from(tx.gas_limit()) + tx.value().to::<u128>()
}

impl Model {
    fn account(&self, sender: &Address) -> (u64, u128) {
        self.accounts.get(sender).copied().unwrap_or_default()
    }

    fn own(&self, sender: Address) -> impl Iterator<Item = &Arc<RecoveredTx>> {
        self.txs.range((sender, 0)..=(sender, u64::MAX)).map(|(_, tx)| tx)
    }

    /// Transactions from the account's nonce on without a gap.
    fn contiguous(&self, sender: Address) -> Vec<Arc<RecoveredTx>> {
        let (nonce, _) = self.account(&sender);
        let own = self.own(sender).zip(nonce..).take_while(|(tx, nonce)| tx.nonce() == *nonce);
        own.map(|(tx, _)| tx.clone()).collect()
    }

    fn ready(&self, sender: Address) -> Vec<Arc<RecoveredTx>> {
        let (_, balance) = self.account(&sender);
        let mut spent = 0;
        let mut ready = self.contiguous(sender);
        let count = ready.iter().take_while(|tx| {
            spent += cost(tx);
            tx.max_fee_per_gas() >= self.base_fee.into() && spent <= balance
        });
        let count = count.count();
        ready.truncate(count);
        ready
    }

    fn add(&mut self, tx: &Arc<RecoveredTx>) -> bool {
        let key = (tx.sender(), tx.nonce());
        let (nonce, balance) = self.account(&tx.sender());
        let contiguous = self.contiguous(tx.sender());
        let queued: u128 = contiguous.iter().map(|tx| cost(tx)).sum();
        if tx.nonce() < nonce || balance < cost(tx) {
            return false;
        }
        if let Some(old) = self.txs.get(&key) {
            let tip = |tx: &RecoveredTx| tx.as_ethereum().unwrap().tip();
            let raised = |new: u128, old: u128| new > old && new >= old * 110 / 100;
            let counted = contiguous.contains(old);
            let grown = cost(tx).saturating_sub(cost(old));
            if counted && grown > 0 && balance < queued + grown {
                return false;
            }
            if !raised(tx.max_fee_per_gas(), old.max_fee_per_gas()) || !raised(tip(tx), tip(old)) {
                return false;
            }
        } else if balance < queued + cost(tx) {
            return false;
        }
        self.txs.insert(key, tx.clone());
        true
    }

    fn set_account(&mut self, sender: Address, nonce: u64, balance: u128) {
        self.accounts.insert(sender, (nonce, balance));
        self.txs.retain(|(address, tx_nonce), tx| {
            *address != sender || (*tx_nonce >= nonce && cost(tx) <= balance)
        });
    }
}

trait Tip {
    fn tip(&self) -> u128;
}

impl Tip for jovay_types::EthereumTx {
    fn tip(&self) -> u128 {
        alloy_consensus::Transaction::max_priority_fee_per_gas(self).unwrap()
    }
}

fn change(address: Address, nonce: u64, balance: u128) -> AccountChange {
    let after = Some(Account { nonce, balance: U256::from(balance), ..Account::default() });
    AccountChange { address, before: None, after, slots: Vec::new() }
}

/// Pool and model hold the same, and what the pool selects is sound.
fn compare(core: &PoolCore, model: &Model) {
    let content = core.content(None);
    let mut ready_count = 0;
    for sender in model.accounts.keys() {
        let ready = model.ready(*sender);
        ready_count += ready.len();
        let pending: Vec<_> =
            content.pending.get(sender).into_iter().flatten().map(|(_, tx)| tx.clone()).collect();
        assert_eq!(pending, ready);
        let queued = content.queued.get(sender).map_or(0, BTreeMap::len);
        assert_eq!(pending.len() + queued, model.own(*sender).count());
        let contiguous = model.contiguous(*sender).len() as u64;
        let next = (contiguous > 0).then(|| model.account(sender).0 + contiguous);
        assert_eq!(core.next_nonce(sender), next);
    }
    assert_eq!(core.ready(), ready_count);
    assert_eq!(core.status().queued, model.txs.len() - ready_count);
    assert_eq!(core.bytes(), model.txs.values().map(|tx| tx.encode_2718_len()).sum::<usize>());
    let best = core.best(room(usize::MAX));
    assert_eq!(best.len(), ready_count);
    let mut nonces: BTreeMap<Address, u64> = BTreeMap::new();
    for tx in &best {
        let next = nonces.entry(tx.sender()).or_insert_with(|| model.account(&tx.sender()).0);
        assert_eq!(tx.nonce(), *next);
        *next += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn equals_a_naive_model(events in proptest::collection::vec(event(), 1..80)) {
        let sender = |n: u64| Address::repeat_byte(n as u8 + 1);
        let mut model = Model { base_fee: 1_000_000, ..Model::default() };
        let mut core = PoolCore::new(PoolConfig::default(), model.base_fee);
        for n in 0..5 {
            model.set_account(sender(n), 0, 1_000_000_000_000);
        }
        for event in events {
            match event {
                Event::Add { sender: n, nonce, cap, tip } => {
                    let tx = transfer(1, nonce).fees(cap, tip).unsigned(sender(n));
                    let (state_nonce, balance) = model.account(&sender(n));
                    let state = SenderState {
                        nonce: state_nonce, balance: U256::from(balance), delegated: false,
                    };
                    let known = core.contains(&tx.hash());
                    let added = core.add(PoolTx::new(tx.clone(), U256::ZERO, false), state);
                    if known {
                        prop_assert_eq!(added, Err(PoolError::AlreadyKnown));
                    } else {
                        prop_assert_eq!(added.is_ok(), model.add(&tx), "{:?}", added);
                    }
                }
                Event::Block { txs, base_fee } => {
                    let taken = core.best(room(txs));
                    let mut diff = StateDiff::default();
                    let mut after = BTreeMap::new();
                    for tx in &taken {
                        let old = after.get(&tx.sender()).copied();
                        let (_, balance) = old.unwrap_or_else(|| model.account(&tx.sender()));
                        after.insert(tx.sender(), (tx.nonce() + 1, balance - cost(tx)));
                    }
                    for (address, (nonce, balance)) in after {
                        diff.accounts.push(change(address, nonce, balance));
                        model.set_account(address, nonce, balance);
                    }
                    model.base_fee = base_fee;
                    core.executed(&taken, &diff, base_fee);
                    core.published(&taken);
                }
                Event::Balance { sender: n, wei } => {
                    let (nonce, _) = model.account(&sender(n));
                    let accounts = vec![change(sender(n), nonce, wei.into())];
                    core.changed(&StateDiff { accounts, codes: Vec::new() });
                    model.set_account(sender(n), nonce, wei.into());
                }
                Event::Drop { nth } => {
                    if let Some(key) = model.txs.keys().nth(nth % 8).copied() {
                        let tx = model.txs.remove(&key).unwrap();
                        prop_assert!(core.remove(&tx.hash()).is_some());
                    }
                }
            }
            compare(&core, &model);
        }
    }

    #[test]
    fn limits_hold(events in proptest::collection::vec(event(), 1..120)) {
        let config = PoolConfig {
            txs_max: 9, account_txs_max: 4, bytes_max: 900, ..PoolConfig::default()
        };
        let mut core = PoolCore::new(config, 1_000_000);
        for event in events {
            match event {
                Event::Add { sender, nonce, cap, tip } => {
                    let sender = Address::repeat_byte(sender as u8 + 1);
                    let tx = transfer(1, nonce).fees(cap, tip).unsigned(sender);
                    let balance = U256::from(FUNDS);
                    let state = SenderState { nonce: 0, balance, delegated: false };
                    let _ = core.add(PoolTx::new(tx, U256::ZERO, false), state);
                }
                Event::Block { base_fee, .. } => core.set_fees(base_fee.into()),
                _ => {}
            }
            let status = core.status();
            prop_assert!(status.pending + status.queued <= 9);
            prop_assert!(core.bytes() <= 900);
            let content = core.content(None);
            for n in 1..6 {
                let address = Address::repeat_byte(n);
                let count = |part: &TxsBySender| part.get(&address).map_or(0, BTreeMap::len);
                prop_assert!(count(&content.pending) + count(&content.queued) <= 4);
            }
            prop_assert_eq!(core.best(room(99)).len(), core.ready());
        }
    }
}
