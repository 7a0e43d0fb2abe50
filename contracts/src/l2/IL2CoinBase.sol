// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The chain's fee vault
/// @notice The beneficiary of every block: its balance is the fees that were not withdrawn yet.
interface IL2CoinBase {
    /// @notice Someone sent `amount` wei by a transfer. Fees of blocks arrive without an event.
    event Received(address indexed from, uint256 amount);

    /// @notice `withdrawer` had `amount` wei paid to `recipient`.
    event Withdrawn(address indexed withdrawer, address indexed recipient, uint256 amount);

    /// @notice `account` may, or may no longer, call {withdraw}.
    event WithdrawerSet(address indexed account, bool allowed);

    /// @notice Fees go to `newRecipient` from now on.
    event RecipientUpdated(address indexed previousRecipient, address indexed newRecipient);

    /// @notice Withdrawals below `newMinimum` wei are refused from now on.
    event MinimumUpdated(uint256 previousMinimum, uint256 newMinimum);

    /// @notice `amount` is below `minimum`.
    error BelowMinimum(uint256 amount, uint256 minimum);

    /// @notice The vault holds `balance` wei, less than `amount`.
    error InsufficientBalance(uint256 amount, uint256 balance);

    /// @notice The recipient refused the transfer.
    error TransferFailed(address recipient, uint256 amount);

    /// @notice Where withdrawals go.
    function recipient() external view returns (address);

    /// @notice The smallest withdrawal, in wei.
    function minimum() external view returns (uint256);

    /// @notice Wei withdrawn so far.
    function totalWithdrawn() external view returns (uint256);

    /// @notice Whether `account` may call {withdraw}.
    function isWithdrawer(address account) external view returns (bool);

    /// @notice Pays `amount` wei to {recipient}. Withdrawers only.
    function withdraw(uint256 amount) external;

    /// @notice Allows or forbids `account` to call {withdraw}. Owner only.
    function setWithdrawer(address account, bool allowed) external;

    /// @notice Sets where withdrawals go; not zero. Owner only.
    function setRecipient(address newRecipient) external;

    /// @notice Sets the smallest withdrawal, in wei. Owner only.
    function setMinimum(uint256 newMinimum) external;
}
