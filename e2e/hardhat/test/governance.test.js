// Votes counted in blocks and in seconds, governor, timelock.
import { expect } from 'chai';
import { actAs, ethers, loadFixture, networkHelpers, time } from './connect.js';

const { mine, mineUpTo } = networkHelpers;
const DELAY = 3600n;
const STATE = { pending: 0n, active: 1n, defeated: 3n, succeeded: 4n, queued: 5n, executed: 7n };

for (const inSeconds of [false, true]) {
  const clock = async () => (inSeconds ? time.latest() : time.latestBlock());
  const forwardTo = async (at) => (inSeconds ? time.increaseTo(at) : mineUpTo(Number(at)));

  const fixture = async () => {
    const [admin, voter, delegate, other] = await ethers.getSigners();
    const token = await ethers.deployContract('VotesMock', [inSeconds]);
    const timelock = await ethers.deployContract('TimelockController', [DELAY, [], [], admin]);
    const governor = await ethers.deployContract('GovernorMock', [token, timelock, 4, 16]);
    for (const role of ['PROPOSER_ROLE', 'EXECUTOR_ROLE', 'CANCELLER_ROLE']) {
      await timelock.grantRole(await timelock[role](), governor);
    }
    const target = await ethers.deployContract('CallReceiverMock');
    await token.mint(voter, ethers.parseEther('10'));
    await token.connect(voter).delegate(voter);
    await admin.sendTransaction({ to: timelock, value: ethers.parseEther('1') });
    return { admin, voter, delegate, other, token, timelock, governor, target };
  };
  // A name of its own: fixtures are told apart by identity.
  const start = () => loadFixture(fixture);

  describe(`votes counted in ${inSeconds ? 'seconds' : 'blocks'}`, () => {
    it('the clock', async () => {
      const { token } = await start();
      await mine();
      expect(await token.clock()).to.be.within(await clock(), (await clock()) + 2);
    });

    it('past votes are those of that moment', async () => {
      const { token, voter, delegate } = await start();
      const moments = [];
      const checkpoint = async (tx) => {
        const { blockNumber } = await (await tx).wait();
        const block = await ethers.provider.getBlock(blockNumber);
        moments.push({
          at: inSeconds ? block.timestamp : block.number,
          votes: await token.getVotes(delegate),
        });
        await mine(2, { interval: 10 });
        await time.increase(10);
      };
      await checkpoint(token.connect(voter).delegate(delegate));
      await checkpoint(token.mint(voter, 5n));
      await checkpoint(token.connect(voter).transfer(delegate, 2n));
      await checkpoint(token.connect(voter).delegate(voter));
      expect(new Set(moments.map((moment) => moment.votes)).size).to.equal(4);
      for (const { at, votes } of moments) {
        expect(await token.getPastVotes(delegate, at)).to.equal(votes);
        expect(await token.getPastVotes(delegate, at + 1)).to.equal(votes);
      }
      const future = (await clock()) + 100;
      await expect(token.getPastVotes(delegate, future))
        .to.be.revertedWithCustomError(token, 'ERC5805FutureLookup');
    });

    it('delegation by signature', async () => {
      const { token, delegate } = await start();
      const wallet = ethers.Wallet.createRandom();
      const { chainId } = await ethers.provider.getNetwork();
      const domain = { name: 'Votes', version: '1', chainId, verifyingContract: token.target };
      const types = {
        Delegation: [
          { name: 'delegatee', type: 'address' },
          { name: 'nonce', type: 'uint256' },
          { name: 'expiry', type: 'uint256' },
        ],
      };
      const message = { delegatee: delegate.address, nonce: 0n, expiry: ethers.MaxUint256 };
      const { v, r, s } = ethers.Signature.from(await wallet.signTypedData(domain, types, message));
      await expect(token.delegateBySig(delegate, 0n, ethers.MaxUint256, v, r, s))
        .to.emit(token, 'DelegateChanged')
        .withArgs(wallet.address, ethers.ZeroAddress, delegate);
      await expect(token.delegateBySig(delegate, 0n, ethers.MaxUint256, v, r, s))
        .to.be.revertedWithCustomError(token, 'InvalidAccountNonce');
    });

    it('a proposal from idea to execution', async () => {
      const { governor, voter, other, target, timelock } = await start();
      const call = target.interface.encodeFunctionData('mockFunction');
      const args = [[target.target], [7n], [call], ethers.id('do it')];
      const id = await governor.hashProposal(...args);
      await expect(governor.connect(other).propose([target.target], [7n], [call], 'do it'))
        .to.emit(governor, 'ProposalCreated');
      expect(await governor.state(id)).to.equal(STATE.pending);
      await expect(governor.connect(voter).castVote(id, 1))
        .to.be.revertedWithCustomError(governor, 'GovernorUnexpectedProposalState');

      await forwardTo((await governor.proposalSnapshot(id)) + 1n);
      expect(await governor.state(id)).to.equal(STATE.active);
      await expect(governor.connect(voter).castVoteWithReason(id, 1, 'because'))
        .to.emit(governor, 'VoteCast')
        .withArgs(voter, id, 1, ethers.parseEther('10'), 'because');

      await forwardTo((await governor.proposalDeadline(id)) + 1n);
      expect(await governor.state(id)).to.equal(STATE.succeeded);
      const queued = await governor.queue(...args);
      const { timestamp } = await ethers.provider.getBlock((await queued.wait()).blockNumber);
      expect(await governor.proposalEta(id)).to.equal(BigInt(timestamp) + DELAY);
      await expect(governor.execute(...args))
        .to.be.revertedWithCustomError(timelock, 'TimelockUnexpectedOperationState');

      await time.increaseTo(await governor.proposalEta(id));
      await expect(governor.execute(...args))
        .to.emit(target, 'Called').withArgs(timelock, 7n, call);
      expect(await governor.state(id)).to.equal(STATE.executed);
      expect(await ethers.provider.getBalance(target)).to.equal(7n);
    });

    it('a proposal without votes is defeated', async () => {
      const { governor, target } = await start();
      await governor.propose([target.target], [0n], ['0x'], 'nothing');
      const id = await governor.hashProposal([target.target], [0n], ['0x'], ethers.id('nothing'));
      await forwardTo((await governor.proposalDeadline(id)) + 1n);
      expect(await governor.state(id)).to.equal(STATE.defeated);
    });
  });
}

describe('timelock', () => {
  async function fixture() {
    const [admin, proposer, executor, other] = await ethers.getSigners();
    const timelock = await ethers.deployContract('TimelockController', [
      DELAY, [proposer.address], [executor.address], admin,
    ]);
    return { proposer, executor, other, timelock,
      target: await ethers.deployContract('CallReceiverMock') };
  }

  it('schedules, waits to the second, executes', async () => {
    const { timelock, proposer, executor, other, target } = await loadFixture(fixture);
    const operation = [target.target, 0n, target.interface.encodeFunctionData('store', [99]),
      ethers.ZeroHash, ethers.ZeroHash];
    const id = await timelock.hashOperation(...operation);
    await expect(timelock.connect(other).schedule(...operation, DELAY))
      .to.be.revertedWithCustomError(timelock, 'AccessControlUnauthorizedAccount');
    await timelock.connect(proposer).schedule(...operation, DELAY);
    const at = await timelock.getTimestamp(id);

    await time.setNextBlockTimestamp(at - 1n);
    await expect(timelock.connect(executor).execute(...operation, { gasLimit: 500_000 }))
      .to.be.revertedWithCustomError(timelock, 'TimelockUnexpectedOperationState');
    await time.setNextBlockTimestamp(at);
    await timelock.connect(executor).execute(...operation, { gasLimit: 500_000 });
    expect(await target.stored()).to.equal(99n);
    expect(await time.latest()).to.equal(Number(at));
  });

  it('only itself changes its delay', async () => {
    const { timelock } = await loadFixture(fixture);
    await expect(timelock.updateDelay(0))
      .to.be.revertedWithCustomError(timelock, 'TimelockUnauthorizedCaller');
    const itself = await actAs(timelock.target);
    await expect(timelock.connect(itself).updateDelay(1n))
      .to.emit(timelock, 'MinDelayChange').withArgs(DELAY, 1n);
  });
});
