// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The cheat codes of forge that the tests use
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function startPrank(address sender) external;
    function startPrank(address sender, address origin) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function blobhashes(bytes32[] calldata hashes) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function lastCallGas() external view returns (Gas memory);
    function cool(address account) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function expectRevert(bytes calldata data) external;
    function expectEmit(address emitter) external;
    function assume(bool condition) external pure;
}

/// @title What every test needs
abstract contract Test {
    Vm internal constant VM = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error Different(uint256 left, uint256 right);
    error DifferentBytes(bytes32 left, bytes32 right);
    error IsFalse(string what);

    function assertEq(uint256 left, uint256 right) internal pure {
        if (left != right) revert Different(left, right);
    }

    function assertEq(address left, address right) internal pure {
        if (left != right) revert Different(uint160(left), uint160(right));
    }

    function assertEq(bytes32 left, bytes32 right) internal pure {
        if (left != right) revert DifferentBytes(left, right);
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert IsFalse(what);
    }

    function unauthorized(address account) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Unauthorized(address)", account);
    }
}
