// What users of viem do. Usage: node viem.mjs [URL]
import assert from 'node:assert/strict';
import {
  concat,
  createPublicClient,
  createWalletClient,
  defineChain,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContract,
  getContractAddress,
  hexToBigInt,
  http,
  keccak256,
  numberToHex,
  parseAbi,
  parseEther,
  parseGwei,
  parseSignature,
  webSocket,
  zeroAddress,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

import { artifact } from './build.mjs';
import { KEYS, URL_HTTP, URL_WS, failure, flow, post, rpc, run, until } from './harness.mjs';
import { checkProof } from './merkle.mjs';

const probe = artifact('Probe');
const token = artifact('Token');
const CREATE2_FACTORY = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11';

const chain = defineChain({
  id: Number(await rpc('eth_chainId')),
  name: 'under test',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [URL_HTTP], webSocket: [URL_WS] } },
});
// No cache: a block number from before a deployment would miss the contract.
const options = { chain, transport: http(), pollingInterval: 50, cacheTime: 0 };
const client = createPublicClient(options);
const walletOf = (key) =>
  createWalletClient({ chain, transport: http(), account: privateKeyToAccount(key) });
const rich = walletOf(KEYS[0]);

const receiptOf = (hash) => client.waitForTransactionReceipt({ hash });
async function mined(hash) {
  const receipt = await receiptOf(await hash);
  assert.equal(receipt.status, 'success');
  return receipt;
}

/** A wallet of a new account with some ether, so that flows do not disturb each other. */
async function newWallet(ether = '10') {
  const wallet = walletOf(generatePrivateKey());
  const value = parseEther(ether);
  if (value > 0n) await mined(rich.sendTransaction({ to: wallet.account.address, value }));
  return wallet;
}

async function deploy(wallet, { abi, bytecode }, args = []) {
  const receipt = await mined(wallet.deployContract({ abi, bytecode, args }));
  return getContract({
    address: receipt.contractAddress,
    abi,
    client: { public: client, wallet },
  });
}

flow('chain id', async () => {
  assert.equal(await client.getChainId(), chain.id);
  assert.equal(await rpc('net_version'), String(chain.id));
});

flow('balances and nonces', async () => {
  const wallet = await newWallet('3');
  const { address } = wallet.account;
  assert.equal(await client.getBalance({ address }), parseEther('3'));
  assert.equal(await client.getTransactionCount({ address }), 0);
  await mined(wallet.sendTransaction({ to: zeroAddress, value: 1n }));
  assert.equal(await client.getTransactionCount({ address }), 1);
});

for (const [type, number, fields] of [
  ['legacy', '0x0', async () => ({ gasPrice: (await client.getGasPrice()) * 2n })],
  [
    'eip2930',
    '0x1',
    async (contract) => ({
      gasPrice: (await client.getGasPrice()) * 2n,
      accessList: [{ address: contract.address, storageKeys: [numberToHex(0, { size: 32 })] }],
    }),
  ],
  ['eip1559', '0x2', async () => ({})],
]) {
  flow(`${type} transaction`, async () => {
    const wallet = await newWallet();
    const contract = await deploy(wallet, probe);
    const hash = await contract.write.store([1n, 7n], { type, ...(await fields(contract)) });
    const receipt = await mined(hash);
    const sent = await client.getTransaction({ hash });
    assert.equal(sent.typeHex, number);
    assert.equal(receipt.type, type);
    assert.equal(receipt.from, wallet.account.address.toLowerCase());
    const block = await client.getBlock({ blockNumber: receipt.blockNumber });
    assert(receipt.effectiveGasPrice >= block.baseFeePerGas);
    assert.equal(await contract.read.values([1n]), 7n);
    if (type === 'eip2930') assert.equal(sent.accessList.length, 1);
  });
}

flow('eip7702 transaction: an account runs a contract, paid by another', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const user = walletOf(generatePrivateKey());
  const authorization = await user.signAuthorization({ contractAddress: contract.address });
  const data = encodeFunctionData({ abi: probe.abi, functionName: 'store', args: [5n, 6n] });
  const to = user.account.address;
  const hash = await wallet.sendTransaction({ authorizationList: [authorization], to, data });
  const receipt = await mined(hash);
  assert.equal(receipt.type, 'eip7702');
  const code = await client.getCode({ address: to });
  assert.equal(code, concat(['0xef0100', contract.address]).toLowerCase());
  const asContract = { address: to, abi: probe.abi, functionName: 'values', args: [5n] };
  assert.equal(await client.readContract(asContract), 6n);
  assert.equal(await client.getTransactionCount({ address: to }), 1);
  const sent = await client.getTransaction({ hash });
  assert.equal(sent.authorizationList.length, 1);
});

flow('CREATE2 through the deterministic factory', async () => {
  const wallet = await newWallet();
  const salt = keccak256(wallet.account.address);
  const bytecode = encodeDeployData({ ...probe, args: [] });
  const expected = getContractAddress({
    opcode: 'CREATE2',
    from: CREATE2_FACTORY,
    salt,
    bytecode,
  });
  await mined(wallet.sendTransaction({ to: CREATE2_FACTORY, data: concat([salt, bytecode]) }));
  assert((await client.getCode({ address: expected })).length > 2);
  // A second time there is something in the way.
  const again = { to: CREATE2_FACTORY, data: concat([salt, bytecode]), gas: 3_000_000n };
  assert.equal((await receiptOf(await wallet.sendTransaction(again))).status, 'reverted');
});

flow('Multicall3 at its usual address', { missingIn: ['anvil'] }, async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, token, ['Multi']);
  const read = (functionName) => ({ address: contract.address, abi: token.abi, functionName });
  const results = await client.multicall({
    contracts: [
      read('name'),
      read('decimals'),
      { address: MULTICALL3, abi: parseAbi(['function getBlockNumber() view returns (uint256)']), functionName: 'getBlockNumber' },
    ],
    multicallAddress: MULTICALL3,
    allowFailure: false,
  });
  assert.equal(results[0], 'Multi');
  assert.equal(results[1], 18);
  assert(results[2] > 0n);
});

flow('revert reasons by call and by estimate', async () => {
  const contract = await deploy(await newWallet(), probe);
  for (const action of [contract.simulate, contract.estimateGas]) {
    assert.match(await failure(() => action.failWithReason()), /no luck/);
    assert.match(await failure(() => action.failWithError([77n])), /TooLarge\(uint256 value/);
    assert.match(await failure(() => action.failWithPanic([0n])), /zero|Panic|0x12/i);
  }
  const data = encodeFunctionData({ abi: probe.abi, functionName: 'failWithReason' });
  const { error } = await post('eth_call', [{ to: contract.address, data }, 'latest']);
  assert.equal(error.code, 3);
  assert.equal(error.message, 'execution reverted: no luck');
  assert(error.data.startsWith('0x08c379a0'));
});

flow('a failed transaction has a receipt', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const hash = await contract.write.failWithReason({ gas: 100_000n });
  const receipt = await receiptOf(hash);
  assert.equal(receipt.status, 'reverted');
  assert.equal(receipt.logs.length, 0);
  assert(receipt.gasUsed > 21_000n && receipt.gasUsed < 100_000n);
  assert.equal(await contract.read.last(), 0n);
});

flow('logs by range, topic and block hash', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const receipts = [];
  for (const key of [1n, 2n, 3n]) {
    receipts.push(await mined(contract.write.store([key, key * 10n])));
  }
  const fromBlock = receipts[0].blockNumber;
  const { address } = contract;
  const query = { address, fromBlock, toBlock: 'latest' };
  assert.equal((await client.getLogs(query)).length, 3);
  const byTopic = await client.getContractEvents({
    ...query,
    abi: probe.abi,
    eventName: 'Stored',
    args: { key: [1n, 3n] },
  });
  assert.deepEqual(byTopic.map((log) => log.args.value), [10n, 30n]);
  const byHash = await client.getLogs({ address, blockHash: receipts[1].blockHash });
  assert.equal(byHash.length, 1);
  assert.equal(byHash[0].transactionHash, receipts[1].transactionHash);
  assert.deepEqual(byHash[0].topics, receipts[1].logs[0].topics);
  const others = await client.getLogs({ ...query, address: zeroAddress });
  assert.equal(others.length, 0);
});

flow('block tags', async () => {
  const numbers = {};
  for (const blockTag of ['earliest', 'finalized', 'safe', 'latest', 'pending']) {
    numbers[blockTag] = (await client.getBlock({ blockTag })).number;
  }
  assert.equal(numbers.earliest, 0n);
  assert(numbers.finalized <= numbers.safe && numbers.safe <= numbers.latest);
  const latest = await client.getBlock();
  const byHash = await client.getBlock({ blockHash: latest.hash, includeTransactions: true });
  assert.equal(byHash.number, latest.number);
  assert.equal(byHash.transactions.length, latest.transactions.length);
});

flow('BLOCKHASH is the parent of the block', async () => {
  const contract = await deploy(await newWallet(), probe);
  const blockNumber = await client.getBlockNumber();
  const hash = await contract.read.parentHash({ blockNumber });
  const blocks = await Promise.all(
    [blockNumber - 1n, blockNumber].map((number) => client.getBlock({ blockNumber: number })),
  );
  // Nodes differ in whether a call on a block sees that block or the next.
  assert(blocks.some((block) => block.hash === hash));
});

flow('EIP-712 permit', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, token, ['Permit']);
  const owner = wallet.account.address;
  const spender = privateKeyToAccount(KEYS[1]).address;
  const message = { owner, spender, value: 123n, nonce: 0n, deadline: 2n ** 64n };
  const signature = await wallet.signTypedData({
    domain: {
      name: 'Permit',
      version: '1',
      chainId: chain.id,
      verifyingContract: contract.address,
    },
    types: {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    },
    primaryType: 'Permit',
    message,
  });
  const { r, s, v } = parseSignature(signature);
  const args = [owner, spender, 123n, message.deadline, Number(v), r, s];
  // Anyone may bring it in; a second time it is used up.
  const { address, abi } = contract;
  await mined(rich.writeContract({ address, abi, functionName: 'permit', args }));
  assert.equal(await contract.read.allowance([owner, spender]), 123n);
  const again = await failure(() => contract.simulate.permit(args));
  assert.match(again, /ERC2612InvalidSigner/);
});

flow('50 transactions in flight', async () => {
  const wallet = await newWallet();
  const to = walletOf(generatePrivateKey()).account.address;
  const fees = await client.estimateFeesPerGas();
  const send = (nonce) => wallet.sendTransaction({ to, value: 1n, nonce, gas: 21_000n, ...fees });
  // In reverse order, so that most have to wait for an earlier nonce.
  const nonces = [...Array(50).keys()].reverse();
  const hashes = await Promise.all(nonces.map(send));
  const receipts = await Promise.all(hashes.map((hash) => receiptOf(hash)));
  assert(receipts.every((receipt) => receipt.status === 'success'));
  assert.equal(await client.getBalance({ address: to }), 50n);
  const { address } = wallet.account;
  assert.equal(await client.getTransactionCount({ address, blockTag: 'pending' }), 50);
});

flow('blocks and logs by WebSocket', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const socket = createPublicClient({ chain, transport: webSocket(URL_WS) });
  const [blocks, logs] = [[], []];
  const stopBlocks = socket.watchBlockNumber({ onBlockNumber: (number) => blocks.push(number) });
  const stopLogs = socket.watchContractEvent({
    address: contract.address,
    abi: probe.abi,
    eventName: 'Stored',
    onLogs: (found) => logs.push(...found),
  });
  // The subscriptions have no acknowledgement that viem would show: wait for the first block.
  await until(async () => {
    await mined(rich.sendTransaction({ to: zeroAddress, value: 1n }));
    return blocks.length > 0;
  }, 'a block');
  const receipt = await mined(contract.write.store([4n, 44n]));
  await until(() => logs.length > 0, 'a log');
  assert.equal(logs[0].args.value, 44n);
  assert.equal(logs[0].transactionHash, receipt.transactionHash);
  await until(() => blocks.includes(receipt.blockNumber), 'the block of the log');
  stopBlocks();
  stopLogs();
  (await socket.transport.getRpcClient()).close();
});

flow('a batch of calls in one request', async () => {
  const batching = createPublicClient({ chain, transport: http(URL_HTTP, { batch: true }) });
  const { address } = rich.account;
  const [id, balance, block, gas] = await Promise.all([
    batching.getChainId(),
    batching.getBalance({ address }),
    batching.getBlock(),
    batching.estimateGas({ account: address, to: zeroAddress, value: 1n }),
  ]);
  assert.equal(id, chain.id);
  assert(balance > 0n && block.hash.length === 66 && gas >= 21_000n);
  const response = await fetch(URL_HTTP, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([
      { jsonrpc: '2.0', id: 'a', method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 7, method: 'eth_nothingLikeThis', params: [] },
    ]),
  });
  const answers = await response.json();
  assert.equal(answers.find((answer) => answer.id === 'a').result, numberToHex(chain.id));
  assert.equal(answers.find((answer) => answer.id === 7).error.code, -32601);
});

flow('state and block overrides', async () => {
  const contract = await deploy(await newWallet(), probe);
  const elsewhere = walletOf(generatePrivateKey()).account.address;
  const code = await client.getCode({ address: contract.address });
  const call = { address: elsewhere, abi: probe.abi };
  const stateOverride = [
    {
      address: elsewhere,
      code,
      balance: 99n,
      stateDiff: [{ slot: numberToHex(0, { size: 32 }), value: numberToHex(31, { size: 32 }) }],
    },
  ];
  const last = await client.readContract({ ...call, functionName: 'last', stateOverride });
  assert.equal(last, 31n);
  const environment = { ...call, functionName: 'environment', stateOverride };
  const seen = await client.readContract(environment);
  assert.equal(seen[2], BigInt(chain.id));
  assert.equal(seen[3], 99n);
  const data = encodeFunctionData({ abi: probe.abi, functionName: 'environment' });
  const overrides = { number: numberToHex(4_000_000), time: numberToHex(5_000_000_000) };
  const raw = await rpc('eth_call', { to: contract.address, data }, 'latest', {}, overrides);
  assert.equal(hexToBigInt(raw.slice(0, 66)), 4_000_000n);
  assert.equal(hexToBigInt(`0x${raw.slice(66, 130)}`), 5_000_000_000n);
});

flow('getProof: accounts, storage and absence, checked', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const { blockNumber } = await mined(contract.write.store([1n, 42n]));
  const { stateRoot } = await client.getBlock({ blockNumber });
  const types = [{ type: 'uint256' }, { type: 'uint256' }];
  const slot = keccak256(encodeAbiParameters(types, [1n, 1n]));
  const absent = numberToHex(77, { size: 32 });
  const storageKeys = [slot, numberToHex(0, { size: 32 }), absent];
  const { address } = contract;
  const proof = await client.getProof({ address, storageKeys, blockNumber });
  checkProof(stateRoot, proof);
  assert.deepEqual(proof.storageProof.map((entry) => entry.value), [42n, 42n, 0n]);
  const nobody = walletOf(generatePrivateKey()).account.address;
  for (const account of [wallet.account.address, nobody]) {
    const request = { address: account, storageKeys: [], blockNumber };
    checkProof(stateRoot, { address: account, ...(await client.getProof(request)) });
  }
  const forged = { ...proof, balance: proof.balance + 1n };
  await failure(async () => checkProof(stateRoot, forged));
});

flow('access list of a call', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const data = encodeFunctionData({ abi: probe.abi, functionName: 'store', args: [1n, 2n] });
  const { accessList, gasUsed } = await client.createAccessList({
    account: wallet.account,
    to: contract.address,
    data,
  });
  const entry = accessList.find((item) => item.address === contract.address.toLowerCase());
  assert.equal(entry.storageKeys.length, 2);
  const receipt = await mined(contract.write.store([1n, 2n], { accessList }));
  assert.equal(receipt.gasUsed, gasUsed);
});

flow('simulateV1: calls that build on each other', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const call = (functionName, args) => ({
    to: contract.address,
    abi: probe.abi,
    functionName,
    args,
  });
  const { account } = wallet;
  const { results } = await client.simulateCalls({
    account,
    calls: [call('store', [9n, 90n]), call('values', [9n]), call('failWithReason', [])],
  });
  assert.deepEqual(results.map((result) => result.status), ['success', 'success', 'failure']);
  assert.equal(results[1].result, 90n);
  assert.equal(results[0].logs.length, 1);
  const blocks = await client.simulateBlocks({
    blocks: [
      { calls: [{ account, to: zeroAddress, value: 5n }] },
      {
        blockOverrides: { time: 5_000_000_000n },
        calls: [{ account, ...call('environment', []) }],
      },
    ],
  });
  assert.equal(blocks.length, 2);
  assert.equal(blocks[1].number, blocks[0].number + 1n);
  assert.equal(blocks[1].calls[0].result[1], 5_000_000_000n);
  assert.equal(await contract.read.values([9n]), 0n);
});

flow('filters for logs and blocks', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const filter = await client.createContractEventFilter({
    address: contract.address,
    abi: probe.abi,
    eventName: 'Stored',
    args: { key: 8n },
    fromBlock: await client.getBlockNumber(),
  });
  const blockFilter = await client.createBlockFilter();
  await mined(contract.write.store([7n, 1n]));
  const { blockHash } = await mined(contract.write.store([8n, 2n]));
  const changes = await client.getFilterChanges({ filter });
  assert.deepEqual(changes.map((log) => log.args.value), [2n]);
  assert.equal((await client.getFilterChanges({ filter })).length, 0);
  assert.equal((await client.getFilterLogs({ filter })).length, 1);
  assert((await client.getFilterChanges({ filter: blockFilter })).includes(blockHash));
  assert.equal(await client.uninstallFilter({ filter }), true);
  assert.equal(await client.uninstallFilter({ filter }), false);
  await client.uninstallFilter({ filter: blockFilter });
});

flow('bad nonce and poor sender are refused in geth\'s words', async () => {
  const wallet = await newWallet('1');
  const to = zeroAddress;
  await mined(wallet.sendTransaction({ to, value: 1n }));
  const fees = await client.estimateFeesPerGas();
  const common = { to, gas: 21_000n, ...fees };
  const send = (fields) => failure(() => wallet.sendTransaction({ ...common, ...fields }));
  assert.match(await send({ nonce: 0, value: 2n }), /nonce too low/);
  assert.match(
    await send({ nonce: 1, value: parseEther('2') }),
    /insufficient funds for gas \* price \+ value|exceeds the balance/i,
  );
  const refusal = async (fields) => {
    const raw = await wallet.signTransaction({ ...common, chainId: chain.id, ...fields });
    return (await post('eth_sendRawTransaction', [raw])).error;
  };
  assert.match((await refusal({ nonce: 0, value: 3n })).message, /^nonce too low/);
  const poor = await refusal({ nonce: 1, value: parseEther('2') });
  assert.match(poor.message, /^insufficient funds for gas \* price \+ value/i);
  // geth's code, or that of EIP-1474 for a rejected transaction.
  assert([-32000, -32003].includes(poor.code), `code ${poor.code}`);
});

flow('sendRawTransactionSync answers with the receipt', async () => {
  const wallet = await newWallet();
  const request = await wallet.prepareTransactionRequest({ to: zeroAddress, value: 1n });
  const receipt = await rpc('eth_sendRawTransactionSync', await wallet.signTransaction(request));
  assert.equal(receipt.status, '0x1');
  const found = await rpc('eth_getTransactionReceipt', receipt.transactionHash);
  assert.deepEqual(found, receipt);
});

flow('fee history', async () => {
  await mined(rich.sendTransaction({ to: zeroAddress, value: 1n }));
  const latest = await client.getBlockNumber();
  const history = await client.getFeeHistory({
    blockCount: 2,
    blockNumber: latest,
    rewardPercentiles: [10, 90],
  });
  assert.equal(history.oldestBlock, latest - 1n);
  assert.equal(history.baseFeePerGas.length, 3);
  assert.equal(history.reward.length, 2);
  const block = await client.getBlock({ blockNumber: latest });
  assert.equal(history.baseFeePerGas[1], block.baseFeePerGas);
  const used = Number(block.gasUsed) / Number(block.gasLimit);
  assert(Math.abs(history.gasUsedRatio[1] - used) < 1e-9);
  assert((await client.estimateMaxPriorityFeePerGas()) <= parseGwei('1000'));
});

flow('block receipts are the receipts', async () => {
  const receipt = await mined(rich.sendTransaction({ to: zeroAddress, value: 1n }));
  const all = await rpc('eth_getBlockReceipts', numberToHex(receipt.blockNumber));
  const one = await rpc('eth_getTransactionReceipt', receipt.transactionHash);
  assert.deepEqual(all[receipt.transactionIndex], one);
});

await run('viem');
