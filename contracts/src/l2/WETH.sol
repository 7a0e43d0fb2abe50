// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IWETH} from "./IWETH.sol";

/// @title Ether as an ERC-20 token
/// @notice Every token is backed by one wei of this contract.
contract WETH is IWETH {
    /// @inheritdoc IWETH
    string public constant name = "Wrapped Ether";

    /// @inheritdoc IWETH
    string public constant symbol = "WETH";

    /// @inheritdoc IWETH
    uint8 public constant decimals = 18;

    /// @inheritdoc IWETH
    mapping(address account => uint256) public balanceOf;

    /// @inheritdoc IWETH
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @notice A plain transfer is a deposit.
    receive() external payable {
        deposit();
    }

    /// @inheritdoc IWETH
    function withdraw(uint256 value) external {
        _debit(msg.sender, value);
        emit Withdrawal(msg.sender, value);
        (bool success,) = msg.sender.call{value: value}("");
        if (!success) revert TransferFailed(msg.sender, value);
    }

    /// @inheritdoc IWETH
    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    /// @inheritdoc IWETH
    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    /// @inheritdoc IWETH
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (from != msg.sender) {
            uint256 allowed = allowance[from][msg.sender];
            if (allowed != type(uint256).max) {
                if (allowed < value) {
                    revert InsufficientAllowance(from, msg.sender, allowed, value);
                }
                allowance[from][msg.sender] = allowed - value;
            }
        }
        _move(from, to, value);
        return true;
    }

    /// @inheritdoc IWETH
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    /// @inheritdoc IWETH
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @dev Moves tokens without asking.
    function _move(address from, address to, uint256 value) private {
        _debit(from, value);
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }

    /// @dev Takes tokens from `from`.
    function _debit(address from, uint256 value) private {
        uint256 balance = balanceOf[from];
        if (balance < value) revert InsufficientBalance(from, balance, value);
        balanceOf[from] = balance - value;
    }
}
