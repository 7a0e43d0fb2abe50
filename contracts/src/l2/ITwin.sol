// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What every twin of an L1 token has
interface ITwin {
    /// @notice Only `L2Bridge` may do this.
    error NotBridge(address caller);

    /// @notice The token of L1 that this one stands for.
    function l1Token() external view returns (address);
}

/// @title The twin of an ERC-20 token
interface ITwinERC20 is ITwin {
    /// @notice Sets the twin up, once. Bridge only.
    function initialize(string calldata name, string calldata symbol, uint8 decimals) external;

    /// @notice Makes `amount` tokens for `to`. Bridge only.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` tokens of `from`, who has asked the bridge for it. Bridge only.
    function burn(address from, uint256 amount) external;
}

/// @title The twin of an ERC-721 contract
interface ITwinERC721 is ITwin {
    /// @notice Sets the twin up, once. Bridge only.
    function initialize(string calldata name, string calldata symbol) external;

    /// @notice Makes token `id` for `to`. Bridge only.
    function mint(address to, uint256 id, string calldata uri) external;

    /// @notice Destroys token `id` of `from`, who has asked the bridge for it. Bridge only.
    function burn(address from, uint256 id) external;
}

/// @title The twin of an ERC-1155 contract
interface ITwinERC1155 is ITwin {
    /// @notice Sets the twin up, once. Bridge only.
    function initialize(string calldata name, string calldata symbol, string calldata uri) external;

    /// @notice Makes tokens for `to`, which must accept them if it is a contract. Bridge only.
    function mint(address to, uint256[] calldata ids, uint256[] calldata amounts) external;

    /// @notice Destroys tokens of `from`, who has asked the bridge for it. Bridge only.
    function burn(address from, uint256[] calldata ids, uint256[] calldata amounts) external;
}
