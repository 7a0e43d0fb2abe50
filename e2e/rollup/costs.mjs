// What the transactions of a rollup cost on L1: the gas of their receipts, everything included.
// Usage: node costs.mjs L1_URL ADDRESSES.toml (see scripts/bench-l1). Prints a table in Markdown.
//
// "First" is the first of its kind on a new chain or of a new token; "later" is the mean of eight in
// a row, since eight timestamps of messages share a storage slot.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encodeFunctionData, parseEventLogs } from 'viem';

import { ETHER, artifact, connect } from './l1.mjs';

const [url, file] = process.argv.slice(2);
const l1 = await connect(url);
const abi = Object.fromEntries(
  ['Rollup', 'L1Mailbox', 'L1Bridge', 'L1GasOracle'].map((name) => [name, artifact(name).abi]),
);
// The proxies come before the implementations in the file, which has the same names for them.
const head = fs.readFileSync(file, 'utf8').split('[implementations]')[0];
const proxy = (name) => head.match(new RegExp(`^${name} = "(0x[0-9a-fA-F]{40})"$`, 'm'))[1];
const user = await l1.newWallet('1000');
// Accounts 7, 8 and 9 of anvil's mnemonic, see deploy.toml.
const REVERTER = '0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356';
const BATCHER = '0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97';
const FEEDER = '0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6';
const mailbox = l1.at(abi.L1Mailbox, proxy('mailbox'), user);
const bridge = l1.at(abi.L1Bridge, proxy('bridge'), user);
const rollup = l1.at(abi.Rollup, proxy('rollup'), l1.walletOf(REVERTER));
const [KIND_20, KIND_721, KIND_1155] = [0, 1, 2];
const me = user.account.address;

const rows = [];
const row = (what, gas, note = '') => rows.push({ what, gas: Number(gas), note });
const gasOf = async (hash) => (await l1.mined(hash)).gasUsed;
async function mean(count, send) {
  let sum = 0n;
  for (let i = 0; i < count; i += 1) sum += await gasOf(send(i));
  return sum / BigInt(count);
}
async function firstAndLater(what, send) {
  row(`${what}, first`, await gasOf(send(0)));
  row(`${what}, later`, await mean(8, (i) => send(i + 1)));
}

const depositFee = (kind, token, gas) => bridge.read.depositFee([kind, token, gas]);
const depositETH = async () => {
  const fee = await mailbox.read.feeOf([300_000n]);
  return bridge.write.depositETH([me, ETHER, 300_000n, me], { value: ETHER + fee });
};
await firstAndLater('deposit ETH', depositETH);

const { erc20, erc721, erc1155 } = await l1.newTokens(user);
await l1.mined(erc20.write.approve([bridge.address, 10n ** 30n]));
await l1.mined(erc721.write.setApprovalForAll([bridge.address, true]));
await l1.mined(erc1155.write.setApprovalForAll([bridge.address, true]));
await l1.mined(erc1155.write.mint([me, [1n, 2n], [1000n, 1000n]]));
for (let id = 0n; id < 9n; id += 1n) await l1.mined(erc721.write.mint([me, id]));

await firstAndLater('deposit ERC-20', async () => {
  const value = await depositFee(KIND_20, erc20.address, 300_000n);
  return bridge.write.depositERC20([erc20.address, me, 100n, 300_000n, me], { value });
});
await firstAndLater('deposit ERC-721', async (i) => {
  const value = await depositFee(KIND_721, erc721.address, 1_300_000n);
  return bridge.write.depositERC721([erc721.address, me, BigInt(i), 1_300_000n, me], { value });
});
await firstAndLater('deposit ERC-1155, one id', async () => {
  const value = await depositFee(KIND_1155, erc1155.address, 600_000n);
  return bridge.write.depositERC1155([erc1155.address, me, [1n], [1n], 600_000n, me], { value });
});
row(
  'message of 100 bytes',
  await mean(8, async () => {
    const value = await mailbox.read.feeOf([300_000n]);
    return mailbox.write.sendMessage([me, 0n, `0x${'5a'.repeat(100)}`, 300_000n, me], { value });
  }),
);
row(
  'forced transaction, a transfer',
  await mean(8, async () => {
    const value = (await mailbox.read.feeOf([100_000n])) + ETHER;
    return mailbox.write.sendTransaction([me, ETHER, '0x', 100_000n, me], { value });
  }),
);

/** Commits batches with `blobs` blobs each, by cast, which makes the blobs and their proofs. */
async function commit(batches, blobs) {
  const parent = await rollup.read.lastCommittedBatch();
  const { hash } = await rollup.read.batch([parent]);
  const l1MessageCount = await mailbox.read.messageCount();
  const input = { version: 2, l1MessageCount, blobCount: blobs, data: '0x' };
  const list = Array.from({ length: batches }, () => input);
  const data = encodeFunctionData({
    abi: abi.Rollup,
    functionName: 'commitBatches',
    args: [parent, hash, list],
  });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'blobs-'));
  const blobFile = path.join(folder, 'data');
  // cast puts 31 bytes in a field element and the length in the first.
  fs.writeFileSync(blobFile, Buffer.alloc((batches * blobs * 4096 - 1) * 31, 0x5a));
  const cast = new URL('../../contracts/node_modules/.bin/cast', import.meta.url).pathname;
  const out = execFileSync(cast, [
    'send', '--rpc-url', url, '--private-key', BATCHER, '--blob', '--path', blobFile, '--json',
    rollup.address, data,
  ]);
  fs.rmSync(folder, { recursive: true });
  const receipt = await l1.mined(JSON.parse(out).transactionHash);
  const events = parseEventLogs({ abi: abi.Rollup, logs: receipt.logs });
  const committed = events.filter(({ eventName }) => eventName === 'BatchCommitted').length;
  const expected = BigInt(batches * blobs) * 131_072n;
  if (committed !== batches || receipt.blobGasUsed !== expected) throw new Error('not committed');
  return receipt;
}

row('commit, 1 batch of 1 blob, the first of the chain', (await commit(1, 1)).gasUsed);
for (const [batches, blobs] of [[1, 1], [1, 6], [2, 1], [2, 3], [6, 1]]) {
  const { gasUsed, blobGasUsed } = await commit(batches, blobs);
  const what = `commit, ${batches} batch${batches > 1 ? 'es' : ''} of ${blobs} blob${blobs > 1 ? 's' : ''}`;
  row(what, gasUsed, `${blobGasUsed} blob gas`);
}
const last = await rollup.read.lastCommittedBatch();
row('revert 1 batch', await gasOf(rollup.write.revertBatches([last - 1n])));
row('revert 6 batches', await gasOf(rollup.write.revertBatches([last - 7n])));
const feeder = l1.walletOf(FEEDER);
const setter = l1.at(abi.L1Mailbox, mailbox.address, feeder);
row('set the price of L2 gas', await gasOf(setter.write.setGasPrice([20_000_000n])));

// A transaction on L2, put here beside the others: the oracle with this account as its feeder.
const oracle = '0x5100000000000000000000000000000000000007';
const { deployedBytecode } = artifact('L1GasOracle');
const request = (method, ...params) => l1.client.request({ method, params });
await request('anvil_setCode', oracle, deployedBytecode);
const word = `0x${feeder.account.address.slice(2).toLowerCase().padStart(64, '0')}`;
await request('anvil_setStorageAt', oracle, `0x${'3'.padStart(64, '0')}`, word);
const fed = l1.at(abi.L1GasOracle, oracle, feeder);
const report = (i) => fed.write.setFees([BigInt(10 ** 9 + i), BigInt(10 ** 8 + i)]);
await l1.mined(report(0));
row('report L1 prices to L1GasOracle (on L2)', await mean(8, (i) => report(i + 1)));

console.log('| transaction | gas | |\n|---|---:|---|');
for (const { what, gas, note } of rows) {
  console.log(`| ${what} | ${gas.toLocaleString('en-US')} | ${note} |`);
}
process.exit(0);
