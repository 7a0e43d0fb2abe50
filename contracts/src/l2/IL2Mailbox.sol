// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Messages between L1 and L2, seen from L2
/// @notice A message is hashed as `keccak256(abi.encodeCall(relayMessage, (sender, target, value,
/// nonce, message)))`, in both directions. L2 messages enter an append-only Merkle tree whose root
/// is proven to L1; L1 messages arrive as calls of {relayMessage}.
interface IL2Mailbox {
    /// @notice What became of an L1 message.
    enum Status {
        Unknown,
        Failed,
        Relayed
    }

    /// @notice A message to L1 was sent. `nonce` is its position in the tree.
    event SentMessage(
        address indexed sender, address indexed target, uint256 value, uint256 nonce, bytes message
    );

    /// @notice The leaf `messageHash` is at `index` of the tree, whose root is now `root`.
    event AppendMessage(uint256 indexed index, bytes32 messageHash, bytes32 root);

    /// @notice The message from L1 was carried out.
    event RelayedMessage(bytes32 indexed messageHash);

    /// @notice The message from L1 failed; it can be replayed.
    event FailedRelayedMessage(bytes32 indexed messageHash);

    /// @notice The mailbox on L1 is `l1Mailbox`.
    event L1MailboxSet(address indexed l1Mailbox);

    /// @notice `caller` may not do this.
    error Unauthorized(address caller);

    /// @notice The L1 mailbox has been set, or the given address is zero.
    error InvalidL1Mailbox();

    /// @notice The message arrived before.
    error AlreadyRelayed(bytes32 messageHash);

    /// @notice No failed message has this hash.
    error NotReplayable(bytes32 messageHash);

    /// @notice The call carries `actual` wei instead of `expected`.
    error WrongValue(uint256 expected, uint256 actual);

    /// @notice A replay must offer the target at least `required` gas, as the first attempt did;
    /// with `available` it could fail where that would not.
    error InsufficientGas(uint256 required, uint256 available);

    /// @notice The call came from within the relaying of a message.
    error Reentered();

    /// @notice No message is being relayed.
    error NoMessage();

    /// @notice The root of the tree of messages to L1.
    function messageRoot() external view returns (bytes32);

    /// @notice The number of messages sent to L1, and the nonce of the next.
    function messageCount() external view returns (uint256);

    /// @notice The mailbox on L1; zero until it is known.
    function l1Mailbox() external view returns (address);

    /// @notice Wei kept for failed messages. What the mailbox has beyond it was sent to L1.
    function heldValue() external view returns (uint256);

    /// @notice What became of an L1 message.
    /// @return status Whether it arrived, and how it ended.
    /// @return gasOffered If it failed, the gas its target had at the first attempt.
    function messageStatus(bytes32 messageHash)
        external
        view
        returns (Status status, uint64 gasOffered);

    /// @notice Who, on L1, sent the message that is being relayed now.
    function messageSender() external view returns (address);

    /// @notice Sends `message` and the call's value to `target` on L1, where anyone may have it
    /// carried out once the block's batch is final.
    /// @return messageHash The leaf in the tree.
    function sendMessage(address target, bytes calldata message)
        external
        payable
        returns (bytes32 messageHash);

    /// @notice Carries out a message from L1. Only the L1 mailbox's alias may call, with `value`
    /// wei. If the target fails the message is recorded and its value kept.
    function relayMessage(
        address sender,
        address target,
        uint256 value,
        uint256 nonce,
        bytes calldata message
    ) external payable;

    /// @notice Tries a failed message again. Anyone may call. If the target fails again the message
    /// stays recorded.
    /// @return success Whether the message is now carried out.
    function replayMessage(
        address sender,
        address target,
        uint256 value,
        uint256 nonce,
        bytes calldata message
    ) external returns (bool success);

    /// @notice Sets the mailbox on L1, once, if genesis has not. Only the chain itself (0x5100…00)
    /// may call.
    function setL1Mailbox(address newL1Mailbox) external;
}
