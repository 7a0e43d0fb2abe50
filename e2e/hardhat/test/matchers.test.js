// Every matcher of hardhat-ethers-chai-matchers that asks the node for something.
import { expect } from 'chai';
import { ethers, loadFixture } from './connect.js';

async function fixture() {
  const [sender, other] = await ethers.getSigners();
  const token = await ethers.deployContract('VotesMock', [false]);
  await token.mint(sender, 1000n);
  return { sender, other, token, target: await ethers.deployContract('CallReceiverMock') };
}

describe('matchers', () => {
  let target; let token; let sender; let other;
  beforeEach(async () => ({ target, token, sender, other } = await loadFixture(fixture)));

  // As a call, as an estimate (what a transaction without gas limit starts with), and in a block.
  const ways = {
    call: (name, ...args) => target[name].staticCall(...args),
    estimate: (name, ...args) => target[name].estimateGas(...args),
    transaction: (name, ...args) => target[name].send(...args),
    'transaction with a gas limit': (name, ...args) => target[name].send(...args, { gasLimit: 1e6 }),
  };
  for (const [way, attempt] of Object.entries(ways)) {
    it(`revert without reason: ${way}`, () =>
      expect(attempt('revertsNoReason')).to.be.revertedWithoutReason(ethers));
    it(`revert with reason: ${way}`, () =>
      expect(attempt('revertsReason')).to.be.revertedWith('CallReceiverMock: reverting'));
    it(`custom error: ${way}`, () =>
      expect(attempt('revertsCustom'))
        .to.be.revertedWithCustomError(target, 'CustomError').withArgs(42n, sender));
    it(`assertion: ${way}`, () => expect(attempt('throwsAssert')).to.be.revertedWithPanic(1));
    it(`division by zero: ${way}`, () => expect(attempt('divides', 0)).to.be.revertedWithPanic(0x12));
    it(`out of bounds: ${way}`, () => expect(attempt('outOfBounds')).to.be.revertedWithPanic(0x32));
    it(`not a revert: ${way}`, () =>
      expect(attempt('divides', 1)).to.not.be.revert(ethers));
  }

  it('a library error of OpenZeppelin', () =>
    expect(token.connect(other).transfer(sender, 1n))
      .to.be.revertedWithCustomError(token, 'ERC20InsufficientBalance')
      .withArgs(other, 0n, 1n));

  it('out of gas', async () => {
    await expect(target.usesAllGas({ gasLimit: 200_000 })).to.be.revert(ethers);
  });

  it('events, with arguments, several of them', async () => {
    await expect(token.transfer(other, 5n))
      .to.emit(token, 'Transfer').withArgs(sender, other, 5n);
    await expect(token.delegate(other))
      .to.emit(token, 'DelegateChanged').withArgs(sender, ethers.ZeroAddress, other)
      .to.emit(token, 'DelegateVotesChanged').withArgs(other, 0n, 995n);
    await expect(token.approve(other, 5n)).to.not.emit(token, 'Transfer');
  });

  it('ether balances', async () => {
    await expect(sender.sendTransaction({ to: other, value: 100n }))
      .to.changeEtherBalances(ethers, [sender, other], [-100n, 100n]);
    await expect(target.mockFunction({ value: 33n })).to.changeEtherBalance(ethers, target, 33n);
    await expect(target.mockFunction({ value: 33n, gasPrice: 20_000_000_000n }))
      .to.changeEtherBalance(ethers, sender, -33n);
  });

  it('ether balance with the fee', async () => {
    const before = await ethers.provider.getBalance(sender);
    const { fee } = await (await target.store(5)).wait();
    const paid = before - (await ethers.provider.getBalance(sender));
    expect(paid).to.be.at.least(fee);
  });

  it('token balances', async () => {
    await expect(token.transfer(other, 9n))
      .to.changeTokenBalances(ethers, token, [sender, other], [-9n, 9n]);
  });

  it('a receipt of a failed transaction', async () => {
    await target.revertsReason.send({ gasLimit: 100_000 }).catch((error) => error);
    const block = await ethers.provider.getBlock('latest');
    const receipt = await ethers.provider.getTransactionReceipt(block.transactions[0]);
    expect(receipt.status).to.equal(0);
  });

  it('nonces and pending counts', async () => {
    const before = await sender.getNonce();
    await Promise.all(Array.from({ length: 5 }, () => token.transfer(other, 1n)));
    expect(await sender.getNonce()).to.equal(before + 5);
    expect(await token.balanceOf(other)).to.equal(5n);
  });

  it('poor sender', async () => {
    const value = (await ethers.provider.getBalance(other)) + 1n;
    let failed;
    await other.sendTransaction({ to: sender, value }).catch((error) => { failed = error; });
    expect(String(failed?.message).toLowerCase()).to.match(/insufficient|enough funds/);
  });
});
