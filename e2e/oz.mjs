// OpenZeppelin Contracts 5.7 deployed and used: tokens, governance, access, proxies, cryptography.
// Usage: node oz.mjs [URL]
//
// OpenZeppelin's own test suite is in none of its npm packages, so it is not run here.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import {
  Contract,
  ContractFactory,
  JsonRpcProvider,
  Wallet,
  ZeroAddress,
  id,
  parseEther,
} from 'ethers';

import { artifact, published } from './build.mjs';
import { KEYS, URL_HTTP, flow, run, until } from './harness.mjs';

const provider = new JsonRpcProvider(URL_HTTP, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const rich = new Wallet(KEYS[0], provider);
const oz = (name) => published(`@openzeppelin/contracts/build/contracts/${name}.json`);

async function mined(sent) {
  const receipt = await (await sent).wait();
  assert.equal(receipt.status, 1);
  return receipt;
}

async function newWallet() {
  const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
  await mined(rich.sendTransaction({ to: wallet.address, value: parseEther('10') }));
  return wallet;
}

async function deploy(wallet, { abi, bytecode }, ...args) {
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(...args);
  await contract.waitForDeployment();
  return contract;
}

/** The name of the custom error, or else the reason, with which a call fails. */
async function errorOf(call) {
  try {
    await call;
  } catch (error) {
    const named = error.revert && error.revert.name !== 'Error' ? error.revert.name : null;
    return named ?? error.reason ?? error.message;
  }
  return 'no error';
}

/** Makes `count` blocks by sending that many transactions, one after the other. */
async function blocks(wallet, count) {
  for (let n = 0; n < count; n += 1) await mined(wallet.sendTransaction({ to: ZeroAddress }));
}

flow('ERC20: transfers, allowances and their errors', async () => {
  const [alice, bob] = [await newWallet(), await newWallet()];
  const token = await deploy(alice, artifact('Token'), 'Plain');
  await mined(token.transfer(bob.address, 100n));
  await mined(token.connect(bob).approve(alice.address, 60n));
  await mined(token.transferFrom(bob.address, alice.address, 60n));
  assert.equal(await token.balanceOf(bob.address), 40n);
  const asBob = token.connect(bob);
  const overdraw = asBob.transfer.staticCall(alice.address, 41n);
  assert.equal(await errorOf(overdraw), 'ERC20InsufficientBalance');
  const unapproved = token.transferFrom.staticCall(bob.address, alice.address, 1n);
  assert.equal(await errorOf(unapproved), 'ERC20InsufficientAllowance');
  assert.equal(await errorOf(token.transfer.staticCall(ZeroAddress, 1n)), 'ERC20InvalidReceiver');
});

flow('ERC4626: deposit, yield, redeem', async () => {
  const alice = await newWallet();
  const token = await deploy(alice, artifact('Token'), 'Asset');
  const vault = await deploy(alice, artifact('Vault'), token.target);
  await mined(token.approve(vault.target, 1000n));
  await mined(vault.deposit(1000n, alice.address));
  await mined(token.transfer(vault.target, 500n));
  assert.equal(await vault.convertToAssets(1000n), 1499n);
  const before = await token.balanceOf(alice.address);
  await mined(vault.redeem(1000n, alice.address, alice.address));
  assert.equal((await token.balanceOf(alice.address)) - before, 1499n);
});

flow('ERC721: mint, approve, safe transfer, enumeration', async () => {
  const [alice, bob] = [await newWallet(), await newWallet()];
  const deeds = await deploy(alice, artifact('Deeds'));
  for (const deed of [1n, 2n, 3n]) await mined(deeds.mint(alice.address, deed));
  await mined(deeds.approve(bob.address, 2n));
  const transfer = 'safeTransferFrom(address,address,uint256)';
  await mined(deeds.connect(bob)[transfer](alice.address, bob.address, 2n));
  assert.equal(await deeds.ownerOf(2n), bob.address);
  assert.equal(await deeds.tokenOfOwnerByIndex(bob.address, 0), 2n);
  assert.equal(await deeds.totalSupply(), 3n);
  const toContract = deeds[transfer].staticCall(alice.address, deeds.target, 1n);
  assert.equal(await errorOf(toContract), 'ERC721InvalidReceiver');
  assert.equal(await errorOf(deeds.ownerOf(9n)), 'ERC721NonexistentToken');
});

flow('ERC1155: batches', async () => {
  const [alice, bob] = [await newWallet(), await newWallet()];
  const items = await deploy(alice, artifact('Items'));
  await mined(items.mint(alice.address, [1n, 2n], [10n, 20n]));
  const { address } = alice;
  await mined(items.safeBatchTransferFrom(address, bob.address, [1n, 2n], [4n, 5n], '0x'));
  const owners = [bob.address, bob.address, address];
  const balances = await items.balanceOfBatch(owners, [1n, 2n, 2n]);
  assert.deepEqual([...balances], [4n, 5n, 15n]);
  assert.equal(await items['totalSupply(uint256)'](2n), 20n);
});

flow('Governor and TimelockController: from proposal to execution', async () => {
  const alice = await newWallet();
  const votes = await deploy(alice, artifact('VotesToken'));
  const { address } = alice;
  const timelock = await deploy(alice, oz('TimelockController'), 1, [], [ZeroAddress], address);
  const parliament = await deploy(alice, artifact('Parliament'), votes.target, timelock.target);
  await mined(timelock.grantRole(id('PROPOSER_ROLE'), parliament.target));
  const box = await deploy(alice, artifact('OwnedBox'), timelock.target);
  await mined(votes.delegate(address));
  assert.equal(await votes.getVotes(address), parseEther('1000'));

  const call = [[box.target], [0n], [box.interface.encodeFunctionData('set', [77n])]];
  const proposal = await parliament.getProposalId(...call, id('set it'));
  await mined(parliament.propose(...call, 'set it'));
  await blocks(alice, 2);
  assert.equal(await parliament.state(proposal), 1n, 'active');
  await mined(parliament.castVote(proposal, 1));
  await blocks(alice, 4);
  assert.equal(await parliament.state(proposal), 4n, 'succeeded');
  await mined(parliament.queue(...call, id('set it')));
  await until(async () => {
    await blocks(alice, 1);
    return parliament.execute.staticCall(...call, id('set it')).then(() => true, () => false);
  }, 'the end of the delay');
  await mined(parliament.execute(...call, id('set it')));
  assert.equal(await box.value(), 77n);
  assert.equal(await parliament.state(proposal), 7n, 'executed');
  assert.equal(await errorOf(box.set.staticCall(1n)), 'OwnableUnauthorizedAccount');
});

flow('AccessManager: roles, and a delayed operation', async () => {
  const [alice, bob] = [await newWallet(), await newWallet()];
  const manager = await deploy(alice, oz('AccessManager'), alice.address);
  const box = await deploy(alice, artifact('ManagedBox'), manager.target);
  const asBob = box.connect(bob);
  assert.equal(await errorOf(asBob.set.staticCall(1n)), 'AccessManagedUnauthorized');
  const { selector } = box.interface.getFunction('set');
  await mined(manager.setTargetFunctionRole(box.target, [selector], 5n));
  await mined(manager.grantRole(5n, bob.address, 0));
  await mined(asBob.set(11n));
  assert.equal(await box.value(), 11n);
  await mined(manager.grantRole(5n, alice.address, 1));
  const data = box.interface.encodeFunctionData('set', [12n]);
  await mined(manager.schedule(box.target, data, 0));
  await until(async () => {
    await blocks(alice, 1);
    return manager.execute.staticCall(box.target, data).then(() => true, () => false);
  }, 'the end of the delay');
  await mined(manager.execute(box.target, data));
  assert.equal(await box.value(), 12n);
});

flow('ERC1967Proxy with UUPS: initialize once, upgrade, keep state', async () => {
  const alice = await newWallet();
  const [v1, v2] = [artifact('BoxV1'), artifact('BoxV2')];
  const first = await deploy(alice, v1);
  const init = first.interface.encodeFunctionData('initialize', [alice.address, 5n]);
  const proxy = await deploy(alice, oz('ERC1967Proxy'), first.target, init);
  const box = new Contract(proxy.target, v1.abi, alice);
  assert.equal(await box.value(), 5n);
  const again = box.initialize.staticCall(alice.address, 6n);
  assert.equal(await errorOf(again), 'InvalidInitialization');
  const second = await deploy(alice, v2);
  const stranger = box.connect(await newWallet());
  const refused = stranger.upgradeToAndCall.staticCall(second.target, '0x');
  assert.equal(await errorOf(refused), 'not the admin');
  await mined(box.upgradeToAndCall(second.target, '0x'));
  assert.equal(await box.version(), 2n);
  assert.equal(await box.value(), 5n);
  const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';
  assert.equal(BigInt(await provider.getStorage(proxy.target, slot)), BigInt(second.target));
});

flow('TransparentUpgradeableProxy and its ProxyAdmin', async () => {
  const alice = await newWallet();
  const [v1, v2] = [artifact('BoxV1'), artifact('BoxV2')];
  const first = await deploy(alice, v1);
  const second = await deploy(alice, v2);
  const init = first.interface.encodeFunctionData('initialize', [alice.address, 8n]);
  const kind = oz('TransparentUpgradeableProxy');
  const proxy = await deploy(alice, kind, first.target, alice.address, init);
  const slot = '0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103';
  const stored = await provider.getStorage(proxy.target, slot);
  const admin = new Contract(`0x${stored.slice(26)}`, oz('ProxyAdmin').abi, alice);
  assert.equal(await admin.owner(), alice.address);
  await mined(admin.upgradeAndCall(proxy.target, second.target, '0x'));
  const box = new Contract(proxy.target, v2.abi, alice);
  assert.deepEqual([await box.version(), await box.value()], [2n, 8n]);
});

flow('beacon proxies change together', async () => {
  const alice = await newWallet();
  const [v1, v2] = [artifact('BoxV1'), artifact('BoxV2')];
  const [first, second] = [await deploy(alice, v1), await deploy(alice, v2)];
  const beacon = await deploy(alice, oz('UpgradeableBeacon'), first.target, alice.address);
  const boxes = [];
  for (const value of [1n, 2n]) {
    const init = first.interface.encodeFunctionData('initialize', [alice.address, value]);
    const proxy = await deploy(alice, oz('BeaconProxy'), beacon.target, init);
    boxes.push(new Contract(proxy.target, v1.abi, alice));
  }
  await mined(beacon.upgradeTo(second.target));
  const versions = await Promise.all(boxes.map((box) => box.version()));
  const values = await Promise.all(boxes.map((box) => box.value()));
  assert.deepEqual([versions, values], [[2n, 2n], [1n, 2n]]);
});

flow('deterministic clones', async () => {
  const alice = await newWallet();
  const tools = await deploy(alice, artifact('Toolbox'));
  const box = await deploy(alice, artifact('BoxV1'));
  const expected = await tools.predict(box.target, id('salt'));
  await mined(tools.clone(box.target, id('salt')));
  const clone = new Contract(expected, artifact('BoxV1').abi, alice);
  await mined(clone.initialize(alice.address, 3n));
  assert.equal(await clone.value(), 3n);
  const again = tools.clone.staticCall(box.target, id('salt'));
  assert.notEqual(await errorOf(again), 'no error');
});

flow('transient storage guards against reentrancy', async () => {
  const tools = await deploy(await newWallet(), artifact('Toolbox'));
  assert.equal(await errorOf(tools.enterTwice.staticCall()), 'ReentrancyGuardReentrantCall');
});

flow('P256VERIFY: the precompile agrees with the library', async () => {
  const tools = await deploy(await newWallet(), artifact('Toolbox'));
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const message = Buffer.from('signed by a phone');
  const hash = `0x${crypto.createHash('sha256').update(message).digest('hex')}`;
  const signature = crypto.sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const hex = (value) => `0x${Buffer.from(value, 'base64url').toString('hex').padStart(64, '0')}`;
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const r = `0x${signature.subarray(0, 32).toString('hex')}`;
  let s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  // The library refuses the higher of the two values that verify.
  if (s > order / 2n) s = order - s;
  const low = `0x${s.toString(16).padStart(64, '0')}`;
  const verify = (digest) => tools.verifyP256(digest, r, low, hex(x), hex(y));
  assert.deepEqual([...(await verify(hash))], [true, true]);
  assert.deepEqual([...(await verify(id('another message')))], [false, false]);
});

flow('VestingWallet pays out; ERC2771Forwarder knows its domain', async () => {
  const alice = await newWallet();
  const { timestamp } = await provider.getBlock('latest');
  const vesting = await deploy(alice, oz('VestingWallet'), alice.address, timestamp - 100, 50);
  await mined(alice.sendTransaction({ to: vesting.target, value: 100n }));
  assert.equal(await vesting['releasable()'](), 100n);
  await mined(vesting['release()']());
  assert.equal(await provider.getBalance(vesting.target), 0n);
  const forwarder = await deploy(alice, oz('ERC2771Forwarder'), 'Forwarder');
  assert.equal((await forwarder.eip712Domain()).name, 'Forwarder');
});

await run('oz');
