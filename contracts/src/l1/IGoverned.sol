// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Who may change an L1 contract, and who may stop it for a while
/// @notice `DEFAULT_ADMIN_ROLE` belongs to a timelock: it upgrades the contract, appoints everybody
/// else and changes the settings. The guardian may only pause, for a bounded time and not again at
/// once. A pause never stops the claim of a withdrawal that is proven.
interface IGoverned {
    /// @notice `guardian` stopped the contract until `until` (Unix seconds).
    event PausedUntil(address indexed guardian, uint64 until);

    /// @notice `account` ended the pause early.
    event PauseEnded(address indexed account);

    /// @notice The contract is stopped until `until` (Unix seconds).
    error IsPaused(uint64 until);

    /// @notice A pause lasts between one second and `maximum` seconds, not `duration`.
    error InvalidPause(uint64 duration, uint64 maximum);

    /// @notice No pause may begin before `from` (Unix seconds).
    error PauseTooSoon(uint64 from);

    /// @notice An address that must not be zero is zero.
    error ZeroAddress();

    /// @notice A setting of `value` is outside `minimum` to `maximum`.
    error OutOfBounds(uint256 value, uint256 minimum, uint256 maximum);

    /// @notice When the pause ends or ended, in Unix seconds; zero if there was none.
    function pausedUntil() external view returns (uint64);

    /// @notice When the next pause may begin, in Unix seconds.
    function nextPauseFrom() external view returns (uint64);

    /// @notice Stops the contract for `duration` seconds, at most `MAX_PAUSE`. Guardian only, and
    /// only `PAUSE_COOLDOWN` after the end of the pause before.
    function pause(uint64 duration) external;

    /// @notice Ends the pause. Guardian or admin.
    function unpause() external;
}
