// What users of a rollup do, with viem on both chains.
// Usage: node viem.mjs [L2_URL], with L1 at $L1_RPC_URL (see scripts/with-rollup).
import assert from 'node:assert/strict';
import { keccak256, parseEther, parseEventLogs } from 'viem';

import { failure, flow, post, rpc, run, until, URL_HTTP } from '../harness.mjs';
import { ETHER, artifact, connect } from './l1.mjs';

// A deposit waits for an L1 block, a batch for its age, and `safe` for both.
const DEPOSIT_MS = 30_000;
const BATCH_MS = 55_000;
const L2_MAILBOX = '0x6100000000000000000000000000000000000000';
const L2_BRIDGE = '0x6200000000000000000000000000000000000000';
const ERC20 = 0;

const l1 = await connect(process.env.L1_RPC_URL ?? 'http://127.0.0.1:18545');
const l2 = await connect(URL_HTTP);
const info = await rpc('jovay_rollupInfo');
const abi = Object.fromEntries(
  ['Rollup', 'L1Mailbox', 'L1Bridge', 'L2Mailbox', 'L2Bridge', 'TwinERC20'].map((name) => [
    name,
    artifact(name).abi,
  ]),
);
const mailbox = (wallet) => l1.at(abi.L1Mailbox, info.l1Mailbox, wallet);
const bridge = (wallet) => l1.at(abi.L1Bridge, info.l1Bridge, wallet);
const rollup = l1.at(abi.Rollup, info.rollup);

/** The transactions that an L1 transaction queued for L2. */
function queued(receipt) {
  const logs = parseEventLogs({ abi: abi.L1Mailbox, logs: receipt.logs });
  return logs.filter(({ eventName }) => eventName === 'TransactionQueued').map(({ args }) => args);
}

/** The receipt on L2 of a queued transaction, by the hash that L1 gave it. */
const receiptOnL2 = ({ transactionHash }) =>
  until(
    () => rpc('eth_getTransactionReceipt', transactionHash),
    `${transactionHash} on L2`,
    DEPOSIT_MS,
  );

/** A new account with ether on L1. */
const newUser = () => l1.newWallet('20');

async function depositETH(user, to, amount) {
  const gas = 300_000n;
  const value = amount + (await mailbox().read.feeOf([gas]));
  return l1.mined(
    bridge(user).write.depositETH([to, amount, gas, user.account.address], { value }),
  );
}

async function depositERC20(user, token, to, amount) {
  const gas = 300_000n;
  await l1.mined(token.write.approve([info.l1Bridge, amount]));
  const value = await bridge().read.depositFee([ERC20, token.address, gas]);
  return l1.mined(
    bridge(user).write.depositERC20([token.address, to, amount, gas, user.account.address], {
      value,
    }),
  );
}

flow('the node names the contracts on both chains', async () => {
  assert.equal(Number(info.l1ChainId), l1.client.chain.id);
  assert.equal(Number(info.l2ChainId), l2.client.chain.id);
  for (const address of [info.rollup, info.l1Mailbox, info.l1Bridge, info.timelock]) {
    assert.ok(await l1.client.getCode({ address }), `${address} on L1`);
  }
  const known = l2.at(abi.L2Mailbox, L2_MAILBOX);
  assert.equal((await known.read.l1Mailbox()).toLowerCase(), info.l1Mailbox.toLowerCase());
  const twin = l2.at(abi.L2Bridge, L2_BRIDGE);
  assert.equal((await twin.read.l1Bridge()).toLowerCase(), info.l1Bridge.toLowerCase());
});

flow('L1 has the genesis that L2 starts from', async () => {
  const genesis = await l2.client.getBlock({ blockNumber: 0n });
  assert.equal(await rollup.read.finalizedStateRoot([0n]), genesis.stateRoot);
  assert.equal(await rollup.read.finalizedBlockHash(), genesis.hash);
});

flow('ether deposited on L1 is on L2', async () => {
  const user = await newUser();
  const to = user.account.address;
  const receipt = await depositETH(user, to, 3n * ETHER);
  const [message] = queued(receipt);
  const onL2 = await receiptOnL2(message);
  assert.equal(onL2.status, '0x1');
  assert.equal(onL2.type, '0x7f');
  assert.equal(await l2.client.getBalance({ address: to }), 3n * ETHER);
  const [status] = await rpc('jovay_getDepositStatus', receipt.transactionHash);
  assert.equal(status.status, 'executed');
  assert.equal(status.transactionHash, message.transactionHash);
  assert.equal(status.blockNumber, onL2.blockNumber);
});

flow('an ERC-20 deposited on L1 has a twin on L2', async () => {
  const user = await newUser();
  const me = user.account.address;
  const { erc20: token } = await l1.newTokens(user);
  const first = queued(await depositERC20(user, token, me, parseEther('70')));
  assert.equal(first.length, 2, 'the first deposit makes the twin');
  for (const message of first) assert.equal((await receiptOnL2(message)).status, '0x1');
  const address = await bridge().read.twinOf([ERC20, token.address]);
  const twin = l2.at(abi.TwinERC20, address);
  assert.equal(await twin.read.name(), await token.read.name());
  assert.equal(await twin.read.symbol(), await token.read.symbol());
  assert.equal(await twin.read.decimals(), 18);
  assert.equal(await twin.read.balanceOf([me]), parseEther('70'));
  const later = queued(await depositERC20(user, token, me, parseEther('5')));
  assert.equal(later.length, 1);
  assert.equal((await receiptOnL2(later[0])).status, '0x1');
  assert.equal(await twin.read.totalSupply(), parseEther('75'));
  assert.equal(await bridge().read.lockedERC20([token.address]), parseEther('75'));

  // It moves on L2 like any token, paid with ether that was deposited too.
  const [ether] = queued(await depositETH(user, me, ETHER));
  await receiptOnL2(ether);
  const mine = l2.at(abi.TwinERC20, address, l2.walletOf(user.key));
  const onL2 = await l2.mined(mine.write.transfer([l2.rich.account.address, 7n]));
  assert.equal(onL2.logs.length, 1);
  assert.equal(await twin.read.balanceOf([me]), parseEther('75') - 7n);
});

flow('a transaction is forced through L1', async () => {
  const user = await newUser();
  const [value, gas] = [ETHER, 100_000n];
  const to = `0x${'77'.repeat(19)}${Date.now().toString(16).slice(-2)}`;
  const fee = await mailbox().read.feeOf([gas]);
  const receipt = await l1.mined(
    mailbox(user).write.sendTransaction([to, value, '0x', gas, user.account.address], {
      value: value + fee,
    }),
  );
  const [message] = queued(receipt);
  const onL2 = await receiptOnL2(message);
  assert.equal(onL2.status, '0x1');
  assert.equal(onL2.from.toLowerCase(), user.account.address.toLowerCase());
  assert.ok((await l2.client.getBalance({ address: to })) >= value);
});

flow('what the mailbox refuses stays on L1', async () => {
  const user = await newUser();
  const before = await mailbox().read.messageCount();
  const text = await failure(() =>
    mailbox(user).write.sendMessage([L2_BRIDGE, 0n, '0x', 1n, user.account.address]),
  );
  assert.match(text, /GasLimitOutOfBounds/);
  assert.equal(await mailbox().read.messageCount(), before);
});

flow('a transfer is committed in blobs and becomes safe', async () => {
  const user = await l2.newWallet('1');
  const receipts = [];
  for (let i = 1n; i <= 5n; i += 1n) {
    const sent = l2.rich.sendTransaction({ to: user.account.address, value: i });
    receipts.push(await l2.mined(sent));
  }
  const last = receipts.reduce((max, { blockNumber: n }) => (n > max ? n : max), 0n);
  const batch = await until(
    async () => {
      const found = await rpc('jovay_getBatchByBlockNumber', `0x${last.toString(16)}`);
      return found?.committed ? found : null;
    },
    `block ${last} in a committed batch`,
    BATCH_MS,
  );
  assert.ok(BigInt(batch.firstBlock) <= last && last <= BigInt(batch.lastBlock));

  // L1 says the same, by itself.
  const hash = batch.committed.transactionHash;
  const receipt = await l1.client.getTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success');
  const events = parseEventLogs({ abi: abi.Rollup, logs: receipt.logs });
  const event = events.find(({ args }) => args.batchIndex === BigInt(batch.index));
  assert.equal(event.args.batchHash, batch.hash);
  assert.equal(event.args.dataHash, batch.dataHash);
  const transaction = await l1.client.getTransaction({ hash });
  assert.equal(transaction.type, 'eip4844');
  const from = Number(event.args.firstBlob);
  const mine = transaction.blobVersionedHashes.slice(from, from + Number(event.args.blobCount));
  assert.deepEqual(mine, batch.versionedHashes);
  assert.equal(keccak256(`0x${mine.map((one) => one.slice(2)).join('')}`), batch.dataHash);
  const stored = await rollup.read.batch([BigInt(batch.index)]);
  assert.equal(stored.hash, batch.hash);

  const safe = await until(
    async () => {
      const block = await l2.client.getBlock({ blockTag: 'safe' });
      return block.number >= last ? block : null;
    },
    `block ${last} safe`,
    BATCH_MS,
  );
  assert.equal((await l2.client.getBlock({ blockNumber: safe.number })).hash, safe.hash);
});

flow('what is final on L1 is final on L2', async () => {
  const last = await l2.client.getBlockNumber();
  await until(
    async () => (await l2.client.getBlock({ blockTag: 'finalized' })).number > 0n,
    'a finalized block',
    BATCH_MS,
  );
  const tags = await Promise.all(
    ['finalized', 'safe', 'latest'].map((blockTag) => l2.client.getBlock({ blockTag })),
  );
  const [finalized, safe, latest] = tags.map(({ number }) => number);
  assert.ok(finalized <= safe && safe <= latest && latest >= last, `${finalized} ${safe}`);
});

flow('a transaction is followed on its way', async () => {
  const user = await l2.newWallet('1');
  const { transactionHash } = await l2.mined(
    user.sendTransaction({ to: user.account.address, value: 1n }),
  );
  const status = () => rpc('jovay_getTransactionStatus', transactionHash);
  assert.ok(['executed', 'committed'].includes((await status()).status));
  const found = await until(
    async () => {
      const now = await status();
      return now.status === 'committed' ? now : null;
    },
    'committed',
    BATCH_MS,
  );
  const batch = await rpc('jovay_getBatchByNumber', found.batchIndex);
  assert.equal(found.batchHash, batch.hash);
  assert.equal(found.committed.transactionHash, batch.committed.transactionHash);
});

flow('a withdrawal waits for its proof', async () => {
  const user = await l2.newWallet('2');
  const receipt = await l2.mined(
    user.writeContract({
      address: L2_BRIDGE,
      abi: abi.L2Bridge,
      functionName: 'withdrawETH',
      args: [user.account.address],
      value: ETHER,
    }),
  );
  const events = parseEventLogs({ abi: abi.L2Mailbox, logs: receipt.logs });
  const { nonce } = events.find(({ eventName }) => eventName === 'SentMessage').args;
  const { error } = await post('jovay_getMessageProof', [`0x${nonce.toString(16)}`]);
  assert.equal(error.code, -32010, 'nothing is proven yet');
});

flow('prices of L1 are on L2', async () => {
  const sync = await rpc('jovay_getSyncStatus');
  assert.ok(Number(sync.latestBlock) > 0);
  assert.deepEqual(sync.alarms, []);
});

await run('rollup viem');
