// Access management, meta transactions, vesting, proxies, reentrancy, large code.
import { expect } from 'chai';
import { actAs, ethers, loadFixture, networkHelpers, time } from './connect.js';

describe('AccessManager', () => {
  const ROLE = 42n;

  async function fixture() {
    const [admin, member, other] = await ethers.getSigners();
    const manager = await ethers.deployContract('AccessManager', [admin]);
    const target = await ethers.deployContract('ManagedMock', [manager]);
    const selector = target.interface.getFunction('set').selector;
    await manager.setTargetFunctionRole(target, [selector], ROLE);
    return { manager, target, member, other };
  }

  it('a role without delay', async () => {
    const { manager, target, member, other } = await loadFixture(fixture);
    await manager.grantRole(ROLE, member, 0);
    await target.connect(member).set(5);
    expect(await target.number()).to.equal(5n);
    await expect(target.connect(other).set(6))
      .to.be.revertedWithCustomError(target, 'AccessManagedUnauthorized').withArgs(other);
  });

  it('a delayed role schedules, and the schedule expires', async () => {
    const { manager, target, member } = await loadFixture(fixture);
    await manager.grantRole(ROLE, member, 600);
    const data = target.interface.encodeFunctionData('set', [7]);
    await expect(target.connect(member).set(7))
      .to.be.revertedWithCustomError(manager, 'AccessManagerNotScheduled');
    const at = BigInt(await time.latest()) + 700n;
    await manager.connect(member).schedule(target, data, at);
    await time.increaseTo(at - 2n);
    await expect(manager.connect(member).execute(target, data))
      .to.be.revertedWithCustomError(manager, 'AccessManagerNotReady');
    await time.increaseTo(at);
    const again = await networkHelpers.takeSnapshot();
    await manager.connect(member).execute(target, data);
    expect(await target.number()).to.equal(7n);
    await again.restore();
    expect(await target.number()).to.equal(0n);
    await time.increaseTo(at + (await manager.expiration()));
    await expect(manager.connect(member).execute(target, data))
      .to.be.revertedWithCustomError(manager, 'AccessManagerExpired');
  });

  it('as the manager itself', async () => {
    const { manager, target } = await loadFixture(fixture);
    const itself = await actAs(manager.target);
    await expect(target.connect(itself).setAuthority(manager)).to.emit(target, 'AuthorityUpdated');
  });
});

describe('ERC-2771', () => {
  it('the signer is the sender, once and in time', async () => {
    const [relayer] = await ethers.getSigners();
    const forwarder = await ethers.deployContract('ERC2771Forwarder', ['Forwarder']);
    const target = await ethers.deployContract('ContextMock', [forwarder]);
    const wallet = ethers.Wallet.createRandom();
    const { chainId } = await ethers.provider.getNetwork();
    const domain = { name: 'Forwarder', version: '1', chainId, verifyingContract: forwarder.target };
    const types = {
      ForwardRequest: [
        { name: 'from', type: 'address' }, { name: 'to', type: 'address' },
        { name: 'value', type: 'uint256' }, { name: 'gas', type: 'uint256' },
        { name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint48' },
        { name: 'data', type: 'bytes' },
      ],
    };
    const request = {
      from: wallet.address, to: target.target, value: 0n, gas: 100_000n, nonce: 0n,
      deadline: BigInt((await time.latest()) + 60),
      data: target.interface.encodeFunctionData('tell'),
    };
    const signature = await wallet.signTypedData(domain, types, request);
    const signed = { ...request, signature };
    expect(await forwarder.verify(signed)).to.equal(true);
    await expect(forwarder.connect(relayer).execute(signed))
      .to.emit(target, 'Sender').withArgs(wallet.address, request.data);
    await expect(forwarder.execute(signed))
      .to.be.revertedWithCustomError(forwarder, 'ERC2771ForwarderInvalidSigner');
    await time.increaseTo(request.deadline + 1n);
    await expect(forwarder.execute(signed))
      .to.be.revertedWithCustomError(forwarder, 'ERC2771ForwarderExpiredRequest');
  });
});

describe('VestingWallet', () => {
  it('releases linearly', async () => {
    const [sender, beneficiary] = await ethers.getSigners();
    const start = BigInt(await time.latest()) + 3600n;
    const duration = 4n * 365n * 86_400n;
    const amount = ethers.parseEther('100');
    const wallet = await ethers.deployContract('VestingWallet', [beneficiary, start, duration]);
    await sender.sendTransaction({ to: wallet, value: amount });
    let released = 0n;
    for (let i = 0n; i <= 64n; i += 1n) {
      const at = start + (i * duration) / 60n;
      await time.increaseTo(at);
      const vested = i >= 60n ? amount : (amount * (at - start)) / duration;
      expect(await wallet['vestedAmount(uint64)'](at)).to.equal(vested);
      await time.setNextBlockTimestamp(at);
      const tx = wallet['release()']();
      await expect(tx).to.emit(wallet, 'EtherReleased').withArgs(vested - released);
      await expect(tx).to.changeEtherBalance(ethers, wallet, released - vested);
      released = vested;
    }
  });
});

describe('ERC-20 permit', () => {
  it('by typed data, until the deadline', async () => {
    const [spender] = await ethers.getSigners();
    const token = await ethers.deployContract('VotesMock', [false]);
    const owner = ethers.Wallet.createRandom();
    const { chainId } = await ethers.provider.getNetwork();
    const domain = { name: 'Votes', version: '1', chainId, verifyingContract: token.target };
    const types = {
      Permit: [
        { name: 'owner', type: 'address' }, { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' }, { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    };
    const deadline = BigInt(await time.latest()) + 100n;
    const message = { owner: owner.address, spender: spender.address, value: 42n, nonce: 0n, deadline };
    const { v, r, s } = ethers.Signature.from(await owner.signTypedData(domain, types, message));
    const snapshot = await networkHelpers.takeSnapshot();
    await token.permit(owner, spender, 42n, deadline, v, r, s);
    expect(await token.allowance(owner, spender)).to.equal(42n);
    await snapshot.restore();
    await time.increaseTo(deadline + 1n);
    await expect(token.permit(owner, spender, 42n, deadline, v, r, s))
      .to.be.revertedWithCustomError(token, 'ERC2612ExpiredSignature');
  });

  it('by an account of the node', async () => {
    const [signer] = await ethers.getSigners();
    const types = { Note: [{ name: 'text', type: 'string' }, { name: 'numbers', type: 'uint8[]' }] };
    const domain = { name: 'Test', version: '1', chainId: 1n };
    const note = { text: 'hello', numbers: [1, 2, 3] };
    const signature = await signer.signTypedData(domain, types, note);
    expect(ethers.verifyTypedData(domain, types, note, signature)).to.equal(signer.address);
    const message = await signer.signMessage('hello');
    expect(ethers.verifyMessage('hello', message)).to.equal(signer.address);
  });
});

describe('proxies and code', () => {
  it('UUPS upgrade, the slot read and written from outside', async () => {
    const first = await ethers.deployContract('UpgradeableMock', [1]);
    const second = await ethers.deployContract('UpgradeableMock', [2]);
    const call = first.interface.encodeFunctionData('VERSION');
    const { target: address } = await ethers.deployContract('ERC1967Proxy', [first, call]);
    const proxy = await ethers.getContractAt('UpgradeableMock', address);
    expect(await proxy.VERSION()).to.equal(1n);
    await expect(proxy.upgradeToAndCall(second, '0x'))
      .to.emit(proxy, 'Upgraded').withArgs(second);
    expect(await proxy.VERSION()).to.equal(2n);
    const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';
    const stored = await networkHelpers.getStorageAt(address, slot);
    expect(ethers.getAddress(ethers.dataSlice(stored, 12))).to.equal(second.target);
    await networkHelpers.setStorageAt(address, slot, ethers.zeroPadValue(first.target, 32));
    expect(await proxy.VERSION()).to.equal(1n);
  });

  it('reentrancy is refused', async () => {
    const mock = await ethers.deployContract('ReentrancyMock');
    await mock.countThisRecursive(0);
    await expect(mock.countThisRecursive(2)).to.be.revert(ethers);
    expect(await mock.counter()).to.equal(1n);
  });

  it('code larger than EIP-170 allows', async () => {
    const [signer] = await ethers.getSigners();
    const size = 60_000;
    // Returns `size` bytes of zeros as code.
    const init = ethers.concat(['0x62', ethers.toBeHex(size, 3), '0x5ff3']);
    const receipt = await (await signer.sendTransaction({ data: init })).wait();
    const code = await ethers.provider.getCode(receipt.contractAddress);
    expect(ethers.dataLength(code)).to.equal(size);
  });

  it('init code larger than EIP-3860 allows', async () => {
    const [signer] = await ethers.getSigners();
    const init = ethers.concat(['0x60015ff3', new Uint8Array(120_000)]);
    const receipt = await (await signer.sendTransaction({ data: init })).wait();
    expect(await ethers.provider.getCode(receipt.contractAddress)).to.equal('0x00');
  });

  it('EIP-7702: code for an account that signed for it', async () => {
    const [sender] = await ethers.getSigners();
    const target = await ethers.deployContract('CallReceiverMock');
    const wallet = ethers.Wallet.createRandom(ethers.provider);
    await networkHelpers.setBalance(wallet.address, ethers.parseEther('1'));
    const { chainId } = await ethers.provider.getNetwork();
    const authorization = wallet.authorizeSync({ address: target.target, nonce: 1, chainId });
    const tx = await wallet.sendTransaction({ type: 4, to: wallet.address, data: '0x',
      authorizationList: [authorization], gasLimit: 200_000 });
    await tx.wait();
    expect(await ethers.provider.getCode(wallet))
      .to.equal(ethers.concat(['0xef0100', target.target]).toLowerCase());
    await target.attach(wallet.address).connect(sender).store(3);
    expect(await target.attach(wallet.address).stored()).to.equal(3n);
  });

  it('a thousand transactions one after the other', async function () {
    this.timeout(120_000);
    const [sender, other] = await ethers.getSigners();
    const start = performance.now();
    const before = await ethers.provider.getBalance(other);
    for (let n = 0; n < 1000; n += 1) {
      await sender.sendTransaction({ to: other, value: 1n, gasLimit: 21_000 });
    }
    expect((await ethers.provider.getBalance(other)) - before).to.equal(1000n);
    console.log(`      ${((performance.now() - start) / 1000).toFixed(2)} ms each`);
  });
});
