// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1GasOracle} from "./IL1GasOracle.sol";
import {Owned} from "./Owned.sol";

/// @title The part of the oracle that the node reads
/// @notice Comes first in the inheritance of {L1GasOracle}, so its slots are 0 to 3.
/// @dev The node reads slots 0 to 2 directly: their layout is part of the chain's rules.
abstract contract L1GasOracleStorage is IL1GasOracle {
    /// @inheritdoc IL1GasOracle
    /// @dev Slot 0.
    uint256 public l1BaseFee;

    /// @inheritdoc IL1GasOracle
    /// @dev Slot 1.
    uint256 public l1BlobBaseFee;

    /// @inheritdoc IL1GasOracle
    /// @dev Slot 2, bits 0 to 63.
    uint64 public execScalar;

    /// @inheritdoc IL1GasOracle
    /// @dev Slot 2, bits 64 to 127.
    uint64 public blobScalar;

    /// @dev Fills slot 2, so that the feeder has slot 3 to itself.
    uint128 private _reserved;

    /// @inheritdoc IL1GasOracle
    /// @dev Slot 3.
    address public feeder;
}

/// @title What data costs on L1, as the L2 charges it
/// @notice Predeploy at 0x8100000000000000000000000000000000000000.
/// @dev Slots 4 and 5 are the owner and the pending owner.
contract L1GasOracle is L1GasOracleStorage, Owned {
    /// @notice The highest price that can be reported: 1,000,000 gwei per gas, in wei. A faulty
    /// feeder can make the chain dear, but cannot make the fee overflow.
    uint256 public constant MAX_L1_FEE = 1e15;

    /// @notice The highest scalar: 1,000 gas per byte, over ten times what calldata costs.
    uint64 public constant MAX_SCALAR = 1e9;

    /// @notice Scalars count gas in units of `1 / PRECISION`.
    uint256 public constant PRECISION = 1e6;

    /// @dev Bytes that a signature adds to an unsigned transaction, with its RLP headers.
    uint256 private constant SIGNATURE_SIZE = 68;

    /// @inheritdoc IL1GasOracle
    function setFees(uint256 newL1BaseFee, uint256 newL1BlobBaseFee) external {
        if (msg.sender != feeder) revert Unauthorized(msg.sender);
        _requireAtMost(newL1BaseFee, MAX_L1_FEE);
        _requireAtMost(newL1BlobBaseFee, MAX_L1_FEE);
        l1BaseFee = newL1BaseFee;
        l1BlobBaseFee = newL1BlobBaseFee;
        emit L1FeesUpdated(newL1BaseFee, newL1BlobBaseFee);
    }

    /// @inheritdoc IL1GasOracle
    function setScalars(uint64 newExecScalar, uint64 newBlobScalar) external onlyOwner {
        _requireAtMost(newExecScalar, MAX_SCALAR);
        _requireAtMost(newBlobScalar, MAX_SCALAR);
        execScalar = newExecScalar;
        blobScalar = newBlobScalar;
        emit ScalarsUpdated(newExecScalar, newBlobScalar);
    }

    /// @inheritdoc IL1GasOracle
    function setFeeder(address newFeeder) external onlyOwner {
        emit FeederUpdated(feeder, newFeeder);
        feeder = newFeeder;
    }

    /// @inheritdoc IL1GasOracle
    function getL1FeeUpperBound(bytes calldata transaction) external view returns (uint256) {
        return getL1FeeUpperBound(transaction.length);
    }

    /// @inheritdoc IL1GasOracle
    function getL1FeeUpperBound(uint256 size) public view returns (uint256) {
        uint256 signedSize = size + SIGNATURE_SIZE;
        // Data that does not compress grows by one byte in 32, for the marks between literals.
        return getL1Fee(signedSize + signedSize / 32 + 16);
    }

    /// @inheritdoc IL1GasOracle
    function getL1Fee(uint256 compressedSize) public view returns (uint256) {
        uint256 perByte = execScalar * l1BaseFee + blobScalar * l1BlobBaseFee;
        return compressedSize * perByte / PRECISION;
    }

    /// @dev Refuses a value above `maximum`.
    function _requireAtMost(uint256 value, uint256 maximum) private pure {
        if (value > maximum) revert AboveMaximum(value, maximum);
    }
}
