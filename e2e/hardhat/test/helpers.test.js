// Every helper of hardhat-network-helpers.
import { expect } from 'chai';
import { actAs, connection, ethers, loadFixture, networkHelpers, rpc, time } from './connect.js';

const {
  dropTransaction, getStorageAt, impersonateAccount, mine, mineUpTo, setBalance, setBlockGasLimit,
  setCode, setCoinbase, setNextBlockBaseFeePerGas, setNonce, setPrevRandao, setStorageAt,
  stopImpersonatingAccount, takeSnapshot,
} = networkHelpers;

async function fixture() {
  const [sender, other] = await ethers.getSigners();
  return { sender, other, target: await ethers.deployContract('CallReceiverMock') };
}

describe('network helpers', () => {
  it('twenty accounts are unlocked and funded', async () => {
    const signers = await ethers.getSigners();
    expect(signers.length).to.be.at.least(20);
    for (const { address } of signers) {
      expect(await ethers.provider.getBalance(address)).to.be.above(ethers.parseEther('1'));
    }
  });

  describe('fixtures', () => {
    async function stored() {
      const values = await fixture();
      await values.target.store(7);
      return { ...values, block: await time.latestBlock() };
    }

    for (const round of [1, 2, 3]) {
      it(`round ${round} starts from the same state`, async () => {
        const { target, block } = await loadFixture(stored);
        expect(await time.latestBlock()).to.equal(block);
        expect(await target.stored()).to.equal(7n);
        await target.store(1000 + round);
        await mine(5);
        await setBalance(target.target, 1n);
      });
    }

    it('another fixture, then the first again', async () => {
      await loadFixture(fixture);
      const { target } = await loadFixture(stored);
      expect(await target.stored()).to.equal(7n);
    });

    it('nested snapshots come back in any order that makes sense', async () => {
      const { target } = await loadFixture(fixture);
      const first = await takeSnapshot();
      await target.store(1);
      const second = await takeSnapshot();
      await target.store(2);
      await second.restore();
      expect(await target.stored()).to.equal(1n);
      await target.store(3);
      await second.restore();
      expect(await target.stored()).to.equal(1n);
      await first.restore();
      expect(await target.stored()).to.equal(0n);
      let failed = false;
      await second.restore().catch(() => { failed = true; });
      expect(failed).to.equal(true);
    });
  });

  describe('time', () => {
    beforeEach(() => loadFixture(fixture));

    it('increase', async () => {
      const before = await time.latest();
      const after = await time.increase(time.duration.days(3));
      expect(after).to.equal(before + 3 * 86_400);
      expect(await time.latest()).to.equal(after);
    });

    it('increaseTo', async () => {
      const at = (await time.latest()) + 12_345;
      await time.increaseTo(at);
      expect(await time.latest()).to.equal(at);
    });

    it('increaseTo the past is refused', async () => {
      const now = await time.latest();
      let failed = false;
      await time.increaseTo(now - 10).catch(() => { failed = true; });
      expect(failed).to.equal(true);
    });

    it('setNextBlockTimestamp rules the next transaction', async () => {
      const { target } = await loadFixture(fixture);
      const at = (await time.latest()) + 777;
      await time.setNextBlockTimestamp(at);
      await target.store(1);
      expect(await time.latest()).to.equal(at);
      await target.store(2);
      expect(await time.latest()).to.be.within(at, at + 5);
    });

    it('a call sees the next block', async () => {
      const { target } = await loadFixture(fixture);
      const [number, timestamp] = await target.blockInfo();
      expect(number).to.be.within(await time.latestBlock(), (await time.latestBlock()) + 1);
      expect(timestamp).to.be.at.least(await time.latest());
    });
  });

  describe('mine', () => {
    beforeEach(() => loadFixture(fixture));

    it('one, many, at an interval', async () => {
      const start = await time.latestBlock();
      await mine();
      expect(await time.latestBlock()).to.equal(start + 1);
      await mine(1000);
      expect(await time.latestBlock()).to.equal(start + 1001);
      const before = await time.latest();
      await mine(10, { interval: 60 });
      expect(await time.latestBlock()).to.equal(start + 1011);
      expect(await time.latest()).to.be.within(before + 540, before + 660);
    });

    it('mineUpTo', async () => {
      const at = (await time.latestBlock()) + 33;
      await mineUpTo(at);
      expect(await time.latestBlock()).to.equal(at);
    });

    it('hashes of mined blocks', async () => {
      const { target } = await loadFixture(fixture);
      await mine(300);
      const latest = await time.latestBlock();
      const { hash } = await ethers.provider.getBlock(latest - 5);
      expect(await target.hashOf(latest - 5)).to.equal(hash);
      expect(await target.hashOf(latest - 299)).to.equal(ethers.ZeroHash);
    });
  });

  describe('accounts', () => {
    beforeEach(() => loadFixture(fixture));

    it('impersonation', async () => {
      const { target } = await loadFixture(fixture);
      const somebody = ethers.Wallet.createRandom().address;
      const signer = await actAs(somebody);
      await expect(target.connect(signer).mockFunction())
        .to.emit(target, 'Called')
        .withArgs(somebody, 0n, target.interface.encodeFunctionData('mockFunction'));
      await stopImpersonatingAccount(somebody);
      let failed = false;
      await target.connect(signer).mockFunction().catch(() => { failed = true; });
      expect(failed).to.equal(true);
    });

    it('impersonating a contract', async () => {
      const { target, other } = await loadFixture(fixture);
      const signer = await actAs(target.target);
      await expect(signer.sendTransaction({ to: other, value: 5n }))
        .to.changeEtherBalances(ethers, [target, other], [-5n, 5n]);
    });

    it('setBalance, setNonce, setCode, setStorageAt', async () => {
      const { target, sender } = await loadFixture(fixture);
      const somebody = ethers.Wallet.createRandom().address;
      await setBalance(somebody, 10n ** 30n);
      expect(await ethers.provider.getBalance(somebody)).to.equal(10n ** 30n);
      await setBalance(somebody, 0n);
      expect(await ethers.provider.getBalance(somebody)).to.equal(0n);
      await setNonce(somebody, 747);
      expect(await ethers.provider.getTransactionCount(somebody)).to.equal(747);
      await setCode(somebody, await ethers.provider.getCode(target));
      const copy = target.attach(somebody).connect(sender);
      await copy.store(11);
      expect(await copy.stored()).to.equal(11n);
      await setStorageAt(somebody, 1, 12);
      expect(await copy.stored()).to.equal(12n);
      expect(await getStorageAt(somebody, 1)).to.equal(ethers.toBeHex(12, 32));
      await setCode(somebody, '0x');
      expect(await ethers.provider.getCode(somebody)).to.equal('0x');
    });

    it('a transaction goes to code that was set before', async () => {
      const somebody = ethers.Wallet.createRandom().address;
      // Returns the block's number.
      await setCode(somebody, '0x435f5260205ff3');
      expect(BigInt(await ethers.provider.call({ to: somebody })))
        .to.be.at.least(await time.latestBlock());
    });
  });

  describe('blocks', () => {
    beforeEach(() => loadFixture(fixture));

    it('base fee, coinbase, randomness and gas limit of the next block', async () => {
      const { target } = await loadFixture(fixture);
      const coinbase = ethers.Wallet.createRandom().address;
      const randao = ethers.toBeHex(4711, 32);
      const { baseFeePerGas } = await ethers.provider.getBlock('latest');
      const baseFee = (baseFeePerGas * 9n) / 8n;
      await setNextBlockBaseFeePerGas(baseFee);
      await setCoinbase(coinbase);
      await setPrevRandao(randao);
      await target.store(1);
      const block = await ethers.provider.getBlock('latest');
      expect(block.baseFeePerGas).to.equal(baseFee);
      expect(block.miner).to.equal(coinbase);
      expect((await rpc('eth_getBlockByNumber', 'latest', false)).mixHash).to.equal(randao);
      await setBlockGasLimit(40_000_000);
      await mine();
      expect((await ethers.provider.getBlock('latest')).gasLimit).to.equal(40_000_000n);
    });

    it('a zero base fee', async () => {
      const { sender, other } = await loadFixture(fixture);
      await setNextBlockBaseFeePerGas(0);
      await mine();
      expect((await ethers.provider.getBlock('latest')).baseFeePerGas).to.equal(0n);
      await expect(sender.sendTransaction({ to: other, value: 1n }))
        .to.changeEtherBalance(ethers, other, 1n);
    });

    it('without automine transactions wait', async () => {
      const { sender, other } = await loadFixture(fixture);
      await rpc('evm_setAutomine', false);
      try {
        const before = await time.latestBlock();
        const sent = [];
        for (let n = 0; n < 3; n += 1) {
          sent.push(await sender.sendTransaction({ to: other, value: 1n, gasLimit: 30_000 }));
        }
        expect(await time.latestBlock()).to.equal(before);
        expect(await ethers.provider.getTransactionCount(sender, 'pending'))
          .to.equal((await ethers.provider.getTransactionCount(sender)) + 3);
        await dropTransaction(sent[2].hash);
        await mine();
        expect(await time.latestBlock()).to.equal(before + 1);
        const { transactions } = await ethers.provider.getBlock('latest');
        expect(transactions).to.deep.equal([sent[0].hash, sent[1].hash]);
      } finally {
        await rpc('evm_setAutomine', true);
      }
    });

    it('two transactions of one block see the same number', async () => {
      const { target } = await loadFixture(fixture);
      await rpc('evm_setAutomine', false);
      const sent = [await target.store(1, { gasLimit: 100_000 }),
        await target.store(2, { gasLimit: 100_000 })];
      await mine();
      await rpc('evm_setAutomine', true);
      const receipts = await Promise.all(sent.map((tx) => tx.wait()));
      expect(receipts[0].blockNumber).to.equal(receipts[1].blockNumber);
      expect(receipts[1].index).to.equal(1);
    });

    it('an interval, in Hardhat\'s milliseconds', async () => {
      const before = await time.latestBlock();
      await rpc('evm_setIntervalMining', 20);
      try {
        for (let n = 0; n < 200 && (await time.latestBlock()) < before + 3; n += 1) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      } finally {
        await rpc('evm_setIntervalMining', 0);
      }
      expect(await time.latestBlock()).to.be.at.least(before + 3);
    });

    it('metadata, automine, reset of the clock by a revert', async () => {
      const metadata = await rpc('hardhat_metadata');
      expect(metadata.chainId).to.equal(Number(await rpc('eth_chainId')));
      expect(await rpc('hardhat_getAutomine')).to.equal(true);
      const snapshot = await takeSnapshot();
      const before = await time.latest();
      await time.increase(1_000_000);
      await snapshot.restore();
      await mine();
      expect(await time.latest()).to.be.within(before, before + 60);
    });
  });

  it('the connection names the network', () => {
    expect(connection.networkName).to.be.a('string');
  });

  it('impersonation of an account that the node has the key of', async () => {
    const { sender, other } = await loadFixture(fixture);
    await impersonateAccount(sender.address);
    await expect(sender.sendTransaction({ to: other, value: 3n }))
      .to.changeEtherBalance(ethers, other, 3n);
    await stopImpersonatingAccount(sender.address);
  });
});
