// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Test, Vm} from "../Vm.sol";
import {IFinalityPolicy, Statement} from "../../src/l1/IFinalityPolicy.sol";
import {IL1Mailbox} from "../../src/l1/IL1Mailbox.sol";
import {IRollup} from "../../src/l1/IRollup.sol";
import {L1Bridge} from "../../src/l1/L1Bridge.sol";
import {L1Mailbox} from "../../src/l1/L1Mailbox.sol";
import {Rollup} from "../../src/l1/Rollup.sol";
import {L2Bridge} from "../../src/l2/L2Bridge.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {L2Mailbox} from "../../src/l2/L2Mailbox.sol";
import {TwinERC1155} from "../../src/l2/TwinERC1155.sol";
import {TwinERC20} from "../../src/l2/TwinERC20.sol";
import {TwinERC721} from "../../src/l2/TwinERC721.sol";

/// Agrees with everything unless told otherwise.
contract OpenPolicy is IFinalityPolicy {
    error NotFinal();

    bool public closed;
    bool public holds;
    bytes32 public lastStatement;

    function set(bool closed_, bool holds_) external {
        (closed, holds) = (closed_, holds_);
    }

    function requireFinal(Statement calldata statement, bytes calldata) external {
        if (closed) revert NotFinal();
        lastStatement = keccak256(abi.encode(statement));
    }

    function beforeRevert(uint64) external view {
        if (holds) revert NotFinal();
    }
}

/// Both chains in one EVM: the contracts of L1 behind their proxies, those of L2 at their addresses,
/// and the work of sequencer and batcher.
abstract contract Chains is Test {
    /// A queued L2 transaction that was not executed yet.
    struct Queued {
        address sender;
        address to;
        uint256 value;
        uint64 gasLimit;
        bytes data;
    }

    address internal constant ADMIN = address(0xad1111);
    address internal constant GUARDIAN = address(0x60a4d1a4);
    address internal constant BATCHER = address(0xba7c4e4);
    address internal constant TREASURY = address(0x74ea5);
    bytes32 internal constant GENESIS_STATE = bytes32(uint256(0x57a7e));
    bytes32 internal constant GENESIS_BLOCK = bytes32(uint256(0xb10c));
    uint64 internal constant GAS_PRICE = 1e7;
    uint64 internal constant DEADLINE = 1 days;

    L1Mailbox internal l1Mailbox;
    L1Bridge internal l1Bridge;
    Rollup internal rollup;
    OpenPolicy internal policy;
    L2Mailbox internal l2Mailbox = L2Mailbox(0x6100000000000000000000000000000000000000);
    L2Bridge internal l2Bridge = L2Bridge(0x6200000000000000000000000000000000000000);

    Queued[] internal queued;
    uint256 internal executed;
    /// Leaves of the tree of messages to L1, and the messages.
    bytes32[] internal leaves;
    IL1Mailbox.L2Message[] internal outbox;

    function deployChains() internal {
        VM.warp(1_800_000_000);
        address mailboxCode = address(new L1Mailbox());
        l1Mailbox = L1Mailbox(
            address(
                new ERC1967Proxy(
                    mailboxCode,
                    abi.encodeCall(
                        L1Mailbox.initialize, (ADMIN, GUARDIAN, TREASURY, GAS_PRICE, 30_000_000)
                    )
                )
            )
        );
        address bridgeCode = address(new L1Bridge(address(l1Mailbox)));
        l1Bridge = L1Bridge(
            address(
                new ERC1967Proxy(bridgeCode, abi.encodeCall(L1Bridge.initialize, (ADMIN, GUARDIAN)))
            )
        );
        rollup = deployRollup(IRollup.DataLayer.Blobs);
        VM.prank(ADMIN);
        l1Mailbox.setRollup(address(rollup));
        policy = new OpenPolicy();
        deployL2();
        VM.recordLogs();
    }

    function deployRollup(IRollup.DataLayer layer) internal returns (Rollup made) {
        address code = address(new Rollup(address(l1Mailbox), 5_734_951, layer));
        made = Rollup(
            address(
                new ERC1967Proxy(
                    code,
                    abi.encodeCall(
                        Rollup.initialize, (ADMIN, GUARDIAN, GENESIS_STATE, GENESIS_BLOCK, DEADLINE)
                    )
                )
            )
        );
        VM.startPrank(ADMIN);
        made.grantRole(made.BATCHER_ROLE(), BATCHER);
        made.grantRole(made.REVERTER_ROLE(), ADMIN);
        VM.stopPrank();
    }

    function deployL2() private {
        VM.etch(address(l2Mailbox), type(L2Mailbox).runtimeCode);
        VM.etch(address(l2Bridge), type(L2Bridge).runtimeCode);
        uint160 templates = uint160(0x6200000000000000000000000000000000000020);
        VM.etch(address(templates), type(TwinERC20).runtimeCode);
        VM.etch(address(templates + 1), type(TwinERC721).runtimeCode);
        VM.etch(address(templates + 2), type(TwinERC1155).runtimeCode);
        VM.startPrank(0x5100000000000000000000000000000000000000);
        l2Mailbox.setL1Mailbox(address(l1Mailbox));
        l2Bridge.setL1Bridge(address(l1Bridge));
        VM.stopPrank();
    }

    function aliased(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) + uint160(0x1111000000000000000000000000000000001111));
        }
    }

    /// Reads the logs since the last call: queued transactions and messages to L1. Logs of calls that
    /// were undone are among them; of several with one index only the last can have happened.
    function readLogs() internal {
        Vm.Log[] memory logs = VM.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            if (topic == IL1Mailbox.TransactionQueued.selector) readQueued(logs[i]);
            else if (topic == IL2Mailbox.SentMessage.selector) readSent(logs[i]);
            else if (topic == IL2Mailbox.AppendMessage.selector) readLeaf(logs[i]);
        }
    }

    function readQueued(Vm.Log memory log) private {
        uint256 index = uint256(log.topics[1]);
        if (index >= l1Mailbox.messageCount()) return;
        (uint256 value, uint64 gasLimit, bytes memory data,,) =
            abi.decode(log.data, (uint256, uint64, bytes, bytes32, bytes32));
        address sender = address(uint160(uint256(log.topics[2])));
        address to = address(uint160(uint256(log.topics[3])));
        if (index == queued.length) queued.push();
        queued[index] = Queued(sender, to, value, gasLimit, data);
    }

    function readSent(Vm.Log memory log) private {
        (uint256 value, uint256 nonce, bytes memory message) =
            abi.decode(log.data, (uint256, uint256, bytes));
        if (nonce >= l2Mailbox.messageCount()) return;
        address sender = address(uint160(uint256(log.topics[1])));
        address target = address(uint160(uint256(log.topics[2])));
        if (nonce == outbox.length) outbox.push();
        outbox[nonce] = IL1Mailbox.L2Message(sender, target, value, nonce, message);
    }

    function readLeaf(Vm.Log memory log) private {
        uint256 index = uint256(log.topics[1]);
        if (index >= l2Mailbox.messageCount()) return;
        if (index == leaves.length) leaves.push();
        (leaves[index],) = abi.decode(log.data, (bytes32, bytes32));
    }

    function waiting() internal view returns (uint256) {
        return queued.length - executed;
    }

    /// Wei of queued transactions that L2 has not executed.
    function waitingValue() internal view returns (uint256 sum) {
        for (uint256 i = executed; i < queued.length; ++i) {
            sum += queued[i].value;
        }
    }

    /// The sequencer executes the next queued transaction as L2's rules say.
    function executeNext() internal returns (bool success) {
        readLogs();
        if (waiting() == 0) return false;
        Queued memory next = queued[executed++];
        VM.deal(next.sender, next.sender.balance + next.value);
        uint256 dataGas = 16 * next.data.length;
        VM.prank(next.sender, next.sender);
        (success,) =
            next.to.call{value: next.value, gas: next.gasLimit - 21_000 - dataGas}(next.data);
        readLogs();
    }

    function executeAll() internal {
        readLogs();
        while (waiting() != 0) executeNext();
    }

    function lastQueued() internal returns (Queued memory) {
        readLogs();
        return queued[queued.length - 1];
    }

    /// The batcher commits a batch of one blob that takes `count` L1 messages in all.
    function commit(uint64 count) internal returns (uint64 index) {
        index = rollup.lastCommittedBatch();
        bytes32 parent = rollup.batch(index).hash;
        setBlobs(1);
        VM.prank(BATCHER);
        rollup.commitBatches(index, parent, one(IRollup.BatchInput(2, count, 1, "")));
        return index + 1;
    }

    /// Commits and finalizes with L2's present root of messages.
    function finalizeL2() internal returns (uint64 index) {
        readLogs();
        index = commit(uint64(executed));
        if (rollup.finalityPolicy() == address(0)) {
            VM.prank(ADMIN);
            rollup.setFinalityPolicy(address(policy));
        }
        rollup.finalizeBatches(outcome(index), "");
    }

    function outcome(uint64 index) internal view returns (IRollup.Outcome memory) {
        return
            IRollup.Outcome(
                index, keccak256(abi.encode("s", index)), "block", l2Mailbox.messageRoot()
            );
    }

    function one(IRollup.BatchInput memory input)
        internal
        pure
        returns (IRollup.BatchInput[] memory list)
    {
        list = new IRollup.BatchInput[](1);
        list[0] = input;
    }

    function blob(uint256 i) internal pure returns (bytes32) {
        return bytes32((uint256(1) << 248) | (uint256(keccak256(abi.encode(i))) >> 8));
    }

    function setBlobs(uint256 count) internal {
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = blob(i);
        }
        VM.blobhashes(hashes);
    }

    /// The siblings of a leaf, from the leaves alone: layer by layer, with zeros for what is missing.
    function proofOf(uint256 index) internal view returns (bytes32[] memory proof) {
        uint256 height;
        while (uint256(1) << height < leaves.length) ++height;
        bytes32[] memory layer = new bytes32[](uint256(1) << height);
        for (uint256 i = 0; i < leaves.length; ++i) {
            layer[i] = leaves[i];
        }
        proof = new bytes32[](height);
        for (uint256 level = 0; level < height; ++level) {
            proof[level] = layer[(index >> level) ^ 1];
            for (uint256 i = 0; i < layer.length >> (level + 1); ++i) {
                layer[i] = keccak256(abi.encodePacked(layer[2 * i], layer[2 * i + 1]));
            }
        }
    }

    function claim(uint256 nonce, uint64 batchIndex) internal returns (bool) {
        return l1Mailbox.claimMessage(outbox[nonce], batchIndex, proofOf(nonce));
    }

    function roleMissing(address account, bytes32 role) internal pure returns (bytes memory) {
        return
            abi.encodeWithSignature(
                "AccessControlUnauthorizedAccount(address,bytes32)", account, role
            );
    }
}
