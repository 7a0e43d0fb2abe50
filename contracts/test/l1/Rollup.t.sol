// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../../src/l1/BatchHeader.sol";
import {IGoverned} from "../../src/l1/IGoverned.sol";
import {Statement} from "../../src/l1/IFinalityPolicy.sol";
import {IRollup} from "../../src/l1/IRollup.sol";
import {Rollup} from "../../src/l1/Rollup.sol";
import {Chains, OpenPolicy} from "./Chains.sol";

/// Commits in the name of whoever calls.
contract Forwarder {
    function forward(Rollup rollup, bytes32 parent, IRollup.BatchInput[] calldata list) external {
        rollup.commitBatches(0, parent, list);
    }
}

contract RollupTest is Chains {
    bytes32 private genesis;

    function setUp() public {
        deployChains();
        genesis = rollup.batch(0).hash;
    }

    function input(uint64 count, uint8 blobs) private pure returns (IRollup.BatchInput memory) {
        return IRollup.BatchInput(2, count, blobs, "");
    }

    function tryCommit(uint64 index, bytes32 parent, IRollup.BatchInput memory made, bytes memory e)
        private
    {
        VM.expectRevert(e);
        VM.prank(BATCHER);
        rollup.commitBatches(index, parent, one(made));
    }

    function send() private {
        l1Mailbox.sendTransaction{value: 1 ether}(address(0x70), 0, "", 100_000, address(0x70));
    }

    // --- commit ---

    function test_genesis() public view {
        assertEq(genesis, keccak256(new bytes(105)));
        assertEq(rollup.finalizedStateRoot(0), GENESIS_STATE);
        assertEq(rollup.finalizedBlockHash(), GENESIS_BLOCK);
        assertEq(rollup.lastFinalizedAt(), block.timestamp);
        assertEq(uint256(rollup.dataLayer()), uint256(IRollup.DataLayer.Blobs));
        assertEq(rollup.l2ChainId(), 5_734_951);
    }

    function test_headerIsTheFormats() public {
        send();
        (bytes32 rolling,) = l1Mailbox.messagesUpTo(1);
        setBlobs(2);
        bytes32 dataHash = keccak256(abi.encodePacked(blob(0), blob(1)));
        bytes memory header = abi.encodePacked(uint8(2), uint64(1), rolling, dataHash, genesis);
        assertEq(header.length, 105);
        VM.expectEmit(address(rollup));
        emit IRollup.BatchCommitted(1, keccak256(header), 2, 1, rolling, dataHash, 0, 2);
        VM.prank(BATCHER);
        rollup.commitBatches(0, genesis, one(input(1, 2)));
        assertEq(rollup.batch(1).hash, keccak256(header));
        assertEq(rollup.batch(1).l1MessageCount, 1);
        assertEq(rollup.batch(1).committedAt, block.timestamp);
        assertEq(rollup.lastCommittedBatch(), 1);
    }

    /// The vector of docs/spec/batch.md.
    function test_headerHashIsTheSpecs() public pure {
        uint256 ones = type(uint256).max / 15;
        bytes32 hash = BatchHeader.hash(2, 258, bytes32(ones), bytes32(2 * ones), bytes32(3 * ones));
        assertEq(hash, 0x83e645efcb1e960f3176501875042a380c59899b8a442f1888a99ff5966a3e6a);
    }

    function test_severalBatchesShareTheBlobs() public {
        setBlobs(6);
        IRollup.BatchInput[] memory list = new IRollup.BatchInput[](3);
        (list[0], list[1], list[2]) = (input(0, 1), input(0, 2), input(0, 3));
        VM.prank(BATCHER);
        rollup.commitBatches(0, genesis, list);
        bytes32 parent = genesis;
        bytes memory data = abi.encodePacked(blob(0));
        for (uint64 i = 1; i <= 3; ++i) {
            if (i == 2) data = abi.encodePacked(blob(1), blob(2));
            if (i == 3) data = abi.encodePacked(blob(3), blob(4), blob(5));
            parent = keccak256(abi.encodePacked(uint8(2), i, bytes32(0), keccak256(data), parent));
            assertEq(rollup.batch(i).hash, parent);
        }
    }

    function test_blobsMustBeThereAndUsed() public {
        tryCommit(0, genesis, input(0, 1), abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        setBlobs(2);
        tryCommit(0, genesis, input(0, 0), abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        tryCommit(0, genesis, input(0, 3), abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        tryCommit(0, genesis, input(0, 1), abi.encodeWithSelector(IRollup.UnusedBlob.selector, 1));
        IRollup.BatchInput memory both = input(0, 2);
        both.data = "data";
        tryCommit(0, genesis, both, abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        VM.expectRevert(abi.encodeWithSelector(IRollup.NoBatch.selector));
        VM.prank(BATCHER);
        rollup.commitBatches(0, genesis, new IRollup.BatchInput[](0));
    }

    function test_parentMustBeTheLast() public {
        setBlobs(1);
        bytes memory wrong = abi.encodeWithSelector(IRollup.WrongParent.selector, 0, genesis);
        tryCommit(0, bytes32(uint256(1)), input(0, 1), wrong);
        tryCommit(1, genesis, input(0, 1), wrong);
        tryCommit(1, bytes32(0), input(0, 1), wrong);
        commit(0);
        bytes32 last = rollup.batch(1).hash;
        wrong = abi.encodeWithSelector(IRollup.WrongParent.selector, 1, last);
        tryCommit(0, genesis, input(0, 1), wrong);
    }

    function testFuzz_onlyVersionTwo(uint8 version) public {
        VM.assume(version != 2);
        setBlobs(1);
        IRollup.BatchInput memory made = input(0, 1);
        made.version = version;
        tryCommit(
            0, genesis, made, abi.encodeWithSelector(IRollup.WrongVersion.selector, 2, version)
        );
    }

    function testFuzz_onlyTheBatcherCommits(address caller) public {
        VM.assume(caller != BATCHER);
        setBlobs(1);
        VM.expectRevert(roleMissing(caller, rollup.BATCHER_ROLE()));
        VM.prank(caller);
        rollup.commitBatches(0, genesis, one(input(0, 1)));
    }

    // --- other data layers ---

    function test_calldata() public {
        Rollup other = deployRollup(IRollup.DataLayer.Calldata);
        IRollup.BatchInput memory made = IRollup.BatchInput(2, 0, 0, "the data");
        VM.prank(BATCHER, BATCHER);
        other.commitBatches(0, genesis, one(made));
        bytes32 dataHash = keccak256("the data");
        assertEq(
            other.batch(1).hash,
            keccak256(abi.encodePacked(uint8(2), uint64(1), bytes32(0), dataHash, genesis))
        );
    }

    function test_calldataMustBeDirectAndThere() public {
        Rollup other = deployRollup(IRollup.DataLayer.Calldata);
        IRollup.BatchInput memory made = IRollup.BatchInput(2, 0, 0, "the data");
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotDirect.selector));
        VM.prank(BATCHER);
        other.commitBatches(0, genesis, one(made));
        made.data = "";
        VM.expectRevert(abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        VM.prank(BATCHER, BATCHER);
        other.commitBatches(0, genesis, one(made));
    }

    function testFuzz_anchored(bytes32 hash) public {
        VM.assume(hash != 0);
        Rollup other = deployRollup(IRollup.DataLayer.Anchored);
        IRollup.BatchInput memory made = IRollup.BatchInput(2, 0, 0, abi.encode(hash));
        VM.prank(BATCHER);
        other.commitBatches(0, genesis, one(made));
        assertEq(
            other.batch(1).hash,
            keccak256(abi.encodePacked(uint8(2), uint64(1), bytes32(0), hash, genesis))
        );
    }

    function testFuzz_anchoredIsOneHash(bytes memory data) public {
        VM.assume(data.length != 32);
        Rollup other = deployRollup(IRollup.DataLayer.Anchored);
        IRollup.BatchInput memory made = IRollup.BatchInput(2, 0, 0, data);
        VM.expectRevert(abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        VM.prank(BATCHER);
        other.commitBatches(0, genesis, one(made));
        made.data = abi.encode(0);
        VM.expectRevert(abi.encodeWithSelector(IRollup.WrongData.selector, 1));
        VM.prank(BATCHER);
        other.commitBatches(0, genesis, one(made));
    }

    // --- L1 messages ---

    function test_messagesCannotBeInventedOrGivenBack() public {
        setBlobs(1);
        bytes memory none = abi.encodeWithSignature("NoSuchMessage(uint64)", 0);
        tryCommit(0, genesis, input(1, 1), none);
        send();
        commit(1);
        bytes memory less = abi.encodeWithSelector(IRollup.MessageCountDecreased.selector, 1, 0);
        tryCommit(1, rollup.batch(1).hash, input(0, 1), less);
    }

    function test_overdueMessageCannotBeSkipped() public {
        uint256 sentAt = block.timestamp;
        send();
        (uint64 queueIndex, uint64 deadline) = rollup.nextDeadline();
        assertEq(queueIndex, 0);
        assertEq(deadline, sentAt + DEADLINE);
        VM.warp(sentAt + DEADLINE);
        commit(0); // the last second
        VM.warp(sentAt + DEADLINE + 1);
        bytes32 parent = rollup.batch(1).hash;
        bytes memory overdue =
            abi.encodeWithSelector(IRollup.MessageOverdue.selector, 0, sentAt + DEADLINE);
        setBlobs(1);
        tryCommit(1, parent, input(0, 1), overdue);
        commit(1);
        (queueIndex, deadline) = rollup.nextDeadline();
        assertEq(queueIndex, 1);
        assertEq(deadline, 0);
    }

    /// A backlog from before the message goes into the same transaction.
    function test_backlogCommitsWithTheOverdueMessage() public {
        send();
        VM.warp(block.timestamp + DEADLINE + 1);
        setBlobs(2);
        IRollup.BatchInput[] memory list = new IRollup.BatchInput[](2);
        (list[0], list[1]) = (input(0, 1), input(1, 1));
        VM.prank(BATCHER);
        rollup.commitBatches(0, genesis, list);
        assertEq(rollup.lastCommittedBatch(), 2);
    }

    function testFuzz_deadlineHoldsForEveryMessage(uint8 taken, uint32 age) public {
        uint64 count = taken % 12;
        uint256 start = block.timestamp;
        for (uint256 i = 0; i < 12; ++i) {
            VM.warp(start + i * 1 hours);
            send();
        }
        uint256 time = start + 11 hours + age % 2 days;
        VM.warp(time);
        (bytes32 rolling, uint64 sentAt) = l1Mailbox.messagesUpTo(count);
        assertEq(sentAt, start + count * 1 hours);
        assertTrue((rolling == 0) == (count == 0), "rolling hash");
        setBlobs(1);
        if (time > sentAt + DEADLINE) {
            bytes memory overdue =
                abi.encodeWithSelector(IRollup.MessageOverdue.selector, count, sentAt + DEADLINE);
            tryCommit(0, genesis, input(count, 1), overdue);
        } else {
            commit(count);
        }
    }

    // --- revert ---

    function test_revertDropsWhatIsNotFinal() public {
        send();
        commit(0);
        commit(1);
        commit(1);
        VM.expectEmit(address(rollup));
        emit IRollup.BatchesReverted(2, 3);
        VM.prank(ADMIN);
        rollup.revertBatches(1);
        assertEq(rollup.lastCommittedBatch(), 1);
        assertEq(rollup.batch(2).hash, bytes32(0));
        assertEq(rollup.batch(3).l1MessageCount, 0);
        // The message counts as not taken again.
        (uint64 queueIndex,) = rollup.nextDeadline();
        assertEq(queueIndex, 0);
        commit(0);
    }

    function test_finalBatchesStay() public {
        commit(0);
        finalizeL2();
        commit(0);
        VM.startPrank(ADMIN);
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotRevertible.selector, 1));
        rollup.revertBatches(1);
        VM.expectRevert(abi.encodeWithSelector(IRollup.NotRevertible.selector, 3));
        rollup.revertBatches(3);
        rollup.revertBatches(2);
        VM.stopPrank();
    }

    function test_policyMayHoldBatches() public {
        commit(0);
        VM.startPrank(ADMIN);
        rollup.setFinalityPolicy(address(policy));
        policy.set(false, true);
        VM.expectRevert(abi.encodeWithSelector(OpenPolicy.NotFinal.selector));
        rollup.revertBatches(0);
        policy.set(false, false);
        rollup.revertBatches(0);
        VM.stopPrank();
    }

    function testFuzz_onlyTheReverterReverts(address caller) public {
        VM.assume(caller != ADMIN);
        commit(0);
        VM.expectRevert(roleMissing(caller, rollup.REVERTER_ROLE()));
        VM.prank(caller);
        rollup.revertBatches(0);
    }

    // --- finality ---

    function test_nothingIsFinalWithoutAPolicy() public {
        commit(0);
        IRollup.Outcome memory made = outcome(1);
        VM.expectRevert(abi.encodeWithSelector(IRollup.NoFinalityPolicy.selector));
        rollup.finalizeBatches(made, "");
    }

    function test_statementHasEverything() public {
        send();
        commit(1);
        commit(1);
        VM.prank(ADMIN);
        rollup.setFinalityPolicy(address(policy));
        IRollup.Outcome memory made =
            IRollup.Outcome(2, bytes32(uint256(2)), bytes32(uint256(3)), bytes32(uint256(4)));
        (bytes32 rolling,) = l1Mailbox.messagesUpTo(1);
        bytes memory words = bytes.concat(
            abi.encode(1, block.chainid, rollup, 5_734_951, 1, 2, GENESIS_STATE, 2),
            abi.encode(GENESIS_BLOCK, 3, rollup.batch(2).hash, 1, rolling, 4)
        );
        assertEq(words.length, 14 * 32);
        VM.expectEmit(address(rollup));
        emit IRollup.BatchesFinalized(1, 2, made.stateRoot, made.blockHash, made.messageRoot);
        rollup.finalizeBatches(made, "");
        assertEq(policy.lastStatement(), keccak256(words));
        assertEq(rollup.lastFinalizedBatch(), 2);
        assertEq(rollup.finalizedStateRoot(2), made.stateRoot);
        assertEq(rollup.finalizedMessageRoot(2), made.messageRoot);
        assertEq(rollup.finalizedBlockHash(), made.blockHash);
        // The next range begins where this one ended.
        commit(1);
        Statement memory next = rollup.statementOf(outcome(3));
        assertEq(next.firstBatch, 3);
        assertEq(next.prevStateRoot, made.stateRoot);
        assertEq(next.prevBlockHash, made.blockHash);
    }

    function test_refusalChangesNothing() public {
        commit(0);
        VM.prank(ADMIN);
        rollup.setFinalityPolicy(address(policy));
        policy.set(true, false);
        IRollup.Outcome memory made = outcome(1);
        VM.expectRevert(abi.encodeWithSelector(OpenPolicy.NotFinal.selector));
        rollup.finalizeBatches(made, "");
        assertEq(rollup.lastFinalizedBatch(), 0);
        assertEq(rollup.finalizedStateRoot(1), bytes32(0));
    }

    function test_onlyCommittedBatchesOnce() public {
        commit(0);
        finalizeL2();
        for (uint64 i = 0; i < 4; ++i) {
            if (i == 0 || i == 1 || i == 3) {
                IRollup.Outcome memory made = outcome(i);
                VM.expectRevert(abi.encodeWithSelector(IRollup.NotFinalizable.selector, i));
                rollup.finalizeBatches(made, "");
            }
        }
        commit(0);
        IRollup.Outcome memory empty = outcome(3);
        empty.stateRoot = 0;
        VM.expectRevert(abi.encodeWithSelector(IRollup.ZeroHash.selector));
        rollup.finalizeBatches(empty, "");
    }

    // --- control ---

    function test_pauseIsBounded() public {
        uint64 start = uint64(block.timestamp);
        VM.startPrank(GUARDIAN);
        VM.expectRevert(abi.encodeWithSelector(IGoverned.InvalidPause.selector, 0, 7 days));
        rollup.pause(0);
        VM.expectRevert(abi.encodeWithSelector(IGoverned.InvalidPause.selector, 7 days + 1, 7 days));
        rollup.pause(7 days + 1);
        rollup.pause(7 days);
        VM.expectRevert(abi.encodeWithSelector(IGoverned.PauseTooSoon.selector, start + 14 days));
        rollup.pause(1);
        VM.stopPrank();
        setBlobs(1);
        tryCommit(
            0,
            genesis,
            input(0, 1),
            abi.encodeWithSelector(IGoverned.IsPaused.selector, start + 7 days)
        );
        VM.warp(start + 7 days);
        commit(0);
        VM.expectRevert(abi.encodeWithSelector(IGoverned.PauseTooSoon.selector, start + 14 days));
        VM.prank(GUARDIAN);
        rollup.pause(1);
        VM.warp(start + 14 days);
        VM.prank(GUARDIAN);
        rollup.pause(1);
        VM.prank(ADMIN);
        rollup.unpause();
        commit(0);
    }

    function testFuzz_strangersControlNothing(address caller) public {
        VM.assume(caller != ADMIN && caller != GUARDIAN && caller != address(0));
        VM.startPrank(caller);
        VM.expectRevert(roleMissing(caller, rollup.GUARDIAN_ROLE()));
        rollup.pause(1);
        VM.expectRevert(roleMissing(caller, bytes32(0)));
        rollup.unpause();
        VM.expectRevert(roleMissing(caller, bytes32(0)));
        rollup.setFinalityPolicy(caller);
        VM.expectRevert(roleMissing(caller, bytes32(0)));
        rollup.setInclusionDeadline(1 days);
        VM.expectRevert(roleMissing(caller, bytes32(0)));
        rollup.upgradeToAndCall(address(policy), "");
        VM.expectRevert(abi.encodeWithSignature("InvalidInitialization()"));
        rollup.initialize(caller, caller, "a", "b", 1 days);
        VM.stopPrank();
    }

    function test_deadlineIsBounded() public {
        VM.startPrank(ADMIN);
        VM.expectRevert(
            abi.encodeWithSelector(IGoverned.OutOfBounds.selector, 59, 1 minutes, 7 days)
        );
        rollup.setInclusionDeadline(59);
        VM.expectRevert(
            abi.encodeWithSelector(IGoverned.OutOfBounds.selector, 7 days + 1, 1 minutes, 7 days)
        );
        rollup.setInclusionDeadline(7 days + 1);
        rollup.setInclusionDeadline(1 hours);
        assertEq(rollup.inclusionDeadline(), 1 hours);
        VM.stopPrank();
    }

    function test_upgradeKeepsTheChain() public {
        commit(0);
        bytes32 hash = rollup.batch(1).hash;
        address next = address(new Rollup(address(l1Mailbox), 5_734_951, IRollup.DataLayer.Blobs));
        VM.prank(ADMIN);
        rollup.upgradeToAndCall(next, "");
        assertEq(rollup.batch(1).hash, hash);
        commit(0);
    }
}
