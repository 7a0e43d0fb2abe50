// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/AccessControlUpgradeable.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IL2Bridge, TokenKind, Metadata} from "../l2/IL2Bridge.sol";
import {Twins} from "../l2/Twins.sol";
import {Governed} from "./Governed.sol";
import {IL1Bridge} from "./IL1Bridge.sol";
import {IL1Mailbox} from "./IL1Mailbox.sol";
import {OutflowLimit} from "./OutflowLimit.sol";
import {TokenMetadata} from "./TokenMetadata.sol";

/// @title Tokens on their way to L2 and back, seen from L1
/// @dev Everything that calls a token is guarded against re-entrance: a token that calls its sender
/// could otherwise have one transfer counted twice.
contract L1Bridge is Governed, ReentrancyGuardTransient, IL1Bridge, IERC1155Receiver {
    using SafeERC20 for IERC20;
    using OutflowLimit for RateLimiter.RefillingBucket;

    /// @dev A withdrawal that the limit delayed.
    struct Delayed {
        address token;
        uint64 releasableFrom;
        address from;
        address to;
        uint256 amount;
    }

    /// @notice Gas of the message that makes a twin.
    uint64 public constant REGISTER_GAS = 2_000_000;

    /// @notice The least gas of a deposit of an ERC-20 token.
    uint64 public constant ERC20_GAS = 250_000;

    /// @notice The least gas of a deposit of an ERC-721 token.
    uint64 public constant ERC721_GAS = 1_200_000;

    /// @notice The least gas of a deposit of ERC-1155 tokens, and as much again for each id.
    uint64 public constant ERC1155_GAS = 200_000;

    /// @notice The most ids in a deposit.
    uint256 public constant MAX_IDS = 32;

    /// @notice The longest URI that goes along with an ERC-721 token, in bytes.
    uint256 public constant MAX_URI_LENGTH = TokenMetadata.MAX_URI_LENGTH;

    /// @notice The bridge on L2.
    address public constant L2_BRIDGE = Twins.L2_BRIDGE;

    IL1Mailbox private immutable MAILBOX;

    /// @inheritdoc IL1Bridge
    mapping(TokenKind kind => mapping(address token => bool)) public isRegistered;

    /// @inheritdoc IL1Bridge
    mapping(address token => uint256) public lockedERC20;

    /// @inheritdoc IL1Bridge
    mapping(address token => mapping(uint256 id => bool)) public lockedERC721;

    /// @inheritdoc IL1Bridge
    mapping(address token => mapping(uint256 id => uint256)) public lockedERC1155;

    mapping(address token => RateLimiter.RefillingBucket) private _limits;

    /// @notice Withdrawals that a limit delayed, by number.
    mapping(uint256 id => Delayed) public delayed;

    /// @notice How many withdrawals were delayed, and the number of the next.
    uint256 public delayedCount;

    /// @dev Whether the bridge itself fetches ERC-1155 tokens now.
    bool private transient _fetching;

    /// @dev Only `L2Bridge` may ask, through the mailbox.
    modifier onlyL2Bridge() {
        if (msg.sender != address(MAILBOX) || MAILBOX.messageSender() != L2_BRIDGE) {
            revert NotFromL2Bridge();
        }
        _;
    }

    /// @param mailbox_ The mailbox on L1 (its proxy).
    constructor(address mailbox_) {
        if (mailbox_ == address(0)) revert ZeroAddress();
        MAILBOX = IL1Mailbox(mailbox_);
    }

    /// @notice Sets the bridge up.
    /// @param admin The timelock, or a deployer that hands over to it.
    /// @param guardian Who may pause deposits; zero for nobody.
    function initialize(address admin, address guardian) external initializer {
        __Governed_init(admin, guardian);
    }

    // --- to L2 ---

    /// @inheritdoc IL1Bridge
    function depositETH(address to, uint256 amount, uint64 gasLimit, address refundTo)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint64 queueIndex)
    {
        _requireRecipient(to);
        if (amount == 0) revert ZeroAmount();
        // The mailbox refuses more recipients whose ether would be lost.
        queueIndex = MAILBOX.sendMessage{value: msg.value}(to, amount, "", gasLimit, refundTo);
        emit EtherDeposited(msg.sender, to, amount, queueIndex);
    }

    /// @inheritdoc IL1Bridge
    function depositERC20(
        address token,
        address to,
        uint256 amount,
        uint64 gasLimit,
        address refundTo
    ) external payable whenNotPaused nonReentrant returns (uint64 queueIndex) {
        _requireRecipient(to);
        uint256 value = _register(TokenKind.ERC20, token);
        uint256 received = _fetch(IERC20(token), amount);
        lockedERC20[token] += received;
        bytes memory call =
            abi.encodeCall(IL2Bridge.depositERC20, (token, msg.sender, to, received));
        queueIndex = _send(call, value, gasLimit, ERC20_GAS, refundTo);
        emit ERC20Deposited(token, msg.sender, to, received, queueIndex);
    }

    /// @inheritdoc IL1Bridge
    function depositERC721(address token, address to, uint256 id, uint64 gasLimit, address refundTo)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint64 queueIndex)
    {
        _requireRecipient(to);
        uint256 value = _register(TokenKind.ERC721, token);
        // Not `safeTransferFrom`: the bridge wants no callback, and checks for itself.
        IERC721(token).transferFrom(msg.sender, address(this), id);
        if (IERC721(token).ownerOf(id) != address(this) || lockedERC721[token][id]) {
            revert NonStandardToken(token, 1, 0);
        }
        lockedERC721[token][id] = true;
        string memory uri = TokenMetadata.tokenURI(token, id);
        bytes memory call =
            abi.encodeCall(IL2Bridge.depositERC721, (token, msg.sender, to, id, uri));
        queueIndex = _send(call, value, gasLimit, ERC721_GAS, refundTo);
        emit ERC721Deposited(token, msg.sender, to, id, queueIndex);
    }

    /// @inheritdoc IL1Bridge
    function depositERC1155(
        address token,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        uint64 gasLimit,
        address refundTo
    ) external payable whenNotPaused nonReentrant returns (uint64 queueIndex) {
        _requireRecipient(to);
        if (ids.length == 0 || ids.length > MAX_IDS || ids.length != amounts.length) {
            revert InvalidList(ids.length, MAX_IDS);
        }
        uint256 value = _register(TokenKind.ERC1155, token);
        for (uint256 i = 0; i < ids.length; ++i) {
            _fetch(IERC1155(token), ids[i], amounts[i]);
        }
        bytes memory call =
            abi.encodeCall(IL2Bridge.depositERC1155, (token, msg.sender, to, ids, amounts));
        uint64 leastGas = ERC1155_GAS * uint64(1 + ids.length);
        queueIndex = _send(call, value, gasLimit, leastGas, refundTo);
        emit ERC1155Deposited(token, msg.sender, to, ids, amounts, queueIndex);
    }

    // --- from L2 ---

    /// @inheritdoc IL1Bridge
    function withdrawERC20(address token, address from, address to, uint256 amount)
        external
        nonReentrant
        onlyL2Bridge
    {
        uint256 locked = lockedERC20[token];
        if (amount > locked) revert MoreThanLocked(token, amount, locked);
        if (_limits[token].take(amount)) return _payOut(token, from, to, amount);
        uint64 releasableFrom = uint64(block.timestamp) + OutflowLimit.DELAY;
        uint256 id = delayedCount++;
        delayed[id] = Delayed(token, releasableFrom, from, to, amount);
        emit WithdrawalDelayed(id, token, to, releasableFrom);
    }

    /// @inheritdoc IL1Bridge
    function withdrawERC721(address token, address from, address to, uint256 id)
        external
        nonReentrant
        onlyL2Bridge
    {
        if (!lockedERC721[token][id]) revert MoreThanLocked(token, 1, 0);
        lockedERC721[token][id] = false;
        emit ERC721Withdrawn(token, from, to, id);
        IERC721(token).transferFrom(address(this), to, id);
    }

    /// @inheritdoc IL1Bridge
    function withdrawERC1155(
        address token,
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external nonReentrant onlyL2Bridge {
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 locked = lockedERC1155[token][ids[i]];
            if (amounts[i] > locked) revert MoreThanLocked(token, amounts[i], locked);
            lockedERC1155[token][ids[i]] = locked - amounts[i];
        }
        emit ERC1155Withdrawn(token, from, to, ids, amounts);
        IERC1155(token).safeBatchTransferFrom(address(this), to, ids, amounts, "");
    }

    /// @inheritdoc IL1Bridge
    function releaseDelayed(uint256 id) external nonReentrant {
        Delayed memory entry = delayed[id];
        if (entry.token == address(0)) revert NotDelayed(id);
        bool due = block.timestamp >= entry.releasableFrom;
        if (!due && !_limits[entry.token].take(entry.amount)) {
            revert ReleaseNotYet(id, entry.releasableFrom);
        }
        delete delayed[id];
        _payOut(entry.token, entry.from, entry.to, entry.amount);
    }

    // --- administration ---

    /// @inheritdoc IL1Bridge
    function setTokenLimit(address token, uint208 capacity, uint48 window)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _limits[token].set(capacity, window);
        emit TokenLimitUpdated(token, capacity, window);
    }

    /// @inheritdoc IL1Bridge
    function rescueERC20(address token, address to)
        external
        nonReentrant
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        uint256 balance = IERC20(token).balanceOf(address(this));
        uint256 owed = lockedERC20[token];
        if (balance <= owed) revert NothingToRescue(token);
        emit Rescued(token, to, 0, balance - owed);
        IERC20(token).safeTransfer(to, balance - owed);
    }

    /// @inheritdoc IL1Bridge
    function rescueERC721(address token, address to, uint256 id)
        external
        nonReentrant
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        // The second looks the same to an ERC-20 token: `id` would be an amount that is owed.
        if (lockedERC721[token][id] || !_hasInterface(token, type(IERC721).interfaceId)) {
            revert NothingToRescue(token);
        }
        emit Rescued(token, to, id, 1);
        IERC721(token).transferFrom(address(this), to, id);
    }

    // --- views ---

    /// @inheritdoc IL1Bridge
    function mailbox() external view returns (address) {
        return address(MAILBOX);
    }

    /// @inheritdoc IL1Bridge
    function tokenLimitLeft(address token) external view returns (uint256) {
        return _limits[token].left();
    }

    /// @inheritdoc IL1Bridge
    function depositFee(TokenKind kind, address token, uint64 gasLimit)
        external
        view
        returns (uint256)
    {
        return MAILBOX.feeOf(isRegistered[kind][token] ? gasLimit : gasLimit + REGISTER_GAS);
    }

    /// @inheritdoc IL1Bridge
    function twinOf(TokenKind kind, address token) external pure returns (address) {
        return Twins.addressOf(kind, token);
    }

    /// @notice Takes ERC-1155 tokens that the bridge itself fetches, and no others.
    function onERC1155Received(address, address, uint256, uint256, bytes calldata)
        external
        view
        returns (bytes4)
    {
        if (!_fetching) revert UnexpectedToken();
        return IERC1155Receiver.onERC1155Received.selector;
    }

    /// @notice Takes no lists of tokens.
    function onERC1155BatchReceived(
        address,
        address,
        uint256[] calldata,
        uint256[] calldata,
        bytes calldata
    ) external pure returns (bytes4) {
        revert UnexpectedToken();
    }

    // --- inside ---

    /// @dev Asks L2 for the twin of a token that is new here.
    /// @return left What is left of the call's value.
    function _register(TokenKind kind, address token) private returns (uint256 left) {
        if (isRegistered[kind][token]) return msg.value;
        if (!_isKind(kind, token)) revert WrongKind(token, kind);
        isRegistered[kind][token] = true;
        Metadata memory metadata = TokenMetadata.read(kind, token);
        uint256 fee = MAILBOX.feeOf(REGISTER_GAS);
        if (fee > msg.value) revert InsufficientValue(fee, msg.value);
        uint64 queueIndex = MAILBOX.sendMessage{value: fee}(
            L2_BRIDGE,
            0,
            abi.encodeCall(IL2Bridge.createTwin, (kind, token, metadata)),
            REGISTER_GAS,
            address(this)
        );
        emit TokenRegistered(kind, token, queueIndex);
        return msg.value - fee;
    }

    /// @dev Sends a message to `L2Bridge`, paid with `value`.
    function _send(
        bytes memory call,
        uint256 value,
        uint64 gasLimit,
        uint64 leastGas,
        address refundTo
    ) private returns (uint64 queueIndex) {
        _requireWithin(gasLimit, leastGas, type(uint64).max);
        return MAILBOX.sendMessage{value: value}(L2_BRIDGE, 0, call, gasLimit, refundTo);
    }

    /// @dev Fetches an ERC-20 token from the caller.
    /// @return received What arrived: at most `amount`.
    function _fetch(IERC20 token, uint256 amount) private returns (uint256 received) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 balance = token.balanceOf(address(this));
        received = balance > before ? balance - before : 0;
        if (received == 0) revert ZeroAmount();
        if (received > amount) revert NonStandardToken(address(token), amount, received);
    }

    /// @dev Fetches ERC-1155 tokens from the caller, all of them.
    function _fetch(IERC1155 token, uint256 id, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        uint256 before = token.balanceOf(address(this), id);
        _fetching = true;
        token.safeTransferFrom(msg.sender, address(this), id, amount, "");
        _fetching = false;
        uint256 received = token.balanceOf(address(this), id) - before;
        if (received != amount) revert NonStandardToken(address(token), amount, received);
        lockedERC1155[address(token)][id] += amount;
    }

    /// @dev Pays an ERC-20 token out. If the token takes more from the bridge than it should, others
    /// would pay for it.
    function _payOut(address token, address from, address to, uint256 amount) private {
        uint256 locked = lockedERC20[token];
        if (amount > locked) revert MoreThanLocked(token, amount, locked);
        lockedERC20[token] = locked - amount;
        emit ERC20Withdrawn(token, from, to, amount);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransfer(to, amount);
        uint256 taken = before - IERC20(token).balanceOf(address(this));
        if (taken > amount) revert NonStandardToken(token, amount, taken);
    }

    /// @dev Whether a token is what it is deposited as. An ERC-721 token has the `transferFrom` of
    /// an ERC-20 token, so the latter must not claim to be the former.
    function _isKind(TokenKind kind, address token) private view returns (bool) {
        bool is721 = _hasInterface(token, type(IERC721).interfaceId);
        bool is1155 = _hasInterface(token, type(IERC1155).interfaceId);
        if (kind == TokenKind.ERC721) return is721;
        if (kind == TokenKind.ERC1155) return is1155;
        return token.code.length != 0 && !is721 && !is1155;
    }

    /// @dev Whether a contract says that it has an interface (ERC-165).
    function _hasInterface(address token, bytes4 interfaceId) private view returns (bool) {
        return ERC165Checker.supportsInterface(token, interfaceId);
    }

    /// @dev Refuses recipients on L2 whose tokens would be lost.
    function _requireRecipient(address to) private pure {
        if (to == address(0) || to == L2_BRIDGE) revert InvalidRecipient(to);
    }

    /// @notice Interfaces (ERC-165).
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(AccessControlUpgradeable, IERC165)
        returns (bool)
    {
        return interfaceId == type(IERC1155Receiver).interfaceId
            || super.supportsInterface(interfaceId);
    }
}
