// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Ether as an ERC-20 token
/// @notice One token for each wei deposited, with the interface of the WETH9 contract on Ethereum.
interface IWETH {
    /// @notice `owner` lets `spender` move `value` of its tokens.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice `value` tokens went from `from` to `to`.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice `to` deposited `value` wei.
    event Deposit(address indexed to, uint256 value);

    /// @notice `from` withdrew `value` wei.
    event Withdrawal(address indexed from, uint256 value);

    /// @notice `account` has `balance` tokens, less than `value`.
    error InsufficientBalance(address account, uint256 balance, uint256 value);

    /// @notice `spender` may move `allowance` tokens of `owner`, less than `value`.
    error InsufficientAllowance(address owner, address spender, uint256 allowance, uint256 value);

    /// @notice The caller refused its ether.
    error TransferFailed(address to, uint256 value);

    /// @notice Turns the call's value into tokens of the caller.
    function deposit() external payable;

    /// @notice Turns `value` tokens of the caller into ether.
    function withdraw(uint256 value) external;

    /// @notice Lets `spender` move `value` of the caller's tokens; the highest value never runs out.
    function approve(address spender, uint256 value) external returns (bool);

    /// @notice Moves `value` tokens from the caller to `to`.
    function transfer(address to, uint256 value) external returns (bool);

    /// @notice Moves `value` tokens from `from` to `to`, out of the caller's allowance.
    function transferFrom(address from, address to, uint256 value) external returns (bool);

    /// @notice The number of tokens, which is the contract's balance in wei.
    function totalSupply() external view returns (uint256);

    /// @notice The tokens of `account`.
    function balanceOf(address account) external view returns (uint256);

    /// @notice What `spender` may move of the tokens of `owner`.
    function allowance(address owner, address spender) external view returns (uint256);

    /// @notice "Wrapped Ether".
    function name() external view returns (string memory);

    /// @notice "WETH".
    function symbol() external view returns (string memory);

    /// @notice 18.
    function decimals() external view returns (uint8);
}
