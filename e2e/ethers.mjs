// What users of ethers do, Uniswap v2 and v3 included. Usage: node ethers.mjs [URL]
import assert from 'node:assert/strict';
import {
  AbiCoder,
  Contract,
  ContractFactory,
  JsonRpcProvider,
  MaxUint256,
  NonceManager,
  Signature,
  Wallet,
  WebSocketProvider,
  ZeroAddress,
  getCreateAddress,
  id,
  keccak256,
  parseEther,
} from 'ethers';

import { artifact, published } from './build.mjs';
import { KEYS, URL_HTTP, URL_WS, failure, flow, run, until } from './harness.mjs';

const probe = artifact('Probe');
const token = artifact('Token');

const provider = new JsonRpcProvider(URL_HTTP, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const rich = new Wallet(KEYS[0], provider);

async function mined(sent) {
  const receipt = await (await sent).wait();
  assert.equal(receipt.status, 1);
  return receipt;
}

/** A wallet of a new account with some ether, so that flows do not disturb each other. */
async function newWallet(ether = '10') {
  const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
  await mined(rich.sendTransaction({ to: wallet.address, value: parseEther(ether) }));
  return wallet;
}

async function deploy(wallet, { abi, bytecode }, ...args) {
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(...args);
  await contract.waitForDeployment();
  return contract;
}

/** Two tokens, in the order of their addresses. */
async function twoTokens(wallet) {
  const tokens = [await deploy(wallet, token, 'A'), await deploy(wallet, token, 'B')];
  return tokens.sort((a, b) => (a.target.toLowerCase() < b.target.toLowerCase() ? -1 : 1));
}

flow('network and fee data', async () => {
  const { chainId } = await provider.getNetwork();
  assert.equal(chainId, BigInt(await provider.send('eth_chainId', [])));
  const fees = await provider.getFeeData();
  assert(fees.gasPrice > 0n);
  assert(fees.maxFeePerGas >= fees.maxPriorityFeePerGas);
});

flow('transactions of types 0, 1 and 2', async () => {
  const wallet = await newWallet();
  const { gasPrice } = await provider.getFeeData();
  for (const request of [
    { type: 0, gasPrice: gasPrice * 2n },
    { type: 1, gasPrice: gasPrice * 2n, accessList: [{ address: wallet.address, storageKeys: [] }] },
    { type: 2 },
  ]) {
    const sent = await wallet.sendTransaction({ to: ZeroAddress, value: 1n, ...request });
    const receipt = await mined(sent);
    assert.equal(receipt.type, request.type);
    const found = await provider.getTransaction(sent.hash);
    assert.equal(found.from, wallet.address);
    assert.equal(found.signature.serialized, sent.signature.serialized);
  }
});

flow('type 4: an account takes a contract\'s code and drops it', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const user = new Wallet(Wallet.createRandom().privateKey, provider);
  const delegate = async (address, nonce) => {
    const authorizationList = [await user.authorize({ address, nonce })];
    return mined(wallet.sendTransaction({ type: 4, to: user.address, authorizationList }));
  };
  await delegate(contract.target, 0);
  const code = await provider.getCode(user.address);
  assert.equal(code, `0xef0100${contract.target.slice(2).toLowerCase()}`);
  await delegate(ZeroAddress, 1);
  assert.equal(await provider.getCode(user.address), '0x');
});

flow('deploy, call, event', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe, { value: 5n });
  assert.equal(contract.target, getCreateAddress({ from: wallet.address, nonce: 0 }));
  const receipt = await mined(contract.store(3n, 33n));
  const [event] = receipt.logs.map((log) => contract.interface.parseLog(log));
  assert.equal(event.name, 'Stored');
  assert.equal(event.args.value, 33n);
  const environment = await contract.environment();
  assert.equal(environment.balance, 5n);
  assert.equal(environment.chain, (await provider.getNetwork()).chainId);
  const found = await contract.queryFilter(contract.filters.Stored(wallet.address), 0);
  assert.equal(found.length, 1);
});

flow('old states', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const first = await mined(contract.store(1n, 1n));
  await mined(contract.store(1n, 2n));
  assert.equal(await contract.values(1n, { blockTag: first.blockNumber }), 1n);
  assert.equal(await contract.values(1n), 2n);
  const before = { blockTag: first.blockNumber - 1 };
  assert.equal(await contract.values(1n, before), 0n);
  assert.equal(await provider.getStorage(contract.target, 0), `0x${'2'.padStart(64, '0')}`);
});

flow('errors are told apart', async () => {
  const wallet = await newWallet();
  const contract = await deploy(wallet, probe);
  const caught = async (action) => action.then(() => assert.fail('no error'), (error) => error);
  const reason = await caught(contract.failWithReason.staticCall());
  assert.equal(reason.code, 'CALL_EXCEPTION');
  assert.equal(reason.reason, 'no luck');
  const custom = await caught(contract.failWithError.staticCall(11n));
  assert.equal(custom.revert.name, 'TooLarge');
  assert.deepEqual([...custom.revert.args], [11n, 10n]);
  const panic = await caught(contract.failWithPanic.staticCall(0n));
  assert.equal(panic.reason, 'Panic due to DIVIDE_BY_ZERO(18)');
  const estimate = await caught(contract.failWithReason.estimateGas());
  assert.equal(estimate.reason, 'no luck');
  const sent = await contract.failWithReason({ gasLimit: 100_000n });
  const failed = await caught(sent.wait());
  assert.equal(failed.receipt.status, 0);
  const poor = new Wallet(Wallet.createRandom().privateKey, provider);
  const request = { to: ZeroAddress, value: 1n, gasLimit: 21_000n };
  assert.equal((await caught(poor.sendTransaction(request))).code, 'INSUFFICIENT_FUNDS');
  const used = await caught(wallet.sendTransaction({ ...request, nonce: 0 }));
  assert.equal(used.code, 'NONCE_EXPIRED');
});

flow('permit by typed data, then transferFrom', async () => {
  const wallet = await newWallet();
  const spender = await newWallet();
  const contract = await deploy(wallet, token, 'Typed');
  const { chainId } = await provider.getNetwork();
  const domain = { name: 'Typed', version: '1', chainId, verifyingContract: contract.target };
  const fields = 'owner:address spender:address value:uint256 nonce:uint256 deadline:uint256';
  const Permit = fields.split(' ').map((field) => {
    const [name, type] = field.split(':');
    return { name, type };
  });
  const [owner, value, deadline] = [wallet.address, 50n, MaxUint256];
  const message = { owner, spender: spender.address, value, nonce: 0n, deadline };
  const signature = await wallet.signTypedData(domain, { Permit }, message);
  const { v, r, s } = Signature.from(signature);
  const asSpender = contract.connect(spender);
  await mined(asSpender.permit(owner, spender.address, value, deadline, v, r, s));
  await mined(asSpender.transferFrom(owner, spender.address, 20n));
  assert.equal(await contract.balanceOf(spender.address), 20n);
  assert.equal(await contract.allowance(owner, spender.address), 30n);
});

flow('50 in flight through a NonceManager', async () => {
  const manager = new NonceManager(await newWallet());
  const contract = await deploy(manager, probe);
  const keys = [...Array(50).keys()];
  const sent = await Promise.all(keys.map((key) => contract.store(key, key, { gasLimit: 120_000n })));
  const receipts = await Promise.all(sent.map((transaction) => transaction.wait()));
  assert(receipts.every((receipt) => receipt.status === 1));
  for (const key of [0, 25, 49]) assert.equal(await contract.values(key), BigInt(key));
});

flow('WebSocket: blocks, logs and calls', async () => {
  const socket = new WebSocketProvider(URL_WS);
  try {
    const wallet = await newWallet();
    const contract = await deploy(wallet, probe);
    const [blocks, values] = [[], []];
    await socket.on('block', (number) => blocks.push(number));
    const listening = new Contract(contract.target, probe.abi, socket);
    await listening.on('Stored', (from, key, value) => values.push(value));
    await until(async () => {
      await mined(rich.sendTransaction({ to: ZeroAddress, value: 1n }));
      return blocks.length > 0;
    }, 'a block');
    const receipt = await mined(contract.store(1n, 99n));
    await until(() => values.includes(99n), 'an event');
    await until(() => blocks.includes(receipt.blockNumber), 'the block of the event');
    assert.equal(await listening.values(1n), 99n);
  } finally {
    await socket.destroy();
  }
});

flow('Uniswap v2: mint, swap, burn', async () => {
  const wallet = await newWallet();
  const me = wallet.address;
  const factory = await deploy(wallet, published('@uniswap/v2-core/build/UniswapV2Factory.json'), me);
  const weth = await deploy(wallet, published('@uniswap/v2-periphery/build/WETH9.json'));
  const router = await deploy(
    wallet,
    published('@uniswap/v2-periphery/build/UniswapV2Router02.json'),
    factory.target,
    weth.target,
  );
  const [a, b] = await twoTokens(wallet);
  for (const each of [a, b]) await mined(each.approve(router.target, MaxUint256));
  const [deadline, amount] = [MaxUint256, parseEther('1000')];
  // The first trade of a second writes the price history too: an estimate made in the same second
  // as the last trade falls short of it.
  const gas = { gasLimit: 500_000n };

  await mined(router.addLiquidity(a, b, amount, amount, 0, 0, me, deadline));
  const { abi } = published('@uniswap/v2-core/build/UniswapV2Pair.json');
  const pair = new Contract(await factory.getPair(a, b), abi, wallet);
  assert.equal((await pair.getReserves())[0], amount);

  const path = [a.target, b.target];
  const [, expected] = await router.getAmountsOut(parseEther('10'), path);
  const before = await b.balanceOf(me);
  await mined(router.swapExactTokensForTokens(parseEther('10'), expected, path, me, deadline, gas));
  assert.equal((await b.balanceOf(me)) - before, expected);
  const tooMuch = router.swapExactTokensForTokens.staticCall(1n, amount, path, me, deadline);
  assert.match(await failure(() => tooMuch), /INSUFFICIENT_OUTPUT_AMOUNT/);

  const ether = { value: parseEther('1') };
  await mined(router.addLiquidityETH(a, amount, 0, 0, me, deadline, ether));
  const fromEther = [weth.target, a.target];
  const value = parseEther('0.1');
  await mined(router.swapExactETHForTokens(0, fromEther, me, deadline, { value, ...gas }));

  const shares = await pair.balanceOf(me);
  await mined(pair.approve(router.target, shares));
  await mined(router.removeLiquidity(a, b, shares, 0, 0, me, deadline, gas));
  assert.equal(await pair.balanceOf(me), 0n);
  const [rest] = await pair.getReserves();
  assert(rest < 1_000_000n, 'only the locked minimum is left');
});

flow('Uniswap v3: pool, mint, swap, burn', async () => {
  const wallet = await newWallet();
  const core = '@uniswap/v3-core/artifacts/contracts';
  const factory = await deploy(
    wallet,
    published(`${core}/UniswapV3Factory.sol/UniswapV3Factory.json`),
  );
  const [a, b] = await twoTokens(wallet);
  await mined(factory.createPool(a, b, 3000));
  const { abi } = published(`${core}/UniswapV3Pool.sol/UniswapV3Pool.json`);
  const pool = new Contract(await factory.getPool(a, b, 3000), abi, wallet);
  await mined(pool.initialize(2n ** 96n));
  const user = await deploy(wallet, artifact('PoolUser'), pool.target);
  for (const each of [a, b]) await mined(each.transfer(user.target, parseEther('1000')));

  const liquidity = parseEther('1000');
  await mined(user.mint(-6000, 6000, liquidity));
  assert.equal(await pool.liquidity(), liquidity);
  const held = [await a.balanceOf(user), await b.balanceOf(user)];
  await mined(user.swap(true, parseEther('5'), 4295128740n));
  const now = [await a.balanceOf(user), await b.balanceOf(user)];
  assert.equal(held[0] - now[0], parseEther('5'));
  const bought = now[1] - held[1];
  assert(bought > parseEther('4.9') && bought < parseEther('5'));
  const { tick } = await pool.slot0();
  assert(tick < 0n);
  await mined(user.burn(-6000, 6000, liquidity));
  assert.equal(await pool.liquidity(), 0n);
});

flow('storage of a mapping and a proof of it', async () => {
  const contract = await deploy(await newWallet(), probe);
  await mined(contract.store(6n, 60n));
  const slot = keccak256(AbiCoder.defaultAbiCoder().encode(['uint256', 'uint256'], [6n, 1n]));
  assert.equal(BigInt(await provider.getStorage(contract.target, slot)), 60n);
  const proof = await provider.send('eth_getProof', [contract.target, [slot], 'latest']);
  assert.equal(BigInt(proof.storageProof[0].value), 60n);
  assert.equal(proof.codeHash, keccak256(await provider.getCode(contract.target)));
});

flow('many calls at once travel as one batch', async () => {
  const numbers = await Promise.all([...Array(80)].map(() => provider.getBlockNumber()));
  assert(Math.max(...numbers) - Math.min(...numbers) <= 1);
  assert.equal(await provider.getBlock(id('no such block')), null);
  assert.equal(await provider.getTransactionReceipt(id('no such transaction')), null);
});

await run('ethers');
