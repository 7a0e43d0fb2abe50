// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {IL2Mailbox} from "../l2/IL2Mailbox.sol";
import {Governed} from "./Governed.sol";
import {IL1Mailbox} from "./IL1Mailbox.sol";
import {IRollup} from "./IRollup.sol";
import {L1Message} from "./L1Message.sol";
import {MessageTree} from "./MessageTree.sol";
import {OutflowLimit} from "./OutflowLimit.sol";

/// @title Messages between L1 and L2, seen from L1
contract L1Mailbox is Governed, ReentrancyGuardTransient, IL1Mailbox {
    using BitMaps for BitMaps.BitMap;
    using OutflowLimit for RateLimiter.RefillingBucket;

    /// @notice May set the price of L2 gas.
    bytes32 public constant FEE_SETTER_ROLE = keccak256("FEE_SETTER_ROLE");

    /// @notice The mailbox on L2.
    address public constant L2_MAILBOX = 0x6100000000000000000000000000000000000000;

    /// @notice The chain itself on L2, an account without key or code.
    address public constant L2_CHAIN = 0x5100000000000000000000000000000000000000;

    /// @notice The longest call data, in bytes.
    uint256 public constant MAX_DATA_LENGTH = 65_536;

    /// @notice The highest price of L2 gas, in wei: a faulty fee setter makes L2 dear, not closed.
    uint64 public constant MAX_GAS_PRICE = 1000 gwei;

    /// @notice The lowest {maxGasLimit}: room for the longest call data.
    uint64 public constant LOWEST_MAX_GAS_LIMIT = 5_000_000;

    /// @notice The highest {maxGasLimit}: what a block of L2 can have.
    uint64 public constant HIGHEST_MAX_GAS_LIMIT = 100_000_000;

    /// @dev Gas of a transaction without data.
    uint64 private constant INTRINSIC_GAS = 21_000;

    /// @dev Gas per byte of call data: the floor of EIP-7623 for a byte that is not zero.
    uint64 private constant GAS_PER_BYTE = 40;

    /// @dev What `L2Mailbox` uses to record the outcome of a message (see its tests).
    uint64 private constant RELAY_GAS = 100_000;

    /// @dev Bytes of the call of `relayMessage` around a message, padding included.
    uint256 private constant RELAY_OVERHEAD = 4 + 6 * 32 + 31;

    /// @inheritdoc IL1Mailbox
    uint64 public messageCount;

    /// @inheritdoc IL1Mailbox
    uint64 public gasPrice;

    /// @inheritdoc IL1Mailbox
    uint128 public lockedValue;

    /// @inheritdoc IL1Mailbox
    uint64 public maxGasLimit;

    /// @inheritdoc IL1Mailbox
    address public feeRecipient;

    /// @inheritdoc IL1Mailbox
    address public rollup;

    /// @dev The rolling hash after each message.
    mapping(uint256 queueIndex => bytes32) private _rollingHashes;

    /// @dev When messages were sent: Unix seconds in 32 bits (until 2106), eight to a word.
    mapping(uint256 word => uint256) private _sentAt;

    BitMaps.BitMap private _claimed;

    /// @inheritdoc IL1Mailbox
    mapping(bytes32 messageHash => uint64) public claimableFrom;

    RateLimiter.RefillingBucket private _etherLimit;

    /// @dev The L2 sender while a message is claimed.
    address private transient _sender;

    /// @dev Whether a message is being claimed.
    bool private transient _claiming;

    /// @notice Sets the mailbox up.
    /// @param admin The timelock, or a deployer that hands over to it.
    /// @param guardian Who may pause sending; zero for nobody.
    /// @param feeRecipient_ Where fees go.
    /// @param gasPrice_ Wei per unit of L2 gas.
    /// @param maxGasLimit_ The highest gas limit of a message.
    function initialize(
        address admin,
        address guardian,
        address feeRecipient_,
        uint64 gasPrice_,
        uint64 maxGasLimit_
    ) external initializer {
        __Governed_init(admin, guardian);
        _setFeeRecipient(feeRecipient_);
        _setGasPrice(gasPrice_);
        _setMaxGasLimit(maxGasLimit_);
    }

    /// @inheritdoc IL1Mailbox
    function sendMessage(
        address target,
        uint256 value,
        bytes calldata message,
        uint64 gasLimit,
        address refundTo
    ) external payable whenNotPaused returns (uint64 queueIndex) {
        // The L2 mailbox never calls itself, so the message could never be carried out.
        if (target == L2_MAILBOX) revert ForbiddenTarget(target);
        _requireGas(gasLimit, minMessageGasLimit(message.length));
        queueIndex = messageCount;
        bytes memory data = abi.encodeCall(
            IL2Mailbox.relayMessage, (msg.sender, target, value, queueIndex, message)
        );
        _requireSafeTarget(target);
        _requireLength(message.length);
        address relayer = L1Message.aliased(address(this));
        _queue(queueIndex, relayer, L2_MAILBOX, value, data, gasLimit);
        _charge(value, gasLimit, refundTo);
    }

    /// @inheritdoc IL1Mailbox
    function sendTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint64 gasLimit,
        address refundTo
    ) external payable whenNotPaused returns (uint64 queueIndex) {
        // A plain transfer to the L2 mailbox fails; a call is how a user leaves by force.
        if (to == L2_MAILBOX && data.length < 4) revert ForbiddenTarget(to);
        _requireGas(gasLimit, minGasLimit(data.length));
        _requireSafeTarget(to);
        _requireLength(data.length);
        queueIndex = messageCount;
        _queue(queueIndex, L1Message.senderOnL2(), to, value, data, gasLimit);
        _charge(value, gasLimit, refundTo);
    }

    /// @inheritdoc IL1Mailbox
    function claimMessage(L2Message calldata message, uint64 batchIndex, bytes32[] calldata proof)
        external
        nonReentrant
        returns (bool done)
    {
        bytes32 messageHash = _hash(message);
        bytes32 root = IRollup(rollup).finalizedMessageRoot(batchIndex);
        if (!MessageTree.isIncluded(root, messageHash, message.nonce, proof)) {
            revert InvalidProof(messageHash);
        }
        if (_claimed.get(message.nonce)) revert AlreadyClaimed(message.nonce);
        if (message.target == address(this)) revert ForbiddenTarget(message.target);
        if (!_mayLeave(message, messageHash)) return false;

        _claimed.set(message.nonce);
        _release(message.value);
        emit MessageClaimed(message.nonce, messageHash);
        (_claiming, _sender) = (true, message.sender);
        (bool success, bytes memory reason) =
            message.target.call{value: message.value}(message.message);
        (_claiming, _sender) = (false, address(0));
        if (!success) revert ClaimFailed(message.nonce, reason);
        return true;
    }

    /// @inheritdoc IL1Mailbox
    function collectFees() external nonReentrant returns (uint256 amount) {
        amount = address(this).balance - lockedValue;
        address recipient = feeRecipient;
        emit FeesCollected(recipient, amount);
        _pay(recipient, amount);
    }

    /// @inheritdoc IL1Mailbox
    function setGasPrice(uint64 newPrice) external onlyRole(FEE_SETTER_ROLE) {
        _setGasPrice(newPrice);
    }

    /// @inheritdoc IL1Mailbox
    function setMaxGasLimit(uint64 newMaximum) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setMaxGasLimit(newMaximum);
    }

    /// @inheritdoc IL1Mailbox
    function setFeeRecipient(address newRecipient) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setFeeRecipient(newRecipient);
    }

    /// @inheritdoc IL1Mailbox
    function setEtherLimit(uint208 capacity, uint48 window) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _etherLimit.set(capacity, window);
        emit EtherLimitUpdated(capacity, window);
    }

    /// @inheritdoc IL1Mailbox
    function setRollup(address newRollup) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (newRollup == address(0)) revert ZeroAddress();
        if (rollup != address(0)) revert RollupAlreadySet();
        rollup = newRollup;
        emit RollupSet(newRollup);
    }

    /// @inheritdoc IL1Mailbox
    function messageSender() external view returns (address) {
        if (!_claiming) revert NoMessage();
        return _sender;
    }

    /// @inheritdoc IL1Mailbox
    function etherLimitLeft() external view returns (uint256) {
        return _etherLimit.left();
    }

    /// @inheritdoc IL1Mailbox
    function messagesUpTo(uint64 count)
        external
        view
        returns (bytes32 rollingHash, uint64 nextSentAt)
    {
        uint64 total = messageCount;
        if (count > total) revert NoSuchMessage(total);
        if (count != 0) rollingHash = _rollingHashes[count - 1];
        if (count < total) nextSentAt = uint32(_sentAt[count / 8] >> (32 * (count % 8)));
    }

    /// @inheritdoc IL1Mailbox
    function isClaimed(uint256 nonce) external view returns (bool) {
        return _claimed.get(nonce);
    }

    /// @inheritdoc IL1Mailbox
    function feeOf(uint64 gasLimit) public view returns (uint256) {
        return uint256(gasLimit) * gasPrice;
    }

    /// @inheritdoc IL1Mailbox
    function minGasLimit(uint256 dataLength) public pure returns (uint64) {
        _requireLength(dataLength);
        return INTRINSIC_GAS + GAS_PER_BYTE * uint64(dataLength);
    }

    /// @inheritdoc IL1Mailbox
    function minMessageGasLimit(uint256 messageLength) public pure returns (uint64) {
        _requireLength(messageLength);
        return RELAY_GAS + INTRINSIC_GAS + GAS_PER_BYTE * uint64(messageLength + RELAY_OVERHEAD);
    }

    /// @dev Appends a transaction to the queue.
    function _queue(
        uint64 queueIndex,
        address sender,
        address to,
        uint256 value,
        bytes memory data,
        uint64 gasLimit
    ) private {
        bytes32 transactionHash = L1Message.transactionHash(
            queueIndex, gasLimit, sender, to, value, data
        );
        bytes32 previous = queueIndex == 0 ? bytes32(0) : _rollingHashes[queueIndex - 1];
        bytes32 rollingHash = keccak256(abi.encodePacked(previous, transactionHash));
        _rollingHashes[queueIndex] = rollingHash;
        _sentAt[queueIndex / 8] |= uint256(uint32(block.timestamp)) << (32 * (queueIndex % 8));
        messageCount = queueIndex + 1;
        emit TransactionQueued(
            queueIndex, sender, to, value, gasLimit, data, transactionHash, rollingHash
        );
    }

    /// @dev Locks the value, keeps the fee and pays the rest back.
    function _charge(uint256 value, uint64 gasLimit, address refundTo) private {
        // Checked by itself: the sum could overflow.
        if (value > msg.value) revert InsufficientValue(value, msg.value);
        uint256 required = value + feeOf(gasLimit);
        if (required > msg.value) revert InsufficientValue(required, msg.value);
        if (value != 0) lockedValue += uint128(value);
        if (required < msg.value) _pay(refundTo, msg.value - required);
    }

    /// @dev Unlocks ether that goes back to L1.
    function _release(uint256 value) private {
        if (value == 0) return;
        uint128 locked = lockedValue;
        if (value > locked) revert MoreThanLocked(value, locked);
        lockedValue = locked - uint128(value);
    }

    /// @dev Whether the ether of a message may leave now. If not, it may later.
    function _mayLeave(L2Message calldata message, bytes32 messageHash) private returns (bool) {
        if (message.value == 0) return true;
        uint64 from = claimableFrom[messageHash];
        if (from != 0 && block.timestamp >= from) return true;
        if (_etherLimit.take(message.value)) return true;
        if (from != 0) revert ClaimNotYet(message.nonce, from);
        from = uint64(block.timestamp) + OutflowLimit.DELAY;
        claimableFrom[messageHash] = from;
        emit ClaimDelayed(message.nonce, messageHash, from);
        return false;
    }

    /// @dev Sends ether.
    function _pay(address to, uint256 amount) private {
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed(to, amount);
    }

    /// @dev Sets the price of L2 gas.
    function _setGasPrice(uint64 newPrice) private {
        _requireWithin(newPrice, 0, MAX_GAS_PRICE);
        emit GasPriceUpdated(gasPrice, newPrice);
        gasPrice = newPrice;
    }

    /// @dev Sets the highest gas limit.
    function _setMaxGasLimit(uint64 newMaximum) private {
        _requireWithin(newMaximum, LOWEST_MAX_GAS_LIMIT, HIGHEST_MAX_GAS_LIMIT);
        emit MaxGasLimitUpdated(maxGasLimit, newMaximum);
        maxGasLimit = newMaximum;
    }

    /// @dev Sets where fees go.
    function _setFeeRecipient(address newRecipient) private {
        if (newRecipient == address(0)) revert ZeroAddress();
        emit FeeRecipientUpdated(feeRecipient, newRecipient);
        feeRecipient = newRecipient;
    }

    /// @dev Refuses a gas limit that is too low or too high.
    function _requireGas(uint64 gasLimit, uint64 minimum) private view {
        uint64 maximum = maxGasLimit;
        if (gasLimit < minimum || gasLimit > maximum) {
            revert GasLimitOutOfBounds(gasLimit, minimum, maximum);
        }
    }

    /// @dev Refuses accounts on L2 that nobody controls: what they get is lost.
    function _requireSafeTarget(address target) private view {
        if (
            target == address(0) || target == L2_CHAIN || target == L1Message.aliased(address(this))
        ) revert ForbiddenTarget(target);
    }

    /// @dev Refuses call data that is too long.
    function _requireLength(uint256 length) private pure {
        if (length > MAX_DATA_LENGTH) revert DataTooLong(length, MAX_DATA_LENGTH);
    }

    /// @dev The leaf of a message in the tree.
    function _hash(L2Message calldata message) private pure returns (bytes32) {
        return keccak256(
            abi.encodeCall(
                IL2Mailbox.relayMessage,
                (message.sender, message.target, message.value, message.nonce, message.message)
            )
        );
    }
}
