// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RateLimiter} from "@openzeppelin/contracts/utils/RateLimiter.sol";

/// @title How much of an asset may leave at once
/// @notice A bucket that refills evenly over a window. What exceeds it is not refused: it waits for
/// {DELAY} seconds and then leaves whatever the limit says. So a limit slows a theft down, but can
/// keep nobody's withdrawal back for longer.
library OutflowLimit {
    using RateLimiter for RateLimiter.RefillingBucket;

    /// @notice Seconds that a withdrawal above the limit waits: long enough for an upgrade through a
    /// timelock of seven days.
    uint64 internal constant DELAY = 8 days;

    /// @notice The longest window, in seconds.
    uint48 internal constant MAX_WINDOW = 30 days;

    /// @notice A window is between one second and `MAX_WINDOW`.
    error InvalidWindow(uint48 window);

    /// @dev One bucket per limiter, so one key.
    bytes32 private constant KEY = 0;

    /// @notice Sets the limit: `capacity` in `window` seconds; a capacity of zero is no limit.
    function set(RateLimiter.RefillingBucket storage self, uint208 capacity, uint48 window)
        internal
    {
        if (capacity != 0 && (window == 0 || window > MAX_WINDOW)) {
            revert InvalidWindow(window);
        }
        self.updateSettings(window, capacity);
    }

    /// @notice Takes `amount` out of the bucket.
    /// @return Whether it was there, or there is no limit.
    function take(RateLimiter.RefillingBucket storage self, uint256 amount)
        internal
        returns (bool)
    {
        return self._capacity == 0 || self.tryConsume(KEY, amount);
    }

    /// @notice What may leave now; the highest value if there is no limit.
    function left(RateLimiter.RefillingBucket storage self) internal view returns (uint256) {
        return self._capacity == 0 ? type(uint256).max : self.available(KEY);
    }
}
