// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/AccessControlUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {IGoverned} from "./IGoverned.sol";

/// @title An upgradable contract under a timelock, with a guardian who can pause it
/// @dev Takes the first slot of the contract that inherits it first. Everything else that it uses is
/// in OpenZeppelin's namespaces.
abstract contract Governed is IGoverned, AccessControlUpgradeable, UUPSUpgradeable {
    /// @notice May pause, and nothing else.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice The longest pause, in seconds.
    uint64 public constant MAX_PAUSE = 7 days;

    /// @notice Seconds between the end of a pause and the next: at least half of the time the
    /// contract runs, whatever the guardian does.
    uint64 public constant PAUSE_COOLDOWN = 7 days;

    /// @inheritdoc IGoverned
    uint64 public pausedUntil;

    /// @inheritdoc IGoverned
    uint64 public nextPauseFrom;

    /// @dev Refuses while the contract is paused.
    modifier whenNotPaused() {
        if (block.timestamp < pausedUntil) revert IsPaused(pausedUntil);
        _;
    }

    /// @dev Implementations serve proxies only.
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IGoverned
    function pause(uint64 duration) external onlyRole(GUARDIAN_ROLE) {
        if (duration == 0 || duration > MAX_PAUSE) revert InvalidPause(duration, MAX_PAUSE);
        if (block.timestamp < nextPauseFrom) revert PauseTooSoon(nextPauseFrom);
        uint64 until = uint64(block.timestamp) + duration;
        (pausedUntil, nextPauseFrom) = (until, until + PAUSE_COOLDOWN);
        emit PausedUntil(msg.sender, until);
    }

    /// @inheritdoc IGoverned
    function unpause() external {
        if (!hasRole(GUARDIAN_ROLE, msg.sender)) _checkRole(DEFAULT_ADMIN_ROLE);
        if (block.timestamp >= pausedUntil) return;
        uint64 time = uint64(block.timestamp);
        (pausedUntil, nextPauseFrom) = (time, time + PAUSE_COOLDOWN);
        emit PauseEnded(msg.sender);
    }

    /// @dev Appoints the first admin and the guardian, who may be nobody (zero).
    // forge-lint: disable-next-line(mixed-case-function)
    function __Governed_init(address admin, address guardian) internal onlyInitializing {
        if (admin == address(0)) revert ZeroAddress();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        if (guardian != address(0)) _grantRole(GUARDIAN_ROLE, guardian);
    }

    /// @dev Refuses a setting outside its bounds.
    function _requireWithin(uint256 value, uint256 minimum, uint256 maximum) internal pure {
        if (value < minimum || value > maximum) revert OutOfBounds(value, minimum, maximum);
    }

    /// @dev Only the admin upgrades.
    function _authorizeUpgrade(address) internal view override onlyRole(DEFAULT_ADMIN_ROLE) {}
}
