// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Messages between L1 and L2, seen from L1
/// @notice What is queued here becomes a transaction of L2 (type 0x7f), in order, and must be taken
/// within the rollup's deadline. What L2 sends is claimed here, by anyone, once its batch is final.
/// The mailbox holds exactly the ether that L2 owes, and fees that were not collected yet.
interface IL1Mailbox {
    /// @notice A message from L2, as `L2Mailbox.sendMessage` recorded it.
    /// @param sender Who sent it on L2.
    /// @param target Who is called on L1.
    /// @param value Wei that go along.
    /// @param nonce Its position in the tree of messages.
    /// @param message Call data.
    struct L2Message {
        address sender;
        address target;
        uint256 value;
        uint256 nonce;
        bytes message;
    }

    /// @notice A transaction of L2 was queued.
    /// @param queueIndex Its position in the queue.
    /// @param sender Who calls on L2.
    /// @param to Who is called.
    /// @param value Wei minted to the sender and sent along.
    /// @param gasLimit Gas of the call; paid for.
    /// @param data Call data.
    /// @param transactionHash Its hash on L2.
    /// @param rollingHash The queue's rolling hash after it.
    event TransactionQueued(
        uint64 indexed queueIndex,
        address indexed sender,
        address indexed to,
        uint256 value,
        uint64 gasLimit,
        bytes data,
        bytes32 transactionHash,
        bytes32 rollingHash
    );

    /// @notice The message from L2 was carried out.
    event MessageClaimed(uint256 indexed nonce, bytes32 indexed messageHash);

    /// @notice The message would take out more ether than the limit allows now, and can be claimed
    /// from `claimableFrom` (Unix seconds) on, or earlier if the limit allows it.
    event ClaimDelayed(uint256 indexed nonce, bytes32 indexed messageHash, uint64 claimableFrom);

    /// @notice `amount` wei of fees went to `recipient`.
    event FeesCollected(address indexed recipient, uint256 amount);

    /// @notice L2 gas costs `newPrice` wei from now on.
    event GasPriceUpdated(uint64 previousPrice, uint64 newPrice);

    /// @notice A message may have at most `newMaximum` gas.
    event MaxGasLimitUpdated(uint64 previousMaximum, uint64 newMaximum);

    /// @notice Fees go to `newRecipient` from now on.
    event FeeRecipientUpdated(address indexed previousRecipient, address indexed newRecipient);

    /// @notice Batches come from `rollup`.
    event RollupSet(address indexed rollup);

    /// @notice At most `capacity` wei leave in `window` seconds without delay; zero is no limit.
    event EtherLimitUpdated(uint208 capacity, uint48 window);

    /// @notice The gas limit is outside `minimum` to `maximum`.
    error GasLimitOutOfBounds(uint64 gasLimit, uint64 minimum, uint64 maximum);

    /// @notice The call data is longer than `maximum` bytes.
    error DataTooLong(uint256 length, uint256 maximum);

    /// @notice The call must carry `required` wei: the value and the fee.
    error InsufficientValue(uint256 required, uint256 actual);

    /// @notice What is sent to `target` on L2 would be lost.
    error ForbiddenTarget(address target);

    /// @notice `to` refused `amount` wei.
    error TransferFailed(address to, uint256 amount);

    /// @notice The queue has `messageCount` messages, fewer than asked for.
    error NoSuchMessage(uint64 messageCount);

    /// @notice The message is not in the tree of the batch, or the batch is not final.
    error InvalidProof(bytes32 messageHash);

    /// @notice The message was carried out before.
    error AlreadyClaimed(uint256 nonce);

    /// @notice The message waits until `claimableFrom` (Unix seconds).
    error ClaimNotYet(uint256 nonce, uint64 claimableFrom);

    /// @notice The target failed with `reason`. The message can be claimed again.
    error ClaimFailed(uint256 nonce, bytes reason);

    /// @notice L2 owes `locked` wei, less than the message has.
    error MoreThanLocked(uint256 value, uint256 locked);

    /// @notice No message is being claimed.
    error NoMessage();

    /// @notice The rollup is set already.
    error RollupAlreadySet();

    /// @notice The number of messages queued, and the position of the next.
    function messageCount() external view returns (uint64);

    /// @notice Wei that L2 owes: queued with messages and not claimed back.
    function lockedValue() external view returns (uint128);

    /// @notice Wei per unit of L2 gas.
    function gasPrice() external view returns (uint64);

    /// @notice The highest gas limit of a message.
    function maxGasLimit() external view returns (uint64);

    /// @notice Where fees go.
    function feeRecipient() external view returns (address);

    /// @notice Where batches come from.
    function rollup() external view returns (address);

    /// @notice Who, on L2, sent the message that is being claimed now.
    function messageSender() external view returns (address);

    /// @notice Wei that may leave now without delay.
    function etherLimitLeft() external view returns (uint256);

    /// @notice The fee, in wei, of a message with `gasLimit`.
    function feeOf(uint64 gasLimit) external view returns (uint256);

    /// @notice The lowest gas limit of a transaction with `dataLength` bytes of call data.
    function minGasLimit(uint256 dataLength) external pure returns (uint64);

    /// @notice The lowest gas limit of a message of `messageLength` bytes: what `L2Mailbox` needs to
    /// record the outcome even if the target uses all it gets.
    function minMessageGasLimit(uint256 messageLength) external pure returns (uint64);

    /// @notice The rolling hash after the first `count` messages, and when the next was sent.
    /// @param count At most {messageCount}.
    /// @return rollingHash Zero for no messages.
    /// @return nextSentAt Unix seconds; zero if there is no next message.
    function messagesUpTo(uint64 count)
        external
        view
        returns (bytes32 rollingHash, uint64 nextSentAt);

    /// @notice Whether the message at `nonce` was carried out.
    function isClaimed(uint256 nonce) external view returns (bool);

    /// @notice From when a delayed message can be claimed, in Unix seconds; zero if not delayed.
    function claimableFrom(bytes32 messageHash) external view returns (uint64);

    /// @notice Has `L2Mailbox` call `target` with `message` and `value`. If the target fails, anyone
    /// can have the message tried again on L2.
    /// @param target Who is called on L2; neither the L2 mailbox nor the chain itself.
    /// @param value Wei that go along, out of the call's value; the rest pays the fee.
    /// @param message Call data.
    /// @param gasLimit Gas of the L2 transaction, including the mailbox's own.
    /// @param refundTo Who gets what is left of the call's value.
    /// @return queueIndex The position in the queue.
    function sendMessage(
        address target,
        uint256 value,
        bytes calldata message,
        uint64 gasLimit,
        address refundTo
    ) external payable returns (uint64 queueIndex);

    /// @notice Queues a transaction of the caller itself: on L2 it is sent by the caller, or by its
    /// alias if the caller is a contract. Nobody can keep it out of L2. If it fails, its value stays
    /// with the sender on L2.
    /// @param to Who is called on L2.
    /// @param value Wei that go along, out of the call's value; the rest pays the fee.
    /// @param data Call data.
    /// @param gasLimit Gas of the L2 transaction.
    /// @param refundTo Who gets what is left of the call's value.
    /// @return queueIndex The position in the queue.
    function sendTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint64 gasLimit,
        address refundTo
    ) external payable returns (uint64 queueIndex);

    /// @notice Carries out a message from L2. Anyone may call; a pause does not stop it. If the
    /// target fails the call reverts and the message can be claimed again.
    /// @param message The message.
    /// @param batchIndex A final batch at whose end the message was in the tree.
    /// @param proof The siblings from the leaf up.
    /// @return done False if the message was delayed by the limit on ether instead.
    function claimMessage(L2Message calldata message, uint64 batchIndex, bytes32[] calldata proof)
        external
        returns (bool done);

    /// @notice Sends to {feeRecipient} all ether that L2 does not owe. Anyone may call.
    function collectFees() external returns (uint256 amount);

    /// @notice Sets the price of L2 gas, in wei, at most `MAX_GAS_PRICE`. Fee setter only.
    function setGasPrice(uint64 newPrice) external;

    /// @notice Sets the highest gas limit of a message. Admin only.
    function setMaxGasLimit(uint64 newMaximum) external;

    /// @notice Sets where fees go. Admin only.
    function setFeeRecipient(address newRecipient) external;

    /// @notice Limits the ether that leaves without delay; zero is no limit. Admin only.
    function setEtherLimit(uint208 capacity, uint48 window) external;

    /// @notice Sets where batches come from, once. Admin only.
    function setRollup(address newRollup) external;
}
