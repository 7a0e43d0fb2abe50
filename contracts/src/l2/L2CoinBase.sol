// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2CoinBase} from "./IL2CoinBase.sol";
import {Owned} from "./Owned.sol";

/// @title The chain's fee vault
/// @notice Predeploy at 0x7100000000000000000000000000000000000000.
/// @dev Withdrawers, who may be automatic, choose only when and how much; where to is the owner's
/// choice, so a stolen withdrawer key moves no money elsewhere. Nothing is read after the transfer,
/// so a recipient that calls back finds a finished withdrawal.
contract L2CoinBase is Owned, IL2CoinBase {
    /// @inheritdoc IL2CoinBase
    address public recipient;

    /// @inheritdoc IL2CoinBase
    uint256 public minimum;

    /// @inheritdoc IL2CoinBase
    uint256 public totalWithdrawn;

    /// @inheritdoc IL2CoinBase
    mapping(address account => bool) public isWithdrawer;

    /// @notice Takes transfers, besides the fees of blocks.
    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    /// @inheritdoc IL2CoinBase
    function withdraw(uint256 amount) external {
        if (!isWithdrawer[msg.sender]) revert Unauthorized(msg.sender);
        if (amount < minimum) revert BelowMinimum(amount, minimum);
        if (amount > address(this).balance) {
            revert InsufficientBalance(amount, address(this).balance);
        }
        address to = recipient;
        if (to == address(0)) revert ZeroAddress();
        totalWithdrawn += amount;
        emit Withdrawn(msg.sender, to, amount);
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed(to, amount);
    }

    /// @inheritdoc IL2CoinBase
    function setWithdrawer(address account, bool allowed) external onlyOwner {
        isWithdrawer[account] = allowed;
        emit WithdrawerSet(account, allowed);
    }

    /// @inheritdoc IL2CoinBase
    function setRecipient(address newRecipient) external onlyOwner {
        if (newRecipient == address(0)) revert ZeroAddress();
        emit RecipientUpdated(recipient, newRecipient);
        recipient = newRecipient;
    }

    /// @inheritdoc IL2CoinBase
    function setMinimum(uint256 newMinimum) external onlyOwner {
        emit MinimumUpdated(minimum, newMinimum);
        minimum = newMinimum;
    }
}
