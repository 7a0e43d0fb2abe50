// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../../src/l1/IGoverned.sol";
import {IL1Mailbox} from "../../src/l1/IL1Mailbox.sol";
import {L1Mailbox} from "../../src/l1/L1Mailbox.sol";
import {L1Message} from "../../src/l1/L1Message.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {Chains} from "./Chains.sol";

/// A target on either chain with every behaviour a message can meet.
contract Target {
    bool public broken;
    uint256 public calls;
    address public seenSender;
    bytes4 public innerError;

    receive() external payable {
        require(!broken, "broken");
        ++calls;
    }

    function setBroken(bool value) external {
        broken = value;
    }

    function ping(IL1Mailbox mailbox) external payable {
        require(!broken, "broken");
        ++calls;
        seenSender = mailbox.messageSender();
    }

    function burnGas(bytes calldata) external payable {
        while (true) {}
    }

    /// Claims from within a claim, and asks for fees.
    function reenter(
        IL1Mailbox mailbox,
        IL1Mailbox.L2Message calldata message,
        uint64 batchIndex,
        bytes32[] calldata proof
    ) external payable {
        try mailbox.claimMessage(message, batchIndex, proof) returns (bool) {
            innerError = 0xffffffff;
        } catch (bytes memory reason) {
            innerError = bytes4(reason);
        }
        try mailbox.collectFees() {
            innerError = 0xfffffffe;
        } catch {}
    }
}

contract L1MailboxTest is Chains {
    address private constant USER = address(0x05e4);
    address private constant OTHER = address(0x07e4);
    Target private target;

    function setUp() public {
        deployChains();
        target = new Target();
        VM.deal(USER, 1000 ether);
    }

    function sendAs(address user, address to, uint256 value, bytes memory data) private {
        VM.prank(user, user);
        l1Mailbox.sendTransaction{value: value + 0.1 ether}(to, value, data, 1_000_000, user);
    }

    /// Has `value` wei on L2 send `message` to `to`, and makes that final.
    function withdraw(address to, uint256 value, bytes memory message)
        private
        returns (uint256 nonce, uint64 batchIndex)
    {
        nonce = l2Mailbox.messageCount();
        bytes memory call = abi.encodeCall(IL2Mailbox.sendMessage, (to, message));
        sendAs(USER, address(l2Mailbox), value, call);
        executeAll();
        batchIndex = finalizeL2();
    }

    // --- to L2 ---

    function test_queueIsWhatTheNodeReads() public {
        bytes32 rolling;
        for (uint64 i = 0; i < 20; ++i) {
            VM.warp(block.timestamp + i);
            bytes memory data = abi.encodePacked(i);
            bytes32 hash =
                L1Message.transactionHash(i, 1_000_000, USER, OTHER, uint256(i) * 1e15, data);
            rolling = keccak256(abi.encodePacked(rolling, hash));
            VM.expectEmit(address(l1Mailbox));
            emit IL1Mailbox.TransactionQueued(
                i, USER, OTHER, uint256(i) * 1e15, 1_000_000, data, hash, rolling
            );
            sendAs(USER, OTHER, uint256(i) * 1e15, data);
            (bytes32 upTo, uint64 sentAt) = l1Mailbox.messagesUpTo(i);
            assertEq(sentAt, block.timestamp);
            (upTo, sentAt) = l1Mailbox.messagesUpTo(i + 1);
            assertEq(upTo, rolling);
            assertEq(sentAt, 0);
        }
        assertEq(l1Mailbox.messageCount(), 20);
        assertEq(l1Mailbox.lockedValue(), 190e15);
    }

    function test_messageIsACallOfTheL2Mailbox() public {
        VM.prank(USER);
        uint64 index = l1Mailbox.sendMessage{value: 2 ether}(OTHER, 1 ether, "hello", 500_000, USER);
        Queued memory queued = lastQueued();
        assertEq(index, 0);
        assertEq(queued.sender, aliased(address(l1Mailbox)));
        assertEq(queued.to, address(l2Mailbox));
        assertEq(queued.value, 1 ether);
        assertEq(
            keccak256(queued.data),
            keccak256(abi.encodeCall(IL2Mailbox.relayMessage, (USER, OTHER, 1 ether, 0, "hello")))
        );
        executeAll();
        assertEq(OTHER.balance, 1 ether);
    }

    function test_excessComesBack() public {
        uint256 fee = l1Mailbox.feeOf(500_000);
        assertEq(fee, 500_000 * uint256(GAS_PRICE));
        VM.prank(USER);
        l1Mailbox.sendMessage{value: 5 ether}(OTHER, 1 ether, "", 500_000, OTHER);
        assertEq(OTHER.balance, 4 ether - fee);
        assertEq(address(l1Mailbox).balance, 1 ether + fee);
        assertEq(l1Mailbox.collectFees(), fee);
        assertEq(TREASURY.balance, fee);
        assertEq(address(l1Mailbox).balance, 1 ether);
        assertEq(l1Mailbox.collectFees(), 0);
        // Nobody there to take it.
        target.setBroken(true);
        VM.expectRevert(
            abi.encodeWithSelector(IL1Mailbox.TransferFailed.selector, target, 1 ether - fee)
        );
        VM.prank(USER);
        l1Mailbox.sendMessage{value: 1 ether}(OTHER, 0, "", 500_000, address(target));
    }

    function testFuzz_valueAndFeeMustBeThere(uint256 value, uint96 sent) public {
        uint256 fee = l1Mailbox.feeOf(100_000);
        VM.deal(USER, sent);
        VM.prank(USER, USER);
        try l1Mailbox.sendTransaction{value: sent}(OTHER, value, "", 100_000, OTHER) {
            assertTrue(value + fee <= sent, "underpaid");
            assertEq(l1Mailbox.lockedValue(), value);
            assertEq(address(l1Mailbox).balance, value + fee);
            assertEq(OTHER.balance, sent - value - fee);
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), IL1Mailbox.InsufficientValue.selector);
            assertTrue(value > sent || value + fee > sent, "refused");
        }
    }

    function test_gasIsBounded() public {
        uint64 least = l1Mailbox.minMessageGasLimit(5);
        assertTrue(least > 100_000, "least");
        bytes4 bounds = IL1Mailbox.GasLimitOutOfBounds.selector;
        VM.startPrank(USER);
        VM.expectRevert(abi.encodeWithSelector(bounds, least - 1, least, 30_000_000));
        l1Mailbox.sendMessage{value: 1 ether}(OTHER, 0, "hello", least - 1, USER);
        VM.expectRevert(abi.encodeWithSelector(bounds, 30_000_001, least, 30_000_000));
        l1Mailbox.sendMessage{value: 1 ether}(OTHER, 0, "hello", 30_000_001, USER);
        VM.expectRevert(abi.encodeWithSelector(bounds, 21_199, 21_200, 30_000_000));
        l1Mailbox.sendTransaction{value: 1 ether}(OTHER, 0, "hello", 21_199, USER);
        bytes memory data = new bytes(65_537);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.DataTooLong.selector, 65_537, 65_536));
        l1Mailbox.sendTransaction{value: 1 ether}(OTHER, 0, data, 30_000_000, USER);
        VM.stopPrank();
    }

    /// With the least gas the L2 mailbox records what a target did that uses all it gets.
    function testFuzz_leastGasRecordsTheOutcome(uint16 length) public {
        bytes memory call = abi.encodeCall(Target.burnGas, (new bytes(length % 60_000)));
        for (uint256 i = 4; i < call.length; ++i) {
            if (call[i] == 0 && i > 68) call[i] = 0xff;
        }
        uint64 least = l1Mailbox.minMessageGasLimit(call.length);
        VM.prank(USER);
        l1Mailbox.sendMessage{value: 2 ether}(address(target), 1 ether, call, least, USER);
        executeAll();
        assertEq(l2Mailbox.heldValue(), 1 ether);
        assertEq(aliased(address(l1Mailbox)).balance, 0);
    }

    function test_strandingTargetsAreRefused() public {
        address[3] memory lost =
            [address(0), 0x5100000000000000000000000000000000000000, aliased(address(l1Mailbox))];
        VM.startPrank(USER, USER);
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory e = abi.encodeWithSelector(IL1Mailbox.ForbiddenTarget.selector, lost[i]);
            VM.expectRevert(e);
            l1Mailbox.sendMessage{value: 1 ether}(lost[i], 0, "", 500_000, USER);
            VM.expectRevert(e);
            l1Mailbox.sendTransaction{value: 1 ether}(lost[i], 0, "", 500_000, USER);
        }
        bytes memory refused =
            abi.encodeWithSelector(IL1Mailbox.ForbiddenTarget.selector, l2Mailbox);
        VM.expectRevert(refused);
        l1Mailbox.sendMessage{value: 1 ether}(address(l2Mailbox), 0, "data", 500_000, USER);
        VM.expectRevert(refused);
        l1Mailbox.sendTransaction{value: 1 ether}(address(l2Mailbox), 1, "", 500_000, USER);
        VM.stopPrank();
    }

    function test_contractsSendUnderTheirAlias() public {
        l1Mailbox.sendTransaction{value: 1 ether}(OTHER, 0, "", 100_000, OTHER);
        assertEq(lastQueued().sender, aliased(address(this)));
    }

    function test_pauseStopsSendingNotClaiming() public {
        (uint256 nonce, uint64 batchIndex) = withdraw(OTHER, 1 ether, "");
        VM.prank(GUARDIAN);
        l1Mailbox.pause(1 days);
        bytes memory paused =
            abi.encodeWithSelector(IGoverned.IsPaused.selector, block.timestamp + 1 days);
        VM.expectRevert(paused);
        VM.prank(USER);
        l1Mailbox.sendTransaction{value: 1 ether}(OTHER, 0, "", 100_000, OTHER);
        VM.expectRevert(paused);
        VM.prank(USER);
        l1Mailbox.sendMessage{value: 1 ether}(OTHER, 0, "", 500_000, OTHER);
        assertTrue(claim(nonce, batchIndex), "claimed");
        assertEq(OTHER.balance, 1 ether);
    }

    // --- from L2 ---

    function test_claimCallsTheTargetOnce() public {
        bytes memory ping = abi.encodeCall(Target.ping, (l1Mailbox));
        (uint256 nonce, uint64 batchIndex) = withdraw(address(target), 2 ether, ping);
        assertEq(l1Mailbox.lockedValue(), 2 ether);
        VM.prank(OTHER);
        assertTrue(claim(nonce, batchIndex), "claimed");
        assertEq(target.calls(), 1);
        assertEq(target.seenSender(), USER);
        assertEq(address(target).balance, 2 ether);
        assertEq(l1Mailbox.lockedValue(), 0);
        assertTrue(l1Mailbox.isClaimed(nonce), "not recorded");
        bytes32[] memory proof = proofOf(nonce);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.AlreadyClaimed.selector, nonce));
        l1Mailbox.claimMessage(outbox[nonce], batchIndex, proof);
        // Nor against a later root.
        batchIndex = finalizeL2();
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.AlreadyClaimed.selector, nonce));
        l1Mailbox.claimMessage(outbox[nonce], batchIndex, proof);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.NoMessage.selector));
        l1Mailbox.messageSender();
    }

    function test_failedClaimCanBeRepeated() public {
        (uint256 nonce, uint64 batchIndex) = withdraw(address(target), 1 ether, "");
        target.setBroken(true);
        bytes32[] memory proof = proofOf(nonce);
        VM.expectRevert(
            abi.encodeWithSelector(
                IL1Mailbox.ClaimFailed.selector,
                nonce,
                abi.encodeWithSignature("Error(string)", "broken")
            )
        );
        l1Mailbox.claimMessage(outbox[nonce], batchIndex, proof);
        assertEq(l1Mailbox.lockedValue(), 1 ether);
        assertTrue(!l1Mailbox.isClaimed(nonce), "recorded");
        target.setBroken(false);
        assertTrue(claim(nonce, batchIndex), "claimed");
        assertEq(address(target).balance, 1 ether);
    }

    function test_onlyFinalRootsCount() public {
        (uint256 nonce, uint64 batchIndex) = withdraw(OTHER, 1 ether, "");
        bytes32[] memory proof = proofOf(nonce);
        bytes memory invalid = abi.encodeWithSelector(IL1Mailbox.InvalidProof.selector, leaves[0]);
        for (uint64 i = 0; i < 4; ++i) {
            if (i == batchIndex) continue;
            VM.expectRevert(invalid);
            l1Mailbox.claimMessage(outbox[nonce], i, proof);
        }
        // Committed is not final.
        batchIndex = commit(1);
        VM.expectRevert(invalid);
        l1Mailbox.claimMessage(outbox[nonce], batchIndex, proof);
    }

    /// Every message of trees of many sizes is claimed, and nothing else is.
    function testFuzz_claimsOfATree(uint8 size, uint256 seed) public {
        uint256 count = 1 + size % 33;
        for (uint256 i = 0; i < count; ++i) {
            VM.deal(USER, 10 ether);
            VM.prank(USER);
            l2Mailbox.sendMessage{value: 0}(OTHER, abi.encode(i));
        }
        uint64 batchIndex = finalizeL2();
        uint256 nonce = seed % count;
        bytes32[] memory proof = proofOf(nonce);
        IL1Mailbox.L2Message memory forged = outbox[nonce];
        forged.value = 1;
        expectInvalid(forged, batchIndex, proof);
        forged.value = 0;
        forged.nonce += 1;
        expectInvalid(forged, batchIndex, proof);
        forged.nonce = nonce + (uint256(1) << proof.length);
        expectInvalid(forged, batchIndex, proof);
        forged.nonce = nonce;
        if (proof.length > 0) {
            bytes32[] memory shorter = new bytes32[](proof.length - 1);
            for (uint256 i = 0; i < shorter.length; ++i) {
                shorter[i] = proof[i];
            }
            expectInvalid(forged, batchIndex, shorter);
            proof[seed % proof.length] ^= bytes32(uint256(1));
            expectInvalid(forged, batchIndex, proof);
            proof[seed % proof.length] ^= bytes32(uint256(1));
        }
        assertTrue(l1Mailbox.claimMessage(forged, batchIndex, proof), "claimed");
    }

    function expectInvalid(
        IL1Mailbox.L2Message memory message,
        uint64 batchIndex,
        bytes32[] memory proof
    ) private {
        bytes32 leaf = keccak256(
            abi.encodeCall(
                IL2Mailbox.relayMessage,
                (message.sender, message.target, message.value, message.nonce, message.message)
            )
        );
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.InvalidProof.selector, leaf));
        l1Mailbox.claimMessage(message, batchIndex, proof);
    }

    function test_claimsDoNotNest() public {
        (uint256 first, uint64 batchIndex) = withdraw(OTHER, 1 ether, "");
        bytes memory call =
            abi.encodeCall(Target.reenter, (l1Mailbox, outbox[first], batchIndex, proofOf(first)));
        (uint256 second, uint64 later) = withdraw(address(target), 0, call);
        assertTrue(claim(second, later), "claimed");
        assertEq(target.innerError(), bytes4(keccak256("ReentrancyGuardReentrantCall()")));
        assertTrue(!l1Mailbox.isClaimed(first), "claimed inside");
        assertTrue(claim(first, later), "claimed after");
    }

    function test_mailboxIsNoTarget() public {
        bytes memory call = abi.encodeCall(L1Mailbox.collectFees, ());
        (uint256 nonce, uint64 batchIndex) = withdraw(address(l1Mailbox), 0, call);
        bytes32[] memory proof = proofOf(nonce);
        VM.expectRevert(
            abi.encodeWithSelector(IL1Mailbox.ForbiddenTarget.selector, address(l1Mailbox))
        );
        l1Mailbox.claimMessage(outbox[nonce], batchIndex, proof);
    }

    function test_noMoreThanIsLocked() public {
        // A chain that owes nothing claims a wei: fees are not touched.
        sendAs(USER, OTHER, 0, "");
        VM.deal(OTHER, 1);
        VM.prank(OTHER);
        l2Mailbox.sendMessage{value: 1}(OTHER, "");
        uint64 batchIndex = finalizeL2();
        bytes32[] memory proof = proofOf(0);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.MoreThanLocked.selector, 1, 0));
        l1Mailbox.claimMessage(outbox[0], batchIndex, proof);
    }

    function test_limitDelaysAndNeverRefuses() public {
        VM.prank(ADMIN);
        l1Mailbox.setEtherLimit(3 ether, 1 days);
        (uint256 small,) = withdraw(OTHER, 2 ether, "");
        (uint256 big, uint64 batchIndex) = withdraw(OTHER, 5 ether, "");
        assertTrue(claim(small, batchIndex), "within the limit");
        assertEq(l1Mailbox.etherLimitLeft(), 1 ether);
        uint64 from = uint64(block.timestamp) + 8 days;
        assertTrue(!claim(big, batchIndex), "above the limit");
        assertEq(l1Mailbox.claimableFrom(leaves[big]), from);
        assertEq(OTHER.balance, 2 ether);
        bytes32[] memory proof = proofOf(big);
        VM.warp(from - 1);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.ClaimNotYet.selector, big, from));
        l1Mailbox.claimMessage(outbox[big], batchIndex, proof);
        VM.warp(from);
        assertTrue(claim(big, batchIndex), "after the delay");
        assertEq(OTHER.balance, 7 ether);
        // The bucket was full and stayed so.
        assertEq(l1Mailbox.etherLimitLeft(), 3 ether);
    }

    /// A user whom the sequencer ignores on L2 leaves through the queue.
    function test_forcedExit() public {
        sendAs(USER, USER, 3 ether, "");
        executeAll();
        (uint256 nonce, uint64 batchIndex) = withdraw(OTHER, 3 ether, "");
        assertTrue(claim(nonce, batchIndex), "claimed");
        assertEq(OTHER.balance, 3 ether);
        assertEq(l1Mailbox.lockedValue(), 3 ether);
    }

    // --- control ---

    function testFuzz_strangersControlNothing(address caller) public {
        VM.assume(caller != ADMIN && caller != GUARDIAN && caller != address(0));
        bytes memory notAdmin = roleMissing(caller, bytes32(0));
        bytes32 feeSetter = l1Mailbox.FEE_SETTER_ROLE();
        VM.startPrank(caller);
        VM.expectRevert(roleMissing(caller, feeSetter));
        l1Mailbox.setGasPrice(1);
        VM.expectRevert(notAdmin);
        l1Mailbox.setMaxGasLimit(10_000_000);
        VM.expectRevert(notAdmin);
        l1Mailbox.setFeeRecipient(caller);
        VM.expectRevert(notAdmin);
        l1Mailbox.setEtherLimit(1, 1);
        VM.expectRevert(notAdmin);
        l1Mailbox.setRollup(caller);
        VM.expectRevert(notAdmin);
        l1Mailbox.upgradeToAndCall(address(target), "");
        VM.stopPrank();
    }

    function test_settingsAreBounded() public {
        VM.startPrank(ADMIN);
        l1Mailbox.grantRole(l1Mailbox.FEE_SETTER_ROLE(), ADMIN);
        VM.expectRevert(
            abi.encodeWithSelector(IGoverned.OutOfBounds.selector, 1000 gwei + 1, 0, 1000 gwei)
        );
        l1Mailbox.setGasPrice(1000 gwei + 1);
        l1Mailbox.setGasPrice(1000 gwei);
        assertEq(l1Mailbox.feeOf(100_000_000), 100 ether);
        VM.expectRevert(
            abi.encodeWithSelector(IGoverned.OutOfBounds.selector, 1, 5_000_000, 100_000_000)
        );
        l1Mailbox.setMaxGasLimit(1);
        VM.expectRevert(abi.encodeWithSelector(IGoverned.ZeroAddress.selector));
        l1Mailbox.setFeeRecipient(address(0));
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.RollupAlreadySet.selector));
        l1Mailbox.setRollup(address(1));
        VM.expectRevert(abi.encodeWithSignature("InvalidWindow(uint48)", 31 days));
        l1Mailbox.setEtherLimit(1, 31 days);
        VM.stopPrank();
        assertTrue(
            l1Mailbox.maxGasLimit() > l1Mailbox.minMessageGasLimit(65_536), "longest message"
        );
    }
}
