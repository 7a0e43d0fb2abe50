// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AppendOnlyMerkleTree} from "./AppendOnlyMerkleTree.sol";
import {IL2Mailbox} from "./IL2Mailbox.sol";

/// @title Messages between L1 and L2, seen from L2
/// @notice Predeploy at 0x6100000000000000000000000000000000000000.
/// @dev Slot 0 is the root of the tree of messages and slot 1 their number (the node and the prover
/// read both), slots 2 to 41 its branches, slot 42 the L1 mailbox.
contract L2Mailbox is IL2Mailbox {
    using AppendOnlyMerkleTree for AppendOnlyMerkleTree.Tree;

    /// @dev What became of an L1 message, in one slot.
    struct Outcome {
        Status status;
        uint64 gasOffered;
    }

    /// @notice The sender of what the chain itself does. It has no key and no code.
    address public constant CHAIN = 0x5100000000000000000000000000000000000000;

    /// @notice Added to the address of an L1 contract when it sends to L2.
    uint160 public constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice Gas kept back from the target, so that its outcome can always be recorded.
    uint256 public constant RESERVED_GAS = 20_000;

    AppendOnlyMerkleTree.Tree private _tree;

    /// @inheritdoc IL2Mailbox
    address public l1Mailbox;

    /// @inheritdoc IL2Mailbox
    uint256 public heldValue;

    /// @inheritdoc IL2Mailbox
    mapping(bytes32 messageHash => Outcome) public messageStatus;

    /// @dev The L1 sender while a message is relayed.
    address private transient _sender;

    /// @dev Whether a message is being relayed: a sender could be the zero address.
    bool private transient _relaying;

    /// @inheritdoc IL2Mailbox
    function sendMessage(address target, bytes calldata message)
        external
        payable
        returns (bytes32 messageHash)
    {
        uint256 nonce = _tree.size;
        messageHash = _hash(msg.sender, target, msg.value, nonce, message);
        _tree.append(messageHash);
        emit AppendMessage(nonce, messageHash, _tree.root);
        emit SentMessage(msg.sender, target, msg.value, nonce, message);
    }

    /// @inheritdoc IL2Mailbox
    function relayMessage(
        address sender,
        address target,
        uint256 value,
        uint256 nonce,
        bytes calldata message
    ) external payable {
        address mailbox = l1Mailbox;
        if (mailbox == address(0) || msg.sender != _aliased(mailbox)) {
            revert Unauthorized(msg.sender);
        }
        if (msg.value != value) revert WrongValue(value, msg.value);
        bytes32 messageHash = _hash(sender, target, value, nonce, message);
        Outcome storage outcome = messageStatus[messageHash];
        if (outcome.status != Status.Unknown) revert AlreadyRelayed(messageHash);

        // Recorded as failed beforehand: should the target use up the gas, what is left over pays
        // for no more than an event.
        heldValue += value;
        outcome.status = Status.Failed;
        outcome.gasOffered = uint64(_gasForTarget());
        _attempt(outcome, messageHash, sender, target, value, message);
    }

    /// @inheritdoc IL2Mailbox
    function replayMessage(
        address sender,
        address target,
        uint256 value,
        uint256 nonce,
        bytes calldata message
    ) external returns (bool success) {
        bytes32 messageHash = _hash(sender, target, value, nonce, message);
        Outcome storage outcome = messageStatus[messageHash];
        if (outcome.status != Status.Failed) revert NotReplayable(messageHash);
        uint256 available = _gasForTarget();
        if (available < outcome.gasOffered) revert InsufficientGas(outcome.gasOffered, available);
        return _attempt(outcome, messageHash, sender, target, value, message);
    }

    /// @inheritdoc IL2Mailbox
    function setL1Mailbox(address newL1Mailbox) external {
        if (msg.sender != CHAIN) revert Unauthorized(msg.sender);
        if (l1Mailbox != address(0) || newL1Mailbox == address(0)) revert InvalidL1Mailbox();
        l1Mailbox = newL1Mailbox;
        emit L1MailboxSet(newL1Mailbox);
    }

    /// @inheritdoc IL2Mailbox
    function messageRoot() external view returns (bytes32) {
        return _tree.root;
    }

    /// @inheritdoc IL2Mailbox
    function messageCount() external view returns (uint256) {
        return _tree.size;
    }

    /// @inheritdoc IL2Mailbox
    function messageSender() external view returns (address) {
        if (!_relaying) revert NoMessage();
        return _sender;
    }

    /// @dev Calls the target of a message that is recorded as failed, and records a success. While
    /// the call runs no other message can be relayed or replayed; sending one is allowed.
    function _attempt(
        Outcome storage outcome,
        bytes32 messageHash,
        address sender,
        address target,
        uint256 value,
        bytes calldata message
    ) private returns (bool success) {
        if (_relaying) revert Reentered();
        (_relaying, _sender) = (true, sender);
        // The mailbox must not be made to call itself: it would do so in its own name.
        success = target != address(this) && _call(target, value, message);
        (_relaying, _sender) = (false, address(0));
        if (success) {
            (outcome.status, outcome.gasOffered) = (Status.Relayed, 0);
            heldValue -= value;
            emit RelayedMessage(messageHash);
        } else {
            emit FailedRelayedMessage(messageHash);
        }
    }

    /// @dev A call that keeps back {RESERVED_GAS} and copies no return data, which could be made
    /// large enough to use that up.
    function _call(address target, uint256 value, bytes memory message)
        private
        returns (bool success)
    {
        uint256 gasLimit = _gasForTarget();
        assembly ("memory-safe") {
            success := call(gasLimit, target, value, add(message, 0x20), mload(message), 0, 0)
        }
    }

    /// @dev The gas that a target called now could have.
    function _gasForTarget() private view returns (uint256) {
        uint256 left = gasleft();
        if (left <= RESERVED_GAS) return 0;
        uint256 unreserved = left - RESERVED_GAS;
        uint256 callable = left - left / 64;
        return unreserved < callable ? unreserved : callable;
    }

    /// @dev The address under which an L1 contract calls on L2.
    function _aliased(address l1Contract) private pure returns (address) {
        unchecked {
            return address(uint160(l1Contract) + ALIAS_OFFSET);
        }
    }

    /// @dev The identity of a message, in both directions.
    function _hash(
        address sender,
        address target,
        uint256 value,
        uint256 nonce,
        bytes calldata message
    ) private pure returns (bytes32) {
        return keccak256(
            abi.encodeCall(IL2Mailbox.relayMessage, (sender, target, value, nonce, message))
        );
    }
}
