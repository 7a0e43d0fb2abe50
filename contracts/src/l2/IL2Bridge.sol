// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice The standards that tokens follow.
enum TokenKind {
    ERC20,
    ERC721,
    ERC1155
}

/// @notice What a token contract says about itself.
/// @param name Its name.
/// @param symbol Its symbol.
/// @param decimals Its decimals, if ERC-20.
/// @param uri The URI of its tokens, if ERC-1155.
struct Metadata {
    string name;
    string symbol;
    uint8 decimals;
    string uri;
}

/// @title Tokens on their way from L1 and back, seen from L2
/// @notice Makes a twin for each token of L1 that arrives, mints what was locked on L1 and burns what
/// is withdrawn. A deposit that fails can be replayed at `L2Mailbox` by anyone.
interface IL2Bridge {
    /// @notice `twin` stands for `l1Token`.
    event TwinCreated(TokenKind indexed kind, address indexed l1Token, address indexed twin);

    /// @notice `to` got `amount` of the twin of an ERC-20 token.
    event ERC20Arrived(
        address indexed l1Token, address indexed from, address indexed to, uint256 amount
    );

    /// @notice `to` got a token of the twin of an ERC-721 contract.
    event ERC721Arrived(
        address indexed l1Token, address indexed from, address indexed to, uint256 id
    );

    /// @notice `to` got tokens of the twin of an ERC-1155 contract.
    event ERC1155Arrived(
        address indexed l1Token,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] amounts
    );

    /// @notice `from` sends `amount` wei to `to` on L1, by message `nonce`.
    event EtherWithdrawn(address indexed from, address indexed to, uint256 amount, uint256 nonce);

    /// @notice `from` sends `amount` of an ERC-20 token to `to` on L1, by message `nonce`.
    event ERC20Withdrawn(
        address indexed l1Token,
        address indexed from,
        address indexed to,
        uint256 amount,
        uint256 nonce
    );

    /// @notice `from` sends a token of an ERC-721 contract to `to` on L1, by message `nonce`.
    event ERC721Withdrawn(
        address indexed l1Token, address indexed from, address indexed to, uint256 id, uint256 nonce
    );

    /// @notice `from` sends tokens of an ERC-1155 contract to `to` on L1, by message `nonce`.
    event ERC1155Withdrawn(
        address indexed l1Token,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] amounts,
        uint256 nonce
    );

    /// @notice The bridge on L1 is `l1Bridge`.
    event L1BridgeSet(address indexed l1Bridge);

    /// @notice `caller` may not do this.
    error Unauthorized(address caller);

    /// @notice Only `L1Bridge` can ask for this, through the mailbox.
    error NotFromL1Bridge();

    /// @notice The L1 bridge has been set, or the given address is zero.
    error InvalidL1Bridge();

    /// @notice The twin of the token does not exist yet.
    error NoTwin(TokenKind kind, address l1Token);

    /// @notice `token` is no twin of this kind.
    error NotATwin(TokenKind kind, address token);

    /// @notice The recipient on L1 is zero or the bridge: what it gets would be lost.
    error InvalidRecipient(address to);

    /// @notice Nothing would be moved.
    error ZeroAmount();

    /// @notice A list is empty, longer than `maximum`, or not as long as the other.
    error InvalidList(uint256 length, uint256 maximum);

    /// @notice The bridge on L1; zero until it is known.
    function l1Bridge() external view returns (address);

    /// @notice The token of L1 that `twin` stands for; zero if it is no twin.
    function l1TokenOf(address twin) external view returns (address);

    /// @notice Where the twin of a token is, or will be.
    function twinOf(TokenKind kind, address l1Token) external pure returns (address);

    /// @notice Makes the twin of a token, if it is not there. `L1Bridge` only.
    function createTwin(TokenKind kind, address l1Token, Metadata calldata metadata) external;

    /// @notice Mints what was locked on L1. `L1Bridge` only.
    function depositERC20(address l1Token, address from, address to, uint256 amount) external;

    /// @notice Mints what was locked on L1. `L1Bridge` only.
    function depositERC721(
        address l1Token,
        address from,
        address to,
        uint256 id,
        string calldata uri
    ) external;

    /// @notice Mints what was locked on L1. `L1Bridge` only. A recipient that is a contract must
    /// accept them.
    function depositERC1155(
        address l1Token,
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external;

    /// @notice Sends the call's value to `to` on L1.
    /// @return nonce The position of the message to L1.
    function withdrawETH(address to) external payable returns (uint256 nonce);

    /// @notice Burns `amount` of the caller's tokens and unlocks as many for `to` on L1.
    /// @return nonce The position of the message to L1.
    function withdrawERC20(address twin, address to, uint256 amount)
        external
        returns (uint256 nonce);

    /// @notice Burns a token of the caller and unlocks it for `to` on L1.
    /// @return nonce The position of the message to L1.
    function withdrawERC721(address twin, address to, uint256 id) external returns (uint256 nonce);

    /// @notice Burns tokens of the caller and unlocks them for `to` on L1.
    /// @return nonce The position of the message to L1.
    function withdrawERC1155(
        address twin,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external returns (uint256 nonce);

    /// @notice Sets the bridge on L1, once, if genesis has not. Only the chain itself (0x5100…00)
    /// may call.
    function setL1Bridge(address newL1Bridge) external;
}
