// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {L2Mailbox} from "../../src/l2/L2Mailbox.sol";

/// A target with every behaviour a message can meet.
contract Target {
    L2Mailbox private immutable MAILBOX;
    bool public broken;
    uint256 public calls;
    address public seenSender;
    bytes4 public innerError;

    constructor(L2Mailbox mailbox) {
        MAILBOX = mailbox;
    }

    function setBroken(bool value) external {
        broken = value;
    }

    function ping() external payable {
        require(!broken, "broken");
        ++calls;
        seenSender = MAILBOX.messageSender();
    }

    function answer() external payable {
        MAILBOX.sendMessage{value: msg.value}(MAILBOX.messageSender(), "pong");
    }

    function burnGas() external payable {
        while (true) {}
    }

    function returnBomb() external payable {
        assembly {
            revert(0, 1000000)
        }
    }

    /// Replays `failed`, a message that failed before, from within another.
    function reenter(address sender, address target, uint256 value, uint256 nonce, bytes calldata m)
        external
        payable
    {
        try MAILBOX.replayMessage(sender, target, value, nonce, m) {
            innerError = 0xffffffff;
        } catch (bytes memory reason) {
            innerError = bytes4(reason);
        }
    }
}

contract L2MailboxTest is Test {
    L2Mailbox private mailbox = L2Mailbox(0x6100000000000000000000000000000000000000);
    Target private target;
    address private constant L1_MAILBOX = 0xFffFFfFffffFFFFfffffffFFffffFffFffffAaAA;
    address private constant SENDER = address(0x5e);
    address private relayer;

    function setUp() public {
        VM.etch(address(mailbox), type(L2Mailbox).runtimeCode);
        VM.prank(0x5100000000000000000000000000000000000000);
        mailbox.setL1Mailbox(L1_MAILBOX);
        unchecked {
            relayer =
                address(uint160(L1_MAILBOX) + uint160(0x1111000000000000000000000000000000001111));
        }
        target = new Target(mailbox);
        VM.deal(relayer, 100 ether);
    }

    function hash(address from, address to, uint256 value, uint256 nonce, bytes memory data)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encodeWithSignature(
                "relayMessage(address,address,uint256,uint256,bytes)", from, to, value, nonce, data
            )
        );
    }

    function relay(uint256 value, uint256 nonce, bytes memory data) internal returns (bytes32) {
        VM.prank(relayer);
        mailbox.relayMessage{value: value, gas: 1_000_000}(
            SENDER, address(target), value, nonce, data
        );
        return hash(SENDER, address(target), value, nonce, data);
    }

    function replay(uint256 value, uint256 nonce, bytes memory data) internal returns (bool) {
        return mailbox.replayMessage(SENDER, address(target), value, nonce, data);
    }

    function assertStatus(bytes32 id, IL2Mailbox.Status expected) internal view {
        (IL2Mailbox.Status status,) = mailbox.messageStatus(id);
        assertEq(uint256(status), uint256(expected));
    }

    function ping() internal pure returns (bytes memory) {
        return abi.encodeCall(Target.ping, ());
    }

    // --- to L1 ---

    function test_sendAppendsALeaf() public {
        bytes32 id = hash(address(this), SENDER, 1 ether, 0, "hello");
        VM.expectEmit(address(mailbox));
        emit IL2Mailbox.AppendMessage(0, id, id);
        VM.expectEmit(address(mailbox));
        emit IL2Mailbox.SentMessage(address(this), SENDER, 1 ether, 0, "hello");
        assertEq(mailbox.sendMessage{value: 1 ether}(SENDER, "hello"), id);
        assertEq(mailbox.messageRoot(), id);
        assertEq(mailbox.messageCount(), 1);

        bytes32 second = mailbox.sendMessage(SENDER, "");
        assertEq(second, hash(address(this), SENDER, 0, 1, ""));
        assertEq(mailbox.messageRoot(), keccak256(abi.encodePacked(id, second)));
        bytes32 third = mailbox.sendMessage(SENDER, "");
        bytes32 right = keccak256(abi.encodePacked(third, bytes32(0)));
        bytes32 left = keccak256(abi.encodePacked(id, second));
        assertEq(mailbox.messageRoot(), keccak256(abi.encodePacked(left, right)));
        assertEq(mailbox.heldValue(), 0);
        assertEq(address(mailbox).balance, 1 ether);
    }

    function test_layoutIsWhatTheNodeReads() public {
        mailbox.sendMessage(SENDER, "");
        assertEq(VM.load(address(mailbox), bytes32(uint256(0))), mailbox.messageRoot());
        assertEq(uint256(VM.load(address(mailbox), bytes32(uint256(1)))), 1);
        assertEq(
            uint256(VM.load(address(mailbox), bytes32(uint256(42)))), uint256(uint160(L1_MAILBOX))
        );
    }

    // --- from L1 ---

    function test_relayCallsTheTarget() public {
        bytes32 id = relay(2 ether, 0, ping());
        assertStatus(id, IL2Mailbox.Status.Relayed);
        assertEq(target.calls(), 1);
        assertEq(target.seenSender(), SENDER);
        assertEq(address(target).balance, 2 ether);
        assertEq(mailbox.heldValue(), 0);
    }

    function testFuzz_onlyTheAliasRelays(address caller) public {
        VM.assume(caller != relayer);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        mailbox.relayMessage(SENDER, address(target), 0, 0, ping());
    }

    function test_unaliasedMailboxIsRefused() public {
        VM.expectRevert(unauthorized(L1_MAILBOX));
        VM.prank(L1_MAILBOX);
        mailbox.relayMessage(SENDER, address(target), 0, 0, ping());
    }

    function test_noMailboxNoRelay() public {
        VM.store(address(mailbox), bytes32(uint256(42)), bytes32(0));
        address aliasOfZero = address(uint160(0x1111000000000000000000000000000000001111));
        VM.expectRevert(unauthorized(aliasOfZero));
        VM.prank(aliasOfZero);
        mailbox.relayMessage(SENDER, address(target), 0, 0, ping());
    }

    function test_sameMessageOnce() public {
        bytes32 id = relay(0, 0, ping());
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.AlreadyRelayed.selector, id));
        VM.prank(relayer);
        mailbox.relayMessage(SENDER, address(target), 0, 0, ping());
        relay(0, 1, ping());
        assertEq(target.calls(), 2);
    }

    function test_valueMustBeThere() public {
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.WrongValue.selector, 2, 1));
        VM.prank(relayer);
        mailbox.relayMessage{value: 1}(SENDER, address(target), 2, 0, ping());
    }

    function test_failureIsRecordedAndReplayedOnce() public {
        target.setBroken(true);
        bytes32 id = relay(1 ether, 7, ping());
        assertStatus(id, IL2Mailbox.Status.Failed);
        assertEq(mailbox.heldValue(), 1 ether);
        assertEq(address(mailbox).balance, 1 ether);

        assertTrue(!replay(1 ether, 7, ping()), "replayed while broken");
        assertStatus(id, IL2Mailbox.Status.Failed);

        target.setBroken(false);
        VM.prank(address(0xabc));
        assertTrue(replay(1 ether, 7, ping()), "replay failed");
        assertStatus(id, IL2Mailbox.Status.Relayed);
        assertEq(target.seenSender(), SENDER);
        assertEq(address(target).balance, 1 ether);
        assertEq(mailbox.heldValue(), 0);

        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.NotReplayable.selector, id));
        replay(1 ether, 7, ping());
    }

    function test_failedMessageIsNotRelayedAgain() public {
        target.setBroken(true);
        bytes32 id = relay(0, 0, ping());
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.AlreadyRelayed.selector, id));
        VM.prank(relayer);
        mailbox.relayMessage(SENDER, address(target), 0, 0, ping());
    }

    function test_unknownMessageIsNotReplayed() public {
        bytes32 id = hash(SENDER, address(target), 0, 0, ping());
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.NotReplayable.selector, id));
        replay(0, 0, ping());
    }

    function test_replayNeedsTheFirstAttemptsGas() public {
        target.setBroken(true);
        bytes32 id = relay(0, 0, ping());
        (, uint64 offered) = mailbox.messageStatus(id);
        assertTrue(offered > 0, "no gas recorded");
        (bool success, bytes memory reason) = address(mailbox).call{gas: 200_000}(
            abi.encodeCall(IL2Mailbox.replayMessage, (SENDER, address(target), 0, 0, ping()))
        );
        assertTrue(!success, "replayed with less gas");
        assertEq(bytes4(reason), IL2Mailbox.InsufficientGas.selector);
    }

    function test_gasBurningTargetIsRecorded() public {
        bytes memory data = abi.encodeCall(Target.burnGas, ());
        VM.prank(relayer);
        mailbox.relayMessage{gas: 200_000}(SENDER, address(target), 0, 0, data);
        assertStatus(hash(SENDER, address(target), 0, 0, data), IL2Mailbox.Status.Failed);
    }

    function testFuzz_outcomeIsRecordedFromTheLeastGasOn(uint256 gasLimit) public {
        // 100,000 covers the mailbox's own work for a short message with value.
        gasLimit = 100_000 + gasLimit % 900_000;
        bytes memory data = abi.encodeCall(Target.burnGas, ());
        VM.prank(relayer);
        mailbox.relayMessage{value: 1, gas: gasLimit}(SENDER, address(target), 1, 0, data);
        assertStatus(hash(SENDER, address(target), 1, 0, data), IL2Mailbox.Status.Failed);
        assertEq(mailbox.heldValue(), 1);
    }

    function test_returnBombIsHarmless() public {
        bytes memory data = abi.encodeCall(Target.returnBomb, ());
        VM.prank(relayer);
        mailbox.relayMessage{gas: 3_000_000}(SENDER, address(target), 0, 0, data);
        assertStatus(hash(SENDER, address(target), 0, 0, data), IL2Mailbox.Status.Failed);
    }

    function test_targetMaySendBack() public {
        bytes32 id = relay(1 ether, 0, abi.encodeCall(Target.answer, ()));
        assertStatus(id, IL2Mailbox.Status.Relayed);
        assertEq(mailbox.messageRoot(), hash(address(target), SENDER, 1 ether, 0, "pong"));
        assertEq(mailbox.heldValue(), 0);
        assertEq(address(mailbox).balance, 1 ether);
    }

    function test_targetMayNotReplay() public {
        target.setBroken(true);
        VM.prank(relayer);
        mailbox.relayMessage{value: 1 ether, gas: 150_000}(
            SENDER, address(target), 1 ether, 0, ping()
        );
        target.setBroken(false);
        relay(0, 1, abi.encodeCall(Target.reenter, (SENDER, address(target), 1 ether, 0, ping())));
        assertEq(target.innerError(), IL2Mailbox.Reentered.selector);
        assertStatus(hash(SENDER, address(target), 1 ether, 0, ping()), IL2Mailbox.Status.Failed);
        assertEq(target.calls(), 0);
        assertEq(mailbox.heldValue(), 1 ether);
    }

    function test_mailboxIsNoTarget() public {
        bytes memory data = abi.encodeCall(IL2Mailbox.sendMessage, (SENDER, ""));
        VM.prank(relayer);
        mailbox.relayMessage(SENDER, address(mailbox), 0, 0, data);
        assertStatus(hash(SENDER, address(mailbox), 0, 0, data), IL2Mailbox.Status.Failed);
        assertEq(mailbox.messageCount(), 0);
    }

    function test_noSenderOutsideAMessage() public {
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.NoMessage.selector));
        mailbox.messageSender();
        relay(0, 0, ping());
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.NoMessage.selector));
        mailbox.messageSender();
    }

    /// Whatever succeeds, fails and is replayed, the mailbox holds what failed plus what was sent.
    function testFuzz_valueIsAccountedFor(uint96[8] memory values, uint8 brokenMask) public {
        uint256 sent;
        uint256 failed;
        VM.deal(relayer, type(uint128).max);
        for (uint256 i = 0; i < 8; ++i) {
            bool broken = (brokenMask >> i) & 1 == 1;
            target.setBroken(broken);
            relay(values[i], i, ping());
            if (broken) failed += values[i];
            mailbox.sendMessage{value: i}(SENDER, "");
            sent += i;
        }
        assertEq(mailbox.heldValue(), failed);
        assertEq(address(mailbox).balance, failed + sent);
        target.setBroken(false);
        for (uint256 i = 0; i < 8; ++i) {
            if ((brokenMask >> i) & 1 == 1) replay(values[i], i, ping());
        }
        assertEq(mailbox.heldValue(), 0);
        assertEq(address(mailbox).balance, sent);
        assertEq(target.calls(), 8);
    }

    // --- configuration ---

    function testFuzz_onlyTheChainSetsTheMailbox(address caller) public {
        VM.assume(caller != mailbox.CHAIN());
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        mailbox.setL1Mailbox(caller);
    }

    function test_theMailboxIsSetOnce() public {
        VM.expectRevert(abi.encodeWithSelector(IL2Mailbox.InvalidL1Mailbox.selector));
        VM.prank(0x5100000000000000000000000000000000000000);
        mailbox.setL1Mailbox(SENDER);
    }
}
