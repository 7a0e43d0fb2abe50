// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Two-step ownership
/// @notice A contract with one owner, who changes only when the new owner accepts.
interface IOwned {
    /// @notice The owner proposed `pendingOwner` as the next owner.
    event OwnershipTransferStarted(address indexed owner, address indexed pendingOwner);

    /// @notice Ownership went from `previousOwner` to `newOwner`.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// @notice `account` may not do this.
    error Unauthorized(address account);

    /// @notice An address that must not be zero is zero.
    error ZeroAddress();

    /// @notice Who may change the settings.
    function owner() external view returns (address);

    /// @notice Who may become owner by calling {acceptOwnership}; zero if nobody.
    function pendingOwner() external view returns (address);

    /// @notice Proposes `newOwner`; zero withdraws an earlier proposal. Owner only.
    function transferOwnership(address newOwner) external;

    /// @notice Makes the caller, who must be {pendingOwner}, the owner.
    function acceptOwnership() external;
}
