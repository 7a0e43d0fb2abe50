// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOwned} from "./IOwned.sol";

/// @title Two-step ownership for predeploys
/// @notice The owner is written into storage by genesis: there is no constructor. Ownership can
/// be handed on, never dropped, because a predeploy cannot be deployed again.
/// @dev Takes two storage slots where it is inherited: owner, then pending owner.
abstract contract Owned is IOwned {
    /// @inheritdoc IOwned
    address public owner;

    /// @inheritdoc IOwned
    address public pendingOwner;

    /// @dev Only the owner may call.
    modifier onlyOwner() {
        if (msg.sender != owner) revert Unauthorized(msg.sender);
        _;
    }

    /// @inheritdoc IOwned
    function transferOwnership(address newOwner) external onlyOwner {
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(msg.sender, newOwner);
    }

    /// @inheritdoc IOwned
    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert Unauthorized(msg.sender);
        emit OwnershipTransferred(owner, msg.sender);
        owner = msg.sender;
        pendingOwner = address(0);
    }
}
