// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TokenKind} from "../l2/IL2Bridge.sol";

/// @title Tokens on their way to L2 and back, seen from L1
/// @notice Locks tokens and has `L2Bridge` make as many of their twins. The first deposit of a token
/// also has the twin made, from the token's own name, symbol and decimals. Tokens come back when the
/// withdrawal's batch is final.
/// @dev A token that changes balances by itself (rebasing down) is not supported: what it takes from
/// the bridge is missing for the last to withdraw.
interface IL1Bridge {
    /// @notice `amount` wei went to `to` on L2.
    event EtherDeposited(
        address indexed from, address indexed to, uint256 amount, uint64 queueIndex
    );

    /// @notice `token` is known from now on, and its twin on L2 is made by message `queueIndex`.
    event TokenRegistered(TokenKind indexed kind, address indexed token, uint64 queueIndex);

    /// @notice The bridge got `amount` of an ERC-20 token for `to` on L2.
    event ERC20Deposited(
        address indexed token,
        address indexed from,
        address indexed to,
        uint256 amount,
        uint64 queueIndex
    );

    /// @notice The bridge got a token of an ERC-721 contract for `to` on L2.
    event ERC721Deposited(
        address indexed token,
        address indexed from,
        address indexed to,
        uint256 id,
        uint64 queueIndex
    );

    /// @notice The bridge got tokens of an ERC-1155 contract for `to` on L2.
    event ERC1155Deposited(
        address indexed token,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] amounts,
        uint64 queueIndex
    );

    /// @notice `to` got `amount` of an ERC-20 token that `from` withdrew on L2.
    event ERC20Withdrawn(
        address indexed token, address indexed from, address indexed to, uint256 amount
    );

    /// @notice `to` got a token of an ERC-721 contract that `from` withdrew on L2.
    event ERC721Withdrawn(
        address indexed token, address indexed from, address indexed to, uint256 id
    );

    /// @notice `to` got tokens of an ERC-1155 contract that `from` withdrew on L2.
    event ERC1155Withdrawn(
        address indexed token,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] amounts
    );

    /// @notice A withdrawal is above the token's limit and is paid by {releaseDelayed} from
    /// `releasableFrom` (Unix seconds) on, or earlier if the limit allows it.
    event WithdrawalDelayed(
        uint256 indexed id, address indexed token, address indexed to, uint64 releasableFrom
    );

    /// @notice At most `capacity` of the token leave in `window` seconds without delay; zero is no
    /// limit.
    event TokenLimitUpdated(address indexed token, uint208 capacity, uint48 window);

    /// @notice What the bridge had beyond its debts went to `to`.
    event Rescued(address indexed token, address indexed to, uint256 id, uint256 amount);

    /// @notice `token` is no token of this kind.
    error WrongKind(address token, TokenKind kind);

    /// @notice The recipient on L2 is zero, or an account that nobody controls.
    error InvalidRecipient(address to);

    /// @notice Nothing would be moved.
    error ZeroAmount();

    /// @notice A list is empty, longer than `maximum`, or not as long as the other.
    error InvalidList(uint256 length, uint256 maximum);

    /// @notice Moving `expected` changed the balance by `actual`.
    error NonStandardToken(address token, uint256 expected, uint256 actual);

    /// @notice Only `L2Bridge` can ask for this, through the mailbox.
    error NotFromL2Bridge();

    /// @notice L2 owes `locked` of the token, less than asked for.
    error MoreThanLocked(address token, uint256 amount, uint256 locked);

    /// @notice The call must carry `required` wei.
    error InsufficientValue(uint256 required, uint256 actual);

    /// @notice No delayed withdrawal has this number.
    error NotDelayed(uint256 id);

    /// @notice The withdrawal waits until `releasableFrom` (Unix seconds).
    error ReleaseNotYet(uint256 id, uint64 releasableFrom);

    /// @notice What should be rescued is owed.
    error NothingToRescue(address token);

    /// @notice Tokens come in by a deposit only.
    error UnexpectedToken();

    /// @notice The mailbox on L1.
    function mailbox() external view returns (address);

    /// @notice What L2 owes of an ERC-20 token.
    function lockedERC20(address token) external view returns (uint256);

    /// @notice Whether L2 owes the token `id` of an ERC-721 contract.
    function lockedERC721(address token, uint256 id) external view returns (bool);

    /// @notice What L2 owes of the tokens `id` of an ERC-1155 contract.
    function lockedERC1155(address token, uint256 id) external view returns (uint256);

    /// @notice Whether the token's twin was asked for.
    function isRegistered(TokenKind kind, address token) external view returns (bool);

    /// @notice Where the token's twin is on L2, or will be.
    function twinOf(TokenKind kind, address token) external pure returns (address);

    /// @notice What may leave of an ERC-20 token without delay.
    function tokenLimitLeft(address token) external view returns (uint256);

    /// @notice Wei that a deposit of the token must carry: the fees of its message and, the first
    /// time, of the one that makes the twin.
    function depositFee(TokenKind kind, address token, uint64 gasLimit)
        external
        view
        returns (uint256);

    /// @notice Sends `amount` wei to `to` on L2, out of the call's value; the rest pays the fee.
    /// @param gasLimit Gas of the message (see {IL1Mailbox-minMessageGasLimit}).
    /// @param refundTo Who gets what is left of the call's value.
    function depositETH(address to, uint256 amount, uint64 gasLimit, address refundTo)
        external
        payable
        returns (uint64 queueIndex);

    /// @notice Locks `amount` of an ERC-20 token, which the caller has approved, for `to` on L2.
    /// What arrives counts, if the token takes a fee.
    /// @param gasLimit Gas of the message, at least `ERC20_GAS`.
    /// @param refundTo Who gets what is left of the call's value.
    function depositERC20(
        address token,
        address to,
        uint256 amount,
        uint64 gasLimit,
        address refundTo
    ) external payable returns (uint64 queueIndex);

    /// @notice Locks a token of an ERC-721 contract, which the caller has approved, for `to` on L2.
    /// Its URI goes along if it has at most `MAX_URI_LENGTH` bytes.
    /// @param gasLimit Gas of the message, at least `ERC721_GAS`.
    /// @param refundTo Who gets what is left of the call's value.
    function depositERC721(address token, address to, uint256 id, uint64 gasLimit, address refundTo)
        external
        payable
        returns (uint64 queueIndex);

    /// @notice Locks tokens of an ERC-1155 contract, which the caller has approved, for `to` on L2.
    /// @param gasLimit Gas of the message, at least `ERC1155_GAS` and as much again for each id.
    /// @param refundTo Who gets what is left of the call's value.
    function depositERC1155(
        address token,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        uint64 gasLimit,
        address refundTo
    ) external payable returns (uint64 queueIndex);

    /// @notice Pays a withdrawal out. `L2Bridge` only, through the mailbox; a pause does not stop it.
    function withdrawERC20(address token, address from, address to, uint256 amount) external;

    /// @notice Pays a withdrawal out. `L2Bridge` only, through the mailbox; a pause does not stop it.
    function withdrawERC721(address token, address from, address to, uint256 id) external;

    /// @notice Pays a withdrawal out. `L2Bridge` only, through the mailbox; a pause does not stop it.
    function withdrawERC1155(
        address token,
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external;

    /// @notice Pays a withdrawal that the limit delayed. Anyone may call.
    function releaseDelayed(uint256 id) external;

    /// @notice Limits how much of an ERC-20 token leaves without delay. Admin only.
    function setTokenLimit(address token, uint208 capacity, uint48 window) external;

    /// @notice Sends what the bridge has of an ERC-20 token beyond its debts to `to`. Admin only.
    function rescueERC20(address token, address to) external;

    /// @notice Sends a token of an ERC-721 contract that L2 does not owe to `to`. Admin only.
    function rescueERC721(address token, address to, uint256 id) external;
}
